// 1x1 convolutions of stride 1, and their gradients with respect to the input, as products of
// matrices: where they run, and the call that makes one.
import { ruleMapping } from "../engine/mapping.ts";
import type { Conv2dAttributes, Conv2dParams } from "../kernels/convolution/conv2d_geometry.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import { gemm, gemmPanel, gemmPanels } from "../kernels/gemm.ts";
import { gemmProblem, gemmSlices, type GemmAttributes } from "../kernels/gemm_problem.ts";
import { size, type Shape } from "../tensor/shape.ts";
import type { Lowering, Tensor } from "./value.ts";

/** Columns below which the convolutions have mappings that are faster, because of idle lanes. */
const LEAST_COLUMNS = 12;
/** Pixels below which a step saves less than 30 us for a pipeline that takes a second to compile. */
const LEAST_PIXELS = 256;

/** The mappings of a product that are faster than those of a convolution. */
const FAST: ReadonlySet<AnyKernel> = new Set<AnyKernel>([gemmPanel, gemmPanels]);

/** A convolution, or its gradient with respect to the input, which multiplies by the weight itself. */
interface Product {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly y: Tensor;
  readonly turned: boolean;
  readonly relu: boolean;
}

/**
 * Adds the product of a 1x1 convolution where it is faster than a convolution on this adapter, and
 * says whether it did: where `gemmPanel` or `gemmPanels` computes it, in one sum. x [V, H, W, C],
 * weight [O, 1, 1, C] -> y [V, H, W, O]; turned: x [V, H, W, O] -> y [V, H, W, C].
 */
export function loweredAsProduct(
  { facts, view, call }: Pick<Lowering<unknown>, "facts" | "view" | "call">,
  p: Conv2dParams,
  attributes: Conv2dAttributes,
  { x, weight, bias, y, turned, relu }: Product,
): boolean {
  const pixels = size(x.shape.slice(0, -1));
  const isLarge = pixels >= LEAST_PIXELS && y.shape[3] >= LEAST_COLUMNS;
  if (!isLarge || !isPointwise(p, attributes)) return false;
  const rows = (tensor: Tensor): Tensor => {
    const columns = tensor.shape[3];
    const shape: Shape = [size(tensor.shape.slice(0, -1)), columns];
    return view(tensor, shape);
  };
  const bindings = { a: rows(x), b: rows(weight), bias, y: rows(y) };
  const product: GemmAttributes = {
    transpose_a: false,
    transpose_b: !turned,
    slices: 1,
    ...(relu ? { relu } : {}),
  };
  const { a, b } = bindings;
  const operands = { a: a.shape, b: b.shape, bias: bias.shape };
  if (gemmSlices(gemmProblem(operands, product)) > 1) return false;
  if (!FAST.has(ruleMapping(gemm, facts, operands, product))) return false;
  call(gemm, bindings, product);
  return true;
}

/** Whether each output pixel is a product of one input pixel and the weight. */
function isPointwise(p: Conv2dParams, { padding, groups, stride }: Conv2dAttributes): boolean {
  const isOne = [p.kernel_h, p.kernel_w, ...stride, groups].every((value) => value === 1);
  return isOne && padding.every((zeros) => zeros === 0);
}
