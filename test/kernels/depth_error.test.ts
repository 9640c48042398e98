// The losses in metres: against their references, their gradients, and what must hold of them.
import { expect, test } from "vitest";
import { apply } from "../../src/graph/apply.ts";
import { depthError, depthErrorOps } from "../../src/graph/ops/depth_error.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import {
  depthError as depthErrorKernel,
  depthErrorGrad,
  depthErrorPeak,
  depthErrorThreshold,
} from "../../src/kernels/depth_error.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(
  depthErrorPeak,
  depthErrorThreshold,
  withOp(depthErrorKernel, ({ depth, depth_m, valid, threshold }, attributes) => {
    const c = threshold.shape[0] === 0 ? null : threshold;
    return apply(depthErrorOps.depth_error, { depth, depth_m, valid, threshold: c }, attributes)[0];
  }),
  depthErrorGrad,
);

const lossOf = (
  form: "l1" | "berhu",
  inputs: Record<"depth" | "depth_m" | "valid", readonly number[] | Float32Array>,
): Promise<Record<string, Float32Array>> => {
  const shape = [1, 1, inputs.valid.length, 1];
  return runGraph((g) => {
    const depth = g.input("depth", shape);
    const [depth_m, valid] = [g.input("depth_m", shape), g.input("valid", shape)];
    const { loss, count } = depthError(depth, depth_m, valid, { form, scale: 0.1 });
    return { loss, count, d: g.gradients(loss, [depth]).get(depth)! };
  }, inputs);
};

test("reverse Huber: errors up to a fifth of the largest cost as L1, others more", async () => {
  // Errors 1, -2 and 10, so that c = 2: costs 1, 2 and (100 + 4) / 4 = 26.
  const given = { depth: [5, 6, 30, 1], depth_m: [4, 8, 20, 0], valid: [1, 1, 1, 0] };
  const { loss, count, d } = await lossOf("berhu", given);
  expect(loss[0]).toBeCloseTo((0.1 * (1 + 2 + 26)) / 3, 6);
  expect(count[0]).toBe(3);
  [1, -1, 5, 0].forEach((slope, i) => expect(d[i]).toBeCloseTo((0.1 * slope) / 3, 6));
  const l1 = await lossOf("l1", given);
  expect(l1["loss"][0]).toBeCloseTo((0.1 * 13) / 3, 6);
  [1, -1, 1, 0].forEach((slope, i) => expect(l1["d"][i]).toBeCloseTo((0.1 * slope) / 3, 6));
});

test.each(["l1", "berhu"] as const)("%s: the right depth costs nothing", async (form) => {
  const depth_m = draw([100], { kind: "uniform", low: 1, high: 80 }, 1);
  const { loss, d } = await lossOf(form, { depth: depth_m, depth_m, valid: depth_m.map(() => 1) });
  expect([loss[0], ...d].every((v) => v === 0)).toBe(true);
});

test.each(["l1", "berhu"] as const)(
  "%s: no valid pixel gives 0 with zero gradient",
  async (form) => {
    const given = { depth: [3, NaN, 9], depth_m: [4, 4, 0], valid: [0, 0, 0] };
    const { loss, count, d } = await lossOf(form, given);
    expect([...loss, ...count, ...d]).toEqual([0, 0, 0, 0, 0]);
  },
);

test.each(["l1", "berhu"] as const)(
  "%s: pixels without ground truth have no part",
  async (form) => {
    const given = { depth: [3, NaN, 9, 70], depth_m: [4, 0, 8, 1], valid: [1, 0, 1, 0] };
    const { loss, d } = await lossOf(form, given);
    const alone = await lossOf(form, { depth: [3, 9], depth_m: [4, 8], valid: [1, 1] });
    expect(loss[0]).toBe(alone["loss"][0]);
    expect([d[1], d[3]]).toEqual([0, 0]);
  },
);

test("a scale of depth scales both losses", async () => {
  const depth = draw([500], { kind: "uniform", low: 1, high: 80 }, 1);
  const depth_m = draw([500], { kind: "uniform", low: 1, high: 80 }, 2);
  const valid = depth.map(() => 1);
  for (const form of ["l1", "berhu"] as const) {
    const once = await lossOf(form, { depth, depth_m, valid });
    const twice = await lossOf(form, {
      depth: depth.map((d) => 2 * d),
      depth_m: depth_m.map((d) => 2 * d),
      valid,
    });
    expect(twice["loss"][0]).toBe(2 * once["loss"][0]);
  }
});
