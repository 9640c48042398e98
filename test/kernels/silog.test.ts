// The scale-invariant log loss: against its reference, its gradient, and what must hold of it.
import { expect, test } from "vitest";
import { silog } from "../../src/graph/ops/silog.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { silog as silogKernel, silogFinish, silogGrad } from "../../src/kernels/silog.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  withOp(silogKernel, ({ depth, depth_m, valid }) => silog(depth, depth_m, valid).loss),
  silogFinish,
  silogGrad,
);

const silogOf = (
  inputs: Record<"depth" | "depth_m" | "valid", readonly number[] | Float32Array>,
): Promise<Record<string, Float32Array>> => {
  const shape = [1, 1, inputs.valid.length, 1];
  return runGraph((g) => {
    const depth = g.input("depth", shape);
    const { loss, count } = silog(depth, g.input("depth_m", shape), g.input("valid", shape));
    return { loss, count, d: g.gradients(loss, [depth]).get(depth)! };
  }, inputs);
};

test("depths all s times too far cost 10 sqrt(0.15) ln s", async () => {
  const depth_m = draw([5000], { kind: "uniform", low: 1, high: 80 }, 1);
  const { loss, count } = await silogOf({
    depth: depth_m.map((d) => 1.25 * d),
    depth_m,
    valid: depth_m.map(() => 1),
  });
  expect(loss[0]).toBeCloseTo(10 * Math.sqrt(0.15) * Math.log(1.25), 5);
  expect(count[0]).toBe(5000);
});

test("the right depth costs 1e-3, which keeps the slope finite, with zero gradient", async () => {
  const depth_m = draw([100], { kind: "uniform", low: 1, high: 80 }, 1);
  const { loss, d } = await silogOf({ depth: depth_m, depth_m, valid: depth_m.map(() => 1) });
  expect(loss[0]).toBeCloseTo(1e-3, 9);
  expect(d.every((v) => v === 0)).toBe(true);
});

test.each([
  ["one valid pixel", [0, 1, 0], 1],
  ["no valid pixel", [0, 0, 0], 0],
])("%s gives 0 with zero gradient, and the count", async (_, valid, expected) => {
  const { loss, count, d } = await silogOf({ depth: [3, 5, 9], depth_m: [4, 4, 0], valid });
  expect([...loss, ...d]).toEqual([0, 0, 0, 0]);
  expect(count[0]).toBe(expected);
});

test("pixels without ground truth have no part in it, not even NaN", async () => {
  const { loss, d } = await silogOf({ depth: [3, NaN, 9], depth_m: [4, 0, 8], valid: [1, 0, 1] });
  const alone = await silogOf({ depth: [3, 9], depth_m: [4, 8], valid: [1, 1] });
  expect(loss[0]).toBeCloseTo(alone["loss"][0], 6);
  expect(d[1]).toBe(0);
});
