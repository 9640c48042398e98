// Elementary functions of one tensor against their references, near zero and far from it too, and
// their gradients.
import { expect, test } from "vitest";
import { unary as unaryOp } from "../../src/graph/ops/unary.ts";
import { unary, unaryGrad, type UnaryKind } from "../../src/kernels/unary.ts";
import { runKernel } from "../../src/engine/run.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(
  withOp(unary, ({ x }, { kind, alpha, beta }) => unaryOp(x, kind, alpha, beta)),
  unaryGrad,
);

/** f of these numbers on the adapter, and in f64 of the same numbers. */
async function both(
  kind: UnaryKind,
  numbers: readonly number[],
): Promise<{ x: Float32Array; got: Float32Array; want: Float64Array }> {
  const x = Float32Array.from(numbers);
  const shapes = { x: [x.length] };
  const attributes = { kind, alpha: -2, beta: 3 };
  const { y: got } = await runKernel(gpu, unary, { x }, shapes, attributes);
  const { y: want } = unary.reference({ x: Float64Array.from(x) }, shapes, attributes);
  return { x, got, want };
}

// 4,096 numbers over all exponents, and whole multiples of pi / 2 rounded to f32, where the rest is
// smallest
const far = Array.from({ length: 4096 }, (_, i) => 1.37 ** ((i % 279) + 1) * (1 + i / 4096));
const quarters = Array.from({ length: 512 }, (_, i) => ((i * i * 977 + 1) * Math.PI) / 2);
const everywhere = [...far, ...quarters, 3e7, 16367173 * 2 ** 72, 3.4028234e38, 8192, 8193, 1e4];

test.each(["sin", "cos"] as const)("%s is right for every finite number", async (kind) => {
  const { x, got, want } = await both(kind, [...everywhere, ...everywhere.map((v) => -v)]);
  let worst = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const error = Math.abs(got[i] - want[i]);
    if (!(error <= worst[0])) worst = [error, x[i]];
  }
  expect(worst[0], `at ${worst[1]}`).toBeLessThan(3e-7);
});

test("sin and tan of 3e7 are those of PyTorch", async () => {
  expect((await both("sin", [3e7])).got[0]).toBeCloseTo(0.96413, 5);
  const { got, want } = await both("tan", everywhere.slice(0, 4096));
  for (let i = 0; i < got.length; i++) {
    // its slope at a pole turns the rounding of sine and cosine into an error of tan^2
    expect(Math.abs(got[i] - want[i])).toBeLessThan(1e-6 * (1 + want[i] ** 2));
  }
});

const small = [1, 1e-8, -1e-8, 1e-4, -3e-3, 0.1, 0.39, 0.41, -0.5, 2, 9.9, -10.1, 30];
test.each(["sinh", "cosh", "expm1", "log1p", "atan", "erf", "sin", "tan"] as const)(
  "%s keeps its digits near zero and beyond",
  async (kind) => {
    const numbers = small.filter((v) => kind !== "log1p" || v > -1);
    const { x, got, want } = await both(kind, numbers);
    for (let i = 0; i < x.length; i++) {
      expect(Math.abs(got[i] / want[i] - 1), `${kind}(${x[i]})`).toBeLessThan(5e-6);
    }
  },
);

test("sinh and cosh overflow no earlier than f32 does", async () => {
  for (const kind of ["sinh", "cosh"] as const) {
    const { got, want } = await both(kind, [89, -89, 89.4]);
    for (let i = 0; i < 3; i++) expect(Math.abs(got[i] / want[i] - 1)).toBeLessThan(2e-5);
  }
});

test("roots and logarithms outside their domain are NaN, at its end infinite", async () => {
  for (const kind of ["sqrt", "reciprocal_sqrt", "log", "log1p"] as const) {
    const { got } = await both(kind, kind === "log1p" ? [-1.5, -1e30] : [-1e-30, -2]);
    expect([...got], kind).toEqual([NaN, NaN]);
  }
  expect((await both("log", [0])).got[0]).toBe(-Infinity);
  expect((await both("log1p", [-1])).got[0]).toBe(-Infinity);
  expect((await both("reciprocal_sqrt", [0])).got[0]).toBe(Infinity);
});
