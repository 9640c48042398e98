// The training loop: one batch a step, results read a step later, checkpoints on the way and on a
// signal.
import type { DataSource } from "../data/data_source.ts";
import { loader, type Loader } from "../data/loader.ts";
import { writeFileAtomically } from "../formats/atomic_file.ts";
import type { Gpu } from "../gpu/device.ts";
import { initialStore, type CpuStore } from "../graph/cpu.ts";
import { compile, type Plan, type PlanSummary } from "../graph/plan.ts";
import { createStore, type GpuStore } from "../graph/store.ts";
import type { Tuning } from "../kernels/tuning.ts";
import { problemKeys } from "../profile/step_problems.ts";
import {
  choicesOf,
  emptyTuning,
  readTuning,
  writeTuning,
  type TuningFile,
} from "../profile/tuning_file.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";
import { size } from "../tensor/shape.ts";
import { latestCheckpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { formatConfig, type TrainConfig } from "./config.ts";
import { explainedConfig } from "./config_help.ts";
import { trainingNetwork } from "./network.ts";
import { openRunFolder, runPaths, type RunFolder, type StepRecord } from "./run_folder.ts";
import { stepScalars } from "./schedule.ts";
import { requireDepth, stepInputs, stepRecord } from "./step.ts";
import { writeStudent } from "./student_file.ts";

/** What a run is made of. */
export interface TrainingRun {
  readonly gpu: Gpu;
  readonly config: TrainConfig;
  readonly source: DataSource;
  readonly teacher: Teacher | null;
  /** Path of the run folder. */
  readonly out: string;
  readonly resume: boolean;
  /**
   * Measured choices for a new run; null or left out, the rules of the twins decide. A resumed run
   * goes by its own, so that it comes to the same bits.
   */
  readonly tuning?: TuningFile | null;
  /** Asked to stop (SIGINT, SIGTERM): the step in progress ends, a checkpoint is written. */
  readonly signal?: AbortSignal;
  readonly onStart?: (about: {
    readonly plan: PlanSummary;
    readonly parameters: number;
    readonly fromStep: number;
    /** Measured choices that the step goes by. */
    readonly choices: number;
  }) => void;
  readonly onStep?: (record: StepRecord) => void;
  /** A line for people: a sample that was left out, a step without ground truth. */
  readonly onMessage?: (message: string) => void;
}

/**
 * A run that ended, by itself or by a signal. The store holds the trained student until `close`.
 */
export interface TrainedRun {
  readonly store: GpuStore;
  readonly folder: RunFolder;
  readonly steps: number;
  readonly interrupted: boolean;
  readonly skipped_samples: number;
  readonly plan: Plan;
  /** The measured choices that the step goes by. */
  readonly tuning: Tuning;
  /** Wall time of the steps of this process. */
  readonly time_s: number;
  /** Writes what is left of the records and frees plan and store. */
  readonly close: () => Promise<void>;
}

/** The gradient was not finite: the update was skipped on the GPU and the run stops here. */
export class NonFiniteError extends Error {
  override name = "NonFiniteError";
}

/**
 * Trains, from the start or from the latest checkpoint of the run folder. Throws InputError for data
 * without depth and for a checkpoint of another run, NonFiniteError where the gradient is lost.
 */
export async function train(run: TrainingRun): Promise<TrainedRun> {
  const { gpu, config, source, teacher } = run;
  requireDepth(source);
  const { g, request } = trainingNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: source.protocol.cap_m,
    teacher: teacher !== null,
  });
  const values = initialStore(g, config.seed);
  const fromStep = run.resume ? await restore(run, values) : 0;
  const folder = await openRunFolder(run.out, fromStep, run.resume);
  const open: (() => void | Promise<void>)[] = [folder.close];
  const close = async (): Promise<void> => {
    for (const end of open.splice(0)) await end();
  };
  try {
    await writeConfig(folder, config);
    const store = createStore(gpu, g, values);
    open.push(store.destroy);
    const known = run.resume ? await readTuning(folder.tuning) : (run.tuning ?? null);
    const file = known ?? emptyTuning(gpu.facts);
    const plan = await compile(gpu, g, request, store, { tuning: choicesOf(file) });
    open.push(plan.destroy);
    const tuning = await keepTuning(folder, file, plan);
    run.onStart?.({
      plan: plan.summary,
      parameters: g.parameters.reduce((sum, { shape }) => sum + size(shape), 0),
      fromStep,
      choices: tuning.size,
    });
    const samples = loader(source, {
      seed: config.seed,
      size: config.size,
      augment: config.augmentation,
      badSamples: config.bad_samples,
      onSkip: (message) => run.onMessage?.(message),
    });
    const started = performance.now();
    const steps = await runSteps(run, plan, store, folder, samples, fromStep);
    const time_s = (performance.now() - started) / 1000;
    await folder.flush();
    const trained = await store.read();
    const depth_max_m = source.protocol.cap_m;
    await save(folder, trained, config, steps, depth_max_m);
    const interrupted = steps < config.steps;
    if (!interrupted) await writeStudent(folder.student, trained, { config, depth_max_m, steps });
    const skipped_samples = samples.skipped;
    const ended = { store, folder, steps, interrupted, skipped_samples, plan };
    return { ...ended, tuning, time_s, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Writes the choices that the plan goes by into the run folder, and returns them. */
async function keepTuning(folder: RunFolder, file: TuningFile, plan: Plan): Promise<Tuning> {
  const keys = problemKeys(plan.dispatches.map(({ call }) => call));
  const current = choicesOf(file);
  const isUsed = (problem: string): boolean => keys.has(problem) && current.has(problem);
  const entries = file.entries.filter(({ problem }) => isUsed(problem));
  await writeTuning(folder.tuning, { ...file, steps: [], entries });
  return choicesOf({ entries });
}

/** Reads the latest checkpoint into `values`; returns the steps it had done. */
async function restore(run: TrainingRun, values: CpuStore): Promise<number> {
  const { checkpoints, config: configFile } = runPaths(run.out);
  const file = await latestCheckpoint(checkpoints);
  if (file === null) {
    throw new InputError(
      `${run.out}: no checkpoint to resume from; start the run without --resume`,
    );
  }
  const { step, config } = await readCheckpoint(file, values);
  if (config !== formatConfig(run.config)) {
    throw new InputError(
      `${file} was written with another configuration; resume with the one in ${configFile}`,
    );
  }
  return step;
}

/** The loop proper; returns the number of steps done. */
async function runSteps(
  run: TrainingRun,
  plan: Plan,
  store: GpuStore,
  folder: RunFolder,
  samples: Loader,
  fromStep: number,
): Promise<number> {
  const { config } = run;
  const lap = stopwatch();
  const prepare = (next: number): Promise<Record<string, Float32Array>> | null => {
    if (next >= config.steps) return null;
    const inputs = stepInputs(run, samples, next);
    // Thrown where it is awaited; here only not to be called unhandled.
    inputs.catch(() => undefined);
    return inputs;
  };
  let ready = prepare(fromStep);
  let pending: (() => Promise<void>) | null = null;
  let step = fromStep;
  while (ready !== null && run.signal?.aborted !== true) {
    const inputs = await ready;
    const scalars = stepScalars(config, step);
    const read = plan.submit(inputs, scalars);
    // While the GPU works: the next batch, then the results of the step before.
    ready = prepare(step + 1);
    await pending?.();
    pending = collect(run, folder, step, scalars["learning_rate"], read, lap);
    step++;
    if (step % config.checkpoint_every === 0 && step < config.steps) {
      await pending();
      pending = null;
      await save(folder, await store.read(), config, step, run.source.protocol.cap_m);
      await folder.flush();
    }
  }
  await pending?.();
  return step;
}

/** Milliseconds since the call before (the first: since this one). */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const time_ms = now - last;
    last = now;
    return time_ms;
  };
}

/**
 * Reads and records a step once its successor is submitted; throws where its gradient was not
 * finite.
 */
function collect(
  run: TrainingRun,
  folder: RunFolder,
  step: number,
  learning_rate: number,
  read: () => Promise<Record<string, Float32Array>>,
  lap: () => number,
): () => Promise<void> {
  return async () => {
    const values = await read();
    const record = stepRecord(step, learning_rate, values, lap());
    if (record === null) {
      throw new NonFiniteError(
        `step ${step + 1}: the gradient is not finite (loss ${values["loss"][0]}); the update was ` +
          `skipped, the last checkpoint is in ${folder.checkpoints}; try a smaller ` +
          `optimizer.learning_rate`,
      );
    }
    if (record.valid_pixels < 2) {
      run.onMessage?.(
        `step ${record.step}: ${record.valid_pixels} pixels with ground truth, no depth learnt`,
      );
    }
    folder.add(record);
    run.onStep?.(record);
  };
}

async function save(
  folder: RunFolder,
  trained: CpuStore,
  config: TrainConfig,
  step: number,
  depth_max_m: number,
): Promise<void> {
  await writeCheckpoint(folder.checkpoints, trained, {
    step,
    config: formatConfig(config),
    depth_max_m,
  });
}

async function writeConfig(folder: RunFolder, config: TrainConfig): Promise<void> {
  await writeFileAtomically(folder.config, new TextEncoder().encode(explainedConfig(config)));
}
