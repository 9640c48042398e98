// Runs a small graph once on the tests' GPU, for properties of several ops together.
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { gpu } from "./gpu.ts";

/** Builds a graph, runs it once on the inputs and returns its outputs. */
export async function runGraph(
  build: (g: Graph) => Readonly<Record<string, Value>>,
  inputs: Readonly<Record<string, readonly number[] | Float32Array>>,
): Promise<Record<string, Float32Array>> {
  const g = graph();
  const outputs = build(g);
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, { outputs }, store);
  try {
    const values = Object.entries(inputs).map(([name, data]) => [name, Float32Array.from(data)]);
    return await plan.run(Object.fromEntries(values) as Record<string, Float32Array>);
  } finally {
    plan.destroy();
    store.destroy();
  }
}
