// Compares a small graph of any shapes and its gradients on the GPU with the same graph through the
// references, or checks that both refuse it.
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { backward } from "../../src/graph/backward.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { InputError } from "../../src/tensor/error.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { gpu } from "./gpu.ts";

const TOLERANCE = 1e-4;

/** Creates an input of a graph under test; `positive` ones are between 1/2 and 3/2. */
export type Make = (name: string, shape: Shape, kind?: "positive") => Value;

/** The results of both paths on a graph. */
export type Outcome =
  | { readonly kind: "equal" }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "wrong"; readonly message: string };

/**
 * Runs the graph that `build` makes, with the gradients of its outputs with respect to the inputs
 * named in `wrt`. The outcome is `refused` if building throws InputError; any other error is
 * thrown.
 */
export async function bothPaths(
  build: (make: Make, g: Graph) => Readonly<Record<string, Value>>,
  wrt: readonly string[] = [],
  seed = 1,
): Promise<Outcome> {
  const g = graph();
  const random = randomStream(seed);
  const inputs: Record<string, Float32Array> = {};
  const fill = (name: string, shape: Shape, kind?: "positive"): Value => {
    inputs[name] = Float32Array.from({ length: size(shape) }, () =>
      kind === "positive" ? 0.5 + random.uniform() : random.normal(),
    );
    return g.input(name, shape);
  };
  let outputs: Record<string, Value>;
  try {
    outputs = { ...build(fill, g) };
    const roots = g.inputs.filter(({ name }) => wrt.includes(name));
    if (roots.length > 0) {
      const seeds = Object.entries(outputs).map(
        ([name, value]) => [value, fill(`seed ${name}`, value.shape)] as const,
      );
      for (const [value, gradient] of backward(g, seeds, roots)) {
        outputs[`d_${value.name}`] = gradient;
      }
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { kind: "refused", message: error.message };
  }
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, { outputs }, store);
  try {
    const got = await plan.run(inputs);
    const again = await plan.run(inputs);
    const want = runOnCpu(g, { outputs }, initialStore(g, 1), inputs);
    for (const name of Object.keys(outputs)) {
      const fault = difference(got[name], want[name]) ?? sameBits(got[name], again[name]);
      if (fault !== null) return { kind: "wrong", message: `${name}: ${fault}` };
    }
    return { kind: "equal" };
  } finally {
    plan.destroy();
    store.destroy();
  }
}

function difference(got: Float32Array, want: Float64Array): string | null {
  if (got.length !== want.length) return `${got.length} numbers for ${want.length}`;
  let scale = 1;
  for (const v of want) if (Number.isFinite(v)) scale = Math.max(scale, Math.abs(v));
  for (let i = 0; i < want.length; i++) {
    if (Object.is(got[i], want[i]) || Math.abs(got[i] - want[i]) <= TOLERANCE * scale) continue;
    if (Number.isNaN(got[i]) && Number.isNaN(want[i])) continue;
    return `${got[i]} at index ${i}, the reference has ${want[i]}`;
  }
  return null;
}

function sameBits(a: Float32Array, b: Float32Array): string | null {
  const [left, right] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer)];
  const i = left.findIndex((bits, at) => bits !== right[at]);
  return i < 0 ? null : `two runs differ at index ${i}`;
}
