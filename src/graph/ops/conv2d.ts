// Two-dimensional convolution as an op, and its gradients by input, weight and bias. The sums over pixels go by slabs:
// partial sums, then their sum in order.
import { conv2d as conv2dKernel } from "../../kernels/conv2d.ts";
import type {
  Conv2dAttributes,
  Conv2dGradInputAttributes,
  Conv2dGradWeightAttributes,
} from "../../kernels/conv2d_geometry.ts";
import { conv2dGradBias } from "../../kernels/conv2d_grad_bias.ts";
import { conv2dGradInput } from "../../kernels/conv2d_grad_input.ts";
import { conv2dGradWeight, conv2dGradWeightReduce } from "../../kernels/conv2d_grad_weight.ts";
import type { AnyKernel } from "../../kernels/kernel.ts";
import type { Shape } from "../../tensor/shape.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Lowering, Op, Rules, Tensor, Value } from "../value.ts";

/** The ops of this family, by name. */
export const conv2dOps: {
  readonly conv2d: Op<Conv2dAttributes>;
  readonly conv2d_grad_input: Op<Conv2dGradInputAttributes>;
  readonly conv2d_grad_weight: Op<Conv2dGradWeightAttributes>;
  readonly conv2d_grad_bias: Op<void>;
} = {
  conv2d: kernelOp("conv2d", conv2dKernel, ["x", "weight", "bias?"], ["y"]),
  // the bias is the transposed convolution's, see conv2d_transpose.ts
  conv2d_grad_input: kernelOp(
    "conv2d_grad_input",
    conv2dGradInput,
    ["d_y", "weight", "bias?"],
    ["d_x"],
  ),
  conv2d_grad_weight: {
    name: "conv2d_grad_weight",
    inputs: ["x", "d_y"],
    outputs: ["d_weight"],
    shapes: ([x, d_y], attributes) => [
      conv2dGradWeight.shapes({ x: x!, d_y: d_y! }, attributes).partials.slice(1),
    ],
    lower: (at) => {
      const [x, d_y] = [at.inputs[0]!, at.inputs[1]!];
      const { partials } = conv2dGradWeight.shapes({ x: x.shape, d_y: d_y.shape }, at.attributes);
      sumOfSlabs(at, conv2dGradWeight, { x, d_y }, partials);
    },
  },
  conv2d_grad_bias: {
    name: "conv2d_grad_bias",
    inputs: ["d_y"],
    outputs: ["d_bias"],
    shapes: ([d_y]) => [[d_y!.at(-1)!]],
    lower: (at) => {
      const d_y = at.inputs[0]!;
      const { partials } = conv2dGradBias.shapes({ d_y: d_y.shape }, undefined);
      sumOfSlabs(at, conv2dGradBias, { d_y }, partials);
    },
  },
};

/** Calls a kernel that makes `partials` and adds its slabs up into the op's output; a lone slab is the output. */
function sumOfSlabs<A>(
  { outputs, attributes, temporary, view, call }: Lowering<A>,
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Tensor>>,
  shape: Shape,
): void {
  const sum = outputs[0]!;
  if (shape[0] === 1) {
    call(kernel, { ...inputs, partials: view(sum, shape) }, attributes);
    return;
  }
  const partials = temporary("partials", shape);
  call(kernel, { ...inputs, partials }, attributes);
  call(conv2dGradWeightReduce, { partials, d_weight: sum }, undefined);
}

/** Their gradient rules: d_x = d_y * weight turned round, d_weight = d_y against x, d_bias = sum of d_y over pixels. */
export const conv2dRules: Rules<typeof conv2dOps> = {
  conv2d: ({ inputs, attributes, d_outputs: [d_y], wants }) => {
    const [x, weight] = [inputs[0]!, inputs[1]!];
    const input = [x.shape[1]!, x.shape[2]!] as const;
    const kernel = [weight.shape[1]!, weight.shape[2]!] as const;
    const { conv2d_grad_input, conv2d_grad_weight, conv2d_grad_bias } = conv2dOps;
    return [
      wants[0]
        ? apply(conv2d_grad_input, [d_y!, weight, null], { ...attributes, input })[0]!
        : null,
      wants[1] ? apply(conv2d_grad_weight, [x, d_y!], { ...attributes, kernel })[0]! : null,
      wants[2] ? apply(conv2d_grad_bias, [d_y!], undefined)[0]! : null,
    ];
  },
  conv2d_grad_input: null,
  conv2d_grad_weight: null,
  conv2d_grad_bias: null,
};

/** A number for both axes, or one each for rows and columns. */
export type PerAxis = number | readonly [h: number, w: number];

/** How to convolve; what is left out is stride 1, no padding, dilation 1, one group. */
export interface Conv2dOptions {
  readonly stride?: PerAxis;
  /** Zeros on every side, or at top, bottom, left and right. */
  readonly pad?: number | readonly [top: number, bottom: number, left: number, right: number];
  readonly dilation?: PerAxis;
  readonly groups?: number;
}

/** The attributes that options stand for. */
export function conv2dAttributes(options: Conv2dOptions): Conv2dAttributes {
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
 * Convolution (cross-correlation, as every framework has it) with zeros around the image.
 * x [V, H, W, C], weight [O, KH, KW, C/groups], bias [O] or null -> y [V, OH, OW, O].
 */
export function conv2d(
  x: Value,
  weight: Value,
  bias: Value | null,
  options: Conv2dOptions = {},
): Value {
  return apply(conv2dOps.conv2d, [x, weight, bias], conv2dAttributes(options))[0]!;
}
