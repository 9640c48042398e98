// Logarithm and exponential from tables: a correction takes one of each per pixel, and Math.log and
// Math.exp are calls that cost most of its time. The errors are far below the rounding of an f32.

import { doubles } from "./doubles.ts";

const LOG_BITS = 11;
/** Bits of the fraction of an f32. */
const FRACTION_BITS = 23;
const REST_BITS = FRACTION_BITS - LOG_BITS;
const REST_MASK = 2 ** REST_BITS - 1;
const REST_STEP = 2 ** -REST_BITS;
const FRACTION_MASK = 2 ** FRACTION_BITS - 1;
const EXPONENT_BIAS = 127;
/** ln(1 + i / 2^LOG_BITS), less the bias of the exponent. */
const LOGARITHMS = doubles(
  2 ** LOG_BITS + 1,
  (i) => Math.log1p(i / 2 ** LOG_BITS) - EXPONENT_BIAS * Math.LN2,
);

/**
 * The natural logarithm of a normal f32 above 0, from its bits, within 3e-8. Other bits give some
 * number: a very small one for 0, a very large one for infinity.
 */
export function logOfBits(bits: number): number {
  const fraction = bits & FRACTION_MASK;
  const i = fraction >> REST_BITS;
  const below = LOGARITHMS[i];
  const rest = (fraction & REST_MASK) * REST_STEP;
  return (bits >> FRACTION_BITS) * Math.LN2 + below + rest * (LOGARITHMS[i + 1] - below);
}

/** Entries of the table of exponentials per unit of the exponent. */
const EXP_STEPS = 256;
/** The table reaches from -EXP_REACH to EXP_REACH: factors beyond e^16 are not meant. */
const EXP_REACH = 16;
const EXPONENTIALS = doubles(2 * EXP_REACH * EXP_STEPS + 1, (i) =>
  Math.exp(i / EXP_STEPS - EXP_REACH),
);
const SLOPE = 1 / EXP_STEPS;
const CURVATURE = SLOPE ** 2 / 2;

/** The place of an exponent in the table, counted in entries; the nearest end beyond it. */
export function expPlace(x: number): number {
  return (Math.min(Math.max(x, -EXP_REACH), EXP_REACH) + EXP_REACH) * EXP_STEPS;
}

/**
 * e^x at the place of x in the table, within 2e-9 of itself. A caller who computes many of them turns
 * its constants into places once. There is no check: a place outside gives NaN.
 */
export function expAt(place: number): number {
  const nearest = Math.trunc(place + 0.5);
  const rest = place - nearest;
  return EXPONENTIALS[nearest] * (1 + rest * (SLOPE + rest * CURVATURE));
}
