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
import { checkChoice } from "../../tensor/options.ts";
import type { Op, Value } from "../value.ts";

/** The ops of this family, by name. Both are linear in x. */
export const resizeOps: {
  readonly resize_nearest: Op<ResizeNearestAttributes, "x">;
  readonly resize_nearest_grad: Op<ResizeNearestGradAttributes, "d_y">;
  readonly resize_bilinear: Op<ResizeBilinearAttributes, "x">;
  readonly resize_bilinear_grad: Op<ResizeBilinearGradAttributes, "d_y">;
} = {
  resize_nearest: kernelOp(
    "resize_nearest",
    nearestKernel,
    ["x"],
    ["y"],
    ({ inputs: { x }, attributes, d_outputs: [d_y] }) =>
      apply(
        resizeOps.resize_nearest_grad,
        { d_y: d_y! },
        resizeGradAttributes(x!.shape, attributes),
      ),
  ),
  resize_nearest_grad: kernelOp("resize_nearest_grad", resizeNearestGrad, ["d_y"], ["d_x"], null),
  resize_bilinear: kernelOp(
    "resize_bilinear",
    bilinearKernel,
    ["x"],
    ["y"],
    ({ inputs: { x }, attributes, d_outputs: [d_y] }) =>
      apply(
        resizeOps.resize_bilinear_grad,
        { d_y: d_y! },
        resizeGradAttributes(x!.shape, attributes),
      ),
  ),
  resize_bilinear_grad: kernelOp(
    "resize_bilinear_grad",
    resizeBilinearGrad,
    ["d_y"],
    ["d_x"],
    null,
  ),
};

/**
 * y = the nearest pixels of x; by default PyTorch's "nearest", floor(o n / m). x [V,H,W,C] -> y [V,
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
  return apply(resizeOps.resize_nearest, { x }, { size: to, corners, rounding })[0];
}

/**
 * y = x interpolated linearly between its pixels, without smoothing before reduction. x [V,H,W,C]
 * -> y [V, `to`, C].
 */
export function resizeBilinear(x: Value, to: readonly [number, number], corners: Corners): Value {
  checkChoice("resizeBilinear", "corners", corners, CORNERS);
  return apply(resizeOps.resize_bilinear, { x }, { size: to, corners })[0];
}
