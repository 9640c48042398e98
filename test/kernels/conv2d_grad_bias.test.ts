// Gradient of convolution by its bias against its reference.
import { conv2dGradBias } from "../../src/kernels/conv2d_grad_bias.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(conv2dGradBias);
