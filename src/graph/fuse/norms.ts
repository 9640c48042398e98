// Normalisation, the activation behind it and a residual as one kernel, and their gradients
// likewise. Neither the normalised value nor the gradient behind it is stored: the gradient's
// kernels compute the one again and multiply by the activation's derivative as they load.
import { FUSED_ACTIVATIONS, type FusedActivation } from "../../kernels/activation_fused.ts";
import {
  normFusedApply,
  normFusedGradInput,
  normFusedGradShared,
  normFusedGradSums,
  type NormFusedGradAttributes,
} from "../../kernels/norm_fused.ts";
import type { ActivationAttributes } from "../../kernels/activation.ts";
import { normGeometry, type NormAttributes } from "../../kernels/norm_geometry.ts";
import { readsAsQuads } from "../../kernels/row_slice.ts";
import {
  gathered,
  gatheredSlabs,
  isOfBatch,
  LONGEST_RUN,
  moveRunning,
  statistics,
} from "../ops/norm.ts";
import type { NormGradAttributes } from "../ops/norm.ts";
import type { Node, Op, Tensor, Value } from "../value.ts";
import { addedTerms, asRowSlice } from "./slices.ts";
import { inputOf, rootValue, type FusionWork } from "./work.ts";

/** Attributes of a fused normalisation; a momentum if it moves running statistics. */
type NormFusedOpAttributes = NormAttributes & {
  readonly activation: FusedActivation;
  readonly momentum?: number;
};

type NormFusedInput =
  | "x"
  | "gamma"
  | "beta"
  | "residual"
  | "mean"
  | "variance"
  | "running_mean"
  | "running_variance";

/** y = f(norm(x)) + residual, with statistics of x, or with the given ones. */
const NORM_FUSED: Op<NormFusedOpAttributes, NormFusedInput> = {
  name: "norm_fused",
  inputs: [
    "x",
    "gamma",
    "beta",
    "residual?",
    "mean?",
    "variance?",
    "running_mean?",
    "running_variance?",
  ],
  outputs: ["y", "mean", "variance"],
  shapes: ({ x }, attributes) => {
    const { batches, groups } = normGeometry(x, attributes);
    return [x, [batches, groups], [batches, groups]];
  },
  lower: (at) => {
    const { x, gamma, beta, residual, running_mean, running_variance, ...given } = at.inputs;
    const { momentum, activation, ...of } = at.attributes;
    const [y, ...made] = at.outputs as [Tensor, Tensor, Tensor] | [Tensor];
    const [mean, variance] = made.length === 0 ? [given.mean, given.variance] : made;
    if (made.length > 0)
      statistics({ ...at, attributes: of }, x, mean, variance, isOfBatch(at.attributes));
    const inputs = { x, mean, variance, gamma, beta, residual, y };
    at.call(normFusedApply, inputs, { ...of, activation });
    if (momentum === undefined) return;
    moveRunning(at, x, { mean, variance, running_mean, running_variance }, momentum);
  },
  gradient: null,
};

/** The gradients of a fused normalisation with respect to x, gamma and beta. */
const NORM_FUSED_GRAD: Op<
  NormFusedGradAttributes & { readonly ofBatch: boolean },
  "x" | "d_a" | "d_b" | "mean" | "variance" | "gamma" | "beta"
> = {
  name: "norm_fused_grad",
  inputs: ["x", "d_a", "d_b?", "mean", "variance", "gamma", "beta"],
  outputs: ["d_x", "d_gamma", "d_beta"],
  shapes: ({ x, gamma }) => [x, gamma, gamma],
  lower: (at) => {
    const { x, d_a, d_b, mean, variance, gamma, beta } = at.inputs;
    const { ofBatch, ...attributes } = at.attributes;
    const [d_x, d_gamma, d_beta] = at.outputs as [Tensor, Tensor, Tensor];
    const { batches, slabs, channels, groups } = normGeometry(x.shape, attributes);
    const all = at.temporary("slab_sums", [batches, slabs, 2, channels]);
    const upstream = { x, d_a, d_b };
    const statistic = { mean, variance };
    at.call(
      normFusedGradSums,
      { ...upstream, ...statistic, gamma, beta, slab_sums: all },
      attributes,
    );
    const left = gatheredSlabs(x.shape, attributes);
    const slab_sums =
      left === slabs
        ? all
        : at.view(gathered(at, at.view(all, [batches, slabs, 2 * channels])), [
            batches,
            left,
            2,
            channels,
          ]);
    const sets = at.temporary("sets", [batches, groups, 4]);
    const { epsilon } = attributes;
    at.call(
      normFusedGradShared,
      { slab_sums, ...statistic, gamma, d_gamma, d_beta, sets },
      { groups, epsilon },
    );
    // Beside the mean and the deviation, which all processes have alike, a set has two sums.
    if (ofBatch) at.merge("mean", [sets]);
    at.call(normFusedGradInput, { ...upstream, gamma, beta, sets, d_x }, attributes);
  },
  gradient: null,
};

const NORMS = ["norm", "batch_norm", "norm_fixed"];

/** Fuses each normalisation with the activation behind it, forward and backward. */
export function fuseNorms(work: FusionWork): void {
  for (const norm of work.nodes.filter(({ op }) => NORMS.includes(op.name))) {
    const found = pattern(work, norm);
    if (found === null) continue;
    const rule = `norm + ${found.kind}`;
    if (typeof found.parts === "string") {
      work.note(rule, norm.outputs[0], found.parts);
      continue;
    }
    fuseForward(work, found.parts);
    if (found.parts.backward !== null) fuseBackward(work, found.parts, found.parts.backward);
  }
}

/** The nodes of one normalisation that are fused together. */
interface NormParts {
  readonly norm: Node;
  readonly activation: Node;
  readonly f: FusedActivation;
  readonly backward: { readonly activation: Node; readonly norm: Node } | null;
}

/** The parts of a pattern or why they cannot be fused; null where no activation follows. */
function pattern(
  work: FusionWork,
  norm: Node,
): { readonly kind: string; readonly parts: NormParts | string } | null {
  const [y] = norm.outputs;
  const readers = work.readers(y);
  const forward = readers.filter(({ op }) => op.name === "activation");
  if (forward.length === 0) return null;
  const [activation] = forward;
  const { kind, alpha } = activation.attributes as ActivationAttributes;
  const refused = (parts: string): ReturnType<typeof pattern> => ({ kind, parts });
  const fused = FUSED_ACTIVATIONS.find((one) => one === kind);
  if (fused === undefined) return refused(`no fused kernel applies ${kind}`);
  const channels = y.shape.at(-1) ?? 1;
  if (!readsAsQuads(0, channels, channels)) {
    return refused(`${channels} channels, not a multiple of 4`);
  }
  const back = readers.filter(({ op }) => op.name === "activation_grad");
  if (work.isKept(y) || forward.length > 1 || forward.length + back.length !== readers.length) {
    return refused("the normalised value has other readers");
  }
  if (activation.inputs[0] !== y || !canMove(work, norm, activation)) {
    return refused(
      "the activation reads a view of it, or comes after other readers of its statistics",
    );
  }
  const parts = { norm, activation, f: { kind: fused, alpha } };
  if (back.length === 0) return { kind, parts: { ...parts, backward: null } };
  const [gradient] = back;
  const [d] = gradient.outputs;
  const [last] = work.readers(d);
  if (back.length > 1 || inputOf(gradient, "x") !== y || !work.isOnlyFor(d, last)) {
    return refused("the gradient behind it has other readers");
  }
  if (!isGradientOf(norm, last, d))
    return refused("its gradient is not that of the batch's statistics");
  const attributes = norm.attributes as NormAttributes;
  const x = inputOf(norm, "x")!;
  if (
    normGeometry(x.shape, attributes).batches * gatheredSlabs(x.shape, attributes) >
    LONGEST_RUN
  ) {
    return refused("too many rows: the sums of its gradient take passes of their own");
  }
  return { kind, parts: { ...parts, backward: { activation: gradient, norm: last } } };
}

/** Whether a node is the gradient of a normalisation, of which `d` is the upstream one. */
function isGradientOf(norm: Node, node: Node, d: Value): boolean {
  if (node.op.name !== "norm_grad" || norm.op.name === "norm_fixed") return false;
  return (
    !(node.attributes as NormGradAttributes).fixed &&
    inputOf(node, "d_y") === d &&
    inputOf(node, "mean") === norm.outputs[1] &&
    (["x", "gamma"] as const).every((name) => inputOf(node, name) === inputOf(norm, name))
  );
}

/**
 * Whether a normalisation may run where `to` runs: nothing in between reads its statistics or the
 * running ones that it moves.
 */
function canMove(work: FusionWork, norm: Node, to: Node): boolean {
  const states = [inputOf(norm, "running_mean"), inputOf(norm, "running_variance")];
  const shared = [...norm.outputs.slice(1), ...states].filter((value) => value !== null);
  return work.nodes
    .slice(work.placeOf(norm) + 1, work.placeOf(to))
    .every(({ inputs }) =>
      inputs.every((input) => input === null || !shared.includes(rootValue(input))),
    );
}

function fuseForward(work: FusionWork, { norm, activation, f }: NormParts): void {
  const [y] = norm.outputs;
  const [made] = activation.outputs;
  const sum = work.readers(made)[0];
  const terms = sum === undefined || !work.isOnlyFor(made, sum) ? null : addedTerms(sum);
  const residual = terms?.find((term) => term !== made) ?? null;
  const fusesSum = residual !== null && terms?.includes(made) === true && canMove(work, norm, sum);
  const at = fusesSum ? sum : activation;
  const read = (name: string): Value | null => inputOf(norm, name);
  const inputs = [
    read("x"),
    read("gamma"),
    read("beta"),
    fusesSum ? residual : null,
    read("mean"),
    read("variance"),
    read("running_mean"),
    read("running_variance"),
  ];
  const outputs = [at.outputs[0], ...norm.outputs.slice(1)];
  const attributes = { ...(norm.attributes as NormAttributes), activation: f };
  work.replace([norm, activation], at, { op: NORM_FUSED, inputs, attributes, outputs });
  const rule = `norm + ${f.kind}${fusesSum ? " + sum" : ""}`;
  work.note(rule, outputs[0], null, fusesSum ? [y, made] : [y]);
}

function fuseBackward(
  work: FusionWork,
  { norm, f }: NormParts,
  backward: { readonly activation: Node; readonly norm: Node },
): void {
  const d_y = inputOf(backward.activation, "d_y")!;
  const sum = work.maker(d_y);
  const terms = work.isOnlyFor(d_y, backward.activation) ? addedTerms(sum) : null;
  const upstream = terms ?? [d_y];
  const [a, b] = upstream.map((term) => asRowSlice(work, term));
  const { batches, groups, epsilon } = norm.attributes as NormAttributes;
  const attributes = {
    ofBatch: isOfBatch(norm.attributes as NormGradAttributes),
    batches,
    groups,
    epsilon,
    activation: f,
    firsts: [a.first, b?.first ?? 0],
  } satisfies NormFusedGradAttributes & { readonly ofBatch: boolean };
  const read = (name: string): Value | null => inputOf(backward.norm, name);
  const inputs = [
    read("x"),
    a.value,
    b?.value ?? null,
    read("mean"),
    read("variance"),
    read("gamma"),
    inputOf(norm, "beta"),
  ];
  const { outputs } = backward.norm;
  const removed = [backward.activation, ...(terms === null ? [] : [sum!])];
  const unstored = [backward.activation.outputs[0], ...(terms === null ? [] : [d_y])];
  work.replace(removed, backward.norm, { op: NORM_FUSED_GRAD, inputs, attributes, outputs });
  const sums = terms === null ? "" : "sum + ";
  work.note(`gradient of norm after ${sums}${f.kind}`, outputs[0], null, unstored);
}
