// Gradient of convolution by its input against its reference, in all its mappings.
import {
  conv2dTranspose,
  type Conv2dTransposeOptions,
} from "../../src/graph/ops/conv2d_transpose.ts";
import {
  conv2dGradInput,
  conv2dGradInputDepthwise,
  conv2dGradInputFew,
  conv2dGradInputMatrix,
  conv2dGradInputNarrow,
  conv2dGradInputPanel,
  conv2dGradInputPanelStrided,
  conv2dGradInputRegister,
  conv2dGradInputStrip,
  conv2dGradInputSubgroup,
  conv2dGradInputVec4,
} from "../../src/kernels/convolution/conv2d_grad_input.ts";
import type { Conv2dGradInputAttributes } from "../../src/kernels/convolution/conv2d_geometry.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { present, withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

/** The transposed convolution whose sum this gradient is. */
function transposeOptions(
  d_y: Shape,
  weight: Shape,
  { stride, padding, dilation, groups, input }: Conv2dGradInputAttributes,
): Conv2dTransposeOptions {
  const more = (axis: 0 | 1): number =>
    input[axis] +
    padding[2 * axis] +
    padding[2 * axis + 1] -
    ((d_y[axis + 1] - 1) * stride[axis] + dilation[axis] * (weight[axis + 1] - 1) + 1);
  return { stride, pad: padding, dilation, groups, outputPadding: [more(0), more(1)] };
}

checkKernels(
  withOp(conv2dGradInput, ({ d_y, weight, bias }, attributes) =>
    conv2dTranspose(
      d_y,
      weight,
      present(bias),
      transposeOptions(d_y.shape, weight.shape, attributes),
    ),
  ),
  conv2dGradInputNarrow,
  conv2dGradInputPanel,
  conv2dGradInputPanelStrided,
  conv2dGradInputFew,
  conv2dGradInputVec4,
  conv2dGradInputSubgroup,
  conv2dGradInputStrip,
  conv2dGradInputRegister,
  conv2dGradInputDepthwise,
  conv2dGradInputMatrix,
);
