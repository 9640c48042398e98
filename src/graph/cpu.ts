// The CPU path: the same calls as on the GPU, run through the references in f64. It is the
// definition of the network.
import type { AdapterFacts } from "../gpu/device.ts";
import { hashText, randomStream } from "../tensor/random.ts";
import { InputError } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";
import { MAX_SCALARS, type Graph } from "./graph.ts";
import {
  hostFloats,
  hostNumbers,
  hostScalar,
  refuseUnknown,
  type Described,
} from "./host_numbers.ts";
import { arenaLayout, slotOf, type ArenaLayout } from "./layout.ts";
import { bindingShapes, lastUses, lower } from "./lower.ts";
import { checkRequest, isGradientArena, type Request } from "./request.ts";
import type { ArenaName, Call, Tensor, Value } from "./value.ts";

export type { Request } from "./request.ts";

/** Facts of no adapter: no variants, no features. */
export const NO_ADAPTER: AdapterFacts = {
  name: "none",
  vendor: "",
  architecture: "",
  driver: "",
  software: false,
  subgroup_size: 0,
  features: new Set(),
};

/** Parameters, optimiser arenas and states of a graph on the host, in f64. */
export interface CpuStore {
  readonly layout: ArenaLayout;
  readonly arenas: Readonly<Record<ArenaName, Float64Array>>;
  readonly states: ReadonlyMap<string, Float64Array>;
}

/**
 * First values of all parameters and states: each parameter drawn from its own stream, keyed by
 * seed (a whole number) and name. Throws InputError where an initializer does not fill its shape
 * with numbers.
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

/**
 * Runs a graph once on the CPU in f64; changes the store (states, updates) as the GPU would. Throws
 * InputError where the request does not fit the graph, an input or a step scalar is missing, unknown
 * or no number, or an input has the wrong length, before it computes anything.
 */
export function runOnCpu(
  graph: Graph,
  request: Request,
  store: CpuStore,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
  scalars: Readonly<Record<string, number>> = {},
): Record<string, Float64Array> {
  checkRequest(graph, request);
  const gradients = [...(request.gradients ?? new Map<Value, Value>())];
  const targets = [...Object.values(request.outputs), ...gradients.map(([, gradient]) => gradient)];
  const program = lower(graph, targets, NO_ADAPTER);
  const given = { inputs: inputValues(graph, inputs, hostNumbers), scalars };
  checkScalars(graph, scalars);
  const results = new Map<Tensor, Float64Array>();
  const read = (tensor: Tensor): Float64Array => {
    const root = program.rootOf(tensor);
    let array = results.get(root);
    if (array === undefined) {
      array = size(root.shape) === 0 ? new Float64Array(0) : leaf(graph, root, store, given);
      results.set(root, array);
    }
    return array;
  };
  let placed = gradients.length === 0;
  const placeGradients = (): void => {
    placed = true;
    for (const [parameter, gradient] of gradients) {
      store.arenas.gradients.set(
        read(program.tensorOf(gradient)),
        slotOf(store.layout, parameter).offset,
      );
    }
  };
  const lastUse = lastUses(program.calls, program.rootOf);
  for (const value of targets) lastUse.delete(program.rootOf(program.tensorOf(value)));
  program.calls.forEach((call, step) => {
    if (!placed && Object.values(call.bindings).some(({ value }) => isGradientArena(value)))
      placeGradients();
    runReference(call, read, (tensor, made) => results.set(program.rootOf(tensor), made));
    for (const tensor of Object.values(call.bindings)) {
      const root = program.rootOf(tensor);
      if (lastUse.get(root) === step) results.delete(root);
    }
  });
  if (!placed) placeGradients();
  return Object.fromEntries(
    Object.entries(request.outputs).map(([name, value]) => [
      name,
      read(program.tensorOf(value)).slice(),
    ]),
  );
}

/** Runs the reference of a call on what `read` gives; `write` takes what it makes. */
function runReference(
  { kernel, bindings, attributes }: Call,
  read: (tensor: Tensor) => Float64Array,
  write: (tensor: Tensor, made: Float64Array) => void,
): void {
  const arrays: Record<string, Float64Array> = {};
  for (const { name, access } of kernel.shader.bindings) {
    if (access !== "write") arrays[name] = read(bindings[name]);
  }
  const shapes = bindingShapes(bindings);
  const changed: Record<string, Float64Array> = kernel.reference(arrays, shapes, attributes);
  for (const { name, access } of kernel.shader.bindings) {
    if (access === "read") continue;
    const made = changed[name];
    if (made === undefined) {
      throw new Error(`${kernel.shader.name}: the reference does not return ${name}`);
    }
    // States and arenas keep their array: it is a part of the store.
    if (access === "inout") read(bindings[name]).set(made);
    else write(bindings[name], made);
  }
}

/**
 * The numbers of a tensor that no call makes; those of states, parameters and arenas are parts of
 * the store.
 */
function leaf(
  graph: Graph,
  { name, shape, value }: Tensor,
  store: CpuStore,
  { inputs, scalars }: Given,
): Float64Array {
  if (value === null) throw new Error(`${name} is read before it is computed`);
  const { source } = value;
  switch (source.kind) {
    case "input":
      return Float64Array.from(inputs.get(value)!);
    case "parameter": {
      const slot = slotOf(store.layout, value);
      return store.arenas.parameters.subarray(slot.offset, slot.offset + slot.size);
    }
    case "state": {
      const state = store.states.get(name);
      if (state?.length !== size(shape)) throw new InputError(`state ${name} is not in the store`);
      return state;
    }
    case "constant":
      return Float64Array.from(source.data);
    case "scalars":
      return scalarBlock(graph, scalars, new Float64Array(MAX_SCALARS));
    case "arena":
      return store.arenas[source.arena];
    case "result":
    case "view":
      throw new Error(`${name} is read before it is computed`);
    default:
      return source satisfies never;
  }
}

/** What a run is given, checked. */
interface Given {
  readonly inputs: ReadonlyMap<Value, Float64Array>;
  readonly scalars: Readonly<Record<string, number>>;
}

/**
 * The numbers of each input of the graph, as `convert` makes them; throws InputError where one is
 * missing, unknown, of another length or no list of numbers.
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

/** Throws InputError where a step scalar is unknown or no finite number. */
function checkScalars(graph: Graph, scalars: Readonly<Record<string, unknown>>): void {
  refuseUnknown("step scalar", scalars, graph.scalarNames);
  for (const [name, value] of Object.entries(scalars)) hostScalar(name, value);
}

/**
 * Fills a block of step scalars by slot and returns it; throws InputError when one is missing,
 * unknown or no finite number.
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
