// The plan: a graph compiled for one device. Pipelines, bind groups and memory are created once; a
// step writes its inputs and the block of step scalars, encodes one compute pass and submits once.
import type { Gpu } from "../gpu/device.ts";
import { encodePass, type PreparedDispatch } from "../gpu/encode.ts";
import { stagingRing, type BufferRange } from "../gpu/read_back.ts";
import type { PassStamps } from "../gpu/timestamps.ts";
import type { Precision, Tuning } from "../engine/tuning.ts";
import { InputError } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";
import { inputValues, scalarBlock } from "./run_inputs.ts";
import { MAX_SCALARS, type Graph } from "./graph.ts";
import { submitFirst } from "./first_step.ts";
import { hostFloats } from "./host_numbers.ts";
import type { Program } from "./lower.ts";
import { checkOptions } from "../tensor/options.ts";
import { plannedCalls } from "./outline.ts";
import { PlanBuffers } from "./plan_buffers.ts";
import { gradientRange, meetings, type Exchange } from "./exchange.ts";
import { stepParts, type StepParts } from "./plan_parts.ts";
import { prepareDispatches, type PlannedDispatch } from "./prepare.ts";
import { checkRequest, type Request } from "./request.ts";
import type { GpuStore } from "./store.ts";
import type { Fusion } from "./fuse/work.ts";
import type { Recomputation, Tensor, Value } from "./value.ts";

/** The contents of a plan. */
export interface PlanSummary {
  readonly dispatches: number;
  readonly pipelines: number;
  readonly flops: number;
  /** Bytes of each arena of intermediates. */
  readonly arena_bytes: readonly number[];
  /** Bytes that the arenas would have together if every intermediate were stored as f32. */
  readonly arena_bytes_f32: number;
  /** Bytes of all buffers of the plan together (without parameters, which belong to the store). */
  readonly peak_bytes: number;
  /** The part of these bytes that reads back outputs. */
  readonly staging_bytes: number;
  /** The patterns that were fused, and those that could not be, each with the reason. */
  readonly fusions: readonly Fusion[];
  /** The results computed again for the backward pass; null if that was not asked for. */
  readonly recomputation: Recomputation | null;
}

/** Observes a step as it is submitted, without changing what it computes. */
export interface StepWatch {
  /** Runs the work of a phase, which it may time. */
  readonly phase: <T>(name: "upload" | "encode" | "submit", work: () => T) => T;
  /** Timestamps for the step's one pass, or for one pass per dispatch; null for none. */
  readonly stamps: PassStamps | null;
}

/** A compiled graph. */
export interface Plan {
  readonly summary: PlanSummary;
  readonly dispatches: readonly PlannedDispatch[];
  /**
   * Writes inputs and scalars and submits one step; the returned function reads the outputs, even
   * one step later. Inputs are arrays of numbers or typed arrays of any floats or integers. Throws
   * InputError, with nothing written, if an input or a scalar is missing, unknown or not a number,
   * if an input has the wrong length, or if the plan or its store was destroyed.
   */
  readonly submit: (
    inputs: Readonly<Record<string, ArrayLike<number>>>,
    scalars?: Readonly<Record<string, number>>,
    watch?: StepWatch,
  ) => () => Promise<Record<string, Float32Array>>;
  /** One step and its outputs. */
  readonly run: (
    inputs: Readonly<Record<string, ArrayLike<number>>>,
    scalars?: Readonly<Record<string, number>>,
  ) => Promise<Record<string, Float32Array>>;
  readonly destroy: () => void;
}

/** Options of compiling a graph. */
export interface CompileOptions {
  /** Measured choices of mappings; without them, the rules of the twins decide. */
  readonly tuning?: Tuning;
  /** Whether nodes that a fused kernel computes together become one; true by default. */
  readonly fused?: boolean;
  /**
   * f16: feature maps and their gradients are stored as f16, and products may round their operands
   * to f16; sums, statistics, losses and parameters stay in f32. Default f32.
   */
  readonly precision?: Precision | undefined;
  /**
   * Whether cheap results that the backward pass reads are computed again for it, where that saves
   * memory, instead of kept: the same bits in less memory and more time. False by default; without
   * gradients it changes nothing.
   */
  readonly recompute?: boolean;
  /**
   * Whether 3x3 convolutions and their gradients may run as Winograd's where a rule finds that faster
   * (software adapters): a quarter of the products, but 1.8 times the rounding error, and 4 to 5 times
   * in gradients with respect to the weight. True by default; f16 never uses it.
   */
  readonly winograd?: boolean;
  /** How processes that train together bring their numbers together; each is one of them. */
  readonly exchange?: Exchange;
}

/** Throws InputError for an option of `compile` that is unknown or of another type. */
export function checkCompileOptions(options: CompileOptions): void {
  const rules = {
    tuning: "value",
    fused: "flag",
    precision: ["f32", "f16"],
    recompute: "flag",
    winograd: "flag",
    exchange: "value",
  } as const;
  checkOptions("compile", options, {}, rules);
}

// A step may be submitted while the previous results are still being read.
const STEPS_IN_FLIGHT = 2;
const UNWATCHED: StepWatch = { phase: (_, work) => work(), stamps: null };

/**
 * Compiles `request` of a graph for a device; finds parameters and states in `store` by name and
 * shape. Throws InputError if they are not there, if the request does not fit the graph or if a
 * tensor exceeds the adapter's binding limit; GpuMemoryError if the plan does not fit the memory
 * budget or the driver's memory; and the compiler's message about a shader. In each case nothing
 * was created.
 */
export async function compile(
  gpu: Gpu,
  graph: Graph,
  request: Request,
  store: GpuStore,
  options: CompileOptions = {},
): Promise<Plan> {
  checkCompileOptions(options);
  const {
    tuning,
    fused = true,
    precision = "f32",
    recompute = false,
    winograd = true,
    exchange,
  } = options;
  if (precision === "f16" && !gpu.facts.features.has("shader-f16")) {
    throw new InputError(
      `precision f16: ${gpu.facts.name} has no 16-bit floats (shader-f16); use f32`,
    );
  }
  checkRequest(graph, request);
  store.check();
  const lowering = { tuning, fused, precision, recompute, winograd, ranks: exchange?.ranks ?? 1 };
  const { program, homes } = plannedCalls(graph, request, gpu.facts, lowering);
  const buffers = new PlanBuffers(gpu, program);
  try {
    buffers.place(graph, store, homes, Object.values(request.outputs), precision);
    return await build(gpu, graph, request, program, buffers, store, exchange);
  } catch (error) {
    buffers.destroy();
    throw error;
  }
}

/**
 * Creates pipelines, bind groups and staging buffers of a program whose tensors have their homes.
 */
async function build(
  gpu: Gpu,
  graph: Graph,
  request: Request,
  program: Program,
  buffers: PlanBuffers,
  store: GpuStore,
  exchange: Exchange | undefined,
): Promise<Plan> {
  const outputs = Object.entries(request.outputs).map(
    ([name, value]): readonly [string, BufferRange] => [
      name,
      rangeOf(buffers.homeOf(program.tensorOf(value)), size(value.shape)),
    ],
  );
  const ranges = outputs.map(([, range]) => range);
  const output_bytes = ranges.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const staging = stagingRing(gpu, "step", output_bytes, STEPS_IN_FLIGHT);
  let dispatches: readonly PlannedDispatch[];
  let parts: StepParts | undefined;
  try {
    await store.ready();
    await staging.ready();
    dispatches = await prepareDispatches(gpu, program, buffers);
    if (exchange !== undefined) {
      const own = dispatches.map(({ dispatch }) => dispatch);
      const homeOf = (tensor: Tensor): BufferRange =>
        rangeOf(buffers.homeOf(tensor), size(tensor.shape));
      const made = Object.values(request.outputs).map(program.tensorOf);
      const all = meetings(program.calls, made, homeOf, gradientRange(store));
      parts = stepParts(gpu, own, all, ranges, exchange);
      await parts.ready();
    }
    gpu.check();
  } catch (error) {
    parts?.destroy();
    staging.destroy();
    throw error;
  }
  const prepared = dispatches.map(({ dispatch }) => dispatch);
  let destroyed = false;
  let begun = false;
  const checkPlan = (): void => {
    if (destroyed) throw new InputError("the plan was destroyed; compile the graph again");
  };
  const submit: Plan["submit"] = (inputs, scalars = {}, { phase, stamps } = UNWATCHED) => {
    checkPlan();
    store.check();
    const { device } = gpu;
    phase("upload", () => {
      const block = scalarBlock(graph, scalars, new Float32Array(MAX_SCALARS));
      writeInputs(gpu, program, buffers, inputValues(graph, inputs, hostFloats));
      device.queue.writeBuffer(buffers.scalars.buffer, 0, block);
    });
    const { commands, read } = phase("encode", () => {
      const rest = begun || stamps !== null ? prepared : submitFirst(gpu, prepared);
      begun = true;
      const encoder = device.createCommandEncoder({ label: "step" });
      encodeStep(encoder, rest, stamps);
      return { read: staging.copy(encoder, ranges), commands: encoder.finish() };
    });
    phase("submit", () => device.queue.submit([commands]));
    return async () => {
      checkPlan();
      try {
        return splitOutputs(outputs, await read());
      } catch (error) {
        checkPlan(); // its staging buffers may have been destroyed by now
        throw error;
      }
    };
  };
  let before: Promise<unknown> = Promise.resolve();
  /** A step in parts begins when the one before has ended. */
  const submitParts = (run: StepParts["run"], { begin }: Exchange): Plan["submit"] => {
    return (inputs, scalars = {}) => {
      checkPlan();
      store.check();
      const block = scalarBlock(graph, scalars, new Float32Array(MAX_SCALARS));
      const values = inputValues(graph, inputs, hostFloats);
      const step = before.then(async () => {
        await begin(inputs, scalars);
        return await run(() => {
          writeInputs(gpu, program, buffers, values);
          gpu.device.queue.writeBuffer(buffers.scalars.buffer, 0, block);
        });
      });
      before = step.catch(() => {}); // The error is thrown where the outputs are read.
      return async () => splitOutputs(outputs, await step);
    };
  };
  const staging_bytes = staging.size_bytes + (parts?.size_bytes ?? 0);
  const submitStep = parts && exchange ? submitParts(parts.run, exchange) : submit;
  return {
    summary: {
      dispatches: dispatches.length,
      pipelines: new Set(dispatches.map(({ pipeline }) => pipeline)).size,
      flops: dispatches.reduce((sum, { cost }) => sum + cost.flops, 0),
      arena_bytes: buffers.arenaBytes,
      arena_bytes_f32: buffers.wholeBytes,
      peak_bytes: buffers.ownedBytes + staging_bytes,
      staging_bytes,
      fusions: program.fusions,
      recomputation: program.recomputation,
    },
    dispatches,
    submit: submitStep,
    run: async (inputs, scalars) => await submitStep(inputs, scalars)(),
    destroy: () => {
      destroyed = true;
      parts?.destroy();
      staging.destroy();
      buffers.destroy();
    },
  };
}

/** The dispatches in one pass or, if each has timestamps, in one pass per dispatch. */
function encodeStep(
  encoder: GPUCommandEncoder,
  dispatches: readonly PreparedDispatch[],
  stamps: PassStamps | null,
): void {
  if (stamps === null || stamps.passes === 1) {
    encodePass(encoder, "step", dispatches, stamps?.writes(0));
  } else {
    dispatches.forEach((dispatch, i) => encodePass(encoder, "step", [dispatch], stamps.writes(i)));
  }
  stamps?.resolve(encoder);
}

/** The range of an output; empty for an output that is bound to a dummy. */
function rangeOf(home: BufferRange, floats: number): BufferRange {
  return { ...home, size_bytes: 4 * floats };
}

/** The outputs by name, from their consecutive ranges in a staging buffer. */
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

/** Writes the inputs of a step. */
function writeInputs(
  gpu: Gpu,
  program: Program,
  buffers: PlanBuffers,
  inputs: ReadonlyMap<Value, Float32Array<ArrayBuffer>>,
): void {
  for (const [value, floats] of inputs) {
    if (floats.length === 0) continue;
    const { buffer, offset_bytes } = buffers.homeOf(program.tensorOf(value));
    gpu.device.queue.writeBuffer(buffer, offset_bytes, floats);
  }
}
