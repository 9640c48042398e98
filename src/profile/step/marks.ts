// Runs steps and marks when each part of them began and ended: a single step, or the loop in which
// the next batch is prepared while the GPU works. account.ts interprets the marks.
import type { Gpu } from "../../gpu/device.ts";
import { passStamps, type PassStamps, type PassTime } from "../../gpu/timestamps.ts";
import type { Plan } from "../../graph/plan.ts";
import type { GpuStore } from "../../graph/store.ts";
import { untilSound } from "../../measure/sound_passes.ts";

/** The inputs of a step. */
export interface StepInputs {
  readonly inputs: Readonly<Record<string, Float32Array>>;
  readonly scalars: Readonly<Record<string, number>>;
}

/** A repeatable step of any kind. */
export interface ProfiledStep {
  readonly target: "step:train" | "step:predict";
  /** Its name, such as `nano on rig, 6x96x160`. */
  readonly what: string;
  readonly plan: Plan;
  readonly store: GpuStore;
  /** The number of steps with different inputs to rotate through. */
  readonly moments: number;
  /** Whether the loop prepares the next step while the GPU works on this one. */
  readonly overlaps: boolean;
  /** Loads what a step needs. */
  readonly prepare: (step: number) => Promise<StepInputs>;
  /** Handles the outputs of a step as the loop does. */
  readonly collect: (step: number, outputs: Readonly<Record<string, Float32Array>>) => void;
}

/** The host's parts of a step. */
export type HostPart = "prepare" | "upload" | "encode" | "submit" | "read" | "collect";

/** An interval on the host's clock. */
export interface Span {
  readonly begin_ms: number;
  readonly end_ms: number;
}

/** Its length, in milliseconds. */
export function length_ms({ begin_ms, end_ms }: Span): number {
  return end_ms - begin_ms;
}

/** The record of one step. */
export interface StepMarks extends Span {
  /** When each part began and ended; `read` includes waiting for the GPU. */
  readonly parts: Readonly<Record<HostPart, Span>>;
  /** Its passes on the GPU's clock: one, one per dispatch, or none without timestamps. */
  readonly passes: readonly PassTime[];
  /** When the encoding of each pass began. */
  readonly encoded_ms: readonly number[];
  /** Bytes of all live buffers while the GPU worked. */
  readonly live_bytes: number;
}

/**
 * Runs a single step, nothing overlapped; repeats it if the GPU's clock ran backwards. Throws
 * ClockError if that keeps happening.
 */
export async function runStep(
  gpu: Gpu,
  step: ProfiledStep,
  index: number,
  stamps: PassStamps | null,
): Promise<StepMarks> {
  return await untilSound(async () => await stepOnce(gpu, step, index, stamps), isForwards);
}

/** Whether no pass of a step ends before it begins. */
function isForwards({ passes }: StepMarks): boolean {
  return passes.every(({ begin_ns, end_ns }) => end_ns >= begin_ns);
}

async function stepOnce(
  gpu: Gpu,
  step: ProfiledStep,
  index: number,
  stamps: PassStamps | null,
): Promise<StepMarks> {
  const begin_ms = performance.now();
  const marks = partMarks();
  const ready = await marks.during("prepare", async () => await step.prepare(index));
  const submitted = submitMarked(gpu, step, ready, stamps, marks);
  const outputs = await marks.during("read", submitted.read);
  marks.phase("collect", () => step.collect(index, outputs));
  const end_ms = performance.now();
  return { begin_ms, end_ms, parts: marks.done(), ...(await submitted.stamped()) };
}

/**
 * Runs `count` steps as the loop does: while the GPU works on a step, the next one is prepared and
 * the outputs of the previous one are collected. A step's own time is measured from the previous
 * step. The loop is repeated if the GPU's clock ran backwards; throws ClockError as `runStep` does.
 */
export async function runLoop(gpu: Gpu, step: ProfiledStep, count: number): Promise<StepMarks[]> {
  const loop = async (): Promise<StepMarks[]> => await loopOnce(gpu, step, count);
  return await untilSound(loop, (steps) => steps.every(isForwards));
}

async function loopOnce(gpu: Gpu, step: ProfiledStep, count: number): Promise<StepMarks[]> {
  const all = Array.from({ length: count }, () => ({
    marks: partMarks(),
    stamps: passStamps(gpu, 1),
  }));
  const prepare = (i: number): Promise<StepInputs> => {
    const ready = all[i].marks.during("prepare", async () => await step.prepare(i % step.moments));
    // The error is thrown where it is awaited; this only avoids an unhandled rejection.
    ready.catch(() => undefined);
    return ready;
  };
  const begins_ms: number[] = [];
  const submitted: Submitted[] = [];
  const collect = async (i: number): Promise<void> => {
    const { marks } = all[i];
    const outputs = await marks.during("read", submitted[i].read);
    marks.phase("collect", () => step.collect(i % step.moments, outputs));
  };
  try {
    let ready = prepare(0);
    for (let i = 0; i < count; i++) {
      begins_ms.push(performance.now());
      const inputs = await ready;
      submitted.push(submitMarked(gpu, step, inputs, all[i].stamps, all[i].marks));
      if (!step.overlaps) await collect(i);
      if (i + 1 < count) ready = prepare(i + 1);
      if (step.overlaps && i > 0) await collect(i - 1);
    }
    begins_ms.push(performance.now());
    if (step.overlaps) await collect(count - 1);
    const steps: StepMarks[] = [];
    for (const [i, { marks }] of all.entries()) {
      const span = { begin_ms: begins_ms[i], end_ms: begins_ms[i + 1] };
      steps.push({ ...span, parts: marks.done(), ...(await submitted[i].stamped()) });
    }
    return steps;
  } finally {
    for (const { stamps } of all) stamps.destroy();
  }
}

/** A step in flight. */
interface Submitted {
  readonly read: () => Promise<Record<string, Float32Array>>;
  readonly stamped: () => Promise<Pick<StepMarks, "passes" | "encoded_ms" | "live_bytes">>;
}

function submitMarked(
  gpu: Gpu,
  { plan }: ProfiledStep,
  { inputs, scalars }: StepInputs,
  stamps: PassStamps | null,
  { phase }: PartMarks,
): Submitted {
  const encoded_ms: number[] = [];
  const writes: PassStamps["writes"] = (pass) => {
    encoded_ms.push(performance.now());
    return stamps!.writes(pass);
  };
  const read = plan.submit(inputs, scalars, { phase, stamps: stamps && { ...stamps, writes } });
  const { live_bytes } = gpu.memory;
  return {
    read,
    stamped: async () => ({ passes: (await stamps?.read()) ?? [], encoded_ms, live_bytes }),
  };
}

/** Takes the times of the parts of one step. */
interface PartMarks {
  readonly phase: <T>(name: HostPart, work: () => T) => T;
  readonly during: <T>(name: HostPart, work: () => Promise<T>) => Promise<T>;
  /** The times; throws if a part is missing. */
  readonly done: () => Record<HostPart, Span>;
}

const HOST_PARTS: readonly HostPart[] = [
  "prepare",
  "upload",
  "encode",
  "submit",
  "read",
  "collect",
];

function partMarks(): PartMarks {
  const spans = new Map<HostPart, Span>();
  const mark = (name: HostPart, begin_ms: number): void => {
    spans.set(name, { begin_ms, end_ms: performance.now() });
  };
  return {
    phase: (name, work) => {
      const begin_ms = performance.now();
      const result = work();
      mark(name, begin_ms);
      return result;
    },
    during: async (name, work) => {
      const begin_ms = performance.now();
      const result = await work();
      mark(name, begin_ms);
      return result;
    },
    done: () => {
      const missing = HOST_PARTS.find((name) => !spans.has(name));
      if (missing !== undefined) throw new Error(`a step went without its ${missing}`);
      return Object.fromEntries(spans) as Record<HostPart, Span>;
    },
  };
}
