// The check of a whole network: nano's gradients on the GPU are those of the f64 path, and a wrong
// one shows.
import { expect, test } from "vitest";
import { compareGradients, compareNetwork, INITIAL_GATE } from "../../src/train/network_check.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

test.each(["metric_bins", "softmax_bins"])(
  "nano with %s: every gradient equals f64",
  async (kind) => {
    const loss = { cross_term: "silog", relation_grid: [2, 4] };
    const config = tinyConfig({ head: { kind, bins: 16 }, loss });
    const source = tinySource("train");
    const {
      parameters,
      gpu: own,
      cpu,
    } = await compareNetwork(gpu, {
      config,
      source,
      teacher: tinyTeacher,
    });
    expect(parameters.length).toBeGreaterThan(50);
    for (const { name, relative_error } of parameters) {
      expect(relative_error, name).toBeLessThanOrEqual(INITIAL_GATE);
    }
    for (const term of ["loss", "silog", "kl", "cross", "relation"]) {
      const [want, got] = [cpu.outputs[term][0], own.outputs[term][0]];
      expect(want, term).not.toBe(0);
      expect(Math.abs(got - want) / Math.abs(want), term).toBeLessThan(1e-5);
    }
  },
);

const SLOTS = [
  { name: "a", shape: [2], offset: 0, size: 2 },
  { name: "b", shape: [1], offset: 64, size: 1 },
];
const layout = { slots: SLOTS, byName: new Map(), floats: 128 };
const arena = (a0: number, a1: number, b0: number): Float64Array => {
  const values = new Float64Array(128);
  values.set([a0, a1]);
  values[64] = b0;
  return values;
};
const errors = (gpuSide: Float64Array, cpuSide: Float64Array): number[] =>
  compareGradients({ layout }, gpuSide, cpuSide).map(({ relative_error }) => relative_error);

test("the error is relative to the norm of the parameter's own gradient", () => {
  expect(errors(arena(3, 4.5, 2), arena(3, 4, 2))).toEqual([0.1, 0]);
});

test("a gradient that vanishes is held against a millionth of all gradients", () => {
  expect(errors(arena(3, 4, 1e-6), arena(3, 4, 0))[1]).toBeCloseTo(0.2, 12);
});

test("equal zeros agree, a NaN never does", () => {
  expect(errors(arena(0, 0, 0), arena(0, 0, 0))).toEqual([0, 0]);
  expect(errors(arena(Number.NaN, 4, 2), arena(3, 4, 2))).toEqual([Infinity, 0]);
});
