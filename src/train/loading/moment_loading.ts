// The moments of a run, loaded ahead: in worker threads where the data can be opened there again,
// else in this thread while the GPU works. The bits are the same either way, because a moment depends
// on its number alone.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { InputScale } from "../../data/batch.ts";
import type { DataSource } from "../../data/data_source.ts";
import type { Loader } from "../../data/loader.ts";
import { placeOf } from "../../data/order.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import { InputError } from "../../tensor/error.ts";
import type { TrainConfig } from "../config.ts";
import { labelledSteps } from "./labelled_steps.ts";
import { momentOfJob, momentsPerStep, type RankPlace } from "./step_moments.ts";
import { momentInputs, teacherInputs, type MomentLoad } from "./moment_inputs.ts";
import type { ThreadData, ThreadReply, ThreadRequest } from "./messages.ts";

/** How moments are loaded ahead. */
export interface PrefetchOptions {
  /** Whether the teacher of the configuration can be opened without a device. */
  readonly withTeacher: boolean;
}

/** The moments of a run. */
export interface MomentLoading {
  readonly load: MomentLoad;
  /** Threads that load moments now; those that are still opening their data do not count. */
  readonly threads: () => number;
  /** Moments that threads have loaded or are loading for the run, and the one it took last. */
  readonly ahead: () => number;
  /** Ends the threads. */
  readonly close: () => Promise<void>;
}

/** The inputs of loading. */
export interface LoadingInput {
  readonly source: DataSource & InputScale;
  readonly teacher: Teacher | null;
  readonly config: TrainConfig;
  /** Loads in this thread, by the numbers of this process. */
  readonly samples: Loader;
  /** This process among those that train together; it is alone when left out. */
  readonly place?: RankPlace;
  /** Told of each sample that is left out, by each thread that meets it. */
  readonly onSkip: (message: string) => void;
  readonly onMessage: (message: string) => void;
}

// A shorter run is over before a thread has opened its data.
const LEAST_MOMENTS = 100;
// Moments that each thread has ready or in work.
const AHEAD = 2;

/** The threads of a run that is at `step`: as configured, or chosen by the length of the run. */
export function threadCount(config: TrainConfig, step: number): number {
  if (config.workers !== null) return config.workers;
  const left = (config.steps - step) * momentsPerStep(config);
  return left < LEAST_MOMENTS ? 0 : Math.min(2, Math.max(1, availableParallelism() - 1));
}

/** Whether moments can be loaded before the device of the run is free: no part of them needs it. */
export function isTaughtApart(teacher: Teacher | null, prefetch: PrefetchOptions | null): boolean {
  return teacher === null || prefetch?.withTeacher === true;
}

/** Opens the moments of a run from `step` on; without `prefetch` it loads in this thread. */
export async function momentLoading(
  input: LoadingInput,
  prefetch: PrefetchOptions | null,
  step: number,
): Promise<MomentLoading> {
  const { samples, config } = input;
  const here: MomentLoad = async (moment) => await momentInputs(input, samples, moment);
  const count = prefetch === null ? 0 : threadCount(config, step);
  if (prefetch === null || count === 0) {
    return { load: here, threads: () => 0, ahead: () => 0, close: async () => {} };
  }
  return await threaded(input, prefetch, { here, count, step });
}

/** A moment that was asked for. */
interface Awaited {
  readonly thread: number;
  readonly resolve: (inputs: Record<string, Float32Array>) => void;
  readonly reject: (error: Error) => void;
}

async function threaded(
  input: LoadingInput,
  { withTeacher }: PrefetchOptions,
  {
    here,
    count,
    step,
  }: { readonly here: MomentLoad; readonly count: number; readonly step: number },
): Promise<MomentLoading> {
  const { config, source, teacher, onMessage, place = { rank: 0, ranks: 1 } } = input;
  const { protocol, focalReference_px, normalization } = source;
  const scale = { protocol, focalReference_px, ...(normalization && { normalization }) };
  const data: ThreadData = {
    config,
    scale,
    labelledSteps: labelledSteps(config),
    withTeacher: withTeacher && teacher !== null,
    place,
  };
  const asked = new Map<number, Promise<Record<string, Float32Array>>>();
  const awaited = new Map<number, Awaited>();
  const said = new Set<string>();
  let isClosed = false;
  const moments = config.steps * momentsPerStep(config);
  /** The next moment that the run has not asked for. */
  let upcoming = step * momentsPerStep(config);

  const say = (text: string): void => {
    if (said.has(text)) return;
    said.add(text);
    onMessage(text);
  };
  const receive = (thread: number, message: ThreadReply): void => {
    if (message.kind === "ready") {
      ready.add(thread);
      if (isTaughtApart(teacher, { withTeacher })) askAhead();
      return;
    }
    if (message.kind === "skip") {
      input.onSkip(message.text);
      return;
    }
    if (message.kind === "message") {
      say(message.text);
      return;
    }
    const wanted = awaited.get(message.moment);
    awaited.delete(message.moment);
    if (message.kind === "fault") {
      const { message: text, isInput } = message;
      wanted?.reject(isInput ? new InputError(text) : new Error(text));
      return;
    }
    const { inputs, sample } = message;
    if (teacher === null || sample === null) {
      wanted?.resolve(inputs);
      return;
    }
    teacherInputs({ teacher, config }, sample).then(
      (taught) => wanted?.resolve({ ...inputs, ...taught }),
      (error: unknown) => wanted?.reject(error as Error),
    );
  };
  /** The moments of a thread that ended are loaded here. */
  const replace = (thread: number, reason: string): void => {
    if (isClosed || !threads.has(thread)) return;
    threads.delete(thread);
    ready.delete(thread);
    onMessage(`a loading thread ended (${reason}); the run loads in its own thread instead`);
    for (const [moment, wanted] of awaited) {
      if (wanted.thread !== thread) continue;
      awaited.delete(moment);
      here(moment).then(wanted.resolve, wanted.reject);
    }
  };
  const threads = new Map<number, Worker>();
  // A thread that is still opening its data would make the first steps wait for it.
  const ready = new Set<number>();
  for (let thread = 0; thread < count; thread++) {
    const worker = openThread(data);
    worker.on("message", (message: ThreadReply) => receive(thread, message));
    worker.on("error", (error) => replace(thread, error.message));
    worker.on("exit", (code) => replace(thread, `exit code ${code}`));
    threads.set(thread, worker);
  }

  const { labelled } = source;
  const labels = labelled && { labelled, steps: labelledSteps(config) };
  const indexOf = (moment: number): number => {
    const { order, position } = placeOf(
      momentOfJob(moment, config.rigs_per_step, place),
      source.count,
      config.seed,
      labels,
    );
    return order[position];
  };
  /**
   * The thread that loads a moment. A sample always comes from one thread, which keeps it in memory
   * for the next epoch; the run itself has those that it loaded before the threads were ready.
   */
  const threadOf = (moment: number): number | null => {
    const index = indexOf(moment);
    const thread = index % count;
    const isHere = source.isKept?.(index, config.size) ?? false;
    return ready.has(thread) && !isHere ? thread : null;
  };
  const ask = (moment: number): Promise<Record<string, Float32Array>> => {
    const known = asked.get(moment);
    if (known !== undefined) return known;
    const thread = threadOf(moment);
    const worker = thread === null ? undefined : threads.get(thread);
    const inputs =
      thread === null || worker === undefined
        ? here(moment)
        : new Promise<Record<string, Float32Array>>((resolve, reject) => {
            awaited.set(moment, { thread, resolve, reject });
            // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
            worker.postMessage({ moment } satisfies ThreadRequest);
          });
    // The error is thrown where it is awaited.
    inputs.catch(() => undefined);
    asked.set(moment, inputs);
    return inputs;
  };
  /** Asks the threads for their next moments, before the run needs them. */
  function askAhead(): void {
    const end = Math.min(moments, upcoming + AHEAD * count);
    for (let next = upcoming; next < end; next++) if (threadOf(next) !== null) void ask(next);
  }
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await Promise.all([...threads.values()].map(async (worker) => await worker.terminate()));
  };
  return {
    load: async (moment) => {
      const inputs = ask(moment);
      upcoming = moment + 1;
      askAhead();
      for (const old of asked.keys()) if (old < moment) asked.delete(old);
      return await inputs;
    },
    threads: () => ready.size,
    ahead: () => asked.size,
    close,
  };
}

/** Starts a thread; in a checkout its TypeScript is loaded as that of the command itself. */
function openThread(data: ThreadData): Worker {
  if (!import.meta.url.endsWith(".ts")) {
    return new Worker(new URL("./thread.js", import.meta.url), { workerData: data });
  }
  const module = new URL("./thread.ts", import.meta.url).href;
  const start = new URL("../../../tools/start_thread.js", import.meta.url);
  return new Worker(start, { workerData: { ...data, module } });
}
