// The buffers of one plan: inputs, constants, step scalars and arenas of intermediates; and for
// every tensor the range that it is bound at, which for parameters and states is in the store.
import {
  allReady,
  checkBinding,
  createBuffer,
  STORAGE_USAGE,
  UNIFORM_USAGE,
  withLargest,
  type CountedBuffer,
} from "../gpu/buffers.ts";
import type { Precision } from "../engine/tuning.ts";
import type { Gpu } from "../gpu/device.ts";
import type { BufferRange } from "../gpu/read_back.ts";
import { InputError } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";
import { MAX_SCALARS, type Graph } from "./graph.ts";
import { arenaLayout, slotOf } from "./layout.ts";
import type { Program } from "./lower.ts";
import { planMemory, type MemoryPlan } from "./memory.ts";
import { storageOf } from "./storage.ts";
import type { GpuStore } from "./store.ts";
import type { Tensor, Value } from "./value.ts";
import type { GPUBufferUsageFlags } from "../gpu/webgpu_types.ts";

/** All buffers of a plan and the home of every tensor in them. */
export class PlanBuffers {
  /** The block of step scalars. */
  readonly scalars: CountedBuffer;
  readonly #gpu: Gpu;
  readonly #homes = new Map<Tensor, BufferRange>();
  readonly #owned: CountedBuffer[] = [];
  readonly #program: Program;
  readonly #constants: (readonly [range: BufferRange, data: Float32Array<ArrayBuffer>])[] = [];
  #half: ReadonlySet<Tensor> = new Set();
  #arenaBytes: readonly number[] = [];
  #wholeBytes = 0;
  #liveBytes: readonly number[] = [];

  constructor(gpu: Gpu, program: Program) {
    this.#gpu = gpu;
    this.#program = program;
    this.scalars = this.own("step scalars", 4 * MAX_SCALARS, UNIFORM_USAGE);
  }

  /**
   * Gives every tensor its home: leaves and gradients get their fixed ones, intermediate results a
   * place in the arenas, under `precision` f16 some of them as f16. Throws InputError if the store
   * lacks a tensor or the adapter cannot bind one of its size.
   */
  place(
    graph: Graph,
    store: GpuStore,
    gradients: ReadonlyMap<Tensor, Value>,
    outputs: readonly Value[],
    precision: Precision,
  ): void {
    this.#checkBindings();
    this.#placeLeaves(graph, store);
    for (const [tensor, parameter] of gradients) {
      this.#home(tensor, store.arenas.gradients.buffer, slotOf(store.layout, parameter).offset);
    }
    const { calls, rootOf } = this.#program;
    const placed = { program: this.#program, homes: gradients };
    const { isPlanned, kept, half: stored } = storageOf(placed, outputs, precision);
    const plan = (half: ReadonlySet<Tensor>): MemoryPlan =>
      planMemory(calls, rootOf, isPlanned, kept, half);
    this.#half = stored;
    const memory = plan(this.#half);
    const whole = this.#half.size === 0 ? memory : plan(new Set());
    this.#wholeBytes = whole.arenas.reduce((sum, floats) => sum + 4 * floats, 0);
    const arenas = memory.arenas.map((floats, i) =>
      this.own(`arena ${i}`, 4 * floats, STORAGE_USAGE, () => {
        const within = [...memory.places].filter(([, { arena }]) => arena === i);
        return withLargest(
          `arena ${i} of intermediates`,
          within.map(([root]) => root),
        );
      }),
    );
    this.#arenaBytes = arenas.map(({ size_bytes }) => size_bytes);
    this.#liveBytes = memory.live.map((floats) => 4 * floats);
    for (const [root, { arena, offset }] of memory.places) {
      this.#home(root, arenas[arena].buffer, offset);
    }
  }

  /** A buffer that lives as long as the plan. */
  own(
    label: string,
    size_bytes: number,
    usage: GPUBufferUsageFlags,
    describe?: () => string,
  ): CountedBuffer {
    const buffer = createBuffer(this.#gpu, label, size_bytes, usage, describe);
    this.#owned.push(buffer);
    return buffer;
  }

  /** Waits until the driver has created every buffer, then writes the constants. */
  async fill(): Promise<void> {
    await allReady(this.#gpu, this.#owned);
    for (const [{ buffer, offset_bytes }, data] of this.#constants) {
      this.#gpu.device.queue.writeBuffer(buffer, offset_bytes, data);
    }
    this.#constants.length = 0; // the weights of a frozen network take gigabytes
  }

  /** The range that a tensor is bound at; an absent or empty tensor gets its own dummy. */
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

  /** Frees the plan's own buffers; the store's buffers stay. */
  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
  }

  /** Bytes of each arena of intermediates. */
  get arenaBytes(): readonly number[] {
    return this.#arenaBytes;
  }

  /** Bytes of all arenas if every intermediate were stored as f32. */
  get wholeBytes(): number {
    return this.#wholeBytes;
  }

  /** The intermediates that are stored as f16. */
  get half(): ReadonlySet<Tensor> {
    return this.#half;
  }

  /** Bytes of the intermediates that are live during each call of the program. */
  get liveBytes(): readonly number[] {
    return this.#liveBytes;
  }

  /** Bytes of all buffers of the plan, without those of the store. */
  get ownedBytes(): number {
    return this.#owned.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  }

  #home(root: Tensor, buffer: GPUBuffer, offset: number): void {
    const size_bytes = 4 * Math.ceil(size(root.shape) / (this.#half.has(root) ? 2 : 1));
    this.#homes.set(root, { buffer, offset_bytes: 4 * offset, size_bytes });
  }

  /** Throws InputError if a call binds a tensor that exceeds the adapter's binding limit. */
  #checkBindings(): void {
    for (const { bindings } of this.#program.calls) {
      for (const { name, shape } of Object.values(bindings)) checkBinding(this.#gpu, name, shape);
    }
  }

  /** Homes of inputs, parameters, states, constants, arenas and step scalars. */
  #placeLeaves(graph: Graph, store: GpuStore): void {
    const inputLayout = arenaLayout(graph.inputs);
    const inputs = this.own("inputs", 4 * inputLayout.floats, STORAGE_USAGE, () =>
      withLargest("inputs", graph.inputs),
    );
    const constants = graph.values.filter(({ source }) => source.kind === "constant");
    const constantLayout = arenaLayout(
      constants.map(({ id, shape }) => ({ name: String(id), shape })),
    );
    const constantBuffer = this.own("constants", 4 * constantLayout.floats, STORAGE_USAGE, () =>
      withLargest("constants", constants),
    );
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
          this.#home(tensor, constantBuffer.buffer, offset);
          this.#constants.push([this.homeOf(tensor), source.data]);
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
            throw new InputError(
              `arena ${name}: the graph has ${size(shape)} floats of parameters, the store ${store.layout.floats}`,
            );
          }
          this.#home(tensor, store.arenas[source.arena].buffer, 0);
          break;
        case "result":
        case "view":
          break; // results of calls, and the same numbers in another shape
        default:
          source satisfies never;
      }
    }
  }
}
