// Training: a run from its folder, data and configuration to the trained student.
import type { DataSource } from "../data/data_source.ts";
import { loader } from "../data/loader.ts";
import { writeFileAtomically } from "../formats/atomic_file.ts";
import type { Gpu } from "../gpu/device.ts";
import { initialStore } from "../graph/cpu_store.ts";
import type { Plan, PlanSummary } from "../graph/plan.ts";
import type { GpuStore } from "../graph/store.ts";
import type { Tuning } from "../engine/tuning.ts";
import { problemKeys } from "../tune/step_problems.ts";
import {
  choicesOf,
  emptyTuning,
  readTuning,
  writeTuning,
  type TuningFile,
} from "../tune/tuning_file.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";
import { checkNames } from "../tensor/options.ts";
import { size } from "../tensor/shape.ts";
import { openCheckpoint } from "./checkpoint.ts";
import type { TrainConfig } from "./config.ts";
import { explainedConfig } from "./config/help.ts";
import { loadFirstWeights } from "./first_weights.ts";
import { labelledSteps } from "./loading/labelled_steps.ts";
import { measureBalance } from "./measure_balance.ts";
import { gradientNetwork, trainingNetwork, type LossNetwork, type Model } from "./network.ts";
import { samplesOf } from "./loading/rank_samples.ts";
import { loadNewest } from "./newest_checkpoint.ts";
import { sharedFacts, type SessionKind } from "./parallel/commands.ts";
import type { Team } from "./parallel/leader.ts";
import { runOrigin } from "./resume.ts";
import {
  claimRunFolder,
  openRunFolder,
  type Beginning,
  type RunFolder,
  type StepRecord,
} from "./run_folder.ts";
import { deviceRecovery, openSession, type TrainingState } from "./session.ts";
import { firstNonFinite, keptNumbers, NonFiniteError } from "./non_finite.ts";
import { joinedInputs, requireDepth } from "./step.ts";
import { takeSharedHead } from "./teacher/shared_head.ts";
import { writeStudent } from "./student_file.ts";
import type { TrainedKind, TrainedStudent } from "./trained/student_bytes.ts";
import { originOf, seenBy, type StudentOrigin } from "./student_origin.ts";
import { isTaughtApart, momentLoading, type PrefetchOptions } from "./loading/moment_loading.ts";
import { runSteps, type LoopRun } from "./training_loop.ts";
import { validate } from "./validate.ts";
import { hasStalled } from "./validation.ts";

export { NonFiniteError };

/** The inputs of a run. */
export interface TrainingRun {
  readonly gpu: Gpu;
  /**
   * Opens a fresh device to replace the one in use, which it closes; with it, a run continues after
   * its device is lost, with the same bits.
   */
  readonly reopen?: () => Promise<Gpu>;
  readonly config: TrainConfig;
  readonly source: DataSource;
  readonly teacher: Teacher | null;
  /** The moments of validations; needed only where the configuration asks for them. */
  readonly heldOut?: DataSource;
  /** Loads moments ahead in threads, where it can. */
  readonly prefetch?: PrefetchOptions;
  /** The network to train; a student when left out. */
  readonly target?: TrainingTarget;
  /** Path of the run folder. */
  readonly out: string;
  readonly resume: boolean;
  /** Whether a new run removes the one in its folder; otherwise it is refused there. */
  readonly replace?: boolean;
  /**
   * Measured choices for a new run; without them, the rules of the twins decide. A resumed run uses
   * its own, so that it gives the same bits.
   */
  readonly tuning?: TuningFile | null;
  /** Asked to stop (SIGINT, SIGTERM, SIGHUP): the step in progress ends, a checkpoint is written. */
  readonly signal?: AbortSignal;
  /** The other processes that train with this one; it is alone when left out. */
  readonly team?: Team;
  readonly onStart?: (about: {
    readonly plan: PlanSummary;
    readonly parameters: number;
    readonly fromStep: number;
    /** Measured choices that the step uses. */
    readonly choices: number;
  }) => void;
  readonly onStep?: (record: StepRecord) => void;
  /** A line for people: a sample that was left out, a step without ground truth. */
  readonly onMessage?: (message: string) => void;
}

/** A network other than a student, and the file of the run folder that holds it afterwards. */
export interface TrainingTarget {
  readonly model: Model;
  readonly kind: TrainedKind;
  /** Further metadata of the file. */
  readonly about: Readonly<Record<string, string>>;
}

/** A run that ended, normally or by a signal. The store holds the trained student until `close`. */
export interface TrainedRun {
  /** The device in use; another one after `recover`, as are store and plan. */
  readonly gpu: Gpu;
  readonly store: GpuStore;
  readonly plan: Plan;
  /** The student as its file describes it. */
  readonly student: TrainedStudent;
  readonly folder: RunFolder;
  readonly steps: number;
  readonly interrupted: boolean;
  /** Whether validations brought no better student, so that the best one is the result. */
  readonly ended_early: boolean;
  readonly skipped_samples: number;
  /** The measured choices that the step uses. */
  readonly tuning: Tuning;
  /** Wall time of the steps of this process. */
  readonly time_s: number;
  /**
   * Puts the trained student on a fresh device after `error`; throws `error` if the device was not
   * lost, or if none can be opened.
   */
  readonly recover: (error: unknown) => Promise<void>;
  /** Closes the records, frees plan and store, and releases the run folder. */
  readonly close: () => Promise<void>;
}

const RUN: Readonly<Record<keyof TrainingRun, true>> = {
  gpu: true,
  reopen: true,
  config: true,
  source: true,
  teacher: true,
  heldOut: true,
  prefetch: true,
  target: true,
  out: true,
  resume: true,
  replace: true,
  tuning: true,
  signal: true,
  team: true,
  onStart: true,
  onStep: true,
  onMessage: true,
};

/**
 * Trains, from the start or from the latest checkpoint of the run folder. Throws InputError for
 * data without depth, for a configuration of another number of processes, for a folder that another run holds and for a checkpoint of another run,
 * NonFiniteError if a number is not finite, and DeviceLostError if a lost device cannot be
 * replaced.
 */
export async function train(run: TrainingRun): Promise<TrainedRun> {
  checkNames("train", run, Object.keys(RUN));
  if (run.prefetch !== undefined) checkNames("train: prefetch", run.prefetch, ["withTeacher"]);
  requireDepth(run.source);
  if (run.config.validate_every !== null && run.heldOut === undefined) {
    throw new InputError("validate_every: this command does not validate; leave the key out");
  }
  const ranks = run.team?.place.ranks ?? 1;
  if ((run.config.ranks ?? 1) !== ranks) {
    throw new InputError(
      `ranks: ${run.config.ranks ?? 1} in the configuration, but ${ranks} train; leave the key out, which ` +
        `mpirun -n N ringdepth train sets`,
    );
  }
  const lock = await claimRunFolder(run.out, beginning(run));
  const open: (() => void | Promise<void>)[] = [lock.release];
  const close = async (): Promise<void> => {
    for (const end of open.splice(0).reverse()) await end();
  };
  try {
    const first = await firstState(run);
    const folder = await openRunFolder(run.out, first.step, run.onMessage);
    open.push(folder.close);
    await writeConfig(folder, run.config);
    return await trainIn(run, first, folder, open, close);
  } catch (error) {
    await close().catch(() => {}); // The first error counts.
    throw error;
  }
}

function beginning({ resume, replace }: TrainingRun): Beginning {
  if (resume) return "resume";
  return replace === true ? "replace" : "new";
}

/** The starting point of a run. */
interface FirstState extends TrainingState {
  /** The training data of the student. */
  readonly origin: StudentOrigin;
}

async function firstState(run: TrainingRun): Promise<FirstState> {
  const values = initialStore(networkOf(run, run.source).g, run.config.seed);
  const found = await originOf(run.source);
  if (run.resume) {
    const checkpoint = await loadNewest(run, values);
    const { step, factors } = checkpoint;
    const origin = runOrigin(run, checkpoint, found);
    return { step, values, origin, ...(factors && { factors }) };
  }
  await takeSharedHead(run.config, run.source, values);
  const scale = await loadFirstWeights(run.config, values, run.onMessage);
  const bad = firstNonFinite(keptNumbers(values));
  if (bad !== null) throw new NonFiniteError(`before the first step: ${bad}`);
  return { step: 0, values, origin: scale === null ? found : { ...found, scale } };
}

function networkOf(
  { config, teacher, target }: TrainingRun,
  { cameras, protocol }: Pick<DataSource, "cameras" | "protocol">,
  build: typeof gradientNetwork | typeof trainingNetwork = trainingNetwork,
): LossNetwork {
  const shape = {
    views: cameras.length,
    size: config.size,
    depth_max_m: protocol.cap_m,
    teacher: teacher?.parts ?? null,
  };
  return build(config, shape, target?.model);
}

/** Trains in an open folder; adds to `open` what `close` is to free. */
async function trainIn(
  run: TrainingRun,
  first: FirstState,
  folder: RunFolder,
  open: (() => void | Promise<void>)[],
  close: () => Promise<void>,
): Promise<TrainedRun> {
  const { origin } = first;
  const source = seenBy(origin, run.source);
  const network = networkOf(run, source);
  const { config } = run;
  const known = run.resume ? await readTuning(folder.tuning) : (run.tuning ?? null);
  const file = known ?? emptyTuning(run.gpu.facts);
  const onMessage = (message: string): void => run.onMessage?.(message);
  const leftOut = new Set<string>();
  const onSkip = (message: string): void => {
    // Loading threads meet a broken sample again, each by itself.
    if (leftOut.has(message)) return;
    leftOut.add(message);
    onMessage(message);
  };
  const samples = loader(source, {
    seed: config.seed,
    size: config.size,
    augment: config.augmentation,
    badSamples: config.bad_samples,
    labelledSteps: labelledSteps(config),
    onSkip,
  });
  const { teacher, signal, heldOut, team } = run;
  const place = team?.place ?? { rank: 0, ranks: 1 };
  const own = samplesOf(samples, config, place);
  const loading = { source, teacher, config, samples: own, place, onSkip, onMessage };
  const moments = await momentLoading(loading, run.prefetch ?? null, first.step);
  open.push(moments.close);
  // The first moments are decoded while the step is compiled.
  const isBegun = first.step < config.steps && isTaughtApart(teacher, run.prefetch ?? null);
  let begun = isBegun ? joinedInputs(config, moments.load, first.step) : null;
  begun?.catch(() => undefined); // The error is thrown where it is awaited.
  const shared = sharedFacts(config, source, teacher, origin.scale);
  const opener = (kind: SessionKind): typeof openSession =>
    team?.opener(kind, shared, first.step) ?? openSession;
  const openTraining = opener("training");
  let session = await openTraining(run.gpu, network, first.values, choicesOf(file));
  open.push(() => session.close());
  const tuning = await keepTuning(folder, file, session.plan);
  run.onStart?.({
    plan: session.plan.summary,
    parameters: network.g.parameters.reduce((sum, { shape }) => sum + size(shape), 0),
    fromStep: first.step,
    choices: tuning.size,
  });
  const recover = deviceRecovery({
    reopen: run.reopen,
    open: async (gpu, { values }) => await openTraining(gpu, network, values, tuning),
    onMessage,
  });
  const depth_max_m = source.protocol.cap_m;
  const student = (steps: number): TrainedStudent => ({ config, depth_max_m, steps, origin });
  const started = performance.now();
  let state: TrainingState = first;
  const loop: LoopRun = {
    config,
    teacher,
    folder,
    samples,
    inputs: async (step) => {
      const ahead = step === first.step ? begun : null;
      begun = null;
      const inputs = await (ahead ?? joinedInputs(config, moments.load, step));
      team?.remember(step, inputs);
      return inputs;
    },
    validate: async (on, steps) =>
      await validate(on, { student: student(steps), heldOut: heldOut!, onMessage }),
    student,
    measure: (on, step, inputs) =>
      measureBalance(
        on,
        networkOf(run, source, gradientNetwork),
        config,
        tuning,
        { step, inputs },
        opener("gradient"),
      ),
    signal,
    onMessage,
    onStep: (record) => run.onStep?.(record),
    onState: (reached) => {
      state = reached;
    },
  };
  const replaceSession = async (error: unknown): Promise<void> => {
    // The other processes wait in the middle of a step, and cannot begin it again.
    if (team?.isTogether() === true) throw error;
    session = await recover(session, error, state);
  };
  for (let isDone = false; !isDone;) {
    try {
      state = await runSteps(loop, session, state);
      isDone = true;
    } catch (error) {
      await replaceSession(error);
    }
  }
  const time_s = (performance.now() - started) / 1000;
  await moments.close();
  await team?.end();
  const { step: steps } = state;
  const ended_early = hasStalled(config, folder.records);
  const interrupted = steps < config.steps && !ended_early;
  if (ended_early) {
    state = await bestState(folder.best, state);
    session.store.write(state.values);
  }
  const trained = student(state.step);
  const { kind = "student", about } = run.target ?? {};
  if (!interrupted) await writeStudent(folder[kind], state.values, trained, about, kind);
  return {
    get gpu() {
      return session.gpu;
    },
    get store() {
      return session.store;
    },
    get plan() {
      return session.plan;
    },
    student: trained,
    folder,
    steps,
    interrupted,
    ended_early,
    tuning,
    time_s,
    skipped_samples: leftOut.size,
    recover: replaceSession,
    close,
  };
}

/** The state of the best checkpoint, in the arrays of another state. */
async function bestState(file: string, { values }: TrainingState): Promise<TrainingState> {
  const best = await openCheckpoint(file);
  best.load(values);
  const { step, factors } = best;
  return { step, values, ...(factors && { factors }) };
}

/** Writes the choices that the plan uses into the run folder, and returns them. */
async function keepTuning(folder: RunFolder, file: TuningFile, plan: Plan): Promise<Tuning> {
  const keys = problemKeys(plan.dispatches.map(({ call }) => call));
  const current = choicesOf(file);
  const isUsed = (problem: string): boolean => keys.has(problem) && current.has(problem);
  const entries = file.entries.filter(({ problem }) => isUsed(problem));
  await writeTuning(folder.tuning, { ...file, steps: [], entries });
  return choicesOf({ entries });
}

async function writeConfig(folder: RunFolder, config: TrainConfig): Promise<void> {
  await writeFileAtomically(folder.config, new TextEncoder().encode(explainedConfig(config)));
}
