// The fused view relation: against its references, against the stored form, its gradient, and that
// no plan with it holds a matrix of tokens x tokens.
import { expect, test } from "vitest";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { lower } from "../../src/graph/lower.ts";
import {
  normalizeRows,
  viewRelation,
  viewRelationLoss,
} from "../../src/graph/ops/view_relation.ts";
import { viewRelationFused } from "../../src/graph/ops/view_relation_fused.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { ringPairs } from "../../src/kernels/relations/view_relation.ts";
import {
  viewRelationFused as viewRelationFusedKernel,
  viewRelationFusedGrad,
  viewRelationFusedGradRegister,
  viewRelationFusedRegister,
} from "../../src/kernels/relations/view_relation_fused.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(viewRelationFusedKernel, ({ student, teacher }) => viewRelationFused(student, teacher)),
  viewRelationFusedRegister,
  viewRelationFusedGrad,
  viewRelationFusedGradRegister,
);

type Form = (student: Value, teacher: Value) => Value;
const stored: Form = (student, teacher) =>
  viewRelationLoss(viewRelation(student), viewRelation(teacher));

/** The loss of tokens of length one in one of the forms, and its gradient by what was normalised. */
function lossOf(
  g: Graph,
  form: Form,
  student: Shape,
  teacherFeatures: number,
): { loss: Value; d_student: Value } {
  const x = g.input("student", student);
  const y = g.input("teacher", [student[0], student[1], teacherFeatures]);
  const loss = form(normalizeRows(x), normalizeRows(y));
  return { loss, d_student: g.gradients(loss, [x]).get(x)! };
}

test.each([
  [1, 7, 5, 3],
  [2, 31, 17, 9],
  [3, 33, 32, 65],
  [6, 60, 32, 64],
  [6, 65, 127, 16],
])(
  "%i views of %i tokens, %i and %i features: the loss and gradient of the stored form",
  async (views, tokens, features, teacherFeatures) => {
    const shape = [views, tokens, features];
    const inputs = {
      student: draw(shape, { kind: "normal" }, 1),
      teacher: draw([views, tokens, teacherFeatures], { kind: "normal" }, 2),
    };
    const [got, want] = [
      await runGraph((g) => lossOf(g, viewRelationFused, shape, teacherFeatures), inputs),
      await runGraph((g) => lossOf(g, stored, shape, teacherFeatures), inputs),
    ];
    expect(apart(got["loss"], want["loss"])).toBeLessThanOrEqual(1e-4 * length(want["loss"]));
    const allowed = 1e-4 * length(want["d_student"]);
    expect(apart(got["d_student"], want["d_student"])).toBeLessThanOrEqual(allowed);
    expect(length(want["d_student"]) > 0).toBe(views > 1);
  },
);

/** Elements of the largest tensor that the calls of a plan bind. */
function largestTensor(g: Graph, targets: readonly Value[]): number {
  const { calls } = lower(g, targets, gpu.facts);
  const sizes = calls.flatMap(({ bindings }) =>
    Object.values(bindings).map(({ shape }) => size(shape)),
  );
  return Math.max(...sizes);
}

test("a plan with loss and gradient holds no matrix of tokens x tokens", async () => {
  const [views, tokens, features] = [6, 240, 8];
  const held = async (form: Form): Promise<{ largest: number; arenas_bytes: number }> => {
    const g = graph();
    const outputs = lossOf(g, form, [views, tokens, features], features);
    const store = createStore(gpu, g, initialStore(g, 1));
    const plan = await compile(gpu, g, { outputs }, store);
    const arenas_bytes = plan.summary.arena_bytes.reduce((sum, bytes) => sum + bytes, 0);
    plan.destroy();
    store.destroy();
    return { largest: largestTensor(g, Object.values(outputs)), arenas_bytes };
  };
  const relations = ringPairs(views) * tokens * tokens;
  const [fused, kept] = [await held(viewRelationFused), await held(stored)];
  expect(fused.largest).toBeLessThan(tokens * tokens); // not even that of one pair
  expect(fused.arenas_bytes).toBeLessThan(relations); // a quarter of one relation of the rig
  expect(kept.largest).toBe(relations);
  expect(kept.arenas_bytes).toBeGreaterThan(4 * relations);
});

test("student and teacher of other views or tokens are refused, with their shapes", () => {
  const g = graph();
  const student = g.input("student", [6, 60, 32]);
  const refused = (teacher: Shape, text: string): void =>
    expect(() => viewRelationFused(student, g.input(text, teacher))).toThrow(text);
  refused([6, 59, 64], "teacher is [6, 59, 64], expected [6, 60, 64]");
  refused([5, 60, 32], "teacher is [5, 60, 32], expected [6, 60, 32]");
  refused([6, 60], "teacher is [6, 60], expected [6, 60, 32]");
});

/** Euclidean length. */
function length(x: Float32Array): number {
  return Math.hypot(...x);
}

/** Euclidean distance. */
function apart(a: Float32Array, b: Float32Array): number {
  return length(a.map((value, i) => value - b[i]));
}
