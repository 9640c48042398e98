// A convolution and the relu behind it as one kernel. The gradient of the relu then reads the
// rectified value, which has the sign that decides its slope.
import type { ActivationAttributes } from "../../kernels/activation.ts";
import { conv2d as conv2dKernel } from "../../kernels/convolution/conv2d.ts";
import {
  conv2dParams,
  conv2dSlices,
  type Conv2dAttributes,
} from "../../kernels/convolution/conv2d_geometry.ts";
import { loweredAsProduct } from "../pointwise.ts";
import { lowerWinograd, suitsWinograd } from "../winograd.ts";
import type { Node, Op } from "../value.ts";
import { inputOf, type FusionWork } from "./work.ts";

/** y = max(x * weight + bias, 0), with its sum in one slice. */
const CONV2D_RELU: Op<Conv2dAttributes, "x" | "weight" | "bias"> = {
  name: "conv2d_relu",
  inputs: ["x", "weight", "bias?"],
  outputs: ["y"],
  shapes: (shapes, attributes) => [
    conv2dKernel.shapes(shapes, { ...attributes, slices: 1, relu: true }).y,
  ],
  lower: (at) => {
    const { inputs, attributes, call } = at;
    const [y] = at.outputs;
    const p = conv2dParams(inputs.x.shape, inputs.weight.shape, attributes);
    if (suitsWinograd(at, p, attributes, [p.out_h, p.out_w])) {
      const padding = [p.pad_top, p.pad_left] as const;
      lowerWinograd(at, { ...inputs, y, padding, turned: false, relu: true });
      return;
    }
    if (loweredAsProduct(at, p, attributes, { ...inputs, y, turned: false, relu: true })) return;
    call(conv2dKernel, { ...inputs, y }, { ...attributes, slices: 1, relu: true });
  },
  gradient: null,
};

/** Fuses each convolution with the relu behind it. */
export function fuseConvolutions(work: FusionWork): void {
  for (const conv of work.nodes.filter(({ op }) => op.name === "conv2d")) {
    const [y] = conv.outputs;
    const readers = work.readers(y);
    const activation = readers.find(
      ({ op, inputs }) => op.name === "activation" && inputs[0] === y,
    );
    if (activation === undefined) continue;
    const { kind } = activation.attributes as ActivationAttributes;
    const rule = `convolution + ${kind}`;
    const gradients = readers.filter(({ op }) => op.name === "activation_grad");
    const reason = refusal(work, conv, kind, gradients);
    if (reason !== null) {
      work.note(rule, y, reason);
      continue;
    }
    const [made] = activation.outputs;
    const { inputs, attributes } = conv;
    work.replace([conv], activation, { op: CONV2D_RELU, inputs, attributes, outputs: [made] });
    for (const node of gradients) {
      const read = node.inputs.map((input) => (input === y ? made : input));
      work.replace([], node, { ...node, inputs: read });
    }
    work.note(rule, made, null, [y]);
  }
}

/** Why a convolution and its activation stay apart; null if they do not. */
function refusal(
  work: FusionWork,
  conv: Node,
  kind: ActivationAttributes["kind"],
  gradients: readonly Node[],
): string | null {
  const [y] = conv.outputs;
  if (kind !== "relu") {
    return gradients.length > 0
      ? `its gradient needs the value before ${kind}`
      : `no convolution applies ${kind}`;
  }
  const known = gradients.every((node) => inputOf(node, "x") === y && inputOf(node, "d_y") !== y);
  if (!known || work.isKept(y) || work.readers(y).length !== gradients.length + 1) {
    return "the value before it has other readers";
  }
  const [x, weight] = [inputOf(conv, "x")!, inputOf(conv, "weight")!];
  const params = conv2dParams(x.shape, weight.shape, conv.attributes as Conv2dAttributes);
  return conv2dSlices(params) > 1 ? "its long sum is cut into slices" : null;
}
