// Products of matrices as ops. d_A = d_Y B^T, d_B = A^T d_Y, d_bias = the column sums of d_Y. Long
// sums are cut into slices by their shape alone and added in order.
import { columnSum } from "../../kernels/column_sum.ts";
import { gemm } from "../../kernels/gemm.ts";
import {
  gemmProblem,
  gemmSlices,
  type GemmProblem,
  type MatmulAttributes,
} from "../../kernels/gemm_problem.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { apply, reshape } from "../apply.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Lowering, Op, Tensor, Value } from "../value.ts";

// rows added by one invocation: few enough to keep the f32 error small and the adapter busy
const COLUMN_SUM_SLAB = 64;

/** The ops of this family, by name. */
export const gemmOps: {
  readonly matmul: Op<MatmulAttributes, "a" | "b" | "bias">;
  /** x [batches, rows, cols] -> y [batches, cols]. */
  readonly column_sum: Op<null, "x">;
} = {
  matmul: {
    name: "matmul",
    inputs: ["a", "b", "bias?"],
    outputs: ["y"],
    shapes: ({ a, b, bias }, attributes) => {
      const { batch, m, n } = gemmProblem({ a, b, bias }, attributes);
      return [[...batch, m, n]];
    },
    lower: (at) => {
      const { a, b, bias } = at.inputs;
      const y = at.outputs[0];
      const shapes = { a: a.shape, b: b.shape, bias: bias.shape };
      const slices = gemmSlices(gemmProblem(shapes, at.attributes));
      if (slices === 1) {
        at.call(gemm, { a, b, bias, y }, { ...at.attributes, slices });
        return;
      }
      const parts = at.temporary("slices", [slices, ...y.shape]);
      at.call(gemm, { a, b, bias, y: parts }, { ...at.attributes, slices });
      addRows(at, at.view(parts, [1, slices, size(y.shape)]), y);
    },
    gradient: ({ inputs, attributes, d_outputs, wants }) => {
      const [a, b, bias] = [inputs.a!, inputs.b!, inputs.bias];
      const d_y = d_outputs[0]!;
      const { transpose_a, transpose_b } = attributes;
      const problem = gemmProblem({ a: a.shape, b: b.shape, bias: bias?.shape ?? [0] }, attributes);
      const product = (
        left: Value,
        right: Value,
        transposeLeft: boolean,
        transposeRight: boolean,
      ): Value =>
        apply(
          gemmOps.matmul,
          { a: left, b: right, bias: null },
          { transpose_a: transposeLeft, transpose_b: transposeRight },
        )[0];
      // A = a: d_a = d_Y B^T; A = a^T: d_a = B d_Y^T; and likewise for b
      const d_a = (): Value =>
        transpose_a ? product(b, d_y, transpose_b, true) : product(d_y, b, false, !transpose_b);
      const d_b = (): Value =>
        transpose_b ? product(d_y, a, true, transpose_a) : product(a, d_y, !transpose_a, false);
      return [
        wants.a ? overBatches(d_a(), a.shape, problem, "a") : null,
        wants.b ? overBatches(d_b(), b.shape, problem, "b") : null,
        bias !== null && wants.bias ? biasGradient(d_y, bias.shape) : null,
      ];
    },
  },
  column_sum: {
    name: "column_sum",
    inputs: ["x"],
    outputs: ["y"],
    shapes: ({ x }) => {
      const [batches, , cols] = columnSum.shapes({ x }, { slab: 1 }).y;
      return [[batches, cols]];
    },
    lower: (at) => {
      addRows(at, at.inputs.x, at.outputs[0]);
    },
    gradient: null,
  },
};

/** Rows of one slice in the first pass over this many rows. */
export function rowsPerSum(rows: number): number {
  return rows > 2 * COLUMN_SUM_SLAB ? COLUMN_SUM_SLAB : Math.max(rows, 1);
}

/**
 * Adds up the rows of x [batches, rows, cols] in order into y, of batches x cols elements: slice by
 * slice, then the slices likewise, so that no invocation adds more than two slices' rows.
 */
export function addRows(
  { temporary, view, call }: Pick<Lowering<unknown>, "temporary" | "view" | "call">,
  x: Tensor,
  y: Tensor,
): void {
  const [batches, , cols] = x.shape;
  let from = x;
  let slab = rowsPerSum(from.shape[1]);
  while (slab < from.shape[1]) {
    const parts = temporary("slabs", [batches, Math.ceil(from.shape[1] / slab), cols]);
    call(columnSum, { x: from, y: parts }, { slab });
    from = parts;
    slab = rowsPerSum(from.shape[1]);
  }
  call(columnSum, { x: from, y: view(y, [batches, 1, cols]) }, { slab });
}

/** Sums the gradient of every batch over the batches that share one matrix of this side. */
function overBatches(gradient: Value, shape: Shape, problem: GemmProblem, side: "a" | "b"): Value {
  const { batches, inner } = problem;
  const outer = batches / inner;
  const matrix = size(gradient.shape.slice(-2));
  const rests = {
    outer: outer > 1 && problem[`${side}_outer`] === 0,
    inner: inner > 1 && problem[`${side}_inner`] === 0,
  };
  if (!rests.outer && !rests.inner) return reshape(gradient, shape);
  const rows: Shape = rests.inner ? [outer, inner, matrix] : [1, outer, inner * matrix];
  return reshape(columnSumOf(reshape(gradient, rows)), shape);
}

function biasGradient(d_y: Value, shape: Shape): Value {
  const cols = shape[0];
  const rows = cols === 0 ? 0 : size(d_y.shape) / cols;
  return reshape(columnSumOf(reshape(d_y, [1, rows, cols])), shape);
}

function columnSumOf(x: Value): Value {
  return apply(gemmOps.column_sum, { x }, null)[0];
}

/** Options of `matmul`. */
export interface MatmulOptions {
  /** a is stored [.., K, M]. */
  readonly transposeA?: boolean;
  /** b is stored [.., N, K]. */
  readonly transposeB?: boolean;
  /** [N], added to every row. */
  readonly bias?: Value | null;
}

/**
 * y = A B + bias. a [batch.., M, K], b [batch.., K, N] -> y [batch.., M, N]; batch axes broadcast
 * as in NumPy. Throws with the numbers if the operands do not fit, or if their batch axes broadcast
 * alternately ([2, 1, 2] with [1, 3, 1]).
 */
export function matmul(a: Value, b: Value, options: MatmulOptions = {}): Value {
  const known = { transposeA: "flag", transposeB: "flag", bias: "value" } as const;
  checkOptions("matmul", options, {}, known);
  const { transposeA = false, transposeB = false, bias = null } = options;
  const attributes = { transpose_a: transposeA, transpose_b: transposeB };
  // one matrix b for all batches: one tall product, and its gradient one long sum
  const tall = a.shape.length > 2 && b.shape.length === 2 && !transposeA;
  if (!tall) return apply(gemmOps.matmul, { a, b, bias }, attributes)[0];
  const rows = reshape(a, [size(a.shape.slice(0, -1)), a.shape.at(-1)!]);
  const y = apply(gemmOps.matmul, { a: rows, b, bias }, attributes)[0];
  return reshape(y, [...a.shape.slice(0, -1), y.shape[1]]);
}

/** y = x weight^T + bias. x [.., K], weight [O, K], bias [O] -> y [.., O]. */
export function linear(x: Value, weight: Value, bias: Value | null = null): Value {
  if (x.shape.length >= 2) return matmul(x, weight, { transposeB: true, bias });
  return reshape(matmul(reshape(x, [1, size(x.shape)]), weight, { transposeB: true, bias }), [
    weight.shape[0],
  ]);
}
