// The training of the page: starts, pauses and stops one, and shows what its student sees.
import { checkedSample } from "../../data/rig_sample.ts";
import type { Gpu } from "../../gpu/device.ts";
import { createPredictor, type Predictor } from "../../train/predictor.ts";
import type { News, Questions, TrainingChoice, TrainingEnd } from "../messages.ts";
import { rigSource } from "../rig_source.ts";
import { openTraining, trainingConfig, type Training } from "../training.ts";
import { byStep, viewsOf } from "./views.ts";

/** A training and whether it still runs. */
export interface CurrentTraining {
  readonly training: Training;
  readonly gpu: Gpu;
}

/** Answers the questions about training. */
export interface Trainer {
  readonly train: (choice: TrainingChoice) => Promise<TrainingEnd>;
  readonly pause: (isPaused: boolean) => null;
  readonly stop: () => null;
  readonly student: () => Promise<Questions["student"]["answer"]>;
  readonly current: () => CurrentTraining | null;
}

// The student is shown after these times, at first early, then seldom: each picture costs a prediction.
const FIRST_PICTURE_MS = 2000;
const LONGEST_PAUSE_MS = 15_000;
const GROWTH = 1.5;

/** A trainer on the device that `device` opens; `tell` sends steps and pictures to the page. */
export function trainer(
  device: () => Promise<Gpu>,
  tell: <Name extends keyof News>(name: Name, value: News[Name]) => void,
): Trainer {
  let current: CurrentTraining | null = null;
  let isStopped = false;
  let isRunning = false;
  let resume: (() => void) | null = null;
  let gate: Promise<void> = Promise.resolve();

  const pause = (isPaused: boolean): null => {
    resume?.();
    resume = null;
    if (isPaused) {
      gate = new Promise((resolve) => {
        resume = resolve;
      });
    }
    return null;
  };
  const stop = (): null => {
    isStopped = true;
    return pause(false);
  };

  const train = async (choice: TrainingChoice): Promise<TrainingEnd> => {
    if (isRunning) throw new Error("a training is in progress: stop it first");
    const config = trainingConfig(choice);
    isRunning = true;
    isStopped = false;
    // Before anything is awaited: a pause or a stop may come while the network is compiled.
    pause(false);
    current?.training.close();
    current = null;
    let predictor: Predictor | null = null;
    try {
      const gpu = await device();
      const training = await openTraining(gpu, config);
      current = { training, gpu };
      const heldOut = rigSource(config, "held-out");
      const sample = checkedSample(await heldOut.sample(0, config.size));
      const student = training.student();
      predictor = await createPredictor(gpu, student, heldOut, training.session.store);
      const show = async (): Promise<void> => {
        const depth_m = await predictor!.predict(sample);
        const { steps } = training.student();
        const { cap_m } = heldOut.protocol;
        tell("views", viewsOf(sample, depth_m, cap_m, "a street it has not seen", byStep(steps)));
      };
      await show();
      let wait_ms = FIRST_PICTURE_MS;
      let shown_ms = performance.now();
      await training.run(
        async () => {
          await gate;
          await breath();
          if (performance.now() - shown_ms > wait_ms) {
            await show();
            shown_ms = performance.now();
            wait_ms = Math.min(LONGEST_PAUSE_MS, wait_ms * GROWTH);
          }
          return !isStopped;
        },
        ({ step, loss, learning_rate, gradient_norm, time_ms }) =>
          tell("step", { step, loss, learning_rate, gradient_norm, time_ms }),
      );
      await show();
      return { steps: training.student().steps, stopped: isStopped };
    } finally {
      predictor?.destroy();
      isRunning = false;
    }
  };

  return {
    train,
    pause,
    stop,
    current: () => current,
    student: async () => {
      if (current === null) throw new Error("train a student first");
      const { training } = current;
      const { studentBytes } = await import("../../train/trained/student_bytes.ts");
      return studentBytes(await training.values(), training.student());
    },
  };
}

/** Lets messages of the page in, such as a stop. */
async function breath(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}
