import { expect, test } from "vitest";
import { ulpDistance } from "../../src/tensor/ulps.ts";

test("ULP are counted across zero and powers of two", () => {
  const above = 1 + 2 ** -23;
  expect(ulpDistance(1, above)).toBe(1);
  expect(ulpDistance(1 - 2 ** -24, above)).toBe(2);
  expect(ulpDistance(0, -0)).toBe(0);
  expect(ulpDistance(2 ** -149, -(2 ** -149))).toBe(2);
});
