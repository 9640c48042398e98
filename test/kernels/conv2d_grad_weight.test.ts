// Gradient of convolution by its weight against its reference, in all its mappings, and the sum of its slabs.
import {
  conv2dGradWeight,
  conv2dGradWeightDepthwise,
  conv2dGradWeightReduce,
  conv2dGradWeightRegister,
  conv2dGradWeightSubgroup,
} from "../../src/kernels/conv2d_grad_weight.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  conv2dGradWeight,
  conv2dGradWeightSubgroup,
  conv2dGradWeightRegister,
  conv2dGradWeightDepthwise,
  conv2dGradWeightReduce,
);
