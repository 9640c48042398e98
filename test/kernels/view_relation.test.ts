// The view relation and its loss: against their references, their gradients, and the symmetries of
// the ring.
import { expect, test } from "vitest";
import {
  normalizeRows,
  viewRelation,
  viewRelationLoss,
} from "../../src/graph/ops/view_relation.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import {
  ringPairs,
  viewRelation as viewRelationKernel,
  viewRelationGrad,
  viewRelationLoss as viewRelationLossKernel,
  viewRelationLossGrad,
} from "../../src/kernels/relations/view_relation.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(viewRelationKernel, ({ tokens: x }) => viewRelation(x)),
  viewRelationGrad,
  withOp(viewRelationLossKernel, (relations) =>
    viewRelationLoss(relations.student, relations.teacher),
  ),
  viewRelationLossGrad,
);

const [views, tokens, features] = [6, 10, 8];
const lossOf = async (student: Float32Array, teacher: Float32Array): Promise<number> => {
  const { loss } = await runGraph(
    (g) => {
      const relation = (name: string): ReturnType<typeof viewRelation> =>
        viewRelation(normalizeRows(g.input(name, [views, tokens, features])));
      return { loss: viewRelationLoss(relation("student"), relation("teacher")) };
    },
    { student, teacher },
  );
  return loss[0];
};
const student = draw([views, tokens, features], { kind: "normal" }, 1);
const teacher = draw([views, tokens, features], { kind: "normal" }, 2);
const inOrder = (x: Float32Array, order: readonly number[]): Float32Array =>
  Float32Array.from(
    order.flatMap((v) => [...x.subarray(v * tokens * features, (v + 1) * tokens * features)]),
  );

test("turning or reversing the ring leaves the loss alone; another order does not", async () => {
  const loss = await lossOf(student, teacher);
  const reordered = (order: readonly number[]): Promise<number> =>
    lossOf(inOrder(student, order), inOrder(teacher, order));
  expect(await reordered([2, 3, 4, 5, 0, 1])).toBeCloseTo(loss, 6);
  expect(await reordered([5, 4, 3, 2, 1, 0])).toBeCloseTo(loss, 6);
  expect(Math.abs((await reordered([0, 2, 1, 3, 4, 5])) - loss)).toBeGreaterThan(1e-4);
});

test("tokens turned as a whole, or of another length, have the same relation", async () => {
  // a rotation in each pair of features, and a factor
  const turned = student.map((x, i) => {
    const [cos, sin] = [Math.cos(1), Math.sin(1)];
    return 3 * (i % 2 === 0 ? cos * x - sin * student[i + 1] : sin * student[i - 1] + cos * x);
  });
  expect(await lossOf(turned, student)).toBeLessThan(1e-12);
});

test("each unordered pair of the ring counts once", () => {
  expect([1, 2, 3, 6].map(ringPairs)).toEqual([0, 1, 3, 6]);
});
