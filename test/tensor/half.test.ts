// 16-bit floats: every bit pattern against the definition of the format.
import { expect, test } from "vitest";
import { widenBfloat16, widenHalf } from "../../src/tensor/half.ts";

const PATTERNS = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** A float of `exponentBits` and `mantissaBits` by IEEE 754, in f64. */
function defined(bits: number, exponentBits: number, mantissaBits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> mantissaBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0
    ? sign * fraction * 2 ** (1 - bias)
    : sign * (1 + fraction) * 2 ** (exponent - bias);
}

test("every half widens to the value that IEEE 754 gives it", () => {
  const values = widenHalf(PATTERNS);
  const wrong = PATTERNS.filter((bits) => !Object.is(values[bits], defined(bits, 5, 10)));
  expect([...wrong]).toEqual([]);
});

test("every bfloat16 widens to the value that its bits give it", () => {
  const values = widenBfloat16(PATTERNS);
  const wrong = PATTERNS.filter((bits) => !Object.is(values[bits], defined(bits, 8, 7)));
  expect([...wrong]).toEqual([]);
});
