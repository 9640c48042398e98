// Compares a result with an expected tensor at the tolerance that was published with it. The only
// bound of our own, `F32_OF_F64`, is for float64 values with a tolerance in float64 ULP, which no
// f32 kernel can meet.
import { ulpDistance } from "../../src/tensor/ulps.ts";
import type { VectorCase, VectorTensor } from "./vectors.ts";

/** Which of the two ways a result was computed: the references in f64, or the kernels in f32. */
export type Path = "cpu" | "gpu";

/**
 * Allowance where the source is float64: inputs and result rounded to f32 and sums of some tens of
 * f32 products on the GPU; where it holds them to float64 ULP (webnn-baseline), another order of
 * summation in f64 on the CPU. Relative to the value, and to the largest value of the tensor.
 */
const F64_SOURCE: Readonly<Record<Path, { readonly value: number; readonly tensor: number }>> = {
  cpu: { value: 1e-12, tensor: 1e-14 },
  gpu: { value: 4e-6, tensor: 4e-7 },
};

/**
 * The error of the expected values themselves, if a source approximates a function that the engine
 * computes exactly.
 */
const SOURCE_ERROR: Readonly<Record<string, number>> = {
  // Abramowitz and Stegun 7.1.26, |error| < 1.5e-7
  "webnn-baseline/erf": 1.5e-7,
  "webnn-baseline/gelu": 1.5e-7,
};

/** The first element that is out of bounds. */
export interface Mismatch {
  readonly index: number;
  readonly got: number;
  readonly want: number;
  /** The allowance, in words. */
  readonly allowed: string;
  /** Elements out of bounds. */
  readonly count: number;
}

/**
 * The first element of `got` that misses `want` by more than the case allows, or null. NaN and
 * infinities must match.
 */
export function compare(
  got: ArrayLike<number>,
  want: VectorTensor,
  given: Pick<VectorCase, "source" | "operator" | "tolerance">,
  path: Path,
): Mismatch | null {
  const bound = boundOf(given, want, path);
  const round = want.dtype === "float64" ? (x: number): number => x : Math.fround;
  let first: Omit<Mismatch, "count"> | null = null;
  let count = 0;
  for (let index = 0; index < want.values.length; index++) {
    const [g, w] = [round(got[index]), want.values[index]];
    if (Object.is(g, w) || g === w) continue;
    if (Number.isFinite(g) && Number.isFinite(w) && bound.holds(g, w)) continue;
    first ??= { index, got: g, want: w, allowed: bound.text };
    count++;
  }
  return first === null ? null : { ...first, count };
}

interface Bound {
  readonly text: string;
  readonly holds: (got: number, want: number) => boolean;
}

function boundOf(
  { source, operator, tolerance }: Parameters<typeof compare>[2],
  want: VectorTensor,
  path: Path,
): Bound {
  const { atol = 0, rtol = 0, ulp, ulp64 } = tolerance;
  if (ulp64 !== undefined) {
    const { value, tensor } = F64_SOURCE[path];
    const floor = tensor * largestOf(want) + (SOURCE_ERROR[`${source}/${operator}`] ?? 0);
    return {
      text: `${ulp64} ULP of float64, or ${value} of the value and ${tensor} of the largest`,
      holds: (g, w) =>
        ulpDistance64(g, w) <= ulp64 || Math.abs(g - w) <= value * Math.abs(w) + floor,
    };
  }
  if (ulp !== undefined) {
    return { text: `${ulp} ULP`, holds: (g, w) => ulpDistance(g, w) <= ulp };
  }
  // float64 in the source: on the adapter, the f32 rounding of inputs and sums is added
  const extra =
    want.dtype === "float64" && path === "gpu" ? F64_SOURCE.gpu : { value: 0, tensor: 0 };
  const floor = atol + extra.tensor * largestOf(want);
  const slope = rtol + extra.value;
  return {
    text: `atol ${floor}, rtol ${slope}`,
    holds: (g, w) => Math.abs(g - w) <= floor + slope * Math.abs(w),
  };
}

function largestOf({ values }: VectorTensor): number {
  let largest = 0;
  for (const x of values) if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x));
  return largest;
}

const double = new Float64Array(1);
const bits64 = new BigInt64Array(double.buffer);

function ulpDistance64(a: number, b: number): number {
  const place = (x: number): bigint => {
    double[0] = x;
    const v = bits64[0];
    return v >= 0n ? v : -(v & 0x7fff_ffff_ffff_ffffn);
  };
  const distance = place(a) - place(b);
  return Number(distance < 0n ? -distance : distance);
}
