// Bin logits of a binomial distribution with a temperature (ZoeDepth's head), their gradient, and
// the step from a layer's four positive outputs to probability and temperature.
import { withGradient, type Problem } from "../../engine/problem.ts";
import { like } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../../engine/kernel.ts";
import { mapping, onSoftware } from "../../engine/mapping.ts";
import { shaders } from "../shaders.gen.ts";

/** K. */
export interface LogBinomialAttributes {
  readonly bins: number;
}
/** The range of the temperature; ZoeDepth uses 0.0212 to 50. */
export interface LogBinomialHeadAttributes {
  readonly t_min: number;
  readonly t_max: number;
}

// lower clamp of pi and 1 - pi, and what is added to each of the four numbers (ZoeDepth's code)
const PROBABILITY_FLOOR = shaders.log_binomial.constants.FLOOR;
const PAIR_FLOOR = shaders.log_binomial_head.constants.FLOOR;

/** Both ends, where a floor bends the function. */
const CERTAIN = { kind: "mask", share: 0.5 } as const;
const cases: Problem<"pi" | "t", LogBinomialAttributes>[] = (
  [
    ["the student's bins", [2, 5, 7, 1], 64],
    ["no pixel", [1, 0, 3, 1], 16],
    ["one bin", [1, 3, 1, 1], 1],
    ["two bins", [1, 3, 5, 1], 2],
    ["a bin more than lanes", [1, 33, 1, 1], 9],
    ["a prime of bins", [1, 3, 1, 1], 257],
    ["pi of 0 and 1", [1, 3, 5, 1], 16],
  ] as const
).map(([name, pi, bins]) => ({
  name,
  shapes: { pi, t: pi },
  attributes: { bins },
  data: {
    pi: name === "pi of 0 and 1" ? CERTAIN : { kind: "uniform", low: 0.001, high: 0.999 },
    t: { kind: "uniform", low: 0.5, high: 50 },
  },
}));
/** Probabilities on both sides of the floor. */
const CLAMPED = {
  wrt: ["pi"],
  step: 1e-7,
  shapes: { pi: [1, 3, 5, 1], t: [1, 3, 5, 1] },
  data: {
    pi: { kind: "uniform", low: 1e-6, high: 8e-5 },
    t: { kind: "constant", value: 1 },
  },
} as const;
/** Both clamped and not, and the lowest temperature: logits down to -27,000. */
const cold: Problem<"pi" | "t", LogBinomialAttributes> = {
  name: "the coldest temperature",
  shapes: { pi: [3, 11, 7, 1], t: [3, 11, 7, 1] },
  attributes: { bins: 64 },
  data: {
    pi: { kind: "uniform", low: -0.1, high: 1.1 },
    t: { kind: "constant", value: 0.0212 },
  },
};

/**
 * z_k = (logC(K - 1, k) + k ln pi + (K - 1 - k) ln(1 - pi)) / t. pi, t [V, H, W, 1] -> logits
 * [V, H, W, K].
 */
export const logBinomial: Kernel<typeof shaders.log_binomial, LogBinomialAttributes> = kernel({
  shader: shaders.log_binomial,
  axes: { pi: "V, H, W, 1", t: "V, H, W, 1" },
  shapes: ({ pi, t }, { bins }) => {
    checkShapes(pi, t, bins);
    return { logits: [...pi.slice(0, -1), bins] };
  },
  params: ({ pi }, { bins }) => ({ rows: size(pi), bins }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: two logarithms (8), their series (14 each), quotients, 12 sums and products; stored
  // once
  cost: ({ pi }, { bins }) => ({
    flops: 60 * size(pi) * bins,
    bytes: 4 * size(pi) * (2 + bins),
  }),
  terms: () => 8,
  // k ln(k / np) and m ln(m / nq) cancel; both contain the rounding of np
  magnitudes: ({ pi, t }, _, { bins }) => {
    const logits = like(pi, pi.length * bins);
    const n = bins - 1;
    const logOf = (k: number, whole: number): number => (k === 0 ? 0 : Math.log(k / whole));
    for (let row = 0; row < pi.length; row++) {
      const [p, q] = [clampProbability(pi[row]), clampProbability(1 - pi[row])];
      for (let k = 0; k < bins; k++) {
        const terms = Math.abs(k * logOf(k, n * p)) + Math.abs((n - k) * logOf(n - k, n * q));
        logits[row * bins + k] = (terms + Math.abs(k - ((n - k) * p) / q)) / Math.abs(t[row]);
      }
    }
    return { logits };
  },
  cases: withGradient(
    [
      ...cases,
      cold,
      {
        name: "129 bins, hot and cold",
        shapes: { pi: [1, 5, 7, 1], t: [1, 5, 7, 1] },
        attributes: { bins: 129 },
        data: {
          pi: { kind: "uniform", low: 0.001, high: 0.999 },
          t: { kind: "uniform", low: 0.0212, high: 2 },
        },
      },
    ],
    ({ name }) => [
      ...([cold.name, "pi of 0 and 1"].includes(name) ? [] : [{ wrt: ["pi", "t"] } as const]),
      ...(name === "a bin more than lanes" ? [CLAMPED] : []),
    ],
  ),
  reference: ({ pi, t }, _, { bins }) => {
    const logits = like(pi, pi.length * bins);
    const n = bins - 1;
    const log_c = Array.from({ length: bins }, (_k, k) => xLogX(n) - xLogX(k) - xLogX(n - k));
    for (let row = 0; row < pi.length; row++) {
      const log_p = Math.log(clampProbability(pi[row]));
      const log_q = Math.log(clampProbability(1 - pi[row]));
      for (let k = 0; k < bins; k++) {
        logits[row * bins + k] = (log_c[k] + k * log_p + (n - k) * log_q) / t[row];
      }
    }
    return { logits };
  },
});

/**
 * d_pi = sum_k d_k (k / pi - (K - 1 - k) / (1 - pi)) / t, with a term 0 where its probability is
 * clamped; d_t = -sum_k d_k z_k / t. pi, t [V, H, W, 1], logits, d_logits [V, H, W, K] -> d_pi, d_t
 * [V, H, W, 1].
 */
export const logBinomialGrad: Kernel<typeof shaders.log_binomial_grad> = kernel({
  shader: shaders.log_binomial_grad,
  axes: { pi: "V, H, W, 1", t: "V, H, W, 1", logits: "V, H, W, K", d_logits: "V, H, W, K" },
  shapes: ({ pi, t, logits, d_logits }) => {
    const bins = logits.at(-1) ?? 0;
    checkShapes(pi, t, bins);
    expectShape({ logits }, [...pi.slice(0, -1), bins]);
    expectShape({ d_logits }, logits, "logits");
    return { d_pi: pi, d_t: t };
  },
  params: ({ pi, logits }) => ({ rows: size(pi), bins: logits.at(-1)! }),
  grid: ({ rows }, { WG, LANES }) => foldGrid(Math.ceil((rows * LANES) / WG)),
  // per bin: 8 sums and products; logits and d_logits once
  cost: ({ pi, logits }) => ({
    flops: 8 * size(logits),
    bytes: 4 * (2 * size(logits) + 4 * size(pi)),
  }),
  variants: () => [logBinomialGradRows],
  terms: ({ logits }) => 8 + logits.at(-1)!,
  magnitudes: ({ pi, t, logits, d_logits }, shapes) => {
    const bins = shapes.logits.at(-1)!;
    const [d_pi, d_t] = [like(pi, pi.length), like(pi, pi.length)];
    for (let row = 0; row < pi.length; row++) {
      for (let k = 0; k < bins; k++) {
        const d = Math.abs(d_logits[row * bins + k] / t[row]);
        d_pi[row] += d * (Math.abs(k / pi[row]) + Math.abs((bins - 1 - k) / (1 - pi[row])));
        d_t[row] += d * Math.abs(logits[row * bins + k]);
      }
    }
    return { d_pi, d_t };
  },
  cases: [
    ...cases.map((c) => {
      const logits = [...c.shapes.pi.slice(0, -1), c.attributes.bins];
      return {
        name: c.name,
        shapes: { ...c.shapes, logits, d_logits: logits },
        attributes: undefined,
        // of one sign: sums that cancel are small, and an absolute tolerance would hide their errors
        data: {
          pi: { kind: "uniform", low: 0.001, high: 0.2 } as const,
          t: { kind: "uniform", low: 0.5, high: 50 } as const,
          logits: { kind: "uniform", low: -50, high: 0 } as const,
          d_logits: { kind: "uniform", low: 0, high: 1 } as const,
        },
      };
    }),
    {
      name: "129 bins whose terms cancel",
      shapes: {
        pi: [1, 5, 7, 1],
        t: [1, 5, 7, 1],
        logits: [1, 5, 7, 129],
        d_logits: [1, 5, 7, 129],
      },
      attributes: undefined,
      data: {
        pi: { kind: "uniform", low: 0.001, high: 0.999 },
        t: { kind: "uniform", low: 0.0212, high: 2 },
        logits: { kind: "uniform", low: -500, high: 0 },
      },
    },
  ],
  reference: ({ pi, t, logits, d_logits }, shapes) => {
    const bins = shapes.logits.at(-1)!;
    const [d_pi, d_t] = [like(pi, pi.length), like(pi, pi.length)];
    for (let row = 0; row < pi.length; row++) {
      const p = pi[row];
      const by_p = p < PROBABILITY_FLOOR ? 0 : 1 / p;
      const by_q = 1 - p >= PROBABILITY_FLOOR ? 1 / (1 - p) : 0;
      for (let k = 0; k < bins; k++) {
        const d = d_logits[row * bins + k] / t[row];
        d_pi[row] += d * (k * by_p - (bins - 1 - k) * by_q);
        d_t[row] -= d * logits[row * bins + k];
      }
    }
    return { d_pi, d_t };
  },
});

/** The same with one invocation per pixel, for software adapters. */
export const logBinomialGradRows: Kernel<typeof shaders.log_binomial_grad_rows> = mapping(
  logBinomialGrad,
  {
    shader: shaders.log_binomial_grad_rows,
    grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
    suits: onSoftware,
  },
);

const headCases: Problem<"pairs", LogBinomialHeadAttributes>[] = (
  [
    ["two views", [2, 9, 7, 4]],
    ["no pixel", [1, 0, 3, 4]],
    ["a workgroup and one", [1, 13, 5, 4]],
  ] as const
).map(([name, pairs]) => ({
  name,
  shapes: { pairs },
  attributes: { t_min: 0.0212, t_max: 50 },
  data: { pairs: { kind: "uniform", low: 0, high: 3 } },
}));

/**
 * pi = a1 / (a1 + a2), t = t_min + (t_max - t_min) b1 / (b1 + b2), with 1e-4 added to each number.
 * pairs [.., 4] -> pi, t [.., 1].
 */
export const logBinomialHead: Kernel<typeof shaders.log_binomial_head, LogBinomialHeadAttributes> =
  kernel({
    shader: shaders.log_binomial_head,
    axes: { pairs: "V, H, W, 4" },
    shapes: ({ pairs }, { t_min, t_max }) => {
      expectShape({ pairs }, [...pairs.slice(0, -1), 4]);
      if (!(t_min > 0 && t_max >= t_min)) {
        throw new Error(`temperatures from ${t_min} to ${t_max}; expected 0 < t_min <= t_max`);
      }
      const one = [...pairs.slice(0, -1), 1];
      return { pi: one, t: one };
    },
    params: ({ pairs }, { t_min, t_max }) => ({
      rows: size(pairs) / 4,
      t_min,
      t_span: t_max - t_min,
    }),
    grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
    cost: ({ pairs }) => ({ flops: 3 * size(pairs), bytes: 6 * size(pairs) }),
    cases: withGradient(headCases, { wrt: ["pairs"] }),
    reference: ({ pairs }, _, { t_min, t_max }) => {
      const [pi, t] = [like(pairs, pairs.length / 4), like(pairs, pairs.length / 4)];
      for (let row = 0; row < pi.length; row++) {
        const { a1, a2, b1, b2 } = flooredPairs(pairs, row);
        pi[row] = a1 / (a1 + a2);
        t[row] = t_min + ((t_max - t_min) * b1) / (b1 + b2);
      }
      return { pi, t };
    },
  });

/**
 * d_a1 = d_pi a2 / (a1 + a2)^2, d_a2 = -d_pi a1 / (a1 + a2)^2, d_b likewise. pairs [.., 4], d_pi,
 * d_t [.., 1] -> d_pairs.
 */
export const logBinomialHeadGrad: Kernel<
  typeof shaders.log_binomial_head_grad,
  LogBinomialHeadAttributes
> = kernel({
  shader: shaders.log_binomial_head_grad,
  axes: { pairs: "V, H, W, 4", d_pi: "V, H, W, 1", d_t: "V, H, W, 1" },
  shapes: ({ pairs, d_pi, d_t }) => {
    const pixels = pairs.slice(0, -1);
    expectShape({ pairs }, [...pixels, 4]);
    expectShape({ d_pi, d_t }, [...pixels, 1]);
    return { d_pairs: pairs };
  },
  params: ({ pairs }, { t_min, t_max }) => ({ rows: size(pairs) / 4, t_span: t_max - t_min }),
  grid: ({ rows }, { WG }) => foldGrid(Math.ceil(rows / WG)),
  cost: ({ pairs }) => ({ flops: 4 * size(pairs), bytes: 10 * size(pairs) }),
  cases: headCases.map(({ shapes: { pairs }, ...rest }) => {
    const one = [...pairs.slice(0, -1), 1];
    return { ...rest, shapes: { pairs, d_pi: one, d_t: one } };
  }),
  reference: ({ pairs, d_pi, d_t }, _, { t_min, t_max }) => {
    const d_pairs = like(pairs, pairs.length);
    for (let row = 0; row < d_pi.length; row++) {
      const { a1, a2, b1, b2 } = flooredPairs(pairs, row);
      const d_a = d_pi[row] / (a1 + a2) ** 2;
      const d_b = (d_t[row] * (t_max - t_min)) / (b1 + b2) ** 2;
      d_pairs.set([d_a * a2, -d_a * a1, d_b * b2, -d_b * b1], 4 * row);
    }
    return { d_pairs };
  },
});

function flooredPairs(
  pairs: ArrayLike<number>,
  row: number,
): { a1: number; a2: number; b1: number; b2: number } {
  const at = (i: number): number => pairs[4 * row + i] + PAIR_FLOOR;
  return { a1: at(0), a2: at(1), b1: at(2), b2: at(3) };
}

const clampProbability = (p: number): number => Math.min(Math.max(p, PROBABILITY_FLOOR), 1);

/**
 * x ln x, 0 at 0. ZoeDepth's code instead adds 1e-7 in several places, which moves y by less than
 * 2e-6.
 */
const xLogX = (x: number): number => (x === 0 ? 0 : x * Math.log(x));

function checkShapes(pi: Shape, t: Shape, bins: number): void {
  expectShape({ pi }, [...pi.slice(0, -1), 1]);
  expectShape({ t }, pi, "pi");
  if (!Number.isInteger(bins) || bins < 1) throw new Error(`bins is ${bins}, expected 1 or more`);
}
