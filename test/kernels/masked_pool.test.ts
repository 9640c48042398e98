// masked_pool against its reference.
import { maskedPool, maskedPoolGrad } from "../../src/kernels/masked_pool.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(maskedPool, maskedPoolGrad);
