// Several moments in one step: the same mean of losses and gradients, whether the moments pass
// through the network together, one after the other, or in steps of their own.
import { expect, test } from "vitest";
import { loader } from "../../src/data/loader.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { gradientNetwork } from "../../src/train/network.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { momentInputs } from "../../src/train/loading/moment_inputs.ts";
import { joinedInputs, stepInputs } from "../../src/train/step.ts";
import { momentsPerStep } from "../../src/train/loading/step_moments.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const source = tinySource("train");

interface Step {
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly valid_count: number;
  readonly gradients: Float64Array;
}

/** Losses and gradients of step `step` with this many moments. */
async function stepOf(more: Record<string, unknown>, step: number): Promise<Step> {
  const config = tinyConfig({ augmentation: false, seed: 5, ...more });
  const shape = {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: 80,
    teacher: tinyTeacher.parts,
  };
  const network = gradientNetwork(config, shape);
  const values: CpuStore = initialStore(network.g, 1);
  const store = createStore(gpu, network.g, values);
  const plan = await compile(gpu, network.g, network.request, store);
  const samples = loader(source, {
    seed: 5,
    size: config.size,
    augment: false,
    badSamples: "stop",
  });
  const inputs = await stepInputs({ teacher: tinyTeacher, config }, samples, step);
  const {
    loss,
    valid_count,
    gradient_norm: _,
    ...terms
  } = await plan.run(inputs, stepScalars(tinyConfig(), 500));
  const { arenas } = await store.read();
  plan.destroy();
  store.destroy();
  return {
    loss: loss[0],
    valid_count: valid_count[0],
    terms: Object.fromEntries(Object.entries(terms).map(([name, [value]]) => [name, value])),
    gradients: arenas.gradients,
  };
}

function expectMean(found: Step, steps: readonly Step[]): void {
  const mean = (of: (step: Step) => number): number =>
    steps.reduce((sum, step) => sum + of(step), 0) / steps.length;
  expect(found.loss).toBeCloseTo(
    mean(({ loss }) => loss),
    4,
  );
  expect(found.valid_count).toBe(steps.reduce((sum, step) => sum + step.valid_count, 0));
  for (const [name, value] of Object.entries(found.terms)) {
    expect(value, name).toBeCloseTo(
      mean(({ terms }) => terms[name]),
      4,
    );
  }
  const largest = found.gradients.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest).toBeGreaterThan(0);
  const worst = found.gradients.reduce((most, value, i) => {
    return Math.max(most, Math.abs(value - mean(({ gradients }) => gradients[i])));
  }, 0);
  expect(worst / largest).toBeLessThan(1e-4);
}

// nano has no statistics over a batch, so its moments do not see each other.
test("two rigs together, and two passes, are the mean of two steps", async () => {
  const alone = [await stepOf({}, 2), await stepOf({}, 3)];
  expect(alone[0].loss).not.toBe(alone[1].loss);
  expectMean(await stepOf({ rigs_per_step: 2 }, 1), alone);
  expectMean(await stepOf({ accumulate: 2 }, 1), alone);
});

test("the moments of steps follow one another, none twice", async () => {
  const config = { rigs_per_step: 2, accumulate: 3 };
  expect(momentsPerStep(config)).toBe(6);
  const asked: number[] = [];
  const load = async (moment: number): Promise<Record<string, Float32Array>> => {
    asked.push(moment);
    return await Promise.resolve({ x: Float32Array.of(moment) });
  };
  const inputs = await joinedInputs(config, load, 1);
  expect(asked).toEqual([6, 7, 8, 9, 10, 11]);
  expect(inputs).toEqual({
    x: Float32Array.of(6, 7),
    "x of pass 2": Float32Array.of(8, 9),
    "x of pass 3": Float32Array.of(10, 11),
  });
  const single = await joinedInputs({ rigs_per_step: 1, accumulate: 1 }, load, 4);
  expect(single).toEqual({ x: Float32Array.of(4) });
});

test("the weights of a relation belong to their rig", async () => {
  const config = tinyConfig({
    rigs_per_step: 2,
    loss: { relation: "overlap", relation_grid: [2, 4] },
  });
  const samples = loader(source, {
    seed: 0,
    size: config.size,
    augment: false,
    badSamples: "stop",
  });
  const one = await momentInputs({ teacher: tinyTeacher, config }, samples, 0);
  const two = await stepInputs({ teacher: tinyTeacher, config }, samples, 0);
  const name = "overlap_weights";
  expect(two[name].subarray(0, one[name].length)).toEqual(one[name]);
  const shape = { views: 3, size: config.size, depth_max_m: 80, teacher: tinyTeacher.parts };
  const { g } = gradientNetwork(config, shape);
  const input = g.inputs.find((value) => value.name === name)!;
  expect(input.shape.reduce((a, b) => a * b)).toBe(two[name].length);
});
