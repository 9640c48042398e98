// Affine alignment of relative maps to truth: a scale and a shift per image, as zero-shot
// evaluations of foundation models use it. Metres are aligned as disparity.
import { InputError } from "../tensor/error.ts";

/** The quantity of a predicted map. All but metres have a scale and a shift of their own. */
export type MapQuantity = "metres" | "disparity" | "depth" | "log_depth";

/**
 * How scale and shift are found: by least squares, or from median and mean absolute deviation
 * (`midas`). Source: Ranftl et al., TPAMI 2022, equations 5 and 4.
 */
export type AffineForm = "least_squares" | "midas";

/** The names of the forms. */
export const AFFINE_FORMS: readonly AffineForm[] = ["least_squares", "midas"];

interface Domain {
  readonly of: (depth_m: number) => number;
  readonly depth_m: (value: number, cap_m: number) => number;
}

const DISPARITY: Domain = {
  of: (depth_m) => 1 / depth_m,
  // A disparity at or below that of the cap is as far as the cap.
  depth_m: (value, cap_m) => 1 / Math.max(value, 1 / cap_m),
};

const DOMAINS: Readonly<Record<MapQuantity, Domain>> = {
  metres: DISPARITY,
  disparity: DISPARITY,
  depth: { of: (depth_m) => depth_m, depth_m: (value) => value },
  log_depth: { of: Math.log, depth_m: (value) => Math.exp(value) },
};

/**
 * The map values `[n]` in metres after one scale and one shift, fitted to `truth_m` `[n]`, in the
 * domain of the quantity. A map without contrast becomes a constant. Throws InputError where a value
 * is not finite.
 */
export function affineAligned(
  values: Float64Array,
  truth_m: Float64Array,
  quantity: MapQuantity,
  form: AffineForm,
  cap_m: number,
): Float64Array {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new InputError(`alignment: predicted value ${bad} of ${values.length} is not finite`);
  }
  const domain = DOMAINS[quantity];
  const p = quantity === "metres" ? values.map(domain.of) : values;
  const g = truth_m.map(domain.of);
  const { scale, shift } = form === "least_squares" ? leastSquares(p, g) : robust(p, g);
  return p.map((value) => domain.depth_m(scale * value + shift, cap_m));
}

interface Fit {
  readonly scale: number;
  readonly shift: number;
}

/** Scale and shift that minimise Σ (s p + t - g)²; a constant p gets the mean of g. */
function leastSquares(p: Float64Array, g: Float64Array): Fit {
  const [p0, g0] = [mean(p), mean(g)];
  let [square, product] = [0, 0];
  p.forEach((value, i) => {
    square += (value - p0) ** 2;
    product += (value - p0) * (g[i] - g0);
  });
  const scale = square > 0 ? product / square : 0;
  return { scale, shift: g0 - scale * p0 };
}

/** Brings median and mean absolute deviation of p to those of g. */
function robust(p: Float64Array, g: Float64Array): Fit {
  const [p0, g0] = [median(p), median(g)];
  const [own, wanted] = [deviation(p, p0), deviation(g, g0)];
  const scale = own > 0 ? wanted / own : 0;
  return { scale, shift: g0 - scale * p0 };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: Float64Array): number {
  const sorted = values.toSorted();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function deviation(values: Float64Array, centre: number): number {
  return values.reduce((sum, value) => sum + Math.abs(value - centre), 0) / values.length;
}
