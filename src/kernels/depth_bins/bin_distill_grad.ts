// Gradients of a distilled decode from the factors of each pixel: probabilities are recomputed, and
// the student's and the centres' gradients share one sweep where their shapes allow it.
import { like, type NumberArray } from "../../tensor/array.ts";
import { formatShape, sameShape, size, type Shape } from "../../tensor/shape.ts";
import {
  checkTeacher,
  DISTILL_SHAPES,
  FACTORS,
  kindNumber,
  teacherData,
  teacherFlops,
  teacherLogit,
  teacherShape,
  type BinDistillAttributes,
} from "./bin_distill.ts";
import {
  binGeometry,
  CENTERS,
  slabGeometry,
  type SharedCentersAttributes,
} from "./bin_expectation.ts";
import { binomialGeometry, checkPixels, rowsOfBins } from "./binomial_decode.ts";
import { binomialLogit, logChoose, ROW_NUMBERS } from "./binomial_row.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { readsAsQuads } from "../row_slice.ts";
import { shaders } from "../shaders.gen.ts";

/** The teacher, and how centres are shared. */
export interface BinDistillGradAttributes extends BinDistillAttributes {
  /** Sets of centres: V for one per image, 1 for one per rig; 0 if each pixel has its own. */
  readonly groups: number;
}
/**
 * The kind of teacher, and whether the gradient with respect to each pixel's own centres is wanted.
 */
export interface BinDistillGradBinomialAttributes extends BinDistillAttributes {
  readonly by_centers: boolean;
}
/** The kind of teacher, and the sets of centres: V for one per image, 1 for one per rig. */
export interface BinDistillGradSlabsAttributes
  extends BinDistillAttributes, SharedCentersAttributes {}

const pixels = (bins: Shape, each: number): Shape => [...bins.slice(0, -1), each];

/**
 * From the factors: gradients with respect to a logit (`below` the pixel's highest) and to a
 * centre.
 */
function gradientAt(
  factors: NumberArray,
  row: number,
  below: number,
  teacher: number | null,
  center: number,
  stopped = false,
): { d_z: number; d_center: number } {
  const at = FACTORS * row;
  const [, scale_s, max_t, scale_t] = factors.subarray(at, at + 4);
  const [a, b, g, e] = factors.subarray(at + 4, at + FACTORS);
  const p = Math.exp(below) * scale_s;
  const q = teacher === null ? 0 : Math.exp(teacher - max_t) * scale_t;
  const pull = stopped ? 0 : a * center - e;
  return { d_z: p * pull + g * (p - q), d_center: a * p + b * q };
}

const GRADIENT = shaders.bin_distill_grad.constants;
const SLABS = shaders.bin_distill_grad_binomial_slabs.constants;

/** Params of the sweeps over slices of SLAB pixels and tiles of TK bins. */
function tileGeometry(
  bins: Shape,
  groups: number,
  { SLAB, TK }: { readonly SLAB: number; readonly TK: number },
): { n: number; bins: number; tiles: number; slabs: number; pixels_per_center: number } {
  const { bins: count, slabs, pixels_per_center } = slabGeometry(bins, Math.max(groups, 1), SLAB);
  const tiles = Math.ceil(count / TK);
  const n = Math.max(groups, 1) * slabs * tiles;
  return { n, bins: count, tiles, slabs, pixels_per_center };
}

type GradientShapes = readonly [
  ...(typeof DISTILL_SHAPES)[number],
  stopped?: { readonly stopped: true },
];
const [[, ...eachPixel], [, ...oneAnImage]] = DISTILL_SHAPES;
/** The shapes of all cases, and two whose depth gives the logits no gradient. */
const GRADIENT_SHAPES: readonly GradientShapes[] = [
  ...DISTILL_SHAPES,
  ["stopped, the first shape", ...eachPixel, { stopped: true }],
  ["stopped, one set of centres per image", ...oneAnImage, { stopped: true }],
];
const groupsOf = (bins: Shape, centers: Shape): number =>
  sameShape(bins, centers) ? 0 : centers[0];

/**
 * d_student = p (a c - e) + g (p - q), d_centers = a p + b q (summed in slices of pixels that share
 * a set of centres). student [V, H, W, K], teacher in the shape of its kind, centers, factors [V,
 * H, W, 8] -> d_student [V, H, W, K], d_centers [groups, slabs, K], or [V, H, W, K] for groups 0.
 */
export const binDistillGrad: Kernel<typeof shaders.bin_distill_grad, BinDistillGradAttributes> =
  kernel({
    shader: shaders.bin_distill_grad,
    axes: {
      student: "V, H, W, K",
      teacher: ["V, H, W, 1", "V, H, W, K", "V, H, W, 5"],
      centers: ["V, H, W, K", "V, 1, 1, K", "1, 1, 1, K"],
      factors: "V, H, W, 8",
    },
    shapes: ({ student, teacher, centers, factors }, attributes) => {
      binGeometry(student, centers, [0]);
      checkTeacher(teacher, student, attributes.teacher);
      checkPixels("factors", factors, student, FACTORS);
      const { groups } = attributes;
      const own = sameShape(student, centers);
      if (groups === 0 ? !own : groups !== centers[0]) {
        throw new Error(
          `${groups} rows of centres, expected those of centers${formatShape(centers)}`,
        );
      }
      const { slabs, bins } = tileGeometry(student, groups, GRADIENT);
      return { d_student: student, d_centers: groups === 0 ? student : [groups, slabs, bins] };
    },
    params: ({ student }, { groups }) => tileGeometry(student, groups, GRADIENT),
    overrides: (_, { teacher, groups, stopped = false }) => ({
      TEACHER: kindNumber(teacher),
      SHARED: groups > 0,
      STOPPED: stopped,
    }),
    grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / WG)),
    // per bin: two exponentials (8 each), the teacher's logit, 13 sums and products; each tensor once
    cost: ({ student, teacher, centers, factors }, { teacher: kind }) => ({
      flops: (29 + teacherFlops(kind, false)) * size(student),
      bytes: 4 * (2 * size(student) + size(teacher) + 2 * size(centers) + size(factors)),
    }),
    cases: GRADIENT_SHAPES.map(([name, student, centers, , teacher, stopped]) => ({
      name,
      shapes: {
        student,
        teacher: teacherShape(student, teacher),
        centers,
        factors: pixels(student, FACTORS),
      },
      attributes: { teacher, groups: groupsOf(student, centers), ...stopped },
      // positive: sums that cancel are small, and an absolute tolerance would hide their errors
      data: {
        centers: CENTERS,
        factors: { kind: "uniform", low: 0.2, high: 1 },
        ...teacherData(teacher, student[3]),
      },
    })),
    reference: ({ student, teacher, centers, factors }, shapes, attributes) => {
      const { teacher: kind, groups, stopped } = attributes;
      const at = binGeometry(shapes.student, shapes.centers, [0]);
      const tiled = tileGeometry(shapes.student, groups, GRADIENT);
      const d_student = like(student, student.length);
      const d_centers = like(
        student,
        groups === 0 ? student.length : groups * tiled.slabs * at.bins,
      );
      const log_choose = logChoose(at.bins);
      for (let row = 0; row < at.rows; row++) {
        const group = Math.floor(row / at.pixels_per_center);
        const slab = Math.floor((row - group * at.pixels_per_center) / GRADIENT.SLAB);
        const to = (groups === 0 ? row : group * tiled.slabs + slab) * at.bins;
        for (let k = 0; k < at.bins; k++) {
          const z = student[row * at.bins + k] - factors[FACTORS * row];
          const y = teacherLogit(teacher, kind, row, k, log_choose);
          const center = centers[group * at.bins + k];
          const { d_z, d_center } = gradientAt(factors, row, z, y, center, stopped);
          d_student[row * at.bins + k] = d_z;
          d_centers[to + k] += d_center;
        }
      }
      return { d_student, d_centers };
    },
  });

const BINOMIAL_SHAPES: typeof GRADIENT_SHAPES = [
  ...GRADIENT_SHAPES,
  ["without a teacher", oneAnImage[0], oneAnImage[1], oneAnImage[2], "none"],
];

/**
 * d_pi = by_pi sum_k d_z (k - peak) / t, d_t = -sum_k d_z z_k / t with z below the peak, d_z and
 * d_centers as in `binDistillGrad`. rows [V, H, W, 5], log_choose [K, 2], teacher in the shape of
 * its kind, centers, factors [V, H, W, 8] -> d_pi, d_t [V, H, W, 1], d_centers [V, H, W, K], or [V,
 * H, W, 0] if not wanted.
 */
export const binDistillGradBinomial: Kernel<
  typeof shaders.bin_distill_grad_binomial,
  BinDistillGradBinomialAttributes
> = kernel({
  shader: shaders.bin_distill_grad_binomial,
  axes: {
    rows: "V, H, W, 5",
    log_choose: "K, 2",
    teacher: ["V, H, W, 1", "V, H, W, K", "V, H, W, 5"],
    centers: ["V, H, W, K", "V, 1, 1, K", "1, 1, 1, K"],
    factors: "V, H, W, 8",
  },
  shapes: ({ rows, log_choose, teacher, centers, factors }, attributes) => {
    binomialGeometry(rows, log_choose, centers);
    const bins = pixels(rows, log_choose[0]);
    checkTeacher(teacher, bins, attributes.teacher);
    checkPixels("factors", factors, rows, FACTORS);
    const one = pixels(rows, 1);
    return { d_pi: one, d_t: one, d_centers: attributes.by_centers ? bins : pixels(rows, 0) };
  },
  params: ({ rows, log_choose, centers }) => {
    const at = binomialGeometry(rows, log_choose, centers);
    return { rows: at.rows, bins: at.bins, pixels_per_center: at.pixels_per_center };
  },
  overrides: (_, { teacher, by_centers, stopped = false }) => ({
    TEACHER: kindNumber(teacher),
    BY_CENTERS: by_centers,
    STOPPED: stopped,
  }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: two exponentials (8 each), 8 and the teacher's for the logits, 17 sums and products;
  // each tensor once
  cost: ({ rows, log_choose, teacher, centers, factors }, { by_centers, teacher: kind }) => {
    const bins = (size(rows) / ROW_NUMBERS) * log_choose[0];
    const made = by_centers ? bins : 0;
    return {
      flops: (41 + teacherFlops(kind, true)) * bins,
      bytes: 4 * (1.4 * size(rows) + size(teacher) + size(centers) + size(factors) + made),
    };
  },
  variants: () => [binDistillGradBinomialVec4, binDistillGradBinomialRows],
  cases: BINOMIAL_SHAPES.map(([name, bins, centers, , teacher, stopped]) => ({
    name,
    shapes: {
      rows: pixels(bins, ROW_NUMBERS),
      log_choose: [bins[3], 2],
      teacher: teacherShape(bins, teacher),
      centers,
      factors: pixels(bins, FACTORS),
    },
    attributes: { teacher, by_centers: sameShape(bins, centers), ...stopped },
    data: {
      rows: rowsOfBins(bins[3]),
      log_choose: { kind: "log_choose" },
      centers: CENTERS,
      factors: { kind: "uniform", low: 0.2, high: 1 },
      ...teacherData(teacher, bins[3]),
    },
  })),
  reference: (inputs, shapes, { teacher: kind, by_centers, stopped }) => {
    const { rows, log_choose, teacher, centers, factors } = inputs;
    const at = binomialGeometry(shapes.rows, shapes.log_choose, shapes.centers);
    const [d_pi, d_t] = [like(rows, at.rows), like(rows, at.rows)];
    const d_centers = like(rows, by_centers ? at.rows * at.bins : 0);
    for (let row = 0; row < at.rows; row++) {
      const centerStart = Math.floor(row / at.pixels_per_center) * at.bins;
      const [, inverse_t, peak, by_pi] = rows.subarray(ROW_NUMBERS * row, ROW_NUMBERS * (row + 1));
      for (let k = 0; k < at.bins; k++) {
        const z = binomialLogit(log_choose, rows, row, k);
        const y = kind === "none" ? null : teacherLogit(teacher, kind, row, k, log_choose);
        const center = centers[centerStart + k];
        const { d_z, d_center } = gradientAt(factors, row, z, y, center, stopped);
        d_pi[row] += d_z * (k - peak) * by_pi * inverse_t;
        d_t[row] -= d_z * z * inverse_t;
        if (by_centers) d_centers[row * at.bins + k] = d_center;
      }
    }
    return { d_pi, d_t, d_centers };
  },
});

/** One invocation per pixel and four bins per load, for software adapters. */
export const binDistillGradBinomialVec4: Kernel<
  typeof shaders.bin_distill_grad_binomial_vec4,
  BinDistillGradBinomialAttributes
> = mapping(binDistillGradBinomial, {
  shader: shaders.bin_distill_grad_binomial_vec4,
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  runs: (_, { log_choose }, { teacher }) =>
    readsAsQuads(0, log_choose[0], 4) && (teacher === "none" || teacher === "binomial"),
  suits: onSoftware,
});

/** The same with any number of bins and any teacher. */
export const binDistillGradBinomialRows: Kernel<
  typeof shaders.bin_distill_grad_binomial_rows,
  BinDistillGradBinomialAttributes
> = mapping(binDistillGradBinomial, {
  shader: shaders.bin_distill_grad_binomial_rows,
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  suits: onSoftware,
});

/**
 * Gradient of a distilled binomial with respect to centres that many pixels share, in slices of
 * pixels. rows [V, H, W, 5], log_choose [K, 2], teacher in the shape of its kind, factors [V, H, W,
 * 8] -> partials [groups, slabs, K].
 */
export const binDistillGradBinomialSlabs: Kernel<
  typeof shaders.bin_distill_grad_binomial_slabs,
  BinDistillGradSlabsAttributes
> = kernel({
  shader: shaders.bin_distill_grad_binomial_slabs,
  axes: {
    rows: "V, H, W, 5",
    log_choose: "K, 2",
    teacher: ["V, H, W, 1", "V, H, W, K", "V, H, W, 5"],
    factors: "V, H, W, 8",
  },
  shapes: ({ rows, log_choose, teacher, factors }, { teacher: kind, groups }) => {
    checkPixels("rows", rows, rows, ROW_NUMBERS);
    expectShape({ log_choose }, [log_choose[0], 2]);
    const bins = pixels(rows, log_choose[0]);
    checkTeacher(teacher, bins, kind);
    checkPixels("factors", factors, rows, FACTORS);
    const { slabs } = tileGeometry(bins, groups, SLABS);
    return { partials: [groups, slabs, log_choose[0]] };
  },
  params: ({ rows, log_choose }, { groups }) =>
    tileGeometry(pixels(rows, log_choose[0]), groups, SLABS),
  overrides: (_, { teacher }) => ({ TEACHER: kindNumber(teacher) }),
  grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / WG)),
  // per bin: two exponentials (8 each), 8 and the teacher's for the logits, 5 sums and products; each
  // tensor once
  cost: ({ rows, log_choose, teacher, factors }, { teacher: kind }) => ({
    flops: ((29 + teacherFlops(kind, true)) * size(rows) * log_choose[0]) / ROW_NUMBERS,
    bytes: 4 * (size(rows) + size(teacher) + size(factors)),
  }),
  cases: DISTILL_SHAPES.filter(([, bins, centers]) => bins !== centers).map(
    ([name, bins, centers, , kind], i) => {
      const teacher = i === 1 ? "none" : kind;
      return {
        name,
        shapes: {
          rows: pixels(bins, ROW_NUMBERS),
          log_choose: [bins[3], 2],
          teacher: teacherShape(bins, teacher),
          factors: pixels(bins, FACTORS),
        },
        attributes: { teacher, groups: centers[0] },
        data: {
          rows: rowsOfBins(bins[3]),
          log_choose: { kind: "log_choose" },
          factors: { kind: "uniform", low: 0.2, high: 1 },
          ...teacherData(teacher, bins[3]),
        },
      };
    },
  ),
  reference: ({ rows, log_choose, teacher, factors }, shapes, { teacher: kind, groups }) => {
    const bins = shapes.log_choose[0];
    const at = tileGeometry(pixels(shapes.rows, bins), groups, SLABS);
    const partials = like(rows, groups * at.slabs * bins);
    for (let row = 0; row < groups * at.pixels_per_center; row++) {
      const group = Math.floor(row / at.pixels_per_center);
      const slab = Math.floor((row - group * at.pixels_per_center) / SLABS.SLAB);
      const to = (group * at.slabs + slab) * bins;
      for (let k = 0; k < bins; k++) {
        const z = binomialLogit(log_choose, rows, row, k);
        const y = kind === "none" ? null : teacherLogit(teacher, kind, row, k, log_choose);
        partials[to + k] += gradientAt(factors, row, z, y, 0).d_center;
      }
    }
    return { partials };
  },
});
