// The divergence of row softmaxes of relations: against its references, against the stored form, its
// gradient, and that no plan with it holds a matrix of tokens x tokens.
import { expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { lower } from "../../src/graph/lower.ts";
import { normalizeRows } from "../../src/graph/ops/view_relation.ts";
import { viewRelationSoftmax } from "../../src/graph/ops/view_relation_softmax.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import {
  viewRelationSoftmax as viewRelationSoftmaxKernel,
  viewRelationSoftmaxGrad,
  viewRelationSoftmaxGradRows,
  viewRelationSoftmaxRows,
} from "../../src/kernels/relations/view_relation_softmax.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(viewRelationSoftmaxKernel, ({ student, teacher }, attributes) =>
    viewRelationSoftmax(student, teacher, attributes),
  ),
  viewRelationSoftmaxRows,
  viewRelationSoftmaxGrad,
  viewRelationSoftmaxGradRows,
);

const TEMPERATURE = 0.1;
interface Built {
  readonly loss: Value;
  readonly d_student: Value;
}
function build(g: Graph, student: Shape, teacherFeatures: number): Built {
  const x = g.input("student", student);
  const y = g.input("teacher", [student[0], student[1], teacherFeatures]);
  const loss = viewRelationSoftmax(normalizeRows(x), normalizeRows(y), {
    temperature: TEMPERATURE,
  });
  return { loss, d_student: g.gradients(loss, [x]).get(x)! };
}

test.each([
  [2, 1, 3, 3],
  [3, 33, 8, 5],
  [6, 60, 32, 64],
])("%i views of %i tokens: the loss and gradient of the f64 path", async (...sizes) => {
  const [views, tokens, features, teacherFeatures] = sizes;
  const shape = [views, tokens, features];
  const inputs = {
    student: draw(shape, { kind: "normal" }, 1),
    teacher: draw([views, tokens, teacherFeatures], { kind: "normal" }, 2),
  };
  const got = await runGraph((g) => ({ ...build(g, shape, teacherFeatures) }), inputs);
  const g = graph();
  const outputs = { ...build(g, shape, teacherFeatures) };
  const want = runOnCpu(g, { outputs }, initialStore(g, 1), inputs);
  expect(Math.abs(got["loss"][0] - want["loss"][0])).toBeLessThan(1e-5);
  const largest = want["d_student"].reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const apart = want["d_student"].reduce((most, v, i) => {
    return Math.max(most, Math.abs(v - got["d_student"][i]));
  }, 0);
  // one token: every row is one probability of 1
  if (tokens === 1) expect(Math.max(want["loss"][0], largest, apart)).toBe(0);
  else expect(apart).toBeLessThan(1e-4 * largest);
});

test("is zero for a student that has the teacher's relation, and positive otherwise", async () => {
  const tokens = draw([4, 9, 6], { kind: "normal" }, 3);
  const same = await runGraph((g) => ({ ...build(g, [4, 9, 6], 6) }), {
    student: tokens,
    teacher: tokens,
  });
  expect(same["loss"][0]).toBe(0);
  expect(same["d_student"].every((v) => v === 0)).toBe(true);
  const other = await runGraph((g) => ({ ...build(g, [4, 9, 6], 6) }), {
    student: draw([4, 9, 6], { kind: "normal" }, 4),
    teacher: tokens,
  });
  expect(other["loss"][0]).toBeGreaterThan(0.1);
});

test("a plan with loss and gradient holds no matrix of tokens x tokens", () => {
  const g = graph();
  const { calls } = lower(g, Object.values(build(g, [6, 240, 8], 8)), gpu.facts);
  const sizes = calls.flatMap(({ bindings }) =>
    Object.values(bindings).map(({ shape }) => size(shape)),
  );
  expect(Math.max(...sizes)).toBeLessThan(240 * 240);
});

test("a temperature that is not above 0 is refused", () => {
  const g = graph();
  const [student, teacher] = [g.input("student", [3, 4, 2]), g.input("teacher", [3, 4, 2])];
  expect(() => viewRelationSoftmax(student, teacher, { temperature: 0 })).toThrow(
    "a temperature of 0 is not above 0",
  );
});
