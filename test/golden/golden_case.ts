// Runs one golden case: builds its graph, runs it by the references in f64 and by the kernels, and
// measures how far outputs, gradients and states are from PyTorch's.
import type { Gpu } from "../../src/gpu/device.ts";
import { backward } from "../../src/graph/backward.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { InputError } from "../../src/tensor/error.ts";
import { formatShape, sameShape } from "../../src/tensor/shape.ts";
import type { VectorCase, VectorTensor } from "../../tools/oracle/vectors.ts";

/** Where the graph of a case is built: its tensors by name. */
export interface GoldenBench {
  readonly g: Graph;
  readonly attributes: VectorCase["attributes"];
  /** The tensor as an input of the graph. */
  readonly input: (name: string) => Value;
  /** The same, or null where the case leaves it out. */
  readonly optional: (name: string) => Value | null;
  /** The tensor as a parameter of the graph, under its own name. */
  readonly parameter: (name: string, decays?: boolean) => Value;
  /** The tensor as a state of the graph, under its own name. */
  readonly state: (name: string) => Value;
}

/** What a builder makes: outputs by the names of the case, and the step scalars they need. */
export interface GoldenGraph {
  readonly outputs: Readonly<Record<string, Value>>;
  readonly scalars?: Readonly<Record<string, number>>;
}

/** Builds the graph of a case from its tensors. */
export type GoldenBuilder = (bench: GoldenBench) => GoldenGraph;

/** Relative errors by tensor name, gradients as `d_NAME`. */
export type Errors = Readonly<Record<string, number>>;

interface Prepared {
  readonly g: Graph;
  readonly built: GoldenGraph;
  readonly targets: Readonly<Record<string, Value>>;
  readonly inputs: Readonly<Record<string, Float64Array>>;
  readonly store: () => CpuStore;
}

/** Tensors of a case by name. */
export function tensorsOf(tensors: readonly (VectorTensor | null)[]): Map<string, VectorTensor> {
  return new Map(tensors.flatMap((tensor) => (tensor === null ? [] : [[tensor.name, tensor]])));
}

/** Relative errors of the references, in f64. */
export function errorsOnCpu(given: VectorCase, build: GoldenBuilder): Errors {
  const { g, built, targets, inputs, store } = prepare(given, build);
  const host = store();
  const got = runOnCpu(g, { outputs: targets }, host, inputs, built.scalars);
  return errorsOf(given, got, host);
}

/** Relative errors of the kernels, in f32. */
export async function errorsOnGpu(
  gpu: Gpu,
  given: VectorCase,
  build: GoldenBuilder,
): Promise<Errors> {
  const { g, built, targets, inputs, store } = prepare(given, build);
  const kept = createStore(gpu, g, store());
  try {
    const plan = await compile(gpu, g, { outputs: targets }, kept);
    try {
      const values = Object.entries(inputs).map(
        ([name, data]) => [name, Float32Array.from(data)] as const,
      );
      const got = await plan.run(Object.fromEntries(values), built.scalars);
      return errorsOf(given, got, await kept.read());
    } finally {
      plan.destroy();
    }
  } finally {
    kept.destroy();
  }
}

function prepare(given: VectorCase, build: GoldenBuilder): Prepared {
  const g = graph();
  const tensors = tensorsOf(given.inputs);
  const find = (name: string): VectorTensor => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new InputError(`${given.file}: ${given.id}: lacks ${name}`);
    return tensor;
  };
  const input = (name: string): Value => g.input(name, find(name).shape);
  const built = build({
    g,
    attributes: given.attributes,
    input,
    optional: (name) => (tensors.has(name) ? input(name) : null),
    parameter: (name, decays) =>
      g.parameter(name, find(name).shape, () => Float32Array.from(find(name).values), decays),
    state: (name) => g.state(name, find(name).shape, 0),
  });
  for (const { name, shape } of given.outputs.filter((want) => want !== null)) {
    const made = built.outputs[name]?.shape ?? shape;
    if (!sameShape(made, shape)) {
      throw new Error(`${name} is ${formatShape(made)}, expected ${formatShape(shape)}`);
    }
  }
  const leaves = new Map([...g.inputs, ...g.parameters].map((value) => [value.name, value]));
  return {
    g,
    built,
    targets: { ...built.outputs, ...gradientsOf(g, given, built, leaves) },
    inputs: Object.fromEntries(g.inputs.map(({ name }) => [name, find(name).values])),
    store: () => {
      const store = initialStore(g, 0);
      for (const { name, offset } of store.layout.slots) {
        store.arenas.parameters.set(find(name).values, offset);
      }
      for (const [name, values] of store.states) values.set(find(name).values);
      return store;
    },
  };
}

/** Gradients as the case has them: of the sum of outputs times their seeds, `d_NAME`. */
function gradientsOf(
  g: Graph,
  given: VectorCase,
  { outputs }: GoldenGraph,
  leaves: ReadonlyMap<string, Value>,
): Record<string, Value> {
  if (given.gradients.length === 0) return {};
  const seeds = given.outputs.flatMap((output, i): [Value, Value][] => {
    const d_output = given.d_outputs[i] ?? null;
    const value = outputs[output!.name];
    if (d_output === null || value === undefined) return [];
    const data = Float32Array.from(d_output.values);
    // a seed of zeros asks nothing: the output is there to be compared alone
    return data.every((x) => x === 0)
      ? []
      : [[value, g.constant(d_output.name, value.shape, data)]];
  });
  const wanted = given.gradients.map(({ name }) => leaves.get(name)!);
  const made = backward(g, seeds, wanted);
  return Object.fromEntries(wanted.map((value) => [`d_${value.name}`, made.get(value)!]));
}

function errorsOf(
  given: VectorCase,
  got: Readonly<Record<string, ArrayLike<number>>>,
  store: CpuStore,
): Errors {
  const found = (name: string): ArrayLike<number> | undefined =>
    got[name] ?? store.states.get(name);
  const outputs = given.outputs.map((want) => [want!.name, want!] as const);
  const gradients = given.gradients.map((want) => [`d_${want.name}`, want] as const);
  return {
    ...relativeErrors(outputs, found),
    ...relativeErrors(gradients, found),
  };
}

/** |a - b| / max(|b|, 1e-6 |all of them|): Euclidean norms, tensor by tensor. */
export function relativeErrors(
  wanted: readonly (readonly [name: string, want: VectorTensor])[],
  found: (name: string) => ArrayLike<number> | undefined,
): Errors {
  const norm = (values: Iterable<number>): number => {
    let sum = 0;
    for (const value of values) sum += value * value;
    return Math.sqrt(sum);
  };
  const floor = 1e-6 * norm(wanted.map(([, { values }]) => norm(values)));
  return Object.fromEntries(
    wanted.map(([name, { values }]) => {
      const got = found(name);
      if (got?.length !== values.length) {
        throw new Error(`${name}: ${got?.length ?? "no"} numbers, expected ${values.length}`);
      }
      const error = norm(values.map((value, i) => got[i] - value));
      return [name, error === 0 ? 0 : error / Math.max(norm(values), floor)];
    }),
  );
}
