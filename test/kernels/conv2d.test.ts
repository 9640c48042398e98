// Convolution against its reference, in all its mappings.
import {
  conv2d,
  conv2dDepthwise,
  conv2dRegister,
  conv2dSubgroup,
} from "../../src/kernels/conv2d.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(conv2d, conv2dSubgroup, conv2dRegister, conv2dDepthwise);
