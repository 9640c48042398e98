// A distilled decode (level 3, fused): depth, cross depth and divergence of each pixel from student
// and teacher in one kernel, storing nothing of K numbers. The student gives logits or a binomial.
import { withGradient, type Distribution, type Problem } from "../../engine/problem.ts";
import { like, type NumberArray } from "../../tensor/array.ts";
import { formatShape, sameShape, size, type Shape } from "../../tensor/shape.ts";
import {
  BIN_SHAPES,
  binGeometry,
  CENTERS,
  checkScale,
  SCALES,
  type BinGeometry,
} from "./bin_expectation.ts";
import {
  binomialGeometry,
  binomialGradient,
  checkPixels,
  COLDEST,
  coldRowsOfBins,
  rowsOfBins,
} from "./binomial_decode.ts";
import { binomialLogit, logChoose, ROW_NUMBERS } from "./binomial_row.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { readsAsQuads } from "../row_slice.ts";
import { shaders } from "../shaders.gen.ts";

/**
 * The teacher's form: relative depth [V, H, W, 1] in [0, 1], binned softly as `softBins` does,
 * logits [V, H, W, K], or a binomial as rows [V, H, W, 5] of `binomialPack`, whose logits are
 * computed and never stored. `none` is only for gradients of a decode without a teacher.
 */
export type TeacherKind = "none" | "relative" | "logits" | "binomial";
/** Attributes of the kernels of a distilled decode. */
export interface BinDistillAttributes {
  readonly teacher: TeacherKind;
  /** Whether depth gives no gradient to the student's logits: to centres alone. */
  readonly stopped?: boolean;
}

const KINDS: readonly TeacherKind[] = ["none", "relative", "logits", "binomial"];
/** TEACHER of the shaders. */
export const kindNumber = (kind: TeacherKind): number => KINDS.indexOf(kind);
/** Numbers per pixel in `factors`. */
export const FACTORS: number = shaders.bin_distill_factors.constants.FACTORS;

/** Shape of a teacher for bins [V, H, W, K]. */
export function teacherShape(bins: Shape, kind: TeacherKind): Shape {
  switch (kind) {
    case "none":
      return [0];
    case "relative":
      return [...bins.slice(0, -1), 1];
    case "logits":
      return bins;
    case "binomial":
      return [...bins.slice(0, -1), ROW_NUMBERS];
  }
}

/** Throws unless the teacher has the shape of its kind. */
export function checkTeacher(teacher: Shape, bins: Shape, kind: TeacherKind): void {
  const expected = teacherShape(bins, kind);
  if (!sameShape(teacher, expected)) {
    const beside = `beside bins${formatShape(bins)}`;
    throw new Error(
      `teacher${formatShape(teacher)} (${kind}) must be ${formatShape(expected)} ${beside}`,
    );
  }
}

/** Logit k of a teacher at a pixel; of a binomial below its peak. log_choose [K, 2]. */
export function teacherLogit(
  teacher: NumberArray,
  kind: TeacherKind,
  row: number,
  k: number,
  log_choose: NumberArray,
): number {
  const bins = log_choose.length / 2;
  if (kind === "logits") return teacher[row * bins + k];
  if (kind === "binomial") return binomialLogit(log_choose, teacher, row, k);
  return -((teacher[row] * bins - 0.5 - k) ** 2) / 2;
}

/** Operations per bin for a teacher's logit where no table of ln C(n, k) is at hand, or one is. */
export function teacherFlops(kind: TeacherKind, tabled: boolean): number {
  // two logarithms (8), their series (14 each) and quotients, or 8 sums and products with a table
  return kind === "binomial" ? (tabled ? 8 : 60) : 4;
}

/** Depth, cross depth and KL of one pixel; `student` and `teacher` are its logits. */
function distillPixel(
  student: Float64Array,
  teacher: Float64Array,
  centers: NumberArray,
  centerStart: number,
): { depth: number; cross: number; kl: number; statistics: readonly number[] } {
  const most = (z: Float64Array): number => z.reduce((a, b) => Math.max(a, b), -Infinity);
  const [max_s, max_t] = [most(student), most(teacher)];
  let [sum_s, sum_t, depth, cross] = [0, 0, 0, 0];
  for (let k = 0; k < student.length; k++) {
    const [p, q] = [Math.exp(student[k] - max_s), Math.exp(teacher[k] - max_t)];
    sum_s += p;
    sum_t += q;
    depth += p * centers[centerStart + k];
    cross += q * centers[centerStart + k];
  }
  let kl = 0;
  for (let k = 0; k < student.length; k++) {
    const log_p = student[k] - max_s - Math.log(sum_s);
    const log_q = teacher[k] - max_t - Math.log(sum_t);
    kl += Math.exp(log_q) * (log_q - log_p);
  }
  const statistics = [max_s, 1 / sum_s, max_t, 1 / sum_t];
  return { depth: depth / sum_s, cross: cross / sum_t, kl, statistics };
}

/** Runs `distillPixel` over all pixels. */
function distillAll<T extends NumberArray>(
  likeThis: T,
  at: BinGeometry,
  of: {
    readonly studentLogit: (row: number, k: number) => number;
    readonly teacherLogit: (row: number, k: number) => number;
    readonly scale: (row: number) => number;
    readonly centers: T;
  },
): Record<"depth" | "cross" | "kl" | "statistics", T> {
  const [depth, cross, kl] = [
    like(likeThis, at.rows),
    like(likeThis, at.rows),
    like(likeThis, at.rows),
  ];
  const statistics = like(likeThis, 4 * at.rows);
  const [student, teacher] = [new Float64Array(at.bins), new Float64Array(at.bins)];
  for (let row = 0; row < at.rows; row++) {
    for (let k = 0; k < at.bins; k++) {
      student[k] = of.studentLogit(row, k);
      teacher[k] = of.teacherLogit(row, k);
    }
    const centerStart = Math.floor(row / at.pixels_per_center) * at.bins;
    const pixel = distillPixel(student, teacher, of.centers, centerStart);
    depth[row] = of.scale(row) * pixel.depth;
    cross[row] = of.scale(row) * pixel.cross;
    kl[row] = pixel.kl;
    statistics.set(pixel.statistics, 4 * row);
  }
  return { depth, cross, kl, statistics };
}

const pixels = (bins: Shape, each: number): Shape => [...bins.slice(0, -1), each];
const EXTREMES = "logits of ±80";
const WIDE = { kind: "uniform", low: -80, high: 80 } as const;

/** The shapes of all cases: each with one of the two simple teachers, and with a binomial. */
export const DISTILL_SHAPES: readonly (readonly [string, Shape, Shape, Shape, TeacherKind])[] = [
  ...BIN_SHAPES.map(
    ([name, bins, centers, scale], i) =>
      [name, bins, centers, scale, i % 2 === 0 ? "relative" : "logits"] as const,
  ),
  ...BIN_SHAPES.map(
    ([name, bins, centers, scale]) =>
      [`${name}, taught by a binomial`, bins, centers, scale, "binomial"] as const,
  ),
];

/** The distribution of a teacher; standard normal logits. */
export function teacherData(kind: TeacherKind, bins: number): { readonly teacher?: Distribution } {
  if (kind === "relative") return { teacher: { kind: "uniform", low: 0, high: 1 } };
  return kind === "binomial" ? { teacher: rowsOfBins(bins) } : {};
}

/**
 * depth = scale sum_k p_k c_k, cross = scale sum_k q_k c_k, kl = sum_k q_k (ln q_k - ln p_k), with
 * p of the student and q of the teacher. student [V, H, W, K] logits, teacher in the shape of its
 * kind, centers [V, H, W, K] | [V, 1, 1, K] | [1, 1, 1, K], scale [V] or [0] -> depth, cross, kl
 * [V, H, W, 1], statistics [V, H, W, 4] = (maximum, 1 / sum) of both.
 */
export const binDistill: Kernel<typeof shaders.bin_distill, BinDistillAttributes> = kernel({
  shader: shaders.bin_distill,
  axes: {
    student: "V, H, W, K",
    teacher: ["V, H, W, 1", "V, H, W, K", "V, H, W, 5"],
    centers: ["V, H, W, K", "V, 1, 1, K", "1, 1, 1, K"],
    scale: "V",
  },
  shapes: ({ student, teacher, centers, scale }, attributes) => {
    binGeometry(student, centers, scale);
    checkTeacher(teacher, student, attributes.teacher);
    const one = pixels(student, 1);
    return { depth: one, cross: one, kl: one, statistics: pixels(student, 4) };
  },
  params: ({ student, centers, scale }) => ({ ...binGeometry(student, centers, scale) }),
  overrides: ({ scale }, { teacher }) => ({
    HAS_SCALE: scale[0] !== 0,
    TEACHER: kindNumber(teacher),
  }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: two exponentials (8 each), the teacher's logit, 12 sums and products; each tensor once
  cost: ({ student, teacher, centers }, { teacher: kind }) => ({
    flops: (28 + teacherFlops(kind, false)) * size(student),
    bytes: 4 * (size(student) + size(teacher) + size(centers) + 7 * size(pixels(student, 1))),
  }),
  variants: () => [binDistillRows],
  cases: withGradient(
    [
      ...DISTILL_SHAPES.map(([name, student, centers, scale, teacher]) => ({
        name,
        shapes: { student, teacher: teacherShape(student, teacher), centers, scale },
        attributes: { teacher },
        data: {
          centers: CENTERS,
          scale: SCALES,
          ...teacherData(teacher, student[3]),
        },
      })),
      {
        name: EXTREMES,
        shapes: {
          student: [1, 11, 3, 128],
          teacher: [1, 11, 3, 128],
          centers: [1, 1, 1, 128],
          scale: [0],
        },
        attributes: { teacher: "logits" },
        data: { student: WIDE, teacher: WIDE, centers: CENTERS },
      },
      {
        name: COLDEST,
        shapes: {
          student: [3, 11, 7, 64],
          teacher: [3, 11, 7, ROW_NUMBERS],
          centers: [3, 1, 1, 64],
          scale: [3],
        },
        attributes: { teacher: "binomial" },
        data: { teacher: coldRowsOfBins(64), centers: CENTERS, scale: SCALES },
      },
    ],
    ({ name, shapes: { student } }) => [
      ...(name === EXTREMES ? [] : [{ wrt: ["student", "centers"] } as const]),
      // centres of the pixel and of the image, each with the other kind of teacher
      ...(name === "centres of the image"
        ? [{ wrt: ["student", "centers"], shapes: { centers: student } }]
        : []),
      ...(name === "centres of the rig"
        ? [
            {
              wrt: ["student", "centers"],
              shapes: { centers: [student[0], 1, 1, student[3]] },
            },
          ]
        : []),
    ],
  ),
  reference: ({ student, teacher, centers, scale }, shapes, { teacher: kind }) => {
    const at = binGeometry(shapes.student, shapes.centers, shapes.scale);
    const log_choose = logChoose(at.bins);
    return distillAll(student, at, {
      studentLogit: (row, k) => student[row * at.bins + k],
      teacherLogit: (row, k) => teacherLogit(teacher, kind, row, k, log_choose),
      scale: (row) => scale[Math.floor(row / at.plane)] ?? 1,
      centers,
    });
  },
});

/** The same with one invocation per pixel, for software adapters. */
export const binDistillRows: Kernel<typeof shaders.bin_distill_rows, BinDistillAttributes> =
  mapping(binDistill, {
    shader: shaders.bin_distill_rows,
    grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
    suits: onSoftware,
  });

const COLD_BOTH = "the coldest temperature of both";
const binomialCase = (
  name: string,
  bins: Shape,
  centers: Shape,
  teacher: TeacherKind,
  cold: boolean,
): Problem<"rows" | "log_choose" | "teacher" | "centers", BinDistillAttributes> => ({
  name,
  shapes: {
    rows: pixels(bins, ROW_NUMBERS),
    log_choose: [bins[3], 2],
    teacher: teacherShape(bins, teacher),
    centers,
  },
  attributes: { teacher },
  data: {
    rows: cold ? coldRowsOfBins(bins[3]) : rowsOfBins(bins[3]),
    log_choose: { kind: "log_choose" },
    centers: CENTERS,
    ...(cold && teacher === "binomial"
      ? { teacher: coldRowsOfBins(bins[3]) }
      : teacherData(teacher, bins[3])),
  },
});

/**
 * The same for a student whose logits are a binomial's. rows [V, H, W, 5] of `binomialPack` with
 * the scale, log_choose [K, 2], teacher in the shape of its kind, centers -> depth, cross, kl,
 * statistics.
 */
export const binDistillBinomial: Kernel<typeof shaders.bin_distill_binomial, BinDistillAttributes> =
  kernel({
    shader: shaders.bin_distill_binomial,
    axes: {
      rows: "V, H, W, 5",
      log_choose: "K, 2",
      teacher: ["V, H, W, 1", "V, H, W, K", "V, H, W, 5"],
      centers: ["V, H, W, K", "V, 1, 1, K", "1, 1, 1, K"],
    },
    shapes: ({ rows, log_choose, teacher, centers }, attributes) => {
      binomialGeometry(rows, log_choose, centers);
      checkTeacher(teacher, pixels(rows, log_choose[0]), attributes.teacher);
      const one = pixels(rows, 1);
      return { depth: one, cross: one, kl: one, statistics: pixels(rows, 4) };
    },
    params: ({ rows, log_choose, centers }) => {
      const at = binomialGeometry(rows, log_choose, centers);
      return { rows: at.rows, bins: at.bins, pixels_per_center: at.pixels_per_center };
    },
    overrides: (_, { teacher }) => ({ TEACHER: kindNumber(teacher) }),
    grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
    // as bin_distill, plus 8 per logit; rows, teacher and centres once
    cost: ({ rows, log_choose, teacher, centers }, { teacher: kind }) => ({
      flops: ((36 + teacherFlops(kind, true)) * size(rows) * log_choose[0]) / ROW_NUMBERS,
      bytes: 4 * (size(rows) + size(teacher) + size(centers) + 7 * size(pixels(rows, 1))),
    }),
    variants: () => [binDistillBinomialVec4, binDistillBinomialRows],
    cases: withGradient(
      [
        ...DISTILL_SHAPES.map(([name, bins, centers, , teacher]) =>
          binomialCase(name, bins, centers, teacher, false),
        ),
        binomialCase(COLDEST, [3, 11, 7, 64], [3, 1, 1, 64], "relative", true),
        binomialCase(COLD_BOTH, [3, 11, 7, 64], [3, 1, 1, 64], "binomial", true),
      ],
      ({ name, shapes: { rows } }) =>
        // the coldest bins are certain and have no slope to compare
        name === COLDEST || name === COLD_BOTH ? [] : [binomialGradient(rows)],
    ),
    reference: ({ rows, log_choose, teacher, centers }, shapes, { teacher: kind }) => {
      const at = binomialGeometry(shapes.rows, shapes.log_choose, shapes.centers);
      const all = distillAll(rows, at, {
        studentLogit: (row, k) => binomialLogit(log_choose, rows, row, k),
        teacherLogit: (row, k) => teacherLogit(teacher, kind, row, k, log_choose),
        scale: (row) => rows[ROW_NUMBERS * row + 4],
        centers,
      });
      return all;
    },
  });

/** One invocation per pixel and four bins per load, for software adapters. */
export const binDistillBinomialVec4: Kernel<
  typeof shaders.bin_distill_binomial_vec4,
  BinDistillAttributes
> = mapping(binDistillBinomial, {
  shader: shaders.bin_distill_binomial_vec4,
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  runs: (_, { log_choose }, { teacher }) =>
    readsAsQuads(0, log_choose[0], 4) && teacher === "binomial",
  suits: onSoftware,
});

/** The same with any number of bins and any teacher. */
export const binDistillBinomialRows: Kernel<
  typeof shaders.bin_distill_binomial_rows,
  BinDistillAttributes
> = mapping(binDistillBinomial, {
  shader: shaders.bin_distill_binomial_rows,
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  suits: onSoftware,
});

/**
 * The factors that the gradients need at each pixel: (max^S, 1 / sum^S, max^T, 1 / sum^T, d_depth
 * scale, d_cross scale, d_kl, d_depth depth), with 0 for an absent gradient. statistics [V, H, W,
 * 4], scale [V] or [0], depth [V, H, W, 1], d_depth, d_cross, d_kl [V, H, W, 1] or [0] -> factors
 * [V, H, W, 8].
 */
export const binDistillFactors: Kernel<typeof shaders.bin_distill_factors> = kernel({
  shader: shaders.bin_distill_factors,
  axes: {
    statistics: "V, H, W, 4",
    scale: "V",
    depth: "V, H, W, 1",
    d_depth: "V, H, W, 1",
    d_cross: "V, H, W, 1",
    d_kl: "V, H, W, 1",
  },
  shapes: ({ statistics, scale, depth, d_depth, d_cross, d_kl }) => {
    checkPixels("depth", depth, depth, 1);
    checkPixels("statistics", statistics, depth, 4);
    checkScale(scale, depth[0]);
    for (const [name, shape] of Object.entries({ d_depth, d_cross, d_kl })) {
      if (!absent(shape)) checkPixels(name, shape, depth, 1);
    }
    return { factors: pixels(depth, FACTORS) };
  },
  params: ({ depth }) => ({ rows: size(depth), plane: depth[1] * depth[2] }),
  overrides: ({ scale, d_depth, d_cross, d_kl }) => ({
    HAS_SCALE: !absent(scale),
    HAS_D_DEPTH: !absent(d_depth),
    HAS_D_CROSS: !absent(d_cross),
    HAS_D_KL: !absent(d_kl),
  }),
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  // per pixel: three products; each tensor read and stored once
  cost: ({ depth }) => ({ flops: 3 * size(depth), bytes: 64 * size(depth) }),
  cases: (
    [
      ["all gradients", [2, 9, 7, 1], [2], [1, 1, 1]],
      ["depth alone", [1, 13, 5, 1], [0], [1, 0, 0]],
      ["the divergence alone", [1, 5, 5, 1], [1], [0, 0, 1]],
      ["no pixel", [1, 0, 3, 1], [1], [1, 1, 1]],
    ] as const
  ).map(([name, depth, scale, given]) => {
    const [d_depth, d_cross, d_kl] = given.map((g): Shape => (g === 1 ? depth : [0]));
    return {
      name,
      shapes: { statistics: pixels(depth, 4), scale, depth, d_depth, d_cross, d_kl },
      attributes: undefined,
    };
  }),
  reference: ({ statistics, scale, depth, d_depth, d_cross, d_kl }, shapes) => {
    const factors = like(depth, FACTORS * depth.length);
    const plane = shapes.depth[1] * shapes.depth[2];
    for (let row = 0; row < depth.length; row++) {
      const unit = scale[Math.floor(row / plane)] ?? 1;
      factors.set(statistics.subarray(4 * row, 4 * row + 4), FACTORS * row);
      // an absent gradient gives 0 even if the other factor is not finite
      const times = (d: number | undefined, factor: number): number =>
        d === undefined ? 0 : d * factor;
      const rest = [
        times(d_depth[row], unit),
        times(d_cross[row], unit),
        d_kl[row] ?? 0,
        times(d_depth[row], depth[row]),
      ];
      factors.set(rest, FACTORS * row + 4);
    }
    return { factors };
  },
});

function absent(shape: Shape): boolean {
  return shape.length === 1 && shape[0] === 0;
}
