// The scale of the loss against its reference, on every path that it can take.
import { lossScale } from "../../src/kernels/loss_scale.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(lossScale);
