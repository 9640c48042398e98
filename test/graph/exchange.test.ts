// A step in parts: two processes with half a batch each compute what one computes with all of it, up
// to rounding, batch norm included.
import { expect, test } from "vitest";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { mergedMoments, type Exchange } from "../../src/graph/exchange.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant, heNormal } from "../../src/graph/initializers.ts";
import { relu } from "../../src/graph/ops/activation.ts";
import { add, multiply } from "../../src/graph/ops/arithmetic.ts";
import { adamw, gradNorm } from "../../src/graph/ops/adamw.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { maskedMean } from "../../src/graph/ops/masked_mean.ts";
import { batchNorm } from "../../src/graph/ops/norm.ts";
import { compile } from "../../src/graph/plan.ts";
import type { Request } from "../../src/graph/request.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { gpu } from "../support/gpu.ts";

const [H, W, C] = [5, 7, 8];
const SCALARS = { learning_rate: 0.1, correction1: 10, correction2: 100 };

/** Two convolutions with batch norms: one that is fused with its activation, one that is not. */
function network(views: number): { readonly g: Graph; readonly request: Request } {
  const g = graph();
  const images = g.input("images", [views, H, W, 4]);
  const mask = g.input("mask", [views, H, W, C]);
  const norm = (name: string, x: Value): Value =>
    batchNorm(
      {
        x,
        gamma: g.parameter(`${name}.weight`, [C], constant(1), false),
        beta: g.parameter(`${name}.bias`, [C], constant(0.5), false),
        running_mean: g.state(`${name}.mean`, [C], 0),
        running_variance: g.state(`${name}.variance`, [C], 1),
      },
      { training: true, epsilon: 1e-5, momentum: 0.1 },
    );
  const weight = (name: string, depth: number): Value =>
    g.parameter(name, [C, 3, 3, depth], heNormal);
  const one = relu(norm("one", conv2d(images, weight("w1", 4), null, { stride: 1, pad: 1 })));
  const two = norm("two", conv2d(one, weight("w2", C), null, { stride: 1, pad: 1 }));
  const squares = multiply(two, add(two, one));
  const { mean: loss, count } = maskedMean(squares, mask);
  const gradients = g.gradients(loss);
  const length = gradNorm(g.arena("gradients"), { max_norm: 1 });
  const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.01 };
  adamw(g, length, settings);
  return { g, request: { outputs: { loss, count, length }, gradients } };
}

/** Random images of four views; the mask keeps everything. */
function batch(first: number, views: number): Record<string, Float32Array> {
  const random = randomStream(3);
  const all = Float32Array.from({ length: 4 * H * W * 4 }, (_, i) => (i % 7) * random.uniform());
  return {
    images: all.subarray(first * H * W * 4, (first + views) * H * W * 4),
    mask: new Float32Array(views * H * W * C).fill(1),
  };
}

interface Trained {
  readonly outputs: Readonly<Record<string, Float32Array>>;
  readonly store: CpuStore;
}

async function twoSteps(
  first: number,
  views: number,
  exchange?: Exchange,
  fused = true,
): Promise<Trained> {
  const { g, request } = network(views);
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, request, store, {
    fused,
    ...(exchange && { exchange }),
  });
  const hasFused = plan.summary.fusions.some(({ rule }) => rule.startsWith("norm + relu"));
  expect(hasFused).toBe(fused);
  // The second one is submitted while the first is under way.
  const reads = [0, 1].map(() => plan.submit(batch(first, views), SCALARS));
  const [, outputs] = [await reads[0](), await reads[1]()];
  const values = await store.read();
  plan.destroy();
  store.destroy();
  return { outputs, store: values };
}

/** What two processes would exchange, in this one. */
function twoExchanges(): readonly [Exchange, Exchange] {
  let waiting: { readonly values: Float32Array; readonly take: (all: Float32Array[]) => void }[] =
    [];
  const gatherAs = (rank: number) => async (values: Float32Array) =>
    await new Promise<Float32Array[]>((resolve) => {
      waiting[rank] = { values, take: resolve };
      if (waiting[0] === undefined || waiting[1] === undefined) return;
      const lists = waiting.map((one) => one.values);
      const takers = waiting.map((one) => one.take);
      waiting = [];
      for (const take of takers) take(lists);
    });
  const exchange = (rank: number): Exchange => {
    const gather = gatherAs(rank);
    const mean = async (values: Float32Array): Promise<Float32Array> => {
      const [a, b] = await gather(values);
      return a.map((value, i) => (value + b[i]) / 2);
    };
    return { ranks: 2, begin: async () => {}, mean, gather };
  };
  return [exchange(0), exchange(1)];
}

function expectNear(found: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  const largest = Array.from(wanted).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  for (let i = 0; i < wanted.length; i++) {
    expect(Math.abs(found[i] - wanted[i]) / largest, `${what}[${i}]`).toBeLessThan(2e-5);
  }
}

test.each([
  ["fused with their activations", true],
  ["alone", false],
])("two halves of a batch give the step of the whole, batch norms %s", async (_, fused) => {
  const whole = await twoSteps(0, 4);
  const [a, b] = twoExchanges();
  const [one, two] = await Promise.all([twoSteps(0, 2, a, fused), twoSteps(2, 2, b, fused)]);
  // The processes stay equal to the last bit.
  expect(one).toEqual(two);
  expectNear(one.outputs["loss"], whole.outputs["loss"], "loss");
  expectNear(one.outputs["length"], whole.outputs["length"], "norm of the gradient");
  expect(2 * one.outputs["count"][0]).toBe(whole.outputs["count"][0]);
  for (const arena of ["gradients", "first_moments", "parameters"] as const) {
    expectNear(one.store.arenas[arena], whole.store.arenas[arena], arena);
  }
  for (const [name, values] of whole.store.states) {
    expectNear(one.store.states.get(name)!, values, name);
  }
  // Without the other half, the statistics are others.
  const alone = await twoSteps(0, 2);
  expect(Math.abs(alone.outputs["loss"][0] / whole.outputs["loss"][0] - 1)).toBeGreaterThan(1e-3);
});

test("moments of parts are those of all numbers", () => {
  const parts = [
    [1, 2, 4],
    [10, -3, 0.5],
  ];
  const moments = (list: readonly number[]): [number, number] => {
    const mean = list.reduce((sum, x) => sum + x, 0) / list.length;
    return [mean, list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / list.length];
  };
  const merged = mergedMoments(parts.map((part) => Float32Array.from(moments(part))));
  const [mean, variance] = moments(parts.flat());
  expect(merged[0]).toBeCloseTo(mean, 5);
  expect(merged[1]).toBeCloseTo(variance, 4);
});

test("an error of the exchange is that of the step, and the next step is not stuck", async () => {
  const { g, request } = network(2);
  const store = createStore(gpu, g, initialStore(g, 1));
  let isBroken = true;
  const exchange: Exchange = {
    ranks: 2,
    begin: async () => {},
    mean: async (values) => {
      if (isBroken) throw new Error("the line is cut");
      return await Promise.resolve(values);
    },
    gather: async (values) => await Promise.resolve([values, values]),
  };
  const plan = await compile(gpu, g, request, store, { exchange });
  await expect(plan.run(batch(0, 2), SCALARS)).rejects.toThrow("the line is cut");
  isBroken = false;
  const { loss } = await plan.run(batch(0, 2), SCALARS);
  expect(loss[0]).toBeGreaterThan(0);
  plan.destroy();
  store.destroy();
});
