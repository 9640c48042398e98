// Elementary functions of two tensors against their references, and their gradients under
// broadcasting.
import { expect, test } from "vitest";
import { binary as binaryOp } from "../../src/graph/ops/arithmetic.ts";
import { binary, binaryGrad } from "../../src/kernels/binary.ts";
import { runKernel } from "../../src/engine/run.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(
  withOp(binary, ({ a, b }, { kind }) => binaryOp(a, b, kind)),
  binaryGrad,
);

test("power keeps signs with whole exponents and gives 1 for exponent 0", async () => {
  const a = Float32Array.of(-1, -0.5, -2.7, 0, 0, -3, 2, -1.5);
  const b = Float32Array.of(3, 2, -1, 0, 2.5, 0, 100, 65);
  const { y } = await runKernel(gpu, binary, { a, b }, { a: [8], b: [8] }, { kind: "power" });
  const want = Array.from(a, (base, i) => base ** b[i]);
  for (const [i, value] of want.entries()) {
    expect(Math.abs(y[i] - value)).toBeLessThanOrEqual(2e-5 * Math.abs(value));
  }
});

test("of equal operands the first takes the gradient of the maximum", async () => {
  const same = Float32Array.of(0.7, -2);
  const inputs = { a: same, b: same, d_y: Float32Array.of(3, 4) };
  const shapes = { a: [2], b: [2], d_y: [2] };
  const by = async (side: "a" | "b"): Promise<number[]> => {
    const { d_operand } = await runKernel(gpu, binaryGrad, inputs, shapes, {
      kind: "maximum",
      side,
    });
    return [...d_operand];
  };
  expect(await by("a")).toEqual([3, 4]);
  expect(await by("b")).toEqual([0, 0]);
});

test("shapes that do not broadcast are refused with their numbers", () => {
  expect(() => binary.shapes({ a: [2, 3], b: [2] }, { kind: "add" })).toThrow(
    "[2, 3] and [2] do not broadcast together",
  );
});

const angles: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, -0],
  [-0, 0],
  [-0, -0],
  [0, 2],
  [-0, 2],
  [0, -2],
  [-0, -2],
  [3, 0],
  [-3, -0],
  [1e-30, 1e-30],
  [-2e-38, 4e-38],
  [3e38, -3e38],
  [-3e38, 1e-38],
  [1e-38, -3e38],
  [Infinity, Infinity],
  [-Infinity, Infinity],
  [Infinity, -Infinity],
  [Infinity, 1],
  [1, Infinity],
  [1, -Infinity],
  [1e-4, 1],
  [-0.3, -0.7],
];

test("atan2 is right at the origin, at infinity and between numbers of any size", async () => {
  const [a, b] = [0, 1].map((side) => Float32Array.from(angles, (pair) => pair[side]));
  const shapes = { a: [a.length], b: [a.length] };
  const { y } = await runKernel(gpu, binary, { a, b }, shapes, { kind: "atan2" });
  for (let i = 0; i < a.length; i++) {
    const want = Math.atan2(a[i], b[i]);
    const what = `atan2(${Object.is(a[i], -0) ? "-0" : a[i]}, ${Object.is(b[i], -0) ? "-0" : b[i]})`;
    expect(Math.abs(y[i] - want), what).toBeLessThanOrEqual(5e-7 * Math.abs(want));
    expect(Object.is(y[i], -0) || y[i] < 0, what).toBe(Object.is(want, -0) || want < 0);
  }
});

test("the gradient of atan2 is 0 at the origin and right for tiny and huge operands", async () => {
  const pairs = [...angles.slice(0, 4), [1e-20, 2e-20], [-3e-25, 1e-25], [3e25, 4e25]] as const;
  const [a, b] = [0, 1].map((side) => Float32Array.from(pairs, (pair) => pair[side]));
  const inputs = { a, b, d_y: new Float32Array(a.length).fill(1) };
  const shapes = { a: [a.length], b: [a.length], d_y: [a.length] };
  for (const side of ["a", "b"] as const) {
    const { d_operand } = await runKernel(gpu, binaryGrad, inputs, shapes, { kind: "atan2", side });
    for (let i = 0; i < a.length; i++) {
      const square = a[i] ** 2 + b[i] ** 2;
      const want = square === 0 ? 0 : (side === "a" ? b[i] : -a[i]) / square;
      expect(Math.abs(d_operand[i] - want)).toBeLessThanOrEqual(1e-6 * Math.abs(want));
    }
  }
});

test("power of zeros and infinities is that of IEEE 754", async () => {
  const a = Float32Array.of(0, 0, -0, -Infinity, -Infinity, Infinity, 2, 0.5, NaN, -8, -8);
  const b = Float32Array.of(-0.5, -2, -3, 0.5, 3, -1.5, Infinity, Infinity, 0, -Infinity, 0.3);
  const { y } = await runKernel(gpu, binary, { a, b }, { a: [11], b: [11] }, { kind: "power" });
  expect([...y]).toEqual([
    Infinity,
    Infinity,
    -Infinity,
    Infinity,
    -Infinity,
    0,
    Infinity,
    0,
    1,
    0,
    NaN,
  ]);
});

test("NaN beside 0 is not taken for the origin, nor for a number in order", async () => {
  const [a, b] = [Float32Array.of(NaN, 0, NaN, 0), Float32Array.of(0, NaN, -0, NaN)];
  const inputs = { a, b, d_y: new Float32Array(4).fill(1) };
  const shapes = { a: [4], b: [4], d_y: [4] };
  for (const kind of ["atan2", "maximum", "minimum"] as const) {
    for (const side of ["a", "b"] as const) {
      const { d_operand } = await runKernel(gpu, binaryGrad, inputs, shapes, { kind, side });
      expect(d_operand.every(Number.isNaN), `${kind} by ${side}`).toBe(true);
    }
    const { y } = await runKernel(gpu, binary, inputs, shapes, { kind });
    expect(y.every(Number.isNaN), kind).toBe(true);
  }
});
