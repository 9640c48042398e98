// The last sums of gradients, four to a dispatch: which are joined, and that the gradients keep
// their bits.
import { expect, test } from "vitest";
import { plannedCalls } from "../../src/graph/outline.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant, heNormal } from "../../src/graph/initializers.ts";
import { gradNorm } from "../../src/graph/ops/adamw.ts";
import { multiply } from "../../src/graph/ops/arithmetic.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { compile } from "../../src/graph/plan.ts";
import type { Request } from "../../src/graph/request.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { NVIDIA } from "../support/adapters.ts";
import { gpu } from "../support/gpu.ts";

const IMAGE = [2, 20, 24, 4];

/** Convolutions one after the other, each to so many channels, with a bias; and their gradients. */
function chain(channels: readonly number[]): { g: Graph; request: Request; weights: Value[] } {
  const g = graph();
  const weights: Value[] = [];
  let x = g.input("x", IMAGE);
  let from = IMAGE[3];
  for (const [i, to] of channels.entries()) {
    const weight = g.parameter(`weight ${i}`, [to, 3, 3, from], heNormal);
    const bias = g.parameter(`bias ${i}`, [to], constant(0.1));
    x = conv2d(x, weight, bias, { pad: 1 });
    from = to;
    weights.push(weight);
  }
  const loss = reduce(multiply(x, x), "mean");
  const gradients = g.gradients(loss);
  const norm = gradNorm(g.arena("gradients"), { max_norm: 1 });
  return { g, request: { outputs: { loss, norm }, gradients }, weights };
}

/** The kernels of a plan for a GPU that sum columns, in order. */
function sumsOf(g: Graph, request: Request, fused = true): string[] {
  const { calls } = plannedCalls(g, request, NVIDIA, { fused }).program;
  return calls.map(({ base }) => base.shader.name).filter((name) => name.startsWith("column_sum"));
}

const count = (names: readonly string[], name: string): number =>
  names.filter((other) => other === name).length;

test("four of them are one call, and what is left over stays", () => {
  const { g, request } = chain([8, 12, 8, 4, 8]);
  const alone = sumsOf(g, request, false);
  const joined = sumsOf(g, request);
  // five weights and five biases; further sums add the rows of a bias slice by slice
  expect(count(alone, "column_sum_four")).toBe(0);
  expect(count(joined, "column_sum_four")).toBe(2);
  expect(count(joined, "column_sum")).toBe(alone.length - 8);
  const { fusions } = plannedCalls(g, request, NVIDIA, { fused: true }).program;
  expect(fusions.map(({ rule }) => rule)).toContain("last sums of four gradients");
});

test("columns that are no multiple of four, and fewer than four sums, are not joined", () => {
  for (const channels of [[7, 5, 3, 9, 6], [8]]) {
    const { g, request } = chain(channels);
    expect(sumsOf(g, request)).toEqual(sumsOf(g, request, false));
  }
});

test("a gradient that a later call reads keeps its own sum before that call", () => {
  const { g, request, weights } = chain([8, 12, 8, 4, 8]);
  const read = request.gradients!.get(weights[4])!;
  const twice = { ...request, outputs: { ...request.outputs, square: multiply(read, read) } };
  const { calls, tensorOf } = plannedCalls(g, twice, NVIDIA, { fused: true }).program;
  const makers = calls.filter(({ bindings }) => bindings["y"] === tensorOf(read));
  expect(makers.map(({ base }) => base.shader.name)).not.toContain("column_sum_four");
  expect(count(sumsOf(g, twice), "column_sum_four")).toBe(2); // nine sums are left
});

test("the gradients have the bits that they have without", async () => {
  const { g, request } = chain([8, 12, 8, 4, 8]);
  const stream = randomStream(3);
  const x = Float32Array.from({ length: 2 * 20 * 24 * 4 }, () => stream.normal());
  const found = [];
  for (const fused of [false, true]) {
    const store = createStore(gpu, g, initialStore(g, 1));
    const plan = await compile(gpu, g, request, store, { fused });
    const { norm } = await plan.run({ x });
    found.push({ norm, gradients: (await store.read()).arenas.gradients });
    plan.destroy();
    store.destroy();
  }
  expect(found[1]).toEqual(found[0]);
  expect(found[0].norm[0]).toBeGreaterThan(0);
});
