// The first step of a plan whose pipelines are watched: it is told how many are compiled and how
// many have run, and makes the same numbers as a step in one part.
import { expect, test } from "vitest";
import { watchPipelines } from "../../src/gpu/pipelines.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { heNormal } from "../../src/graph/initializers.ts";
import { gelu } from "../../src/graph/ops/activation.ts";
import { multiply } from "../../src/graph/ops/arithmetic.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { openGpu } from "../../src/gpu/node_device.ts";

test("a watch is told of compiled pipelines and of first runs; the numbers are the same", async () => {
  // A device of its own: the tests' shared one may have compiled these pipelines already.
  const gpu = await openGpu({ validation: true });
  const g = graph();
  const x = g.input("x", [1, 6, 8, 4]);
  const y = gelu(conv2d(x, g.parameter("w", [8, 3, 3, 4], heNormal), null, { pad: 1 }));
  const loss = reduce(multiply(y, y), "mean", {});
  const store = createStore(gpu, g, initialStore(g, 1));
  const told = { compiled: [] as number[][], run: [] as number[][] };
  const unwatch = watchPipelines(gpu, (stage, ready, all) => told[stage].push([ready, all]));
  const request = { outputs: { loss, y }, gradients: g.gradients(loss) };
  const inputs = { x: Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)) };
  const plan = await compile(gpu, g, request, store);
  const { pipelines } = plan.summary;
  const numbers = async (): Promise<unknown> => {
    const outputs = await plan.run(inputs);
    return { outputs, gradients: (await store.read()).arenas.gradients };
  };
  try {
    expect(told.compiled.map(([ready]) => ready)).toEqual(told.compiled.map((_, i) => i + 1));
    expect(told.compiled.length).toBe(pipelines);
    expect(told.compiled.at(-1)).toEqual([pipelines, pipelines]);
    const first = await numbers();
    const parts = gpu.facts.software ? pipelines - 1 : 0;
    expect(told.run).toEqual(Array.from({ length: parts }, (_, i) => [i + 1, pipelines]));
    expect(await numbers()).toEqual(first);
    expect(told.run).toHaveLength(parts);
    unwatch();
    const again = await compile(gpu, g, request, store);
    await again.run(inputs);
    again.destroy();
    expect(told.run).toHaveLength(parts);
  } finally {
    unwatch();
    plan.destroy();
    store.destroy();
    gpu.close();
  }
});
