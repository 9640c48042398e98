// Bin centres: seeds from the outputs of a layer, cumulative or plain, and attractors that move
// them. Cumulative: d_w_k = d_c_k / 2 + sum_{j > k} d_c_j. Attractors: d_c = d_y (1 - mean_a f'),
// d_A = mean_k d_y f'.
import {
  ATTRACTIONS,
  attractor as attractorKernel,
  attractorGradAttractors,
  attractorGradCenters,
  type AttractorAttributes,
} from "../../kernels/depth_bins/attractor.ts";
import {
  binCenters as binCentersKernel,
  binCentersGrad,
  type BinCentersAttributes,
} from "../../kernels/depth_bins/bin_centers.ts";
import { InputError } from "../../tensor/error.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";
import { softplus } from "./activation.ts";

/** The ops of this family, by name. */
export const binCentersOps: {
  readonly bin_centers: Op<BinCentersAttributes, "widths">;
  readonly bin_centers_grad: Op<void, "d_centers">;
  readonly attractor: Op<AttractorAttributes, "centers" | "attractors">;
  readonly attractor_grad_centers: Op<AttractorAttributes, "centers" | "attractors" | "d_y">;
  readonly attractor_grad_attractors: Op<AttractorAttributes, "centers" | "attractors" | "d_y">;
} = {
  bin_centers: kernelOp(
    "bin_centers",
    binCentersKernel,
    ["widths"],
    ["centers"],
    ({ d_outputs: [d_centers] }) =>
      apply(binCentersOps.bin_centers_grad, { d_centers: d_centers! }, undefined),
  ),
  bin_centers_grad: kernelOp("bin_centers_grad", binCentersGrad, ["d_centers"], ["d_widths"], null),
  attractor: kernelOp(
    "attractor",
    attractorKernel,
    ["centers", "attractors"],
    ["y"],
    ({ inputs: { centers, attractors }, attributes, d_outputs: [d_y], wants }) => {
      const by = (op: Op<AttractorAttributes, "centers" | "attractors" | "d_y">): Value =>
        apply(op, { centers: centers!, attractors: attractors!, d_y: d_y! }, attributes)[0];
      return [
        wants.centers ? by(binCentersOps.attractor_grad_centers) : null,
        wants.attractors ? by(binCentersOps.attractor_grad_attractors) : null,
      ];
    },
  ),
  attractor_grad_centers: kernelOp(
    "attractor_grad_centers",
    attractorGradCenters,
    ["centers", "attractors", "d_y"],
    ["d_centers"],
    null,
  ),
  attractor_grad_attractors: kernelOp(
    "attractor_grad_attractors",
    attractorGradAttractors,
    ["centers", "attractors", "d_y"],
    ["d_attractors"],
    null,
  ),
};

/**
 * How a layer's outputs become seed centres: as cumulative widths, ascending by construction, or
 * each independently.
 */
export type CenterSeed = "cumulative" | "softplus";

/** The nearest depth: the left edge of the first cumulative bin. */
const NEAREST_M = 0.1;
/** Where spaced centres begin. */
const START_M = 1;

/** In what measure the centres are evenly spaced before the first step. */
export const CENTER_SPACINGS = ["log", "disparity", "uniform"] as const;
/** One of the spacings. */
export type CenterSpacing = (typeof CENTER_SPACINGS)[number];

/** Depth in units of the largest at a share of the way from `start` to 1, by spacing. */
const SPACED: Readonly<Record<CenterSpacing, (start: number, share: number) => number>> = {
  log: (start, share) => start ** (1 - share),
  disparity: (start, share) => 1 / (share + (1 - share) / start),
  uniform: (start, share) => start + share * (1 - start),
};

/**
 * Seed centres in units of the largest depth from the outputs of a layer, made positive by
 * softplus. `cumulative`: the outputs are widths w, c_k = 0.1 m + sum_{j < k} w_j + w_k / 2;
 * `softplus`: they are the centres. raw [.., K] -> centers of the same shape.
 */
export function seedCenters(raw: Value, seed: CenterSeed, depth_max_m: number): Value {
  checkOptions(
    "seedCenters",
    { seed, depth_max_m },
    {
      seed: ["cumulative", "softplus"],
      depth_max_m: "number",
    },
  );
  const positive = softplus(raw);
  return seed === "softplus" ? positive : binCenters(positive, NEAREST_M / depth_max_m);
}

/**
 * The K biases for which `seedCenters` of zero weights is evenly spaced from 1 m to the largest
 * depth, in log depth, in disparity 1 / d or in depth. `cumulative`: right edges at shares k/K of the
 * way, k = 1..K, the first bin from 0.1 m on (so its centre lies lower); `softplus`: centres at shares
 * (k + 1/2) / K. Throws unless depth_max_m is above 1.
 */
export function seedCentersBias({
  bins,
  seed,
  spacing,
  depth_max_m,
}: {
  readonly bins: number;
  readonly seed: CenterSeed;
  readonly spacing: CenterSpacing;
  readonly depth_max_m: number;
}): Float32Array {
  if (!(depth_max_m > START_M))
    throw new InputError(`depth_max_m is ${depth_max_m}, expected above 1`);
  const spaced = (k: number): number => SPACED[spacing](START_M / depth_max_m, k / bins);
  const width = (k: number): number =>
    spaced(k + 1) - (k === 0 ? NEAREST_M / depth_max_m : spaced(k));
  return Float32Array.from({ length: bins }, (_, k) =>
    inverseSoftplus(seed === "cumulative" ? width(k) : spaced(k + 0.5)),
  );
}

/** x with ln(1 + e^x) = y, for y > 0. */
function inverseSoftplus(y: number): number {
  return y + Math.log(-Math.expm1(-y));
}

/**
 * c_k = first_edge + sum_{j < k} w_j + w_k / 2. widths [.., K] -> centers of the same shape, in the
 * same units.
 */
export function binCenters(widths: Value, first_edge: number): Value {
  return apply(binCentersOps.bin_centers, { widths }, { first_edge })[0];
}

/**
 * y = c + mean_a f(A_a - c), f(x) = x / (1 + alpha x^2) or x exp(-alpha |x|^gamma). centers
 * [V, H, W, K], attractors [V, H, W, N] in the same units -> y [V, H, W, K]. Source: ZoeDepth
 * section 3.2.
 */
export function attractor(
  centers: Value,
  attractors: Value,
  attributes: AttractorAttributes,
): Value {
  const known = { alpha: "number", kind: ATTRACTIONS, gamma: "number" } as const;
  checkOptions("attractor", attributes, known, { mean: "flag" });
  return apply(binCentersOps.attractor, { centers, attractors }, attributes)[0];
}
