// The CPU path: the same calls as on the GPU, run through the references in f64. It is the
// definition of the network.
import type { AdapterFacts } from "../gpu/device.ts";
import { hashText, randomStream } from "../tensor/random.ts";
import { formatShape, size } from "../tensor/shape.ts";
import { MAX_SCALARS, type Graph } from "./graph.ts";
import { arenaLayout, slotOf, type ArenaLayout } from "./layout.ts";
import { bindingShapes, lastUses, lower } from "./lower.ts";
import type { ArenaName, Call, Tensor, Value } from "./value.ts";

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
 * seed and name.
 */
export function initialStore(graph: Graph, seed: number): CpuStore {
  const layout = arenaLayout(graph.parameters);
  const parameters = new Float64Array(layout.floats);
  for (const { name, shape, source } of graph.parameters) {
    if (source.kind !== "parameter") continue;
    const values = source.initial(shape, randomStream(seed, hashText(name)));
    if (values.length !== size(shape)) {
      throw new Error(
        `${name}${formatShape(shape)}: ${values.length} initial values do not fill it`,
      );
    }
    parameters.set(values, layout.byName.get(name)!.offset);
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

/** What to compute: named outputs, and gradients to be put in the gradient arena. */
export interface Request {
  readonly outputs: Readonly<Record<string, Value>>;
  readonly gradients?: ReadonlyMap<Value, Value>;
}

/**
 * Runs a graph once on the CPU in f64; changes the store (states, updates) as the GPU would. Throws
 * where an input or a step scalar is missing or an input has the wrong length.
 */
export function runOnCpu(
  graph: Graph,
  request: Request,
  store: CpuStore,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
  scalars: Readonly<Record<string, number>> = {},
): Record<string, Float64Array> {
  const gradients = [...(request.gradients ?? new Map<Value, Value>())];
  const targets = [...Object.values(request.outputs), ...gradients.map(([, gradient]) => gradient)];
  const program = lower(graph, targets, NO_ADAPTER);
  const results = new Map<Tensor, Float64Array>();
  const read = (tensor: Tensor): Float64Array => {
    const root = program.rootOf(tensor);
    let array = results.get(root);
    if (array === undefined) {
      array =
        size(root.shape) === 0 ? new Float64Array(0) : leaf(graph, root, store, inputs, scalars);
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
    if (!placed && Object.values(call.bindings).some(isGradientArena)) placeGradients();
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

/** Whether a tensor is the arena of gradients, which must be filled before it is read. */
export function isGradientArena({ value }: Tensor): boolean {
  return value?.source.kind === "arena" && value.source.arena === "gradients";
}

/**
 * The numbers of a tensor that no call makes; those of states, parameters and arenas are parts of
 * the store.
 */
function leaf(
  graph: Graph,
  { name, shape, value }: Tensor,
  store: CpuStore,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
  scalars: Readonly<Record<string, number>>,
): Float64Array {
  if (value === null) throw new Error(`${name} is read before it is computed`);
  const { source } = value;
  switch (source.kind) {
    case "input": {
      const given = inputs[name];
      if (given?.length !== size(shape)) {
        throw new Error(
          `input ${name}${formatShape(shape)} needs ${size(shape)} numbers, was given ${given?.length ?? "none"}`,
        );
      }
      return Float64Array.from(given);
    }
    case "parameter": {
      const slot = slotOf(store.layout, value);
      return store.arenas.parameters.subarray(slot.offset, slot.offset + slot.size);
    }
    case "state": {
      const state = store.states.get(name);
      if (state?.length !== size(shape)) throw new Error(`state ${name} is not in the store`);
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

/** Fills a block of step scalars by slot and returns it; throws when one is missing. */
export function scalarBlock<T extends Float32Array | Float64Array>(
  graph: Graph,
  scalars: Readonly<Record<string, number>>,
  block: T,
): T {
  graph.scalarNames.forEach((name, slot) => {
    const value = scalars[name];
    if (value === undefined) throw new Error(`the step scalar ${name} was not given`);
    block[slot] = value;
  });
  return block;
}
