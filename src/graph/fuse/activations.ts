// The gradient of an activation and the sum over pixels that is the gradient of the bias before it,
// in one sweep over the pixels.
import {
  activationFusedGrad,
  FUSED_ACTIVATIONS,
  type ActivationFusedAttributes,
} from "../../kernels/activation_fused.ts";
import type { ActivationAttributes } from "../../kernels/activation.ts";
import { readsAsQuads } from "../../kernels/row_slice.ts";
import { size } from "../../tensor/shape.ts";
import { addRows, rowsPerSum } from "../ops/gemm.ts";
import type { Node, Op, Tensor } from "../value.ts";
import { inputOf, rootValue, type FusionWork } from "./work.ts";

/** d_x = d_y f'(x) and the sum of its rows, added in the order of `column_sum`. */
const ACTIVATION_FUSED_GRAD: Op<Pick<ActivationFusedAttributes, "activation">, "x" | "d_y"> = {
  name: "activation_fused_grad",
  inputs: ["x", "d_y"],
  outputs: ["d_x", "d_bias"],
  shapes: ({ x }) => [x, x.slice(-1)],
  lower: (at) => {
    const { x, d_y } = at.inputs;
    const [d_x, d_bias] = at.outputs as [Tensor, Tensor];
    const channels = x.shape.at(-1)!;
    const rows = size(x.shape.slice(0, -1));
    const attributes = { ...at.attributes, slab: rowsPerSum(rows) };
    const { slab_sums: shape } = activationFusedGrad.shapes(
      { x: x.shape, d_y: d_y.shape },
      attributes,
    );
    const isWhole = shape[0] === 1;
    const slab_sums = isWhole ? at.view(d_bias, shape) : at.temporary("slab_sums", shape);
    at.call(activationFusedGrad, { x, d_y, d_x, slab_sums }, attributes);
    if (!isWhole) addRows(at, at.view(slab_sums, [1, shape[0], channels]), d_bias);
  },
  gradient: null,
};

/** Fuses the gradients of activations with the gradients of the biases before them. */
export function fuseActivationGradients(work: FusionWork): void {
  for (const node of work.nodes.filter(({ op }) => op.name === "activation_grad")) {
    const [d_x] = node.outputs;
    const sum = work.readers(d_x).find((reader) => sumsRows(reader, node));
    if (sum === undefined) continue;
    const { kind, alpha } = node.attributes as ActivationAttributes;
    const rule = `gradient of ${kind} + sum over pixels`;
    const channels = d_x.shape.at(-1) ?? 1;
    const fused = FUSED_ACTIVATIONS.find((one) => one === kind);
    if (fused === undefined || fused === "none") {
      work.note(rule, d_x, `no fused kernel applies ${kind}`);
      continue;
    }
    if (!readsAsQuads(0, channels, channels)) {
      work.note(rule, d_x, `${channels} channels, not a multiple of 4`);
      continue;
    }
    const made: Node = {
      op: ACTIVATION_FUSED_GRAD,
      inputs: [inputOf(node, "x"), inputOf(node, "d_y")],
      attributes: { activation: { kind: fused, alpha } },
      outputs: [d_x, sum.outputs[0]],
    };
    work.replace([sum], node, made);
    work.note(rule, d_x, null);
  }
}

/** Whether a node adds up all rows of the gradient that another one makes. */
function sumsRows({ op, inputs: [x] }: Node, { outputs: [d_x] }: Node): boolean {
  if (op.name !== "column_sum" || x === null || rootValue(x) !== d_x) return false;
  return x.shape[0] === 1 && x.shape[2] === d_x.shape.at(-1) && size(x.shape) === size(d_x.shape);
}
