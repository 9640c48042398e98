// Pooling of images over windows as ops.
import {
  poolAverage,
  poolAverageGrad,
  pooledSize,
  poolMax,
  poolMaxGrad,
  type PoolAttributes,
  type PoolAverageAttributes,
  type PoolAverageGradAttributes,
} from "../../kernels/pool.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape } from "../../tensor/shape.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";
import { reduce } from "./reduce.ts";

/**
 * The ops of this family, by name. The first maximum of a window takes its gradient, a mean
 * shares it.
 */
export const poolOps: {
  readonly max_pool: Op<PoolAttributes, "x">;
  readonly max_pool_grad: Op<PoolAttributes, "x" | "y" | "d_y">;
  readonly average_pool: Op<PoolAverageAttributes, "x">;
  readonly average_pool_grad: Op<PoolAverageGradAttributes, "d_y">;
} = {
  max_pool: kernelOp(
    "max_pool",
    poolMax,
    ["x"],
    ["y"],
    ({ inputs: { x }, outputs: [y], attributes, d_outputs: [d_y] }) =>
      apply(poolOps.max_pool_grad, { x: x!, y, d_y: d_y! }, attributes),
  ),
  max_pool_grad: kernelOp("max_pool_grad", poolMaxGrad, ["x", "y", "d_y"], ["d_x"], null),
  average_pool: kernelOp(
    "average_pool",
    poolAverage,
    ["x"],
    ["y"],
    ({ inputs: { x }, attributes, d_outputs: [d_y] }) => {
      const from = [x!.shape[1], x!.shape[2]] as const;
      return apply(poolOps.average_pool_grad, { d_y: d_y! }, { ...attributes, from });
    },
  ),
  average_pool_grad: kernelOp("average_pool_grad", poolAverageGrad, ["d_y"], ["d_x"], null),
};

/** One number for rows and columns, or [rows, columns]. */
export type Extent = number | readonly [number, number];
/** Windows over an image; the defaults are stride 1, dilation 1 and padding 0. */
export interface PoolOptions {
  readonly window: Extent;
  readonly stride?: Extent;
  readonly dilation?: Extent;
  /** Rows and columns on each side, or [top, bottom, left, right]. */
  readonly pad?: number | readonly [number, number, number, number];
  /** Include a last window that reaches beyond the padding. */
  readonly ceil?: boolean;
}

/**
 * y = largest value of each window; among equal ones the first takes the gradient. x [V,H,W,C] -> y
 * [V,H2,W2,C].
 */
export function maxPool(x: Value, options: PoolOptions): Value {
  return apply(poolOps.max_pool, { x }, resolved(x, options))[0];
}

/**
 * y = mean of each window over its taps inside the image or, with `countPadding`, inside image and
 * padding.
 */
export function averagePool(x: Value, options: PoolOptions, countPadding = false): Value {
  return apply(poolOps.average_pool, { x }, { ...resolved(x, options), countPadding })[0];
}

/** y = mean over all pixels. x [V,H,W,C] -> y [V,1,1,C]. */
export function globalAveragePool(x: Value): Value {
  return reduce(x, "mean", { axes: [1, 2], keep: true });
}

function resolved(x: Value, options: PoolOptions): PoolAttributes {
  const rest = { stride: "numbers", dilation: "numbers", pad: "numbers", ceil: "flag" } as const;
  checkOptions("pool", options, { window: "numbers" }, rest);
  if (x.shape.length !== 4) {
    throw new InputError(`pool: ${x.name}${formatShape(x.shape)} must be [V, H, W, C]`);
  }
  const { stride = 1, dilation = 1, pad = 0, ceil = false } = options;
  const [window, steps, gaps] = [pair(options.window), pair(stride), pair(dilation)];
  const padding = typeof pad === "number" ? ([pad, pad, pad, pad] as const) : pad;
  const [top, bottom, left, right] = padding;
  const size = [
    pooledSize(x.shape[1], window[0], steps[0], [top, bottom], gaps[0], ceil),
    pooledSize(x.shape[2], window[1], steps[1], [left, right], gaps[1], ceil),
  ] as const;
  if (size.some((windows) => windows === 0)) {
    throw new InputError(
      `pool: a window of ${window.join("x")} and dilation ${gaps.join("x")} does not fit ` +
        `${x.name}${formatShape(x.shape)} with padding [${padding.join(", ")}]`,
    );
  }
  return { window, stride: steps, dilation: gaps, padding, size };
}

function pair(extent: Extent): readonly [number, number] {
  return typeof extent === "number" ? [extent, extent] : extent;
}
