// Products of matrices: batched, either side transposed, with bias; eight mappings of one function.
import type { AdapterFacts } from "../gpu/device.ts";
import { MOST_DIFFERENCED, withGradient, type Problem } from "../engine/problem.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
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
import {
  gemmProblem,
  slabOf,
  stepsOf,
  type GemmAttributes,
  type GemmProblem,
  type Input,
  type Shapes,
  type Steps,
} from "./gemm_problem.ts";
import { shaders } from "./shaders.gen.ts";

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
    name: "fours, terms of two loads less one, a tile of rows and one, bias",
    shapes: { a: [257, 60], b: [60, 32], bias: [32] },
    attributes: plain,
  },
  {
    name: "fours, terms of two loads, a tile of rows less one, b transposed",
    shapes: { a: [255, 64], b: [68, 64], bias: none },
    attributes: { ...plain, transpose_b: true },
  },
  {
    name: "fours, terms of two loads and one, one matrix for all batches, bias",
    shapes: { a: [3, 68], b: [2, 68, 40], bias: [40] },
    attributes: plain,
  },
  {
    name: "fours, slices, the last one shorter, b transposed, bias",
    shapes: { a: [2, 5, 36], b: [2, 12, 36], bias: [12] },
    attributes: { transpose_a: false, transpose_b: true, slices: 5 },
  },
  {
    name: "fours, three panels of terms, the last one shorter, bias",
    shapes: { a: [129, 140], b: [140, 36], bias: [36] },
    attributes: plain,
  },
  {
    name: "fours, two panels of terms, slices, b transposed, batches of both",
    shapes: { a: [2, 130, 264], b: [2, 100, 264], bias: none },
    attributes: { ...plain, transpose_b: true, slices: 2 },
  },
  {
    name: "fours, bias, relu",
    shapes: { a: [49, 28], b: [36, 28], bias: [36] },
    attributes: { ...plain, transpose_b: true, relu: true },
  },
  {
    name: "fours, slices, relu of each",
    shapes: { a: [50, 8], b: [8, 12], bias: [12] },
    attributes: { ...plain, slices: 2, relu: true },
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
  overrides: (_, { transpose_a, transpose_b, relu = false }) => ({
    TRANSPOSE_A: transpose_a,
    TRANSPOSE_B: transpose_b,
    RELU: relu,
  }),
  flags: ({ relu = false }) => (relu ? ["RELU"] : []),
  grid: (params, { SIDE, TM, TN }) => tiles(params, SIDE * TM, SIDE * TN),
  variants: () => [
    gemmOuter,
    gemmPanel,
    gemmPanels,
    gemmVec4,
    gemmSubgroup,
    gemmRegister,
    gemmMatrix,
  ],
});

const OUTER = shaders.gemm_outer.constants;
/** Widths of subgroups that `gemmOuter` and `gemmPanel` are written for. */
const NARROW_LANES = [4, 8, 16];
/** Vectors of columns per invocation, chosen for 8 lanes: two where n fills them. */
const vectorsOf = (n: number): 1 | 2 => (fills(n, 64) ? 2 : 1);

/**
 * As `gemm` with a transposed and b not, in outer products of its rows, one subgroup of 4, 8 or 16
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
      isOuter && NARROW_LANES.includes(subgroupWidth(facts).lanes) && m % 4 === 0 && n % 4 === 0
    );
  },
  suits: (facts, shapes, attributes) => {
    const { m, n } = gemmProblem(shapes, attributes);
    const { lanes } = subgroupWidth(facts);
    return facts.software && fills(m, OUTER.ROWS) && fills(n, 4 * lanes * vectorsOf(n));
  },
});

const [PANEL_TERMS, PANEL_ROWS] = (["TERMS", "ROWS"] as const).map(
  (line) => shaders.gemm_panel.tune.find(({ name }) => name === line)!.values as readonly number[],
);
const MOST_TERMS = PANEL_TERMS.at(-1)!;
/** Rows whose products are worth the copy of the panel, and of several. */
const LEAST_ROWS = { one: 48, several: 128 } as const;
/** Workgroups that keep the threads of a software adapter busy. */
const PANEL_GROUPS = 8;

/** The part that `gemmPanel` and `gemmPanels` share, which have tiles of the same sizes. */
const panels = {
  grid: (
    params: GemmParams,
    { ROWS, VECTORS, LANES }: Readonly<Record<"ROWS" | "VECTORS" | "LANES", number>>,
  ): Grid => tiles(params, ROWS, 4 * LANES * Math.min(VECTORS, 16 / LANES)),
  runs: (facts: AdapterFacts, shapes: Shapes, attributes: GemmAttributes): boolean => {
    const { n, k } = gemmProblem(shapes, attributes);
    const inFours = [n, k, slabOf(k, attributes.slices)].every((count) => count % 4 === 0);
    const isNarrow = NARROW_LANES.includes(subgroupWidth(facts).lanes);
    return isNarrow && !attributes.transpose_a && inFours;
  },
} as const;

/**
 * As `gemm` with a not transposed, and b in private memory, one subgroup of 4, 8 or 16 lanes per
 * workgroup: for software adapters, where N and the terms of a slice are multiples of four, the
 * terms at most 128, and there are 48 rows.
 */
export const gemmPanel: Kernel<typeof shaders.gemm_panel, GemmAttributes> = mapping(gemm, {
  ...panels,
  shader: shaders.gemm_panel,
  overrides: (shapes, attributes) => {
    const terms = termsOf(shapes, attributes);
    const room = PANEL_TERMS.find((most) => most >= terms);
    return {
      TRANSPOSE_B: attributes.transpose_b,
      RELU: attributes.relu ?? false,
      TERMS: room ?? MOST_TERMS,
    };
  },
  // two vectors of 128 terms are more than the first cache
  tuneRule: (shapes, attributes) =>
    panelRule(shapes, attributes, termsOf(shapes, attributes) <= 96 ? 2 : 1),
  runs: (facts, shapes, attributes) =>
    panels.runs(facts, shapes, attributes) && termsOf(shapes, attributes) <= MOST_TERMS,
  suits: (facts, shapes, attributes) =>
    facts.software && gemmProblem(shapes, attributes).m >= LEAST_ROWS.one,
});

/** As `gemmPanel`, panel after panel: for more terms, where there are 128 rows. */
export const gemmPanels: Kernel<typeof shaders.gemm_panels, GemmAttributes> = mapping(gemm, {
  ...panels,
  shader: shaders.gemm_panels,
  tuneRule: (shapes, attributes) => {
    const rule = panelRule(shapes, attributes, 2);
    const terms = termsOf(shapes, attributes);
    // a panel costs a copy and one more load and store of y, as much as 32 terms
    const cost = (room: number): number => Math.ceil(terms / room) * (room + 32);
    const fit = rule.VECTORS === 2 ? [64, 96] : [64, 96, 128];
    const least = fit.reduce((best, room) => (cost(room) < cost(best) ? room : best));
    return { ...rule, TERMS: least };
  },
  suits: (facts, shapes, attributes) =>
    facts.software && gemmProblem(shapes, attributes).m >= LEAST_ROWS.several,
});

/** Terms of a slice of a product. */
function termsOf(shapes: Shapes, attributes: GemmAttributes): number {
  return slabOf(gemmProblem(shapes, attributes).k, attributes.slices);
}

/**
 * One or two vectors of columns per invocation, chosen for 8 lanes: two, if they are allowed and
 * leave no more lanes idle. As many rows as leave eight workgroups.
 */
function panelRule(
  shapes: Shapes,
  attributes: GemmAttributes,
  most: 1 | 2,
): { readonly VECTORS: number; readonly ROWS: number } {
  const { m, n, batches } = gemmProblem(shapes, attributes);
  const across = Math.ceil(n / 32);
  const VECTORS = across % 2 === 0 ? most : 1;
  const columns = Math.ceil(across / VECTORS) * batches * attributes.slices;
  const fit = PANEL_ROWS.filter((rows) => Math.ceil(m / rows) * columns >= PANEL_GROUPS);
  return { VECTORS, ROWS: fit.at(-1) ?? PANEL_ROWS[0] };
}

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
  if (attributes.relu === true) y.forEach((sum, i) => (y[i] = Math.max(sum, 0)));
  return { y };
}
