// Divergence of the student's bin probabilities from the teacher's at each pixel, and its gradient
// with respect to the student's logits. Always computed from logits, never from ln p: they reach
// -27,000.
import { withGradient, type Problem } from "../../engine/problem.ts";
import { like, type NumberArray } from "../../tensor/array.ts";
import { formatShape, size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { shaders } from "../shaders.gen.ts";
import { checkTemperature, ROW_SHAPES, rowsOf } from "./softmax_bins.ts";

/**
 * The logits of both are divided by `temperature` (> 0); the divergence is multiplied by its
 * square.
 */
export interface BinKlAttributes {
  readonly temperature: number;
}

const usableOf = (logits: Shape): Shape => [...logits.slice(0, -1), 1];
const cases: Problem<"student" | "teacher" | "usable", BinKlAttributes>[] = [
  ...ROW_SHAPES.map(([name, shape]) => ({
    name,
    shapes: { student: shape, teacher: shape, usable: usableOf(shape) },
    attributes: { temperature: 1 },
    data: { usable: { kind: "mask", share: 0.8 } as const },
  })),
  {
    name: "logits of ±80 and a temperature",
    shapes: { student: [33, 64], teacher: [33, 64], usable: [33, 1] },
    attributes: { temperature: 4 },
    data: {
      student: { kind: "uniform", low: -80, high: 80 },
      teacher: { kind: "uniform", low: -80, high: 80 },
      usable: { kind: "uniform", low: -0.1, high: 0.1 }, // usable is above 0
    },
  },
  {
    name: "logits down to -27,000",
    shapes: { student: [9, 64], teacher: [9, 64], usable: [9, 1] },
    attributes: { temperature: 1 },
    data: {
      student: { kind: "uniform", low: -27_000, high: 0 },
      teacher: { kind: "uniform", low: -27_000, high: 0 },
      usable: { kind: "constant", value: 1 },
    },
  },
];

/**
 * kl = tau^2 sum_k q^T (ln q^T - ln q^S), q = softmax(logits / tau), 0 where not usable. student,
 * teacher [.., K], usable [.., 1] -> kl [.., 1], statistics [.., 4] = (maximum, 1 / sum) of student
 * and teacher.
 */
export const binKl: Kernel<typeof shaders.bin_kl, BinKlAttributes> = kernel({
  shader: shaders.bin_kl,
  axes: { student: "V, H, W, K", teacher: "V, H, W, K", usable: "V, H, W, 1" },
  shapes: ({ student, teacher, usable }, { temperature }) => {
    checkTemperature(temperature);
    checkShapes(student, teacher, usable);
    return { kl: usable, statistics: [...student.slice(0, -1), 4] };
  },
  params: ({ student }, { temperature }) => ({
    ...rowsOf(student),
    inverse_temperature: 1 / temperature,
    weight: temperature ** 2,
  }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: three exponentials (8 each), 14 sums, products and selections; both logits once
  cost: ({ student, usable }) => ({
    flops: 38 * size(student),
    bytes: 4 * (2 * size(student) + 6 * size(usable)),
  }),
  variants: () => [binKlRows],
  // logits so far apart that a bin is certain have no slope to compare
  cases: withGradient(cases, ({ data }) =>
    data?.student === undefined ? [{ wrt: ["student"] }] : [],
  ),
  reference: ({ student, teacher, usable }, shapes, { temperature }) => {
    const { rows, bins } = rowsOf(shapes.student);
    const [kl, statistics] = [like(student, rows), like(student, 4 * rows)];
    for (let row = 0; row < rows; row++) {
      const start = row * bins;
      const s = softmaxStatistics(student, start, bins, temperature);
      const t = softmaxStatistics(teacher, start, bins, temperature);
      statistics.set([s.max, 1 / s.sum, t.max, 1 / t.sum], 4 * row);
      if (!(usable[row] > 0)) continue;
      const [log_sum_s, log_sum_t] = [Math.log(s.sum), Math.log(t.sum)];
      let sum = 0;
      for (let k = 0; k < bins; k++) {
        const log_s = student[start + k] / temperature - s.max - log_sum_s;
        const log_t = teacher[start + k] / temperature - t.max - log_sum_t;
        sum += Math.exp(log_t) * (log_t - log_s);
      }
      kl[row] = temperature ** 2 * sum;
    }
    return { kl, statistics };
  },
});

/** The same with one invocation per pixel, for software adapters. */
export const binKlRows: Kernel<typeof shaders.bin_kl_rows, BinKlAttributes> = mapping(binKl, {
  shader: shaders.bin_kl_rows,
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  suits: onSoftware,
});

/**
 * d_student = d_loss tau / count (q^S - q^T) where usable, else 0; q from the statistics of
 * `binKl`. student, teacher [.., K], usable [.., 1], statistics [.., 4], count, d_loss [1] ->
 * d_student [.., K].
 */
export const binKlGrad: Kernel<typeof shaders.bin_kl_grad, BinKlAttributes> = kernel({
  shader: shaders.bin_kl_grad,
  axes: {
    student: "V, H, W, K",
    teacher: "V, H, W, K",
    usable: "V, H, W, 1",
    statistics: "V, H, W, 4",
    count: "1",
    d_loss: "1",
  },
  shapes: ({ student, teacher, usable, statistics, count, d_loss }) => {
    checkShapes(student, teacher, usable);
    expectShape({ statistics }, [...student.slice(0, -1), 4]);
    expectShape({ count, d_loss }, [1]);
    return { d_student: student };
  },
  params: ({ student }, { temperature }) => ({
    ...rowsOf(student),
    temperature,
    inverse_temperature: 1 / temperature,
  }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: two exponentials (8 each) and 7 sums and products; both logits and d_student once
  cost: ({ student, usable }) => ({
    flops: 23 * size(student),
    bytes: 4 * (3 * size(student) + 5 * size(usable)),
  }),
  cases: [
    ...cases.slice(0, -2).map(({ shapes, ...rest }) => ({
      ...rest,
      shapes: {
        ...shapes,
        statistics: [...shapes.student.slice(0, -1), 4],
        count: [1],
        d_loss: [1],
      },
      data: {
        ...rest.data,
        statistics: { kind: "uniform", low: 0.2, high: 1 } as const,
        count: { kind: "constant", value: 17 } as const,
      },
    })),
    {
      name: "no usable pixel",
      shapes: {
        student: [9, 16],
        teacher: [9, 16],
        usable: [9, 1],
        statistics: [9, 4],
        count: [1],
        d_loss: [1],
      },
      attributes: { temperature: 2 },
      data: { usable: { kind: "constant", value: 0 }, count: { kind: "constant", value: 0 } },
    },
  ],
  reference: ({ student, teacher, usable, statistics, count, d_loss }, shapes, { temperature }) => {
    const { rows, bins } = rowsOf(shapes.student);
    const d_student = like(student, student.length);
    for (let row = 0; row < rows; row++) {
      if (!(usable[row] > 0)) continue;
      const weight = (d_loss[0] * temperature) / count[0];
      const [s_max, s_scale, t_max, t_scale] = statistics.subarray(4 * row, 4 * row + 4);
      for (let i = row * bins; i < (row + 1) * bins; i++) {
        const q_s = Math.exp(student[i] / temperature - s_max) * s_scale;
        const q_t = Math.exp(teacher[i] / temperature - t_max) * t_scale;
        d_student[i] = weight * (q_s - q_t);
      }
    }
    return { d_student };
  },
});

/** Maximum of a pixel's logits over the temperature, and the sum of exponentials below it. */
function softmaxStatistics(
  logits: NumberArray,
  start: number,
  bins: number,
  temperature: number,
): { max: number; sum: number } {
  let max = -Infinity;
  for (let k = 0; k < bins; k++) max = Math.max(max, logits[start + k] / temperature);
  let sum = 0;
  for (let k = 0; k < bins; k++) sum += Math.exp(logits[start + k] / temperature - max);
  return { max, sum };
}

function checkShapes(student: Shape, teacher: Shape, usable: Shape): void {
  if ((student.at(-1) ?? 0) < 1) {
    throw new Error(`student${formatShape(student)} must be [.., K], K of 1 or more`);
  }
  expectShape({ teacher }, student, "student");
  expectShape({ usable }, usableOf(student));
}
