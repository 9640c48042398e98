// The CPU path: the same calls as on the GPU, run through the references in f64. It defines the
// network.
import type { AdapterFacts } from "../gpu/device.ts";
import { InputError } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";
import type { CpuStore } from "./cpu_store.ts";
import { MAX_SCALARS, type Graph } from "./graph.ts";
import { hostNumbers } from "./host_numbers.ts";
import { ARENAS, slotOf } from "./layout.ts";
import { bindingShapes, lastUses, lower } from "./lower.ts";
import { checkRequest, isGradientArena, type Request } from "./request.ts";
import { checkScalars, inputValues, scalarBlock } from "./run_inputs.ts";
import type { Call, Tensor, Value } from "./value.ts";

/** Facts of a missing adapter: no alternative mappings, no features. */
export const NO_ADAPTER: AdapterFacts = {
  name: "none",
  vendor: "",
  architecture: "",
  driver: "",
  software: false,
  subgroup_size: 0,
  subgroup_min_size: 0,
  subgroup_max_size: 0,
  matrices: [],
  features: new Set(),
};

/**
 * Throws InputError unless every array of the store is a Float64Array of its size: the store is
 * changed in place, so other arrays cannot be converted.
 */
function checkStore(graph: Graph, { layout, arenas, states }: CpuStore): void {
  const check = (what: string, given: unknown, count: number): void => {
    // By the tag, not by instanceof: an array of another realm is an array too.
    const isFloats = Object.prototype.toString.call(given) === "[object Float64Array]";
    const length = isFloats ? (given as Float64Array).length : null;
    if (length === count) return;
    const found = length === null ? "something else" : `one of ${length}`;
    throw new InputError(
      `${what} of the store needs a Float64Array of ${count}, was given ${found}`,
    );
  };
  for (const name of ARENAS) check(`arena ${name}`, arenas[name], layout.floats);
  for (const { name, shape } of graph.states) check(`state ${name}`, states.get(name), size(shape));
}

/** Graph, request, store, inputs and step scalars of a run on the CPU. */
type CpuRun = readonly [
  graph: Graph,
  request: Request,
  store: CpuStore,
  inputs: Readonly<Record<string, ArrayLike<number>>>,
  scalars?: Readonly<Record<string, number>>,
];

/**
 * Runs a graph once on the CPU in f64; changes the store (states, updates) as the GPU would. Throws
 * InputError, before it computes anything, if the request or the store does not fit the graph, if an
 * input or a step scalar is missing, unknown or not a number, or if an input has the wrong length.
 */
export function runOnCpu(...run: CpuRun): Record<string, Float64Array> {
  const calls = callByCall(...run);
  for (;;) {
    const { done, value } = calls.next();
    if (done === true) return value;
  }
}

/**
 * As `runOnCpu`, but events are handled between two calls: a network takes a minute, during which a
 * signal must be heard.
 */
export async function runOnCpuPatiently(...run: CpuRun): Promise<Record<string, Float64Array>> {
  const calls = callByCall(...run);
  for (;;) {
    const { done, value } = calls.next();
    if (done === true) return value;
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** The run itself, which pauses after each call. */
function* callByCall(
  ...[graph, request, store, inputs, scalars = {}]: CpuRun
): Generator<undefined, Record<string, Float64Array>> {
  checkRequest(graph, request);
  checkStore(graph, store);
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
  for (const [step, call] of program.calls.entries()) {
    if (!placed && Object.values(call.bindings).some(({ value }) => isGradientArena(value)))
      placeGradients();
    runReference(call, read, (tensor, made) => results.set(program.rootOf(tensor), made));
    for (const tensor of Object.values(call.bindings)) {
      const root = program.rootOf(tensor);
      if (lastUse.get(root) === step) results.delete(root);
    }
    yield;
  }
  if (!placed) placeGradients();
  return Object.fromEntries(
    Object.entries(request.outputs).map(([name, value]) => [
      name,
      read(program.tensorOf(value)).slice(),
    ]),
  );
}

/** Runs the reference of a call on the results of `read`; `write` receives its outputs. */
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
    // States and arenas keep their array, which belongs to the store.
    if (access === "inout") read(bindings[name]).set(made);
    else write(bindings[name], made);
  }
}

/**
 * The numbers of a tensor that no call computes; states, parameters and arenas are views into the
 * store.
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
      return new Float64Array(source.data);
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

/** The checked inputs of a run. */
interface Given {
  readonly inputs: ReadonlyMap<Value, Float64Array>;
  readonly scalars: Readonly<Record<string, number>>;
}
