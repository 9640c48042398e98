// grad_norm against its reference.
import { gradNorm, gradNormFinish } from "../../src/kernels/grad_norm.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(gradNorm, gradNormFinish);
