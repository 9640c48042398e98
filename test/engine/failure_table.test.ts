// The tables of wrong kernels: where the bad elements are, and what they look like.
import { expect, test } from "vitest";
import { failureLines, tensorFailure, type TensorFailure } from "../../src/engine/failure_table.ts";
import { UNWRITTEN } from "../../src/engine/run.ts";
import type { Shape } from "../../src/tensor/shape.ts";

/** The failure of a tensor whose elements are a tenth of their position, except for some. */
function failureOf(
  shape: Shape,
  length: number,
  wrong: Readonly<Record<number, readonly [got: number, want: number]>>,
  worst: number,
): TensorFailure {
  const want = Float64Array.from({ length }, (_, i) => i / 10);
  const got = Float32Array.from(want);
  const places = Object.keys(wrong).map(Number);
  for (const place of places) [got[place], want[place]] = wrong[place];
  return tensorFailure(
    "y",
    shape,
    { got, want },
    {
      count: places.length,
      first: places[0],
      last: places.at(-1)!,
      worst,
      isBad: (at) => places.includes(at),
    },
  );
}

const PROBLEM = { name: "odd", shapes: { x: [3, 10] }, attributes: { kind: "relu", alpha: 0 } };

test("a table shows the elements around the first bad one, in ulps and absolute", () => {
  const failure = failureOf(
    [3, 10],
    30,
    { 12: [1.2000002, 1.2], 14: [2.5, 1.4], 29: [3, 2.9] },
    14,
  );
  expect(failureLines("activation", PROBLEM, [failure])).toEqual([
    "activation, case odd",
    "  shapes      x [3, 10]",
    '  attributes  kind "relu", alpha 0',
    "  seed        none",
    "  y [3, 10]: 3 of 30 bad, first [1, 2], last [2, 9], worst [1, 4]",
    "          index          got         want     ulps  abs error",
    "         [0, 9]  0.899999976  0.900000000        0     2.4e-8",
    "         [1, 0]   1.00000000   1.00000000        0          0",
    "         [1, 1]   1.10000002   1.10000000        0     2.4e-8",
    "  xx     [1, 2]   1.20000017   1.20000000        1     1.7e-7",
    "         [1, 3]   1.29999995   1.30000000        0     4.8e-8",
    "  xx     [1, 4]   2.50000000   1.40000000  7130317     1.1e+0",
    "         [1, 5]   1.50000000   1.50000000        0          0",
    "  worst  [1, 4]   2.50000000   1.40000000  7130317     1.1e+0",
  ]);
});

test("a table says what is not finite and what was never written", () => {
  const failure = failureOf(
    [6],
    6,
    { 0: [NaN, 0], 1: [Infinity, -Infinity], 2: [UNWRITTEN, 0.5], 4: [1, NaN] },
    0,
  );
  expect(failureLines("activation", { ...PROBLEM, seed: 7 }, [failure]).slice(3)).toEqual([
    "  seed        7",
    "  y [6]: 4 of 6 bad (1 never written), first [0], last [4], worst [0]",
    "         index            got         want  ulps  abs error",
    "  xx       [0]            NaN            0     -          -",
    "  xx       [1]       Infinity    -Infinity     -          -",
    "  xx       [2]  never written  0.500000000     -          -",
    "           [3]    0.300000012  0.300000000     0     1.2e-8",
    "  xx       [4]     1.00000000          NaN     -          -",
    "           [5]    0.500000000  0.500000000     0          0",
    "  worst    [0]            NaN            0     -          -",
  ]);
});

test("a scalar, and a tensor shorter than a table, are shown whole", () => {
  const scalar = failureOf([], 1, { 0: [1, 2] }, 0);
  expect([scalar.first, scalar.around.length]).toEqual([[], 1]);
  const end = failureOf([2, 10], 20, { 19: [1, 2] }, 19);
  expect(end.around.map(({ index }) => index[1])).toEqual([3, 4, 5, 6, 7, 8, 9]);
});

test("no line is wider than 100 columns", () => {
  const shapes = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [`input_${i}`, [6, 96, 160, 128]]),
  );
  const attributes = { text: "x".repeat(300) };
  const shape = [100000, 100000, 100000, 100000, 100000, 100000];
  const failure = { ...failureOf([1], 1, { 0: [-1.5e-20, -1.6e-20] }, 0), shape };
  const lines = failureLines("conv2d", { name: "wide", shapes, attributes }, [failure]);
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(100);
  expect(lines.slice(0, 5).join("\n")).toContain("input_8 [6, 96, 160, 128]");
});
