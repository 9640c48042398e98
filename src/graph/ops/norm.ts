// Batch, group, instance and layer norm as ops (src/kernels/norm.ts has the mathematics).
// d_x = r (gamma d_y - (sum gamma d_y + xhat sum gamma d_y xhat) / n), d_gamma = sum d_y xhat,
// d_beta = sum d_y.
import { columnSum } from "../../kernels/column_sum.ts";
import {
  layerNormGradInput,
  layerNormGradPartial,
  layerNormRows,
} from "../../kernels/layer_norm.ts";
import {
  normApply,
  normGradChannel,
  normGradGroup,
  normGradInput,
  normGradPartial,
  normPartial,
  normRunning,
  normStatistics,
} from "../../kernels/norm.ts";
import { normGeometry, type NormAttributes } from "../../kernels/norm_geometry.ts";
import { InputError } from "../../tensor/error.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Lowering, Op, Tensor, Value } from "../value.ts";
import { addRows } from "./gemm.ts";

/** Weight of the batch in the running statistics; absent if they do not change. */
export type BatchNormAttributes = NormAttributes & { readonly momentum: number };
/** Whether the statistics were given rather than taken from x. */
export type NormGradAttributes = NormAttributes & {
  readonly fixed: boolean;
  /** That of a batch norm in training; other norms have none. */
  readonly momentum?: number;
};

/** The parts of a lowering that the passes of a normalisation use. */
type Passes = Pick<Lowering<unknown>, "temporary" | "view" | "call" | "merge" | "ranks">;

/** Whether the statistics are those of a batch, which several processes may share. */
export function isOfBatch({ momentum }: NormAttributes & { readonly momentum?: number }): boolean {
  return momentum !== undefined;
}

/** Mean and variance of x, per slice and merged; `ofBatch`: those of all processes together. */
export function statistics(
  at: Passes & { readonly attributes: NormAttributes },
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  ofBatch: boolean,
): void {
  const { batches, slabs, groups } = normGeometry(x.shape, at.attributes);
  const slab_mean = at.temporary("slab_mean", [batches, slabs, groups]);
  const slab_m2 = at.temporary("slab_m2", [batches, slabs, groups]);
  at.call(normPartial, { x, slab_mean, slab_m2 }, at.attributes);
  at.call(
    normStatistics,
    { slab_mean, slab_m2, mean, variance },
    { ...at.attributes, shape: x.shape },
  );
  if (ofBatch) at.merge("moments", [mean, variance]);
}

/** Whether each row of x has statistics of its own: layer norm, whose kernels need no slices. */
function isOfRows(x: Tensor, attributes: NormAttributes): boolean {
  const { pixels, groups } = normGeometry(x.shape, attributes);
  return pixels === 1 && groups === 1;
}

/** The gradients of a norm of rows. */
function lowerRowsGradient(
  at: Lowering<NormAttributes, "x" | "d_y" | "mean" | "variance" | "gamma">,
): void {
  const { x, d_y, gamma } = at.inputs;
  const [d_x, d_gamma, d_beta] = at.outputs as [Tensor, Tensor, Tensor];
  const rows = [at.attributes.batches];
  const [mean, variance] = [at.view(at.inputs.mean, rows), at.view(at.inputs.variance, rows)];
  at.call(layerNormGradInput, { x, d_y, mean, variance, gamma, d_x }, at.attributes);
  const shapes = layerNormGradPartial.shapes(
    { x: x.shape, d_y: d_y.shape, mean: rows, variance: rows },
    at.attributes,
  );
  const slab_sum = at.temporary("slab_sum", shapes.slab_sum);
  const slab_dot = at.temporary("slab_dot", shapes.slab_dot);
  at.call(layerNormGradPartial, { x, d_y, mean, variance, slab_sum, slab_dot }, at.attributes);
  at.call(normGradChannel, { slab_sum, slab_dot, d_gamma, d_beta }, undefined);
}

/** Moves the running statistics of x towards its own. */
export function moveRunning(
  { view, call, ranks }: Passes,
  x: Tensor,
  of: Readonly<Record<"mean" | "variance" | "running_mean" | "running_variance", Tensor>>,
  momentum: number,
): void {
  const channels = [size(of.running_mean.shape)];
  const n = (ranks * size(x.shape)) / Math.max(1, channels[0]);
  call(
    normRunning,
    { ...of, mean: view(of.mean, channels), variance: view(of.variance, channels) },
    { momentum, unbias: n / Math.max(1, n - 1) },
  );
}

/** Terms that one invocation adds before a separate pass is worth its cost. */
export const LONGEST_RUN = 256;
const GATHERED = 16;

/** The slices of each batch that are left once those of many are gathered. */
export function gatheredSlabs(x: Shape, attributes: NormAttributes): number {
  const { batches, slabs, channels, groups } = normGeometry(x, attributes);
  const many = slabs * Math.max(batches, channels / groups) > LONGEST_RUN;
  return many ? Math.ceil(slabs / GATHERED) : slabs;
}

/** Sums of sixteen slices each. slabs [B, S, C] -> [B, ceil(S / 16), C]. */
export function gathered(at: Passes, slabs: Tensor): Tensor {
  const [batches, count, channels] = slabs.shape as readonly [number, number, number];
  if (count <= 1) return slabs;
  const shape = [batches, Math.ceil(count / GATHERED), channels];
  const sums = at.temporary("gathered", shape);
  at.call(columnSum, { x: slabs, y: sums }, { slab: GATHERED });
  return sums;
}

function statisticsShape(x: Shape, attributes: NormAttributes): Shape {
  const { batches, groups } = normGeometry(x, attributes);
  return [batches, groups];
}

/** The ops of this family, by name. Mean and variance serve the gradient alone and pass none on. */
export const normOps: {
  readonly norm: Op<NormAttributes, "x" | "gamma" | "beta">;
  readonly batch_norm: Op<
    BatchNormAttributes,
    "x" | "gamma" | "beta" | "running_mean" | "running_variance"
  >;
  readonly norm_fixed: Op<NormAttributes, "x" | "mean" | "variance" | "gamma" | "beta">;
  readonly norm_grad: Op<NormGradAttributes, "x" | "d_y" | "mean" | "variance" | "gamma">;
} = {
  norm: {
    name: "norm",
    inputs: ["x", "gamma", "beta"],
    outputs: ["y", "mean", "variance"],
    shapes: ({ x, gamma, beta }, attributes) => {
      const statistic = statisticsShape(x, attributes);
      normApply.shapes({ x, mean: statistic, variance: statistic, gamma, beta }, attributes);
      return [x, statistic, statistic];
    },
    lower: (at) => {
      const { x, gamma, beta } = at.inputs;
      const [y, mean, variance] = at.outputs as [Tensor, Tensor, Tensor];
      if (isOfRows(x, at.attributes)) {
        const rows = [at.attributes.batches];
        const saved = { mean: at.view(mean, rows), variance: at.view(variance, rows) };
        at.call(layerNormRows, { x, gamma, beta, y, ...saved }, at.attributes);
        return;
      }
      statistics(at, x, mean, variance, isOfBatch(at.attributes));
      at.call(normApply, { x, mean, variance, gamma, beta, y }, at.attributes);
    },
    gradient: ({
      inputs: { x, gamma },
      outputs: [, mean, variance],
      attributes,
      d_outputs: [d_y],
    }) =>
      apply(
        normOps.norm_grad,
        { x: x!, d_y: d_y!, mean, variance, gamma: gamma! },
        { ...attributes, fixed: false },
      ),
  },
  batch_norm: {
    name: "batch_norm",
    inputs: ["x", "gamma", "beta", "running_mean", "running_variance"],
    outputs: ["y", "mean", "variance"],
    shapes: (inputs, attributes) => normOps.norm.shapes(inputs, attributes),
    lower: (at) => {
      const { x, running_mean, running_variance } = at.inputs;
      const [, mean, variance] = at.outputs as [Tensor, Tensor, Tensor];
      normOps.norm.lower(at);
      const all = { mean, variance, running_mean, running_variance };
      moveRunning(at, x, all, at.attributes.momentum);
    },
    gradient: ({
      inputs: { x, gamma },
      outputs: [, mean, variance],
      attributes,
      d_outputs: [d_y],
    }) => [
      ...apply(
        normOps.norm_grad,
        { x: x!, d_y: d_y!, mean, variance, gamma: gamma! },
        { ...attributes, fixed: false },
      ),
      null,
      null,
    ],
  },
  norm_fixed: kernelOp(
    "norm_fixed",
    normApply,
    ["x", "mean", "variance", "gamma", "beta"],
    ["y"],
    ({ inputs: { x, mean, variance, gamma }, attributes, d_outputs: [d_y], wants }) => {
      if (wants.mean || wants.variance) {
        throw new InputError("norm_fixed: given statistics are not differentiated");
      }
      const [d_x, d_gamma, d_beta] = apply(
        normOps.norm_grad,
        { x: x!, d_y: d_y!, mean: mean!, variance: variance!, gamma: gamma! },
        { ...attributes, fixed: true },
      );
      return [d_x, null, null, d_gamma, d_beta];
    },
  ),
  norm_grad: {
    name: "norm_grad",
    inputs: ["x", "d_y", "mean", "variance", "gamma"],
    outputs: ["d_x", "d_gamma", "d_beta"],
    shapes: ({ x, gamma }) => [x, gamma, gamma],
    lower: (at) => {
      const { x, d_y, mean, variance, gamma } = at.inputs;
      const [d_x, d_gamma, d_beta] = at.outputs as [Tensor, Tensor, Tensor];
      if (isOfRows(x, at.attributes) && !at.attributes.fixed) {
        lowerRowsGradient(at);
        return;
      }
      const { batches, slabs, channels, groups } = normGeometry(x.shape, at.attributes);
      const slab_sum = at.temporary("slab_sum", [batches, slabs, channels]);
      const slab_dot = at.temporary("slab_dot", [batches, slabs, channels]);
      at.call(normGradPartial, { x, d_y, mean, variance, slab_sum, slab_dot }, at.attributes);
      const left = gatheredSlabs(x.shape, at.attributes);
      const sums = {
        slab_sum: left < slabs ? gathered(at, slab_sum) : slab_sum,
        slab_dot: left < slabs ? gathered(at, slab_dot) : slab_dot,
      };
      if (batches * left > LONGEST_RUN) {
        const rows = [1, batches * left, channels];
        addRows(at, at.view(sums.slab_dot, rows), d_gamma);
        addRows(at, at.view(sums.slab_sum, rows), d_beta);
      } else {
        at.call(normGradChannel, { ...sums, d_gamma, d_beta }, undefined);
      }
      const group_sum = at.temporary("group_sum", [batches, groups]);
      const group_dot = at.temporary("group_dot", [batches, groups]);
      at.call(normGradGroup, { ...sums, gamma, group_sum, group_dot }, { groups });
      // Sums over the numbers of one process are divided by their count: the mean over processes is
      // the sum over all numbers divided by theirs.
      if (isOfBatch(at.attributes)) at.merge("mean", [group_sum, group_dot]);
      at.call(
        normGradInput,
        { x, d_y, mean, variance, gamma, group_sum, group_dot, d_x },
        at.attributes,
      );
    },
    gradient: null,
  },
};

/**
 * Batch norm over [V,H,W] per channel: in training the statistics of the batch (which also move the
 * running ones), otherwise the running ones. x [V,H,W,C], the rest [C].
 */
export function batchNorm(
  inputs: Readonly<Record<"x" | "gamma" | "beta" | "running_mean" | "running_variance", Value>>,
  options: { readonly training: boolean; readonly epsilon: number; readonly momentum: number },
): Value {
  const known = { training: "flag", epsilon: "number", momentum: "number" } as const;
  checkOptions("batchNorm", options, known);
  const { x, gamma, beta, running_mean, running_variance } = inputs;
  const { training, epsilon, momentum } = options;
  const attributes = { batches: 1, groups: x.shape.at(-1)!, epsilon };
  return training
    ? apply(
        normOps.batch_norm,
        { x, gamma, beta, running_mean, running_variance },
        { ...attributes, momentum },
      )[0]
    : apply(
        normOps.norm_fixed,
        { x, mean: running_mean, variance: running_variance, gamma, beta },
        attributes,
      )[0];
}

/**
 * Group norm over [H,W,C/groups] of each view. x [V,H,W,C], gamma, beta [C]; groups = C is instance
 * norm.
 */
export function groupNorm(
  x: Value,
  gamma: Value,
  beta: Value,
  options: { readonly groups: number; readonly epsilon: number },
): Value {
  checkOptions("groupNorm", options, { groups: "number", epsilon: "number" });
  return apply(normOps.norm, { x, gamma, beta }, { batches: x.shape[0], ...options })[0];
}

/** Layer norm over the last axis. x [..., C], gamma, beta [C]. */
export function layerNorm(
  x: Value,
  gamma: Value,
  beta: Value,
  options: { readonly epsilon: number },
): Value {
  checkOptions("layerNorm", options, { epsilon: "number" });
  const batches = size(x.shape.slice(0, -1));
  return apply(normOps.norm, { x, gamma, beta }, { batches, groups: 1, ...options })[0];
}
