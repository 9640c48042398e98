// The weighted relation loss: against its references, its gradient, what the weights mean, and that
// no plan with it holds a relation besides the weights.
import { expect, test } from "vitest";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { lower } from "../../src/graph/lower.ts";
import { normalizeRows } from "../../src/graph/ops/view_relation.ts";
import { viewRelationFused } from "../../src/graph/ops/view_relation_fused.ts";
import { viewRelationWeighted } from "../../src/graph/ops/view_relation_weighted.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import {
  viewRelationWeighted as viewRelationWeightedKernel,
  viewRelationWeightedGrad,
  viewRelationWeightedGradRows,
  viewRelationWeightedRows,
} from "../../src/kernels/relations/view_relation_weighted.ts";
import { size } from "../../src/tensor/shape.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(viewRelationWeightedKernel, ({ student, teacher, weights }) =>
    viewRelationWeighted(student, teacher, weights),
  ),
  viewRelationWeightedRows,
  viewRelationWeightedGrad,
  viewRelationWeightedGradRows,
);

const [V, L, E] = [3, 40, 7];
const STUDENT = draw([V, L, E], { kind: "normal" }, 1);
const TEACHER = draw([V, L, E], { kind: "normal" }, 2);
function build(g: Graph, form: (x: Value, y: Value) => Value): Record<string, Value> {
  const x = g.input("student", [V, L, E]);
  const loss = form(normalizeRows(x), normalizeRows(g.input("teacher", [V, L, E])));
  return { loss, d_student: g.gradients(loss, [x]).get(x)! };
}
const weighted = (weights: Float32Array): ReturnType<typeof runGraph> =>
  runGraph((g) => build(g, (x, y) => viewRelationWeighted(x, y, g.input("weights", [V, L, L]))), {
    student: STUDENT,
    teacher: TEACHER,
    weights,
  });

test("weights that are all 1, or all 2, give the unweighted loss", async () => {
  const plain = await runGraph((g) => build(g, viewRelationFused), {
    student: STUDENT,
    teacher: TEACHER,
  });
  for (const weight of [1, 2]) {
    const got = await weighted(new Float32Array(V * L * L).fill(weight));
    expect(got["loss"][0]).toBeCloseTo(plain["loss"][0], 6);
    got["d_student"].forEach((v, i) => expect(v).toBeCloseTo(plain["d_student"][i], 7));
  }
});

test("a pair with no weight does not count, and no weight at all gives zeros", async () => {
  const weights = new Float32Array(V * L * L);
  const none = await weighted(weights);
  expect(none["loss"][0]).toBe(0);
  expect(none["d_student"].every((v) => v === 0)).toBe(true);
  weights.fill(1, 0, L * L); // views 0 and 1 alone
  const one = await weighted(weights);
  expect(one["loss"][0]).toBeGreaterThan(0.01);
  expect(one["d_student"].subarray(0, L * E).some((v) => v !== 0)).toBe(true);
  expect(one["d_student"].subarray(2 * L * E).every((v) => v === 0)).toBe(true);
});

test("a plan with loss and gradient holds the weights and no relation", () => {
  const g = graph();
  const x = g.input("student", [6, 240, 8]);
  const weights = g.input("weights", [6, 240, 240]);
  const loss = viewRelationWeighted(x, g.input("teacher", [6, 240, 8]), weights);
  const { calls } = lower(g, [loss, g.gradients(loss, [x]).get(x)!], gpu.facts);
  const sizes = calls.flatMap(({ bindings }) =>
    Object.values(bindings)
      .filter(({ name }) => name !== "weights")
      .map(({ shape }) => size(shape)),
  );
  expect(Math.max(...sizes)).toBeLessThan(240 * 240);
});

test("weights of another size are refused, with their shapes", () => {
  const g = graph();
  const [student, teacher] = [g.input("student", [2, 5, 3]), g.input("teacher", [2, 5, 4])];
  expect(() => viewRelationWeighted(student, teacher, g.input("weights", [2, 5, 5]))).toThrow(
    "weights is [2, 5, 5], expected [1, 5, 5]",
  );
});
