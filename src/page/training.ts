// Trains a student on the built-in rig in memory: the steps of train/training_loop.ts without a run
// folder, so that a page gets the same losses as `ringdepth train`.
import { loader } from "../data/loader.ts";
import type { Gpu } from "../gpu/device.ts";
import { initialStore, type CpuStore } from "../graph/cpu_store.ts";
import { builtinTeacher } from "../teacher/builtin_teacher.ts";
import { resolveConfig, type TrainConfig } from "../train/config.ts";
import { labelledSteps } from "../train/loading/labelled_steps.ts";
import { trainingNetwork } from "../train/network.ts";
import type { StepRecord } from "../train/records.ts";
import { stepScalars } from "../train/schedule.ts";
import { openSession, type Session } from "../train/session.ts";
import { stepInputs, stepRecord } from "../train/step.ts";
import { originOf, seenBy } from "../train/student_origin.ts";
import type { TrainedStudent } from "../train/trained/student_bytes.ts";
import type { TrainingChoice } from "./messages.ts";
import { rigSource } from "./rig_source.ts";

// A relation compares tokens of 16 x 16 pixels of the images, as the default configuration does.
const TOKEN_PX = 16;

/** The configuration of a choice; throws InputError for one that cannot be trained. */
export function trainingConfig(choice: TrainingChoice): TrainConfig {
  const { steps, seed, moments, height, width, teacher } = choice;
  const given = {
    steps,
    seed,
    size: { height, width },
    rig: { train_moments: moments },
    teacher: { kind: teacher ? "builtin" : "none" },
    loss: { relation_grid: [height / TOKEN_PX, width / TOKEN_PX] },
  };
  return resolveConfig(given, "this page");
}

/** A training in progress. */
export interface Training {
  readonly session: Session;
  /** The student as it is now. */
  readonly student: () => TrainedStudent;
  /** Its numbers, read from the device. */
  readonly values: () => Promise<CpuStore>;
  /**
   * Trains to the last step, or until `mayContinue` says no; it is asked before each step, and may
   * wait. Throws Error at the first number that is not finite.
   */
  readonly run: (
    mayContinue: (step: number) => Promise<boolean>,
    onStep: (record: StepRecord) => void,
  ) => Promise<void>;
  readonly close: () => void;
}

/** Compiles the training step of a configuration for the built-in rig. */
export async function openTraining(gpu: Gpu, config: TrainConfig): Promise<Training> {
  const plain = rigSource(config, "train");
  const origin = await originOf(plain);
  const source = seenBy(origin, plain);
  const teacher = config.teacher.kind === "none" ? null : builtinTeacher(config.seed);
  const { cameras, protocol } = source;
  const depth_max_m = protocol.cap_m;
  const shape = {
    views: cameras.length,
    size: config.size,
    depth_max_m,
    teacher: teacher?.parts ?? null,
  };
  const network = trainingNetwork(config, shape);
  const samples = loader(source, {
    seed: config.seed,
    size: config.size,
    augment: config.augmentation,
    badSamples: config.bad_samples,
    labelledSteps: labelledSteps(config),
  });
  const session = await openSession(gpu, network, initialStore(network.g, config.seed), new Map());
  let done = 0;
  const inputs = async (step: number): ReturnType<typeof stepInputs> =>
    await stepInputs({ teacher, config }, samples, step);
  return {
    session,
    student: () => ({ config, depth_max_m, steps: done, origin }),
    values: async () => await session.store.read(),
    run: async (mayContinue, onStep) => {
      let flight: (() => Promise<void>) | null = null;
      let last_ms = performance.now();
      for (let step = done; step < config.steps && (await mayContinue(step)); step++) {
        const given = await inputs(step);
        const scalars = stepScalars(config, step);
        const read = session.plan.submit(given, scalars);
        // The results of the step before are read while the GPU works.
        await flight?.();
        flight = async () => {
          const values = await read();
          const now_ms = performance.now();
          const record = stepRecord(step, scalars["learning_rate"], values, now_ms - last_ms);
          last_ms = now_ms;
          if (record === null) throw new Error(`step ${step + 1}: the loss is not finite`);
          done = step + 1;
          onStep(record);
        };
      }
      await flight?.();
    },
    close: () => session.close(),
  };
}
