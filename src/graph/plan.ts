// The plan: a graph compiled for one device. Pipelines, bind groups and memory are made once; a
// step writes its inputs and the block of step scalars, encodes one compute pass and submits once.
import {
  ALIGNMENT_BYTES,
  createBuffer,
  STORAGE_USAGE,
  UNIFORM_USAGE,
  type CountedBuffer,
} from "../gpu/buffers.ts";
import type { AdapterFacts, Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { pipelineFor, pipelineLabel } from "../gpu/pipelines.ts";
import { stagingRing, type BufferRange } from "../gpu/read_back.ts";
import type { Cost } from "../kernels/kernel.ts";
import { specialize, type Specialized } from "../kernels/specialize.ts";
import { unary, type UnaryAttributes } from "../kernels/unary.ts";
import { freezesShapes } from "../kernels/variant.ts";
import { InputError } from "../tensor/error.ts";
import { formatShape, size } from "../tensor/shape.ts";
import { isGradientArena, scalarBlock, type Request } from "./cpu.ts";
import { MAX_SCALARS, type Graph } from "./graph.ts";
import { arenaLayout, slotOf } from "./layout.ts";
import { bindingShapes, kernelCall, lower, type Program } from "./lower.ts";
import { planMemory } from "./memory.ts";
import type { GpuStore } from "./store.ts";
import type { Call, Tensor, Value } from "./value.ts";

/** One dispatch of a plan, as profiles and reports name it. */
export interface PlannedDispatch {
  readonly op: string;
  readonly kernel: string;
  readonly pipeline: string;
  readonly cost: Cost;
  readonly dispatch: PreparedDispatch;
}

/** What a plan consists of. */
export interface PlanSummary {
  readonly dispatches: number;
  readonly pipelines: number;
  readonly flops: number;
  /** Bytes of each arena of intermediates. */
  readonly arena_bytes: readonly number[];
  /**
   * Bytes of all buffers of the plan together (parameters not counted: they belong to the store).
   */
  readonly peak_bytes: number;
}

/** A compiled graph. */
export interface Plan {
  readonly summary: PlanSummary;
  readonly dispatches: readonly PlannedDispatch[];
  /**
   * Writes inputs and scalars and submits one step; the returned function reads the outputs, even a
   * step later.
   */
  readonly submit: (
    inputs: Readonly<Record<string, Float32Array>>,
    scalars?: Readonly<Record<string, number>>,
  ) => () => Promise<Record<string, Float32Array>>;
  /** One step and its outputs. */
  readonly run: (
    inputs: Readonly<Record<string, Float32Array>>,
    scalars?: Readonly<Record<string, number>>,
  ) => Promise<Record<string, Float32Array>>;
  readonly destroy: () => void;
}

// A step may be submitted while the results of the one before are still being read.
const STEPS_IN_FLIGHT = 2;

/**
 * Compiles `request` of a graph for a device; parameters and states are found in `store` by name
 * and shape. Throws where they are not there, where a tensor is larger than the adapter binds, and
 * what the compiler says of a shader.
 */
export async function compile(
  gpu: Gpu,
  graph: Graph,
  request: Request,
  store: GpuStore,
): Promise<Plan> {
  const outputs = Object.values(request.outputs);
  const gradients = [...(request.gradients ?? new Map<Value, Value>())];
  const targets = [...outputs, ...gradients.map(([, gradient]) => gradient)];
  const lowered = lower(graph, targets, gpu.facts);
  const { program, homes } = placeGradients(lowered, gradients, outputs, gpu.facts);
  const buffers = new PlanBuffers(gpu, program);
  try {
    buffers.place(graph, store, homes, outputs);
    return await build(gpu, graph, request, program, buffers);
  } catch (error) {
    buffers.destroy();
    throw error;
  }
}

/**
 * A program whose calls write the gradients into the gradient arena, and which tensor is whose
 * gradient there.
 */
interface PlacedGradients {
  readonly program: Program;
  readonly homes: ReadonlyMap<Tensor, Value>;
}

/**
 * Gives each gradient its place in the gradient arena. One that a call reads, that is an output as
 * well or that serves two parameters is copied there, before the first call that reads the arena:
 * no dispatch may read and write it.
 */
function placeGradients(
  program: Program,
  gradients: readonly (readonly [parameter: Value, gradient: Value])[],
  outputs: readonly Value[],
  facts: AdapterFacts,
): PlacedGradients {
  const { calls, rootOf, tensorOf } = program;
  const taken = new Set<Tensor>(outputs.map((value) => rootOf(tensorOf(value))));
  for (const { kernel, bindings } of calls) {
    for (const { name, access } of kernel.shader.bindings) {
      if (access !== "write") taken.add(rootOf(bindings[name]));
    }
  }
  const roots = gradients.map(([, gradient]) => rootOf(tensorOf(gradient)));
  roots.forEach((root, i) => {
    if (roots.indexOf(root) < i) taken.add(root);
  });
  const homes = new Map<Tensor, Value>();
  const copies: Call[] = [];
  for (const [parameter, gradient] of gradients) {
    const x = tensorOf(gradient);
    const root = rootOf(x);
    if (size(x.shape) === 0) continue;
    if (root.value?.source.kind === "result" && !taken.has(root)) {
      homes.set(root, parameter);
      continue;
    }
    const y: Tensor = { name: `d_${parameter.name}`, shape: x.shape, value: null };
    copies.push(kernelCall("copy", unary, { x, y }, IDENTITY, facts));
    homes.set(y, parameter);
  }
  const first = calls.findIndex(({ bindings }) => Object.values(bindings).some(isGradientArena));
  const start = first < 0 ? calls.length : first;
  for (const { op, bindings } of calls.slice(start)) {
    for (const tensor of Object.values(bindings)) {
      const parameter = homes.get(rootOf(tensor));
      if (parameter === undefined) continue;
      throw new Error(`${op}: the gradient of ${parameter.name} comes after what reads them all`);
    }
  }
  const ordered = [...calls.slice(0, start), ...copies, ...calls.slice(start)];
  return { program: { ...program, calls: ordered }, homes };
}

const IDENTITY: UnaryAttributes = { kind: "identity", alpha: 0, beta: 0 };

/** All buffers of a plan and the home of every tensor in them. */
class PlanBuffers {
  readonly scalars: CountedBuffer;
  readonly #gpu: Gpu;
  readonly #homes = new Map<Tensor, BufferRange>();
  readonly #owned: CountedBuffer[] = [];
  readonly #program: Program;
  #arenaBytes: readonly number[] = [];

  constructor(gpu: Gpu, program: Program) {
    this.#gpu = gpu;
    this.#program = program;
    this.scalars = this.own("step scalars", 4 * MAX_SCALARS, UNIFORM_USAGE);
  }

  /**
   * Gives every tensor its home: leaves and gradients in theirs, what calls make in between in
   * arenas.
   */
  place(
    graph: Graph,
    store: GpuStore,
    gradients: ReadonlyMap<Tensor, Value>,
    outputs: readonly Value[],
  ): void {
    this.#placeLeaves(graph, store);
    for (const [tensor, parameter] of gradients) {
      this.#home(tensor, store.arenas.gradients.buffer, slotOf(store.layout, parameter).offset);
    }
    const { calls, rootOf, tensorOf } = this.#program;
    const kept = new Set(outputs.map((value) => rootOf(tensorOf(value))));
    const isPlanned = (root: Tensor): boolean => !this.#homes.has(root) && size(root.shape) > 0;
    const memory = planMemory(calls, rootOf, isPlanned, kept);
    const arenas = memory.arenas.map((floats, i) =>
      this.own(`arena ${i}`, 4 * floats, STORAGE_USAGE),
    );
    this.#arenaBytes = arenas.map(({ size_bytes }) => size_bytes);
    for (const [root, { arena, offset }] of memory.places) {
      this.#home(root, arenas[arena].buffer, offset);
    }
  }

  own(label: string, size_bytes: number, usage: GPUBufferUsageFlags): CountedBuffer {
    const buffer = createBuffer(this.#gpu, label, size_bytes, usage);
    this.#owned.push(buffer);
    return buffer;
  }

  /** Where a tensor is bound; an absent or empty one to a dummy of its own. */
  homeOf(tensor: Tensor): BufferRange {
    const root = this.#program.rootOf(tensor);
    let home = this.#homes.get(root);
    if (home === undefined) {
      if (size(root.shape) > 0) throw new Error(`${root.name} is read before it is computed`);
      const dummy = this.own("absent", 4, STORAGE_USAGE);
      home = { buffer: dummy.buffer, offset_bytes: 0, size_bytes: dummy.size_bytes };
      this.#homes.set(root, home);
    }
    return home;
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }

  /** Bytes of each arena of intermediates. */
  get arenaBytes(): readonly number[] {
    return this.#arenaBytes;
  }

  get ownedBytes(): number {
    return this.#owned.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  }

  #home(root: Tensor, buffer: GPUBuffer, offset: number): void {
    const size_bytes = 4 * size(root.shape);
    const limit = this.#gpu.limits.maxStorageBufferBindingSize;
    if (size_bytes > limit) {
      throw new InputError(
        `${root.name}${formatShape(root.shape)} takes ${size_bytes} bytes, the adapter binds at most ${limit}; use a smaller --size`,
      );
    }
    this.#homes.set(root, { buffer, offset_bytes: 4 * offset, size_bytes });
  }

  /** Homes of inputs, parameters, states, constants, arenas and step scalars. */
  #placeLeaves(graph: Graph, store: GpuStore): void {
    const inputLayout = arenaLayout(graph.inputs);
    const inputs = this.own("inputs", 4 * inputLayout.floats, STORAGE_USAGE);
    const constants = graph.values.filter(({ source }) => source.kind === "constant");
    const constantLayout = arenaLayout(
      constants.map(({ id, shape }) => ({ name: String(id), shape })),
    );
    const constantBuffer = this.own("constants", 4 * constantLayout.floats, STORAGE_USAGE);
    for (const value of graph.values) {
      const { source, name, shape } = value;
      const tensor = this.#program.tensorOf(value);
      if (size(shape) === 0) continue;
      switch (source.kind) {
        case "input":
          this.#home(tensor, inputs.buffer, slotOf(inputLayout, value).offset);
          break;
        case "constant": {
          const { offset } = slotOf(constantLayout, { name: String(value.id), shape });
          const data = Float32Array.from(source.data);
          this.#gpu.device.queue.writeBuffer(constantBuffer.buffer, 4 * offset, data);
          this.#home(tensor, constantBuffer.buffer, offset);
          break;
        }
        case "parameter":
          this.#home(tensor, store.arenas.parameters.buffer, slotOf(store.layout, value).offset);
          break;
        case "state":
          this.#home(tensor, store.states.buffer, slotOf(store.stateLayout, value).offset);
          break;
        case "scalars":
          this.#home(tensor, this.scalars.buffer, 0);
          break;
        case "arena":
          if (size(shape) !== store.layout.floats) {
            throw new Error(
              `arena ${name}: the graph has ${size(shape)} floats of parameters, the store ${store.layout.floats}`,
            );
          }
          this.#home(tensor, store.arenas[source.arena].buffer, 0);
          break;
        case "result":
        case "view":
          break; // what calls make, and the same numbers under another shape
        default:
          source satisfies never;
      }
    }
  }
}

async function build(
  gpu: Gpu,
  graph: Graph,
  request: Request,
  program: Program,
  buffers: PlanBuffers,
): Promise<Plan> {
  const { device } = gpu;
  const freeze = freezesShapes(gpu.facts);
  const specialized = program.calls.map((call) => specializeCall(call, freeze));
  const params = packUniforms(specialized);
  const uniform = buffers.own("params", params.bytes.byteLength, UNIFORM_USAGE);
  device.queue.writeBuffer(uniform.buffer, 0, params.bytes);
  const pipelines = await Promise.all(specialized.map(({ source }) => pipelineFor(gpu, source)));
  const dispatches = program.calls.map((call, i): PlannedDispatch => {
    const { kernel, bindings } = call;
    const { source, params: block, grid } = specialized[i];
    const entries: GPUBindGroupEntry[] = kernel.shader.bindings.map(({ name, binding }) => {
      const home = buffers.homeOf(bindings[name]);
      return {
        binding,
        resource: { buffer: home.buffer, offset: home.offset_bytes, size: home.size_bytes },
      };
    });
    if (block !== null) {
      entries.push({
        binding: 0,
        resource: { buffer: uniform.buffer, offset: params.offsets[i], size: block.byteLength },
      });
    }
    const { pipeline, layout } = pipelines[i];
    return {
      op: call.op,
      kernel: kernel.shader.name,
      pipeline: pipelineLabel(source),
      cost: kernel.cost(bindingShapes(bindings), call.attributes),
      dispatch: {
        pipeline,
        bindGroup: device.createBindGroup({ label: `${call.op}: ${source.name}`, layout, entries }),
        grid,
      },
    };
  });
  const outputs = Object.entries(request.outputs).map(
    ([name, value]): readonly [string, BufferRange] => [
      name,
      rangeOf(buffers.homeOf(program.tensorOf(value)), size(value.shape)),
    ],
  );
  const ranges = outputs.map(([, range]) => range);
  const output_bytes = ranges.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  gpu.check();
  const staging = stagingRing(gpu, "step", output_bytes, STEPS_IN_FLIGHT);
  const prepared = dispatches.map(({ dispatch }) => dispatch);
  const submit: Plan["submit"] = (inputs, scalars = {}) => {
    writeInputs(gpu, graph, program, buffers, inputs);
    const block = scalarBlock(graph, scalars, new Float32Array(MAX_SCALARS));
    device.queue.writeBuffer(buffers.scalars.buffer, 0, block);
    const encoder = device.createCommandEncoder({ label: "step" });
    encodePass(encoder, "step", prepared);
    const read = staging.copy(encoder, ranges);
    device.queue.submit([encoder.finish()]);
    return async () => splitOutputs(outputs, await read());
  };
  return {
    summary: {
      dispatches: dispatches.length,
      pipelines: new Set(dispatches.map(({ pipeline }) => pipeline)).size,
      flops: dispatches.reduce((sum, { cost }) => sum + cost.flops, 0),
      arena_bytes: buffers.arenaBytes,
      peak_bytes: buffers.ownedBytes + staging.size_bytes,
    },
    dispatches,
    submit,
    run: async (inputs, scalars) => await submit(inputs, scalars)(),
    destroy: () => {
      staging.destroy();
      buffers.destroy();
    },
  };
}

function specializeCall(call: Call, freeze: boolean): Specialized {
  try {
    return specialize(call.kernel, bindingShapes(call.bindings), call.attributes, freeze);
  } catch (error) {
    throw new Error(`${call.op}: ${(error as Error).message}`, { cause: error });
  }
}

/** All params blocks in one buffer, equal blocks once. */
function packUniforms(specialized: readonly Specialized[]): {
  bytes: Uint8Array<ArrayBuffer>;
  offsets: number[];
} {
  const known = new Map<string, number>();
  const blocks: Uint8Array[] = [];
  const offsets = specialized.map(({ params }) => {
    if (params === null) return 0;
    const block = new Uint8Array(params);
    const key = block.join();
    let offset = known.get(key);
    if (offset === undefined) {
      offset = blocks.length * ALIGNMENT_BYTES;
      known.set(key, offset);
      if (block.length > ALIGNMENT_BYTES)
        throw new RangeError("a Params struct is longer than 256 bytes");
      blocks.push(block);
    }
    return offset;
  });
  const bytes = new Uint8Array(Math.max(1, blocks.length) * ALIGNMENT_BYTES);
  blocks.forEach((block, i) => bytes.set(block, i * ALIGNMENT_BYTES));
  return { bytes, offsets };
}

/** The range of an output: none of the dummy that an empty one is bound to. */
function rangeOf(home: BufferRange, floats: number): BufferRange {
  return { ...home, size_bytes: 4 * floats };
}

/** The outputs by name, as they lie one behind the other in a staging buffer. */
function splitOutputs(
  outputs: readonly (readonly [name: string, range: BufferRange])[],
  flat: Float32Array,
): Record<string, Float32Array> {
  let start = 0;
  return Object.fromEntries(
    outputs.map(([name, { size_bytes }]) => {
      const end = start + size_bytes / 4;
      const values = flat.slice(start, end);
      start = end;
      return [name, values];
    }),
  );
}

function writeInputs(
  gpu: Gpu,
  graph: Graph,
  program: Program,
  buffers: PlanBuffers,
  inputs: Readonly<Record<string, Float32Array>>,
): void {
  for (const value of graph.inputs) {
    const given = inputs[value.name];
    const count = size(value.shape);
    if (given?.length !== count) {
      throw new Error(
        `input ${value.name}${formatShape(value.shape)} needs ${count} numbers, was given ${given?.length ?? "none"}`,
      );
    }
    if (count === 0) continue;
    const { buffer, offset_bytes } = buffers.homeOf(program.tensorOf(value));
    gpu.device.queue.writeBuffer(buffer, offset_bytes, given as Float32Array<ArrayBuffer>);
  }
}
