// Elementary functions of two tensors against their references, and their gradients under
// broadcasting.
import { expect, test } from "vitest";
import { binary as binaryOp } from "../../src/graph/ops/arithmetic.ts";
import { BINARY_KINDS, binary, binaryGrad } from "../../src/kernels/binary.ts";
import { runKernel } from "../../src/kernels/run.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(binary, binaryGrad);

for (const kind of BINARY_KINDS.slice(0, BINARY_KINDS.indexOf("equal"))) {
  checkGradient(
    kind,
    (g) => {
      const [a, b] = [g.input("a", [4, 1, 5]), g.input("b", [3, 5])];
      return { output: binaryOp(a, b, kind), wrt: [a, b] };
    },
    {
      data: {
        a: { kind: "uniform", low: 0.3, high: 3 },
        b: { kind: "uniform", low: 0.3, high: 3 },
      },
    },
  );
}
checkGradient(
  "subtract a scalar",
  (g) => {
    const [a, b] = [g.input("a", [4, 130]), g.input("b", [])];
    return { output: binaryOp(a, b, "subtract"), wrt: [a, b] };
  },
  // <A x, y> holds for both operands together, not for each
  {},
);
checkGradient(
  "multiply by a constant, broadcast both ways",
  (g) => {
    const [a, b] = [g.input("a", [7, 1]), g.constant("b", [5], Float32Array.of(1, -2, 3, 0, 0.5))];
    return { output: binaryOp(a, b, "multiply"), wrt: [a] };
  },
  { linear: true },
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
