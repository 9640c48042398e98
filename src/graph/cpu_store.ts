// The values that a graph keeps between runs, on the host: for initial values, checkpoints and the
// CPU path.
import { hashText, randomStream } from "../tensor/random.ts";
import { InputError } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";
import { hostFloats } from "./host_numbers.ts";
import { arenaLayout, type ArenaLayout } from "./layout.ts";
import type { ArenaName, Graph } from "./value.ts";

/** Parameters, optimiser arenas and states of a graph on the host, in f64. */
export interface CpuStore {
  readonly layout: ArenaLayout;
  readonly arenas: Readonly<Record<ArenaName, Float64Array>>;
  readonly states: ReadonlyMap<string, Float64Array>;
}

/**
 * Initial values of all parameters and states: each parameter drawn from its own stream, keyed by
 * seed (a whole number) and name. Throws InputError if an initializer does not fill its shape with
 * numbers.
 */
export function initialStore(graph: Graph, seed: number): CpuStore {
  if (!Number.isSafeInteger(seed)) throw new InputError(`seed ${seed}: expected a whole number`);
  const layout = arenaLayout(graph.parameters);
  const parameters = new Float64Array(layout.floats);
  for (const { name, shape, source } of graph.parameters) {
    if (source.kind !== "parameter") continue;
    const values = source.initial(shape, randomStream(seed, hashText(name)));
    const floats = hostFloats({ kind: "parameter", name, shape }, values);
    parameters.set(floats, layout.byName.get(name)!.offset);
  }
  const states = new Map<string, Float64Array>();
  for (const { name, shape, source } of graph.states) {
    if (source.kind === "state") states.set(name, new Float64Array(size(shape)).fill(source.fill));
  }
  const empty = (): Float64Array => new Float64Array(layout.floats);
  return {
    layout,
    arenas: { parameters, gradients: empty(), first_moments: empty(), second_moments: empty() },
    states,
  };
}
