// Gradient of convolution by its weight against its reference, in all its mappings.
import {
  conv2dGradWeight,
  conv2dGradWeightDepthwise,
  conv2dGradWeightMatrix,
  conv2dGradWeightRegister,
  conv2dGradWeightSubgroup,
} from "../../src/kernels/convolution/conv2d_grad_weight.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  conv2dGradWeight,
  conv2dGradWeightSubgroup,
  conv2dGradWeightRegister,
  conv2dGradWeightDepthwise,
  conv2dGradWeightMatrix,
);
