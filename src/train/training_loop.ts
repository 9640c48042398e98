// The loop: one batch per step, results read a step later, a checkpoint at regular intervals.
import type { Loader } from "../data/loader.ts";
import { describeBalance, isMeasured, type Balance } from "./balance.ts";
import {
  BEST_CHECKPOINT,
  pruneCheckpoints,
  writeCheckpoint,
  type CheckpointInfo,
} from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import { formatConfig } from "./config/text.ts";
import { firstNonFinite, keptNumbers, NonFiniteError } from "./non_finite.ts";
import type { RunFolder, StepRecord } from "./run_folder.ts";
import { stepScalars } from "./schedule.ts";
import type { Session, TrainingState } from "./session.ts";
import type { TrainedStudent } from "./trained/student_bytes.ts";
import type { StepSource } from "./loading/moment_inputs.ts";
import { stepRecord } from "./step.ts";
import { momentsOfJob } from "./loading/step_moments.ts";
import {
  bestStep,
  describeValidation,
  hasStalled,
  isValidated,
  type Validation,
} from "./validation.ts";
import { nonFiniteStep } from "./non_finite_step.ts";

/** The inputs of the loop. */
export interface LoopRun extends StepSource {
  readonly config: TrainConfig;
  readonly folder: RunFolder;
  readonly samples: Pick<Loader, "isLabelled">;
  /** The inputs of a step, counted from 0. */
  readonly inputs: (step: number) => Promise<Record<string, Float32Array>>;
  /** Validates the student of a session after this many steps. */
  readonly validate: (session: Session, steps: number) => Promise<Validation>;
  /** The student after this many steps, as its file describes it. */
  readonly student: (steps: number) => TrainedStudent;
  /** Measures the terms of the loss before a step. */
  readonly measure: (
    session: Session,
    step: number,
    inputs: Readonly<Record<string, Float32Array>>,
  ) => Promise<Balance | null>;
  readonly signal: AbortSignal | undefined;
  readonly onStep: (record: StepRecord) => void;
  readonly onMessage: (message: string) => void;
  /** Told each state that the run can come back to. */
  readonly onState: (state: TrainingState) => void;
}

/** A step that the device is working on. */
interface Flight {
  readonly step: number;
  readonly inputs: Readonly<Record<string, Float32Array>>;
  readonly scalars: Readonly<Record<string, number>>;
  /** How long it waited for its data. */
  readonly wait_ms: number;
  /** Measured before it. */
  readonly balance: Balance | null;
  readonly read: () => Promise<Record<string, Float32Array>>;
}

// Without a checkpoint in between, at most this many steps are repeated after a device loss.
const STATE_STEPS = 50;

/**
 * Trains from a state to the last step, to the one in progress when the signal comes, or until
 * validations bring no better student; returns that state, whose checkpoint is written. Throws NonFiniteError if a number is not finite.
 */
export async function runSteps(
  run: LoopRun,
  session: Session,
  from: TrainingState,
): Promise<TrainingState> {
  const { config, signal } = run;
  const lap = stopwatch();
  const blocked = stopwatch();
  let wait_ms = 0;
  const prepare = (next: number): Promise<Record<string, Float32Array>> | null => {
    if (next >= config.steps) return null;
    blocked();
    const inputs = run.inputs(next);
    // What is computed before the first wait delays this thread too.
    wait_ms = blocked();
    // The error is thrown where it is awaited; this only avoids an unhandled rejection.
    inputs.catch(() => undefined);
    return inputs;
  };
  let { factors } = from;
  let state = from;
  let flight: Flight | null = null;
  const settle = async (next: Flight | null): Promise<void> => {
    const done = flight;
    flight = next;
    if (done === null) return;
    await collect(run, session, done, next, { time_ms: lap(), factors });
    // A validation is no part of the next step.
    if (isValidated(config, done.step + 1)) lap();
  };
  const keep = async (step: number, isCheckpoint: boolean): Promise<void> => {
    await settle(null);
    state = { ...(await readState(session, run, step)), ...(factors && { factors }) };
    if (isCheckpoint) await save(run, state);
    run.onState(state);
  };
  let ready = hasStalled(config, run.folder.records) ? null : prepare(from.step);
  let step = from.step;
  while (ready !== null) {
    blocked();
    const inputs = await unlessAborted(signal, ready);
    if (inputs === null) break;
    const waited_ms = wait_ms + blocked();
    const measures = isMeasured(config, step, factors);
    if (measures) await settle(null);
    const balance = measures ? await run.measure(session, step, inputs) : null;
    if (balance !== null) {
      ({ factors } = balance);
      run.onMessage(describeBalance(step + 1, balance));
    }
    const scalars = stepScalars(config, step, factors);
    const read = session.plan.submit(inputs, scalars);
    // While the GPU works: the next batch, then the results of the step before.
    ready = prepare(step + 1);
    await settle({ step, inputs, scalars, wait_ms: waited_ms, balance, read });
    step++;
    if (isValidated(config, step)) {
      await settle(null);
      if (hasStalled(config, run.folder.records)) break;
    }
    if (step === config.steps) break;
    const isCheckpoint = step % config.checkpoint_every === 0;
    if (isCheckpoint || step - state.step >= STATE_STEPS) await keep(step, isCheckpoint);
  }
  await keep(step, true);
  return state;
}

/** The result of `work`, or null once the signal has come, which does not wait for it. */
async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  work: Promise<T>,
): Promise<T | null> {
  if (signal === undefined) return await work;
  if (signal.aborted) return null;
  let stop: () => void = () => {};
  const aborted = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
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

/** Reads and records a step once its successor is submitted; throws if it is not finite. */
async function collect(
  run: LoopRun,
  session: Session,
  { step, inputs, scalars, wait_ms, balance, read }: Flight,
  next: Flight | null,
  { time_ms, factors }: { readonly time_ms: number } & Pick<TrainingState, "factors">,
): Promise<void> {
  const values = await read();
  const record = stepRecord(step, scalars["learning_rate"], values, time_ms, wait_ms);
  if (record === null) {
    await next?.read(); // The device is free then, and no result waits to be read.
    const found = await nonFiniteStep(session, inputs, scalars);
    throw stopped(
      run,
      `step ${step + 1}: ${found ?? "the gradient is not finite"} (loss ${values["loss"][0]}); ` +
        `nothing of this step is kept`,
    );
  }
  const moments = momentsOfJob(run.config);
  const isLabelled = Array.from({ length: moments }, (_, i) => step * moments + i).some((moment) =>
    run.samples.isLabelled(moment),
  );
  if (record.valid_pixels < 2 && isLabelled) {
    run.onMessage(
      `step ${record.step}: ${record.valid_pixels} pixels with ground truth, no depth learnt`,
    );
  }
  const validation = isValidated(run.config, record.step)
    ? await validated(run, session, record.step, factors)
    : null;
  const kept = { ...record, ...(balance && { balance }), ...(validation && { validation }) };
  if (await run.folder.add(kept)) run.onStep(kept);
}

/** Validates the student after a step; the best one's checkpoint is written before its record. */
async function validated(
  run: LoopRun,
  session: Session,
  step: number,
  factors: TrainingState["factors"],
): Promise<Validation> {
  const { folder } = run;
  const validation = await run.validate(session, step);
  const before = folder.records.filter((record) => record.step < step);
  const isBest = bestStep([...before, { step, validation }]) === step;
  run.onMessage(describeValidation(step, validation, isBest));
  if (isBest) {
    const { values } = await readState(session, run, step);
    const info = checkpointInfo(run, { step, values, ...(factors && { factors }) });
    await writeCheckpoint(folder.checkpoints, values, info, BEST_CHECKPOINT);
  }
  return validation;
}

/** The state after a step, on the host; throws if one of its numbers is not finite. */
async function readState(session: Session, run: LoopRun, step: number): Promise<TrainingState> {
  const values = await session.store.read();
  const found = firstNonFinite(keptNumbers(values));
  if (found !== null) throw stopped(run, `after step ${step}: ${found}`);
  return { step, values };
}

function stopped({ folder }: LoopRun, what: string): NonFiniteError {
  return new NonFiniteError(
    `${what}; the last good checkpoint is in ${folder.checkpoints}; try a smaller ` +
      `optimizer.learning_rate`,
  );
}

/** Writes a checkpoint: first the records up to it, last the older ones are removed. */
async function save(run: LoopRun, state: TrainingState): Promise<void> {
  const { folder, config } = run;
  await folder.sync();
  await writeCheckpoint(folder.checkpoints, state.values, checkpointInfo(run, state));
  await pruneCheckpoints(folder.checkpoints, state.step, config.keep_checkpoints);
}

function checkpointInfo(run: LoopRun, { step, factors }: TrainingState): CheckpointInfo {
  const { depth_max_m, origin } = run.student(step);
  return {
    step,
    config: formatConfig(run.config),
    depth_max_m,
    origin,
    ...(factors && { factors }),
    teacher_module: run.teacher?.module,
  };
}
