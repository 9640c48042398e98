// masked_mean against its reference.
import { maskedMean, maskedMeanFinish, maskedMeanGrad } from "../../src/kernels/masked_mean.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(maskedMean, maskedMeanFinish, maskedMeanGrad);
