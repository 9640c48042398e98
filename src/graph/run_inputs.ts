// The inputs and step scalars that the host gives to a run of a graph.
import { hostScalar, refuseUnknown, type Described } from "./host_numbers.ts";
import type { Graph, Value } from "./value.ts";

/**
 * The numbers of each input of the graph, as `convert` makes them; throws InputError if one is
 * missing, unknown, has another length or is not a list of numbers.
 */
export function inputValues<T>(
  graph: Graph,
  inputs: Readonly<Record<string, unknown>>,
  convert: (what: Described, given: unknown) => T,
): Map<Value, T> {
  const known = graph.inputs;
  refuseUnknown(
    "input",
    inputs,
    known.map(({ name }) => name),
  );
  return new Map(
    known.map((value) => [value, convert({ kind: "input", ...value }, inputs[value.name])]),
  );
}

/** Throws InputError if a step scalar is unknown or not a finite number. */
export function checkScalars(graph: Graph, scalars: Readonly<Record<string, unknown>>): void {
  refuseUnknown("step scalar", scalars, graph.scalarNames);
  for (const [name, value] of Object.entries(scalars)) hostScalar(name, value);
}

/**
 * Fills a block of step scalars by slot and returns it; throws InputError when one is missing,
 * unknown or not a finite number.
 */
export function scalarBlock<T extends Float32Array | Float64Array>(
  graph: Graph,
  scalars: Readonly<Record<string, number>>,
  block: T,
): T {
  checkScalars(graph, scalars);
  graph.scalarNames.forEach((name, slot) => {
    block[slot] = hostScalar(name, scalars[name]);
  });
  return block;
}
