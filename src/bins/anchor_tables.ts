// Logarithm and exponential from tables: a correction takes one of each per pixel, and Math.log and
// Math.exp are calls that cost most of its time. The errors are far below the rounding of an f32.

const LOG_BITS = 11;
/** Bits of the fraction of an f32. */
const FRACTION_BITS = 23;
const REST_BITS = FRACTION_BITS - LOG_BITS;
const REST_MASK = 2 ** REST_BITS - 1;
const REST_STEP = 2 ** -REST_BITS;
const FRACTION_MASK = 2 ** FRACTION_BITS - 1;
const EXPONENT_BIAS = 127;
/** ln(1 + i / 2^LOG_BITS). */
const LOGARITHMS = Float64Array.from({ length: 2 ** LOG_BITS + 1 }, (_, i) =>
  Math.log1p(i / 2 ** LOG_BITS),
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
  return (
    ((bits >> FRACTION_BITS) - EXPONENT_BIAS) * Math.LN2 +
    below +
    rest * (LOGARITHMS[i + 1] - below)
  );
}

const EXP_STEPS = 32;
/** The tables reach from -EXP_REACH to EXP_REACH. */
const EXP_REACH = 8;
const EXPONENTIALS = Float64Array.from({ length: 2 * EXP_REACH * EXP_STEPS + 1 }, (_, i) =>
  Math.exp(i / EXP_STEPS - EXP_REACH),
);

/** e^x within 3e-9 of itself. */
export function expOf(x: number): number {
  if (!(x > -EXP_REACH && x < EXP_REACH)) return Math.exp(x);
  const place = (x + EXP_REACH) * EXP_STEPS;
  const nearest = Math.trunc(place + 0.5);
  const rest = (place - nearest) * (1 / EXP_STEPS);
  return EXPONENTIALS[nearest] * (1 + rest * (1 + rest * (1 / 2 + rest * (1 / 6))));
}
