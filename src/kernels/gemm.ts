// Products of matrices: batched, either side transposed, with bias; six mappings of one function.
import { MOST_DIFFERENCED, withGradient, type Problem } from "../engine/problem.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { foldGrid, kernel, type Grid, type Kernel } from "../engine/kernel.ts";
import {
  F16_TERMS,
  fills,
  fitMatrices,
  mapping,
  onSoftware,
  onSoftwareInFours,
} from "../engine/mapping.ts";
import { inSubgroups, subgroupWidth } from "../engine/subgroups.ts";
import { shaders } from "./shaders.gen.ts";

/** Storage of the matrices: `transpose_a`: a is [.., K, M]; `transpose_b`: b is [.., N, K]. */
export interface MatmulAttributes {
  readonly transpose_a: boolean;
  readonly transpose_b: boolean;
}
/** `slices` > 1 cuts the sum into slices, stored one after the other: y [slices, batch.., M, N]. */
export interface GemmAttributes extends MatmulAttributes {
  readonly slices: number;
}

type Input = "a" | "b" | "bias";
type Shapes = Readonly<Record<Input, Shape>>;

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

const plain = { transpose_a: false, transpose_b: false, slices: 1 };
const none: Shape = [0];
const B_TRANSPOSED = "primes, b transposed, bias";
const OUTER_PRODUCT = "outer product of batches";
/** Rows whose bias takes two passes, and so many that the sum for b is cut in slices. */
const LINEAR_LAYERS = [
  { wrt: ["a", "b", "bias"], shapes: { a: [2, 75, 6], b: [3, 6], bias: [3] } },
  { wrt: ["b", "bias"], linear: true, shapes: { a: [1100, 6], b: [3, 6], bias: [3] } },
] as const;
/** One matrix for all batches, on either side, and batches of both interleaved. */
const SHARED = [
  { wrt: ["a", "b"], shapes: { a: [4, 3], b: [2, 3, 3, 5], bias: [0] } },
  { wrt: ["a", "b"], shapes: { a: [2, 4, 3], b: [3, 5], bias: [0] } },
] as const;
const cases: readonly Problem<Input, GemmAttributes>[] = [
  {
    name: "a tile and one, bias",
    shapes: { a: [65, 17], b: [17, 65], bias: [65] },
    attributes: plain,
  },
  { name: "one", shapes: { a: [1, 1], b: [1, 1], bias: none }, attributes: plain },
  {
    name: "a tile less one, a transposed",
    shapes: { a: [15, 63], b: [15, 63], bias: none },
    attributes: { ...plain, transpose_a: true },
  },
  {
    name: B_TRANSPOSED,
    shapes: { a: [37, 101], b: [29, 101], bias: [29] },
    attributes: { ...plain, transpose_b: true },
  },
  {
    name: "both transposed, a row of batches",
    shapes: { a: [2, 3, 7, 19], b: [2, 3, 33, 7], bias: none },
    attributes: { ...plain, transpose_a: true, transpose_b: true },
  },
  {
    name: OUTER_PRODUCT,
    shapes: { a: [2, 1, 5, 7], b: [3, 7, 9], bias: [9] },
    attributes: plain,
  },
  {
    name: "no terms: the bias alone",
    shapes: { a: [4, 0], b: [0, 3], bias: [3] },
    attributes: plain,
  },
  { name: "no rows", shapes: { a: [0, 3], b: [3, 5], bias: none }, attributes: plain },
  {
    name: "a sum in slices, the last one shorter",
    shapes: { a: [2, 100, 31], b: [2, 100, 40], bias: [40] },
    attributes: { transpose_a: true, transpose_b: false, slices: 3 },
  },
  {
    name: "tokens of a view relation",
    shapes: { a: [6, 60, 256], b: [6, 60, 256], bias: none },
    attributes: { ...plain, transpose_b: true },
  },
];

// sides and terms in fours, which another mapping takes
const fours: readonly Problem<Input, GemmAttributes>[] = [
  { name: "one vector", shapes: { a: [1, 4], b: [4, 4], bias: none }, attributes: plain },
  {
    name: "fours, a tile and some, bias",
    shapes: { a: [33, 20], b: [20, 36], bias: [36] },
    attributes: plain,
  },
  {
    name: "fours, b transposed, batches on one side",
    shapes: { a: [2, 31, 12], b: [28, 12], bias: none },
    attributes: { ...plain, transpose_b: true },
  },
  {
    name: "fours, a transposed, slices, the last one shorter, bias",
    shapes: { a: [3, 20, 36], b: [3, 20, 68], bias: [68] },
    attributes: { transpose_a: true, transpose_b: false, slices: 3 },
  },
  {
    name: "fours, a transposed, an odd number of terms, bias",
    shapes: { a: [2, 13, 28], b: [2, 13, 124], bias: [124] },
    attributes: { ...plain, transpose_a: true },
  },
  {
    name: "fours, a transposed, one term, slices that are empty",
    shapes: { a: [1, 4], b: [1, 12], bias: [12] },
    attributes: { transpose_a: true, transpose_b: false, slices: 2 },
  },
  {
    name: "fours, both transposed",
    shapes: { a: [8, 28], b: [132, 8], bias: none },
    attributes: { ...plain, transpose_a: true, transpose_b: true },
  },
  {
    name: "fours, no terms: the bias alone",
    shapes: { a: [3, 0], b: [0, 4], bias: [4] },
    attributes: plain,
  },
  {
    name: "fours, but slices of a sum that are not",
    shapes: { a: [5, 12], b: [12, 8], bias: none },
    attributes: { ...plain, slices: 2 },
  },
];

type GemmParams = Record<
  Exclude<keyof GemmProblem, "batch"> | "slab" | "slices" | "has_bias" | keyof Steps,
  number
>;

/**
 * Elements from row to row, term to term and column to column of A [m, k] and B [k, n] as stored.
 */
interface Steps {
  readonly a_row: number;
  readonly a_term: number;
  readonly b_term: number;
  readonly b_col: number;
}
function stepsOf(
  { m, n, k }: Pick<GemmProblem, "m" | "n" | "k">,
  { transpose_a, transpose_b }: MatmulAttributes,
): Steps {
  const [a_row, a_term] = transpose_a ? [1, m] : [k, 1];
  const [b_term, b_col] = transpose_b ? [1, k] : [n, 1];
  return { a_row, a_term, b_term, b_col };
}

const slabOf = (k: number, slices: number): number => Math.ceil(k / slices);

const tiles = (params: GemmParams, rows: number, cols: number): Grid =>
  foldGrid(
    Math.ceil(params.m / rows) * Math.ceil(params.n / cols) * params.batches * params.slices,
  );

/** y = A B + bias, tiled. a [.., M, K], b [.., K, N], bias [N] or [0] -> y [.., M, N]. */
export const gemm: Kernel<typeof shaders.gemm, GemmAttributes> = kernel({
  shader: shaders.gemm,
  axes: { a: ["..., M, K", "..., K, M"], b: ["..., K, N", "..., N, K"], bias: "N" },
  shapes: (shapes, attributes) => {
    const { batch, m, n } = gemmProblem(shapes, attributes);
    const y = [...batch, m, n];
    return { y: attributes.slices === 1 ? y : [attributes.slices, ...y] };
  },
  params: (shapes, attributes) => {
    const { batch: _, ...numbers } = gemmProblem(shapes, attributes);
    const { slices } = attributes;
    return {
      ...numbers,
      ...stepsOf(numbers, attributes),
      slices,
      slab: slabOf(numbers.k, slices),
      has_bias: Number(shapes.bias[0] !== 0),
    };
  },
  // per term, a product and a sum; each operand once, y once
  cost: (shapes, attributes) => {
    const { m, n, k, batches } = gemmProblem(shapes, attributes);
    const y = batches * m * n;
    return {
      flops: 2 * y * k,
      bytes: 4 * (size(shapes.a) + size(shapes.b) + size(shapes.bias) + attributes.slices * y),
    };
  },
  terms: (shapes, attributes) => slabOf(gemmProblem(shapes, attributes).k, attributes.slices) + 1,
  cases: [
    ...withGradient(cases, ({ name, shapes: { a, bias }, attributes: { slices } }) => {
      // the op cuts sums by its own rule
      if (slices > 1 || size(a) > MOST_DIFFERENCED) return [];
      const added = size(bias) > 0 ? (["bias"] as const) : [];
      const checks = [
        { wrt: ["a", "b", ...added] },
        { wrt: ["a", ...added], linear: true },
        { wrt: ["b", ...added], linear: true },
      ] as const;
      if (name === B_TRANSPOSED) return [...checks, ...LINEAR_LAYERS];
      return name === OUTER_PRODUCT ? [...checks, ...SHARED] : checks;
    }),
    ...fours,
  ],
  reference,
  overrides: (_, { transpose_a, transpose_b }) => ({
    TRANSPOSE_A: transpose_a,
    TRANSPOSE_B: transpose_b,
  }),
  grid: (params, { SIDE, TM, TN }) => tiles(params, SIDE * TM, SIDE * TN),
  variants: () => [gemmOuter, gemmVec4, gemmSubgroup, gemmRegister, gemmMatrix],
});

const OUTER = shaders.gemm_outer.constants;
const OUTER_LANES = [4, 8, 16];
/** Vectors of columns per invocation, chosen for 8 lanes: two where n fills them. */
const vectorsOf = (n: number): 1 | 2 => (fills(n, 64) ? 2 : 1);

/**
 * As `gemm` with a transposed and b not, in outer products of two terms, one subgroup of 4, 8 or 16
 * lanes per workgroup: for software adapters, where M and N are multiples of four that fill their
 * tiles to five eighths.
 */
export const gemmOuter: Kernel<typeof shaders.gemm_outer, GemmAttributes> = mapping(gemm, {
  shader: shaders.gemm_outer,
  tuneRule: (shapes, attributes) => ({ VECTORS: vectorsOf(gemmProblem(shapes, attributes).n) }),
  grid: (params, { LANES, VECTORS }) => tiles(params, OUTER.ROWS, 4 * VECTORS * LANES),
  runs: (facts, shapes, attributes) => {
    const { m, n } = gemmProblem(shapes, attributes);
    const isOuter = attributes.transpose_a && !attributes.transpose_b;
    return (
      isOuter && OUTER_LANES.includes(subgroupWidth(facts).lanes) && m % 4 === 0 && n % 4 === 0
    );
  },
  suits: (facts, shapes, attributes) => {
    const { m, n } = gemmProblem(shapes, attributes);
    const { lanes } = subgroupWidth(facts);
    return facts.software && fills(m, OUTER.ROWS) && fills(n, 4 * lanes * vectorsOf(n));
  },
});

const VEC4 = shaders.gemm_vec4.constants;

/**
 * As `gemm`, with one subgroup per workgroup and four elements per load: for software adapters,
 * where N, the terms of a slice and the last axes of a and b are multiples of four, and N fills its tiles to
 * five eighths.
 */
export const gemmVec4: Kernel<typeof shaders.gemm_vec4, GemmAttributes> = mapping(gemm, {
  shader: shaders.gemm_vec4,
  grid: (params, { LANES }) => tiles(params, Math.min(VEC4.ROWS, 4 * LANES), 4 * LANES),
  runs: (facts, shapes, attributes) => {
    const { m, n, k } = gemmProblem(shapes, attributes);
    const terms = slabOf(k, attributes.slices);
    const wholes = [n, k, terms, ...(attributes.transpose_a ? [m] : [])];
    return inSubgroups(facts) && wholes.every((count) => count % 4 === 0);
  },
  suits: (facts, shapes, attributes) => onSoftwareInFours(facts, gemmProblem(shapes, attributes).n),
});

/** As `gemm`, with one subgroup per workgroup: for software adapters. */
export const gemmSubgroup: Kernel<typeof shaders.gemm_subgroup, GemmAttributes> = mapping(gemm, {
  shader: shaders.gemm_subgroup,
  grid: (params, { ROWS, LANES }) => tiles(params, ROWS, 4 * LANES),
  runs: inSubgroups,
  suits: onSoftware,
});

/** As `gemm`, using only registers: for other software adapters. */
export const gemmRegister: Kernel<typeof shaders.gemm_register, GemmAttributes> = mapping(gemm, {
  shader: shaders.gemm_register,
  grid: (params, { ROWS, COLS }) => tiles(params, ROWS, COLS),
  suits: onSoftware,
});

/** As `gemm`, on the matrix units of subgroups, with operands rounded to f16. */
export const gemmMatrix: Kernel<typeof shaders.gemm_matrix, GemmAttributes> = mapping(gemm, {
  shader: shaders.gemm_matrix,
  overrides: (_, { transpose_a, transpose_b }) => ({
    TRANSPOSE_A: transpose_a,
    TRANSPOSE_B: transpose_b,
  }),
  terms: (shapes, attributes) => gemm.terms!(shapes, attributes) + F16_TERMS,
  grid: (params, { DOWN, ACROSS, TM, TN, MATRIX_M, MATRIX_N }) =>
    tiles(params, DOWN * TM * MATRIX_M, ACROSS * TN * MATRIX_N),
  fit: fitMatrices,
  operands: "f16",
});

function reference<T extends NumberArray>(
  { a, b, bias }: Record<Input, T>,
  shapes: Shapes,
  attributes: GemmAttributes,
): { y: T } {
  const problem = gemmProblem(shapes, attributes);
  const { m, n, k, batches, inner } = problem;
  const { transpose_b, slices } = attributes;
  const slab = slabOf(k, slices);
  const { a_row, a_term } = stepsOf(problem, attributes);
  const y = like(a, slices * batches * m * n);
  for (let matrix = 0; matrix < slices * batches; matrix++) {
    const slice = Math.floor(matrix / batches);
    const batch = matrix % batches;
    const outer = Math.floor(batch / inner);
    const a_start = (outer * problem.a_outer + (batch % inner) * problem.a_inner) * m * k;
    const b_start = (outer * problem.b_outer + (batch % inner) * problem.b_inner) * k * n;
    const begin = slice * slab;
    const end = Math.min(begin + slab, k);
    for (let i = 0; i < m; i++) {
      const row = (matrix * m + i) * n;
      if (slice === 0 && bias.length > 0) y.set(bias, row);
      const a_at = a_start + i * a_row;
      if (transpose_b) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          const b_at = b_start + j * k;
          for (let t = begin; t < end; t++) sum += a[a_at + t * a_term] * b[b_at + t];
          y[row + j] += sum;
        }
      } else {
        for (let t = begin; t < end; t++) {
          const left = a[a_at + t * a_term];
          const b_at = b_start + t * n;
          for (let j = 0; j < n; j++) y[row + j] += left * b[b_at + j];
        }
      }
    }
  }
  return { y };
}
