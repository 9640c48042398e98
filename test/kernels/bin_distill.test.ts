// A distilled decode: against its reference, its gradients, and what must hold of it.
// bin_distill_grad.test.ts compares it with single ops.
import { expect, test } from "vitest";
import { hardLogits } from "../../src/distill/hard_rows.ts";
import { add } from "../../src/graph/ops/arithmetic.ts";
import type { Value } from "../../src/graph/value.ts";
import {
  binDistill,
  binDistillBinomial as binomialOp,
  type Distilled,
} from "../../src/graph/ops/bin_distill.ts";
import {
  binDistill as binDistillKernel,
  binDistillBinomial,
  binDistillBinomialRows,
  binDistillBinomialVec4,
  binDistillFactors,
  binDistillRows,
} from "../../src/kernels/depth_bins/bin_distill.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { present, withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

const sum = ({ depth, cross, kl }: Distilled): Value => add(add(depth, cross), kl);

checkKernels(
  withOp(binDistillKernel, ({ scale, ...inputs }, attributes) =>
    sum(binDistill({ ...inputs, scale: present(scale) }, attributes)),
  ),
  binDistillRows,
  withOp(
    binDistillBinomial,
    ({ pi, t, teacher, centers, scale }, attributes) =>
      sum(binomialOp({ pi, t, teacher, centers, scale }, attributes)),
    ["pi", "t", "scale"],
  ),
  binDistillBinomialVec4,
  binDistillBinomialRows,
  binDistillFactors,
);

test("a student that is its teacher: cross depth is depth, the divergence 0", async () => {
  const logits = hardLogits(33, 64);
  const { depth, cross, kl } = await runGraph(
    (g) => {
      const z = g.input("z", [1, 11, 3, 64]);
      const centers = g.input("c", [1, 1, 1, 64]);
      return { ...binDistill({ student: z, teacher: z, centers }, { teacher: "logits" }) };
    },
    { z: logits, c: draw([64], { kind: "uniform", low: 0.01, high: 1 }, 1) },
  );
  expect(cross).toEqual(depth);
  for (const value of kl) expect(Math.abs(value)).toBeLessThan(1e-6);
});

test("the divergence is never negative beyond rounding, and grows as bins part", async () => {
  const { kl } = await runGraph(
    (g) => ({
      kl: binDistill(
        {
          student: g.input("z", [1, 1, 3, 4]),
          teacher: g.input("teacher", [1, 1, 3, 1]),
          centers: g.input("c", [1, 1, 1, 4]),
        },
        { teacher: "relative" },
      ).kl,
    }),
    // logits of a Gaussian around bins 0, 1 and 3; the teacher is at bin 0
    {
      z: [0, 1, 3].flatMap((at) => [0, 1, 2, 3].map((k) => -((k - at) ** 2) / 2)),
      teacher: [0.125, 0.125, 0.125],
      c: [1, 2, 3, 4],
    },
  );
  expect(Math.abs(kl[0])).toBeLessThan(1e-6);
  expect(kl[1]).toBeGreaterThan(0.1);
  expect(kl[2]).toBeGreaterThan(kl[1] + 0.1);
});
