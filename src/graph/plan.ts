// The plan: a graph compiled for one device. Pipelines, bind groups and memory are made once; a step writes its
// inputs and the block of step scalars, encodes one compute pass and submits once.
import {
  ALIGNMENT_BYTES,
  createBuffer,
  STORAGE_USAGE,
  UNIFORM_USAGE,
  type CountedBuffer,
} from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { pipelineFor, pipelineLabel } from "../gpu/pipelines.ts";
import { stagingRing } from "../gpu/read_back.ts";
import type { Cost } from "../kernels/kernel.ts";
import { specialize, type Specialized } from "../kernels/specialize.ts";
import { freezesShapes } from "../kernels/variant.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { scalarBlock, type Request } from "./cpu.ts";
import { MAX_SCALARS, type Graph } from "./graph.ts";
import { arenaLayout } from "./layout.ts";
import { lower, resolveView, type Program } from "./lower.ts";
import { planMemory } from "./memory.ts";
import { copy } from "./ops/arithmetic.ts";
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
  /** Bytes of all buffers of the plan together (parameters not counted: they belong to the store). */
  readonly peak_bytes: number;
}

/** A compiled graph. */
export interface Plan {
  readonly summary: PlanSummary;
  readonly dispatches: readonly PlannedDispatch[];
  /** Writes inputs and scalars and submits one step; the returned function reads the outputs, even a step later. */
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

/** Compiles `request` of a graph for a device; parameters and states are found in `store` by name and shape. */
export async function compile(
  gpu: Gpu,
  graph: Graph,
  request: Request,
  store: GpuStore,
): Promise<Plan> {
  const placements = placeGradients(graph, request);
  const targets = [...Object.values(request.outputs), ...placements.keys()];
  const program = orderPlacements(lower(graph, targets, gpu.facts), placements);
  const buffers = new PlanBuffers(gpu, graph, program, placements, store, targets);
  try {
    return await build(gpu, graph, request, program, buffers);
  } catch (error) {
    buffers.destroy();
    throw error;
  }
}

/**
 * Where each gradient goes in the gradient arena. A gradient that other ops read as well, or that serves two
 * parameters, is copied: the arena must not be read by a dispatch that writes into it.
 */
function placeGradients(graph: Graph, request: Request): Map<Value, string> {
  const placements = new Map<Value, string>();
  const readers = new Set<Value>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) if (input !== null) readers.add(resolveView(input));
  }
  for (const output of Object.values(request.outputs)) readers.add(resolveView(output));
  for (const [parameter, gradient] of request.gradients ?? []) {
    const root = resolveView(gradient);
    const free = root.source.kind === "result" && !readers.has(root) && !placements.has(root);
    placements.set(free ? root : copy(gradient), parameter.name);
  }
  return placements;
}

/** Copies of gradients are recorded last; moves them before the first call that reads the gradient arena. */
function orderPlacements(program: Program, placements: ReadonlyMap<Value, string>): Program {
  const readsArena = (call: Call): boolean =>
    Object.values(call.bindings).some(
      ({ value }) => value?.source.kind === "arena" && value.source.arena === "gradients",
    );
  const first = program.calls.findIndex(readsArena);
  if (first < 0) return program;
  const writesPlaced = (call: Call): boolean =>
    Object.values(call.bindings).some(({ value }) => value !== null && placements.has(value));
  const late = program.calls.slice(first).filter((call) => !readsArena(call) && writesPlaced(call));
  const rest = program.calls.slice(first).filter((call) => !late.includes(call));
  return { ...program, calls: [...program.calls.slice(0, first), ...late, ...rest] };
}

/** A range of a buffer that a tensor is bound to. */
interface Home {
  readonly buffer: GPUBuffer;
  readonly offset_bytes: number;
  readonly size_bytes: number;
}

/** All buffers of a plan and the home of every tensor in them. */
class PlanBuffers {
  readonly arenaBytes: number[];
  readonly scalars: CountedBuffer;
  readonly #gpu: Gpu;
  readonly #homes = new Map<Tensor, Home>();
  readonly #owned: CountedBuffer[] = [];
  readonly #program: Program;

  constructor(
    gpu: Gpu,
    graph: Graph,
    program: Program,
    placements: ReadonlyMap<Value, string>,
    store: GpuStore,
    targets: readonly Value[],
  ) {
    this.#gpu = gpu;
    this.#program = program;
    this.scalars = this.own("step scalars", 4 * MAX_SCALARS, UNIFORM_USAGE);
    this.#placeFixed(graph, placements, store);
    const kept = new Set(targets.map((value) => program.rootOf(program.tensorOf(value))));
    const isPlanned = (root: Tensor): boolean => !this.#homes.has(root) && size(root.shape) > 0;
    const memory = planMemory(program.calls, program.rootOf, isPlanned, kept);
    const arenas = memory.arenas.map((floats, i) =>
      this.own(`arena ${i}`, 4 * floats, STORAGE_USAGE),
    );
    this.arenaBytes = arenas.map(({ size_bytes }) => size_bytes);
    for (const [root, { arena, offset }] of memory.places) {
      this.#home(root, arenas[arena]!.buffer, offset, size(root.shape));
    }
  }

  own(label: string, size_bytes: number, usage: GPUBufferUsageFlags): CountedBuffer {
    const buffer = createBuffer(this.#gpu, label, size_bytes, usage);
    this.#owned.push(buffer);
    return buffer;
  }

  /** Where a tensor is bound; an absent or empty one to a dummy of its own. */
  homeOf(tensor: Tensor): Home {
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

  get ownedBytes(): number {
    return this.#owned.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  }

  #home(root: Tensor, buffer: GPUBuffer, offset: number, floats: number): void {
    const limit = this.#gpu.limits.maxStorageBufferBindingSize;
    if (4 * floats > limit) {
      throw new RangeError(
        `${root.name}${formatShape(root.shape)} takes ${4 * floats} bytes, the adapter binds at most ${limit}; use a smaller --size`,
      );
    }
    this.#homes.set(root, { buffer, offset_bytes: 4 * offset, size_bytes: 4 * floats });
  }

  /** Homes of leaves (inputs, parameters, states, constants, arenas, scalars) and of placed gradients. */
  #placeFixed(graph: Graph, placements: ReadonlyMap<Value, string>, store: GpuStore): void {
    const inputLayout = arenaLayout(graph.inputs);
    const inputs = this.own("inputs", 4 * inputLayout.floats, STORAGE_USAGE);
    const constants = graph.values.filter(({ source }) => source.kind === "constant");
    const constantLayout = arenaLayout(
      constants.map(({ id, shape }) => ({ name: String(id), shape })),
    );
    const constantBuffer = this.own("constants", 4 * constantLayout.floats, STORAGE_USAGE);
    for (const value of graph.values) {
      const { source, name } = value;
      const root = this.#program.tensorOf(value);
      const place = (buffer: GPUBuffer, slot: { offset: number; size: number }): void =>
        this.#home(root, buffer, slot.offset, slot.size);
      if (size(value.shape) === 0 && source.kind !== "arena") continue;
      switch (source.kind) {
        case "input":
          place(inputs.buffer, inputLayout.byName.get(name)!);
          break;
        case "constant": {
          const slot = constantLayout.byName.get(String(value.id))!;
          const data = Float32Array.from(source.data);
          this.#gpu.device.queue.writeBuffer(constantBuffer.buffer, 4 * slot.offset, data);
          place(constantBuffer.buffer, slot);
          break;
        }
        case "parameter":
          place(store.arenas.parameters.buffer, slotOf(store.layout, value));
          break;
        case "state":
          place(store.states.buffer, slotOf(store.stateLayout, value));
          break;
        case "scalars":
          place(this.scalars.buffer, { offset: 0, size: MAX_SCALARS });
          break;
        case "arena":
          place(store.arenas[source.arena].buffer, { offset: 0, size: size(value.shape) });
          break;
        case "result": {
          const parameter = placements.get(value);
          if (parameter === undefined) break;
          place(store.arenas.gradients.buffer, store.layout.byName.get(parameter)!);
          break;
        }
        case "view":
          break;
        default:
          source satisfies never;
      }
    }
  }
}

function slotOf(
  layout: { readonly byName: ReadonlyMap<string, { shape: Shape; offset: number; size: number }> },
  value: Value,
): { offset: number; size: number } {
  const slot = layout.byName.get(value.name);
  if (slot === undefined || slot.size !== size(value.shape)) {
    throw new Error(
      `${value.name}${formatShape(value.shape)} is not in the store${slot === undefined ? "" : `: there it is ${formatShape(slot.shape)}`}`,
    );
  }
  return slot;
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
    const { source, params: block, grid } = specialized[i]!;
    const entries: GPUBindGroupEntry[] = kernel.shader.bindings.map(({ name, binding }) => {
      const home = buffers.homeOf(bindings[name]!);
      return {
        binding,
        resource: { buffer: home.buffer, offset: home.offset_bytes, size: home.size_bytes },
      };
    });
    if (block !== null) {
      entries.push({
        binding: 0,
        resource: { buffer: uniform.buffer, offset: params.offsets[i]!, size: block.byteLength },
      });
    }
    const { pipeline, layout } = pipelines[i]!;
    return {
      op: call.op,
      kernel: kernel.shader.name,
      pipeline: pipelineLabel(source),
      cost: kernel.cost(shapesOf(call), call.attributes),
      dispatch: {
        pipeline,
        bindGroup: device.createBindGroup({ label: `${call.op}: ${source.name}`, layout, entries }),
        grid,
      },
    };
  });
  const outputs = layOutOutputs(request, program);
  const staging = stagingRing(gpu, "outputs", 4 * outputs.floats, STEPS_IN_FLIGHT);
  const gathered = buffers.own("outputs", 4 * outputs.floats, STORAGE_USAGE);
  gpu.check();
  const prepared = dispatches.map(({ dispatch }) => dispatch);
  const submit: Plan["submit"] = (inputs, scalars = {}) => {
    writeInputs(gpu, graph, program, buffers, inputs);
    const block = scalarBlock(graph, scalars, new Float32Array(MAX_SCALARS));
    device.queue.writeBuffer(buffers.scalars.buffer, 0, block);
    const encoder = device.createCommandEncoder({ label: "step" });
    encodePass(encoder, "step", prepared);
    for (const { tensor, offset, count } of outputs.slots) {
      if (count === 0) continue;
      const home = buffers.homeOf(tensor);
      encoder.copyBufferToBuffer(
        home.buffer,
        home.offset_bytes,
        gathered.buffer,
        4 * offset,
        4 * count,
      );
    }
    const read = staging.copy(encoder, gathered.buffer, 4 * outputs.floats);
    device.queue.submit([encoder.finish()]);
    return async () => {
      const flat = await read();
      return Object.fromEntries(
        outputs.slots.map(({ name, offset, count }) => [name, flat.slice(offset, offset + count)]),
      );
    };
  };
  return {
    summary: {
      dispatches: dispatches.length,
      pipelines: new Set(dispatches.map(({ pipeline }) => pipeline)).size,
      flops: dispatches.reduce((sum, { cost }) => sum + cost.flops, 0),
      arena_bytes: buffers.arenaBytes,
      peak_bytes: buffers.ownedBytes,
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

function shapesOf(call: Call): Record<string, Shape> {
  return Object.fromEntries(
    Object.entries(call.bindings).map(([name, { shape }]) => [name, shape]),
  );
}

function specializeCall(call: Call, freeze: boolean): Specialized {
  try {
    return specialize(call.kernel, shapesOf(call), call.attributes, freeze);
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

interface OutputSlot {
  readonly name: string;
  readonly tensor: Tensor;
  readonly offset: number;
  readonly count: number;
}

function layOutOutputs(
  request: Request,
  program: Program,
): { slots: OutputSlot[]; floats: number } {
  const slots: OutputSlot[] = [];
  let floats = 0;
  for (const [name, value] of Object.entries(request.outputs)) {
    const count = size(value.shape);
    slots.push({ name, tensor: program.tensorOf(value), offset: floats, count });
    floats += count;
  }
  return { slots, floats };
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
