// Transposed convolution: the gradient of conv2d with respect to its input, as a separate op. It
// has no kernels: forward and gradients are those of conv2d with x and y exchanged.
import {
  conv2dGradInputSlices,
  conv2dParams,
  type Conv2dAttributes,
  type Conv2dGradInputAttributes,
} from "../../kernels/convolution/conv2d_geometry.ts";
import { conv2dGradInput } from "../../kernels/convolution/conv2d_grad_input.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape, type Shape } from "../../tensor/shape.ts";
import { apply } from "../apply.ts";
import type { Op, Value } from "../value.ts";
import {
  callInSlices,
  conv2dAttributes,
  conv2dOps,
  sumOverPixels,
  type Conv2dOptions,
  type PerAxis,
} from "./conv2d.ts";

/**
 * The attributes of the convolution that it transposes, and the rows and columns that only the
 * zeros of y's padding reach.
 */
export interface Conv2dTransposeAttributes extends Conv2dAttributes {
  readonly output_padding: readonly [h: number, w: number];
}

/**
 * Attributes of conv2d's kernels for the convolution that this op transposes: from y [V, OH, OW,
 * O] to x.
 */
function transposed(
  x: Shape,
  weight: Shape,
  { output_padding, ...attributes }: Conv2dTransposeAttributes,
): Conv2dGradInputAttributes {
  if (x.length !== 4 || weight.length !== 4) {
    throw new InputError(
      `x ${formatShape(x)} and weight ${formatShape(weight)} must be [V, H, W, C] and ` +
        `[C, KH, KW, O/groups]`,
    );
  }
  const { stride, padding, dilation } = attributes;
  if (!output_padding.every((more, axis) => more >= 0 && more < stride[axis])) {
    throw new InputError(
      `output padding ${formatShape(output_padding)} must be less than the stride ` +
        formatShape(stride),
    );
  }
  const along = (axis: 0 | 1): number =>
    (x[axis + 1] - 1) * stride[axis] +
    dilation[axis] * (weight[axis + 1] - 1) +
    1 +
    output_padding[axis] -
    padding[2 * axis] -
    padding[2 * axis + 1];
  return { ...attributes, input: [along(0), along(1)] };
}

/**
 * The op of this family. d_x = conv2d(d_y, weight), d_weight = x against d_y, d_bias = the sum
 * of d_y over pixels.
 */
export const conv2dTransposeOps: {
  readonly conv2d_transpose: Op<Conv2dTransposeAttributes, "x" | "weight" | "bias">;
} = {
  conv2d_transpose: {
    name: "conv2d_transpose",
    inputs: ["x", "weight", "bias?"],
    outputs: ["y"],
    shapes: ({ x, weight, bias }, attributes) => {
      const shapes = { d_y: x, weight, bias };
      const convolution = transposed(x, weight, attributes);
      return [conv2dGradInput.shapes(shapes, { ...convolution, slices: 1 }).d_x];
    },
    lower: (at) => {
      const { x, weight, bias } = at.inputs;
      const convolution = transposed(x.shape, weight.shape, at.attributes);
      const slices = conv2dGradInputSlices(
        conv2dParams(at.outputs[0].shape, weight.shape, convolution),
      );
      const attributes = { ...convolution, slices };
      callInSlices(at, conv2dGradInput, { d_y: x, weight, bias }, "d_x", attributes);
    },
    gradient: ({ inputs, attributes, d_outputs: [d_y], wants }) => {
      const [x, weight] = [inputs.x!, inputs.weight!];
      const { output_padding: _, ...convolution } = attributes;
      const kernel = [weight.shape[1], weight.shape[2]] as const;
      return [
        wants.x ? apply(conv2dOps.conv2d, { x: d_y!, weight, bias: null }, convolution)[0] : null,
        wants.weight
          ? apply(conv2dOps.conv2d_grad_weight, { x: d_y!, d_y: x }, { ...convolution, kernel })[0]
          : null,
        wants.bias ? sumOverPixels(d_y!) : null,
      ];
    },
  },
};

/** Options of a transposed convolution; defaults as in conv2d, and no output padding. */
export interface Conv2dTransposeOptions extends Conv2dOptions {
  readonly outputPadding?: PerAxis;
}

/**
 * Transposed convolution: exactly the gradient with respect to its input of a conv2d from [V, OH,
 * OW, O] to [V, H, W, C] with this weight, plus a bias. x [V, H, W, C], weight [C, KH, KW,
 * O/groups], bias [O] or null -> y [V, OH, OW, O] with OH = (H - 1) stride + dilation (KH - 1) + 1
 * - top - bottom + output padding.
 */
export function conv2dTranspose(
  x: Value,
  weight: Value,
  bias: Value | null,
  options: Conv2dTransposeOptions = {},
): Value {
  const convolution = conv2dAttributes(options, "conv2dTranspose", { outputPadding: "numbers" });
  const more = options.outputPadding ?? 0;
  const attributes: Conv2dTransposeAttributes = {
    ...convolution,
    output_padding: typeof more === "number" ? [more, more] : more,
  };
  return apply(conv2dTransposeOps.conv2d_transpose, { x, weight, bias }, attributes)[0];
}
