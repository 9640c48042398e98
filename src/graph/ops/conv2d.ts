// Two-dimensional convolution as an op, and its gradients with respect to input and weight. Some run
// as Winograd's (../winograd.ts), some as products (../pointwise.ts). The long sums of the others are
// cut into slices (of channels or pixels, depending on their shapes): one sum per slice, then their
// sum in order.
import { conv2d as conv2dKernel } from "../../kernels/convolution/conv2d.ts";
import {
  conv2dGradInputSlices,
  conv2dParams,
  conv2dSlices,
  type Conv2dAttributes,
  type Conv2dGradInputAttributes,
  type Conv2dGradWeightAttributes,
} from "../../kernels/convolution/conv2d_geometry.ts";
import { conv2dGradInput } from "../../kernels/convolution/conv2d_grad_input.ts";
import { conv2dGradWeight } from "../../kernels/convolution/conv2d_grad_weight.ts";
import type { Bindings, Inputs, Kernel, Outputs, ShaderInfo } from "../../engine/kernel.ts";
import { size } from "../../tensor/shape.ts";
import { apply, reshape } from "../apply.ts";
import { bindingShapes } from "../lower.ts";
import { checkOptions, type OptionRules } from "../../tensor/options.ts";
import type { Lowering, Op, Tensor, Value } from "../value.ts";
import { addRows, gemmOps } from "./gemm.ts";
import { loweredAsProduct } from "../pointwise.ts";
import { lowerWinograd, suitsWinograd } from "../winograd.ts";
import { lowerWinogradGradient, suitsWinogradGradient } from "../winograd_gradient.ts";

/**
 * The ops of this family, by name. d_x = d_y * weight turned round, d_weight = d_y against x,
 * d_bias = the sum of d_y over pixels.
 */
export const conv2dOps: {
  readonly conv2d: Op<Conv2dAttributes, "x" | "weight" | "bias">;
  readonly conv2d_grad_input: Op<Conv2dGradInputAttributes, "d_y" | "weight">;
  readonly conv2d_grad_weight: Op<Conv2dGradWeightAttributes, "x" | "d_y">;
} = {
  conv2d: {
    name: "conv2d",
    inputs: ["x", "weight", "bias?"],
    outputs: ["y"],
    shapes: ({ x, weight, bias }, attributes) => {
      const shapes = { x, weight, bias };
      return [conv2dKernel.shapes(shapes, { ...attributes, slices: 1 }).y];
    },
    lower: (at) => {
      const { x, weight, bias } = at.inputs;
      const [y] = at.outputs;
      const p = conv2dParams(x.shape, weight.shape, at.attributes);
      if (suitsWinograd(at, p, at.attributes, [p.out_h, p.out_w])) {
        const padding = [p.pad_top, p.pad_left] as const;
        lowerWinograd(at, { x, weight, bias, y, padding, turned: false, relu: false });
        return;
      }
      const product = { x, weight, bias, y, turned: false, relu: false };
      if (loweredAsProduct(at, p, at.attributes, product)) return;
      const slices = conv2dSlices(p);
      callInSlices(at, conv2dKernel, { x, weight, bias }, "y", { ...at.attributes, slices });
    },
    gradient: ({ inputs, attributes, d_outputs: [d_y], wants }) => {
      const [x, weight] = [inputs.x!, inputs.weight!];
      const input = [x.shape[1], x.shape[2]] as const;
      const kernel = [weight.shape[1], weight.shape[2]] as const;
      const { conv2d_grad_input, conv2d_grad_weight } = conv2dOps;
      return [
        wants.x
          ? apply(conv2d_grad_input, { d_y: d_y!, weight }, { ...attributes, input })[0]
          : null,
        wants.weight
          ? apply(conv2d_grad_weight, { x, d_y: d_y! }, { ...attributes, kernel })[0]
          : null,
        wants.bias ? sumOverPixels(d_y!) : null,
      ];
    },
  },
  conv2d_grad_input: {
    name: "conv2d_grad_input",
    inputs: ["d_y", "weight"],
    outputs: ["d_x"],
    shapes: ({ d_y, weight }, attributes) => {
      const shapes = { d_y, weight, bias: [0] };
      return [conv2dGradInput.shapes(shapes, { ...attributes, slices: 1 }).d_x];
    },
    lower: (at) => {
      const { d_y, weight } = at.inputs;
      const [d_x] = at.outputs;
      const bias = at.temporary("no bias", [0]);
      const p = conv2dParams(d_x.shape, weight.shape, at.attributes);
      if (suitsWinograd(at, p, at.attributes, [p.in_h, p.in_w])) {
        const padding = [2 - p.pad_top, 2 - p.pad_left] as const;
        lowerWinograd(at, { x: d_y, weight, bias, y: d_x, padding, turned: true, relu: false });
        return;
      }
      const product = { x: d_y, weight, bias, y: d_x, turned: true, relu: false };
      if (loweredAsProduct(at, p, at.attributes, product)) return;
      const slices = conv2dGradInputSlices(p);
      const attributes = { ...at.attributes, slices };
      callInSlices(at, conv2dGradInput, { d_y, weight, bias }, "d_x", attributes);
    },
    gradient: null,
  },
  conv2d_grad_weight: {
    name: "conv2d_grad_weight",
    inputs: ["x", "d_y"],
    outputs: ["d_weight"],
    shapes: ({ x, d_y }, attributes) => [
      conv2dGradWeight.shapes({ x, d_y }, attributes).partials.slice(1),
    ],
    lower: (at) => {
      const { x, d_y } = at.inputs;
      const [d_weight] = at.outputs;
      const p = conv2dParams(x.shape, d_weight.shape, at.attributes);
      if (suitsWinogradGradient(at, p, at.attributes)) {
        const padding = [p.pad_top, p.pad_left] as const;
        lowerWinogradGradient(at, { x, d_y, d_weight, padding });
        return;
      }
      callInSlices(at, conv2dGradWeight, { x, d_y }, "partials", at.attributes);
    },
    gradient: null,
  },
};

/**
 * Calls a kernel whose output, bound as `made`, may come in slices of a sum, and adds those up in
 * order into the op's output; a single slice is the output itself.
 */
export function callInSlices<S extends ShaderInfo, K>(
  at: Pick<Lowering<unknown>, "outputs" | "temporary" | "view" | "call">,
  kernel: Kernel<S, K>,
  inputs: NoInfer<Readonly<Record<Inputs<S>, Tensor>>>,
  made: NoInfer<Outputs<S>>,
  attributes: NoInfer<K>,
): void {
  const { temporary, view, call } = at;
  const sum = at.outputs[0];
  const shape = kernel.shapes(bindingShapes(inputs), attributes)[made];
  const bound = (y: Tensor): Record<Bindings<S>, Tensor> => ({ ...inputs, [made]: y });
  if (size(shape) === size(sum.shape)) {
    call(kernel, bound(view(sum, shape)), attributes);
    return;
  }
  const partials = temporary("partials", shape);
  call(kernel, bound(partials), attributes);
  addRows(at, view(partials, [1, shape[0], size(sum.shape)]), sum);
}

/** Gradient of a bias: d_y [V, OH, OW, O] -> d_bias [O]. */
export function sumOverPixels(d_y: Value): Value {
  const channels = d_y.shape.at(-1)!;
  const pixels = size(d_y.shape.slice(0, -1));
  const rows = reshape(d_y, [1, pixels, channels]);
  return reshape(apply(gemmOps.column_sum, { x: rows }, null)[0], [channels]);
}

/** A number for both axes, or one each for rows and columns. */
export type PerAxis = number | readonly [h: number, w: number];

/** Options of a convolution; the defaults are stride 1, no padding, dilation 1, one group. */
export interface Conv2dOptions {
  readonly stride?: PerAxis;
  /** Zeros on every side, or [top, bottom, left, right]. */
  readonly pad?: number | readonly [top: number, bottom: number, left: number, right: number];
  readonly dilation?: PerAxis;
  readonly groups?: number;
}

/** The attributes for a set of options. */
export function conv2dAttributes(
  options: Conv2dOptions,
  op = "conv2d",
  more: OptionRules = {},
): Conv2dAttributes {
  const known = {
    stride: "numbers",
    pad: "numbers",
    dilation: "numbers",
    groups: "number",
  } as const;
  checkOptions(op, options, {}, { ...known, ...more });
  const { stride = 1, pad = 0, dilation = 1, groups = 1 } = options;
  const both = (value: PerAxis): readonly [number, number] =>
    typeof value === "number" ? [value, value] : value;
  return {
    stride: both(stride),
    padding: typeof pad === "number" ? [pad, pad, pad, pad] : pad,
    dilation: both(dilation),
    groups,
  };
}

/**
 * Convolution (cross-correlation, as in every framework) with zeros around the image. x [V, H, W,
 * C], weight [O, KH, KW, C/groups], bias [O] or null -> y [V, OH, OW, O]. Where it runs as
 * Winograd's (`compile`), what is not finite spreads over whole tiles of 4 x 4 outputs.
 */
export function conv2d(
  x: Value,
  weight: Value,
  bias: Value | null,
  options: Conv2dOptions = {},
): Value {
  return apply(conv2dOps.conv2d, { x, weight, bias }, conv2dAttributes(options))[0];
}
