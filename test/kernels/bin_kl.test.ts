// bin_kl against its reference.
import { binKl, binKlRows, binKlGrad } from "../../src/kernels/bin_kl.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(binKl, binKlRows, binKlGrad);
