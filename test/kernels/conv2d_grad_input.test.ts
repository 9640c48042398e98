// Gradient of convolution by its input against its reference, in all its mappings.
import {
  conv2dGradInput,
  conv2dGradInputDepthwise,
  conv2dGradInputRegister,
  conv2dGradInputSubgroup,
} from "../../src/kernels/convolution/conv2d_grad_input.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  conv2dGradInput,
  conv2dGradInputSubgroup,
  conv2dGradInputRegister,
  conv2dGradInputDepthwise,
);
