// Divergence of bin probabilities: against its reference, its gradient, and what must hold of it.
import { expect, test } from "vitest";
import { binKl } from "../../src/graph/ops/bin_kl.ts";
import { binKl as binKlKernel, binKlGrad, binKlRows } from "../../src/kernels/depth_bins/bin_kl.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(binKlKernel, ({ student, teacher, usable }, attributes) =>
    binKl(student, teacher, usable, attributes),
  ),
  binKlRows,
  binKlGrad,
);

const klAndGradient = (
  inputs: Record<"student" | "teacher" | "usable", readonly number[] | Float32Array>,
  bins: number,
): Promise<Record<string, Float32Array>> => {
  const pixels = inputs.usable.length;
  return runGraph((g) => {
    const student = g.input("student", [1, 1, pixels, bins]);
    const teacher = g.input("teacher", [1, 1, pixels, bins]);
    const kl = binKl(student, teacher, g.input("usable", [1, 1, pixels, 1]), { temperature: 1 });
    return { kl, d: g.gradients(kl, [student]).get(student)! };
  }, inputs);
};

test("equal logits give exactly no divergence and no gradient", async () => {
  const z = draw([6, 64], { kind: "uniform", low: -27_000, high: 0 }, 1);
  const { kl, d } = await klAndGradient({ student: z, teacher: z, usable: [1, 1, 1, 1, 1, 1] }, 64);
  expect([...kl]).toEqual([0]);
  expect(d.every((v) => v === 0)).toBe(true);
});

test("no usable pixel gives 0 with zero gradient", async () => {
  const student = draw([3, 8], { kind: "normal" }, 1);
  const teacher = draw([3, 8], { kind: "normal" }, 2);
  const { kl, d } = await klAndGradient({ student, teacher, usable: [0, 0, 0] }, 8);
  expect([...kl]).toEqual([0]);
  expect(d.every((v) => v === 0)).toBe(true);
});

test("what stands at an unusable pixel does not matter, not even NaN", async () => {
  const student = [0, 1, NaN, NaN];
  const teacher = [1, 0, 3, NaN];
  const { kl, d } = await klAndGradient({ student, teacher, usable: [1, 0] }, 2);
  const alone = await klAndGradient({ student: [0, 1], teacher: [1, 0], usable: [1] }, 2);
  expect([...kl]).toEqual([...alone["kl"]]);
  expect([...d]).toEqual([...alone["d"], 0, 0]);
});

test("a student certain of another bin pays the whole difference of logits", async () => {
  const { kl, d } = await klAndGradient(
    { student: [0, -27_000], teacher: [-27_000, 0], usable: [1] },
    2,
  );
  expect([...kl]).toEqual([27_000]);
  expect([...d]).toEqual([1, -1]);
});
