// Resampling of images to another size as ops.
import {
  CORNERS,
  resizeBilinear as bilinearKernel,
  resizeBilinearGrad,
  resizeGradAttributes,
  resizeNearest as nearestKernel,
  resizeNearestGrad,
  ROUNDINGS,
  type Corners,
  type ResizeBilinearAttributes,
  type ResizeBilinearGradAttributes,
  type ResizeNearestAttributes,
  type ResizeNearestGradAttributes,
  type Rounding,
} from "../../kernels/resize.ts";
import { apply, kernelOp } from "../apply.ts";
import { checkChoice } from "../options.ts";
import type { Op, Rules, Value } from "../value.ts";

/** The ops of this family, by name. */
export const resizeOps: {
  readonly resize_nearest: Op<ResizeNearestAttributes>;
  readonly resize_nearest_grad: Op<ResizeNearestGradAttributes>;
  readonly resize_bilinear: Op<ResizeBilinearAttributes>;
  readonly resize_bilinear_grad: Op<ResizeBilinearGradAttributes>;
} = {
  resize_nearest: kernelOp("resize_nearest", nearestKernel, ["x"], ["y"]),
  resize_nearest_grad: kernelOp("resize_nearest_grad", resizeNearestGrad, ["d_y"], ["d_x"]),
  resize_bilinear: kernelOp("resize_bilinear", bilinearKernel, ["x"], ["y"]),
  resize_bilinear_grad: kernelOp("resize_bilinear_grad", resizeBilinearGrad, ["d_y"], ["d_x"]),
};

/** Their gradient rules: both are linear in x. */
export const resizeRules: Rules<typeof resizeOps> = {
  resize_nearest: ({ inputs: [x], attributes, d_outputs: [d_y] }) =>
    apply(resizeOps.resize_nearest_grad, [d_y!], resizeGradAttributes(x!.shape, attributes)),
  resize_nearest_grad: null,
  resize_bilinear: ({ inputs: [x], attributes, d_outputs: [d_y] }) =>
    apply(resizeOps.resize_bilinear_grad, [d_y!], resizeGradAttributes(x!.shape, attributes)),
  resize_bilinear_grad: null,
};

/**
 * y = x at the nearest pixels; by default PyTorch's "nearest", floor(o n / m). x [V,H,W,C] -> y [V,
 * `to`, C].
 */
export function resizeNearest(
  x: Value,
  to: readonly [number, number],
  corners: Corners = "asymmetric",
  rounding: Rounding = "floor",
): Value {
  checkChoice("resizeNearest", "corners", corners, CORNERS);
  checkChoice("resizeNearest", "rounding", rounding, ROUNDINGS);
  return apply(resizeOps.resize_nearest, [x], { size: to, corners, rounding })[0];
}

/**
 * y = x linearly between its pixels, without smoothing before reduction. x [V,H,W,C] -> y [V, `to`,
 * C].
 */
export function resizeBilinear(x: Value, to: readonly [number, number], corners: Corners): Value {
  checkChoice("resizeBilinear", "corners", corners, CORNERS);
  return apply(resizeOps.resize_bilinear, [x], { size: to, corners })[0];
}
