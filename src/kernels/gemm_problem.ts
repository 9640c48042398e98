// Products of matrices as problems: which sides are transposed, how batches broadcast, where the
// operands' elements are, and into how many slices a sum is cut.
import { formatShape, size, type Shape } from "../tensor/shape.ts";

/** Storage of the matrices: `transpose_a`: a is [.., K, M]; `transpose_b`: b is [.., N, K]. */
export interface MatmulAttributes {
  readonly transpose_a: boolean;
  readonly transpose_b: boolean;
}
/**
 * `slices` > 1 cuts the sum into slices, stored one after the other: y [slices, batch.., M, N].
 * `relu`: y is max(y, 0), each slice by itself.
 */
export interface GemmAttributes extends MatmulAttributes {
  readonly slices: number;
  readonly relu?: boolean;
}

export type Input = "a" | "b" | "bias";
export type Shapes = Readonly<Record<Input, Shape>>;

/** The numbers of a product: y [batch.., m, n] of k terms, and the steps of a and b in matrices. */
export interface GemmProblem {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: Shape;
  readonly batches: number;
  /** Batches are (outer, inner); a step is in matrices, 0 where that side repeats. */
  readonly inner: number;
  readonly a_outer: number;
  readonly a_inner: number;
  readonly b_outer: number;
  readonly b_inner: number;
}

/** Reads a product off the shapes of its operands; throws with the numbers if they do not fit. */
export function gemmProblem({ a, b, bias }: Shapes, attributes: MatmulAttributes): GemmProblem {
  const { transpose_a, transpose_b } = attributes;
  if (a.length < 2 || b.length < 2) {
    throw new Error(
      `a${formatShape(a)} and b${formatShape(b)} must be matrices, with or without batch axes`,
    );
  }
  const [m, k] = (transpose_a ? [a.at(-1), a.at(-2)] : [a.at(-2), a.at(-1)]) as [number, number];
  const [n, terms] = (transpose_b ? [b.at(-2), b.at(-1)] : [b.at(-1), b.at(-2)]) as [
    number,
    number,
  ];
  if (terms !== k) {
    const left = transpose_a ? "a transposed" : "a";
    const right = transpose_b ? "b transposed" : "b";
    throw new Error(`${left} has ${k} columns, ${right} ${terms} rows; they must be equal`);
  }
  if (!(bias.length === 1 && (bias[0] === n || bias[0] === 0))) {
    throw new Error(`bias${formatShape(bias)} must be [${n}], one number per column`);
  }
  return { m, n, k, ...batching(a.slice(0, -2), b.slice(0, -2)) };
}

type Batching = Omit<GemmProblem, "m" | "n" | "k">;

/**
 * Broadcasts batch axes as NumPy does, folded into at most two runs that a, b or both step along.
 */
function batching(a: Shape, b: Shape): Batching {
  const rank = Math.max(a.length, b.length);
  const batch: number[] = [];
  const runs: { count: number; a: boolean; b: boolean }[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new Error(`batch axes ${formatShape(a)} and ${formatShape(b)} do not broadcast`);
    }
    const count = left === 1 ? right : left;
    batch.push(count);
    if (count === 1) continue;
    const run = { count, a: left !== 1, b: right !== 1 };
    const last = runs.at(-1);
    if (last !== undefined && last.a === run.a && last.b === run.b) last.count *= count;
    else runs.push(run);
  }
  if (runs.length > 2) {
    throw new Error(
      `batch axes ${formatShape(a)}, ${formatShape(b)} broadcast in both directions; expand one side first`,
    );
  }
  const inner = runs.at(-1) ?? { count: 1, a: false, b: false };
  const outer = runs.length === 2 ? runs[0] : { count: 1, a: false, b: false };
  const step = (side: "a" | "b"): number => (outer[side] ? (inner[side] ? inner.count : 1) : 0);
  return {
    batch,
    batches: size(batch),
    inner: Math.max(inner.count, 1),
    a_outer: step("a"),
    a_inner: Number(inner.a),
    b_outer: step("b"),
    b_inner: Number(inner.b),
  };
}

/**
 * The number of slices of a sum, from its shape alone so that every adapter adds in one order:
 * enough for two workgroups on each of a large GPU's 132 cores, none under 512 terms, none over
 * 4096 (the f32 error of a running sum).
 */
export function gemmSlices({ m, n, k, batches }: GemmProblem): number {
  const tiles = Math.ceil(m / 64) * Math.ceil(n / 64) * batches;
  if (k < 1024 || tiles === 0) return 1;
  const fill = Math.min(16, Math.ceil(264 / tiles), Math.floor(k / 512));
  return Math.max(fill, Math.ceil(k / 4096));
}

/**
 * Elements from row to row, term to term and column to column of A [m, k] and B [k, n] as stored.
 */
export interface Steps {
  readonly a_row: number;
  readonly a_term: number;
  readonly b_term: number;
  readonly b_col: number;
}
/** Those of a product as its operands are stored. */
export function stepsOf(
  { m, n, k }: Pick<GemmProblem, "m" | "n" | "k">,
  { transpose_a, transpose_b }: MatmulAttributes,
): Steps {
  const [a_row, a_term] = transpose_a ? [1, m] : [k, 1];
  const [b_term, b_col] = transpose_b ? [1, k] : [n, 1];
  return { a_row, a_term, b_term, b_col };
}

/** Terms of a slice of a sum of `k`. */
export function slabOf(k: number, slices: number): number {
  return Math.ceil(k / slices);
}
