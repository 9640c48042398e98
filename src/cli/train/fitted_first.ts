// The first part of a training run whose teacher is fitted and names no module: the fit.
import { join } from "node:path";
import type { DataSource } from "../../data/data_source.ts";
import type { Gpu } from "../../gpu/device.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import type { TrainConfig } from "../../train/config.ts";
import { fitPrefetch, moduleConfig } from "../../train/teacher/fit.ts";
import { fitModule } from "../../train/teacher/fit_module.ts";
import type { StopSignal } from "../terminal/stop_signal.ts";
import type { Output } from "../terminal/surroundings.ts";
import { trainingProgress } from "../terminal/training_progress.ts";

/** The device of a run, which may be replaced. */
export interface FitDevice {
  readonly gpu: () => Gpu;
  readonly reopen: () => Promise<Gpu>;
}

/** The student's run. */
export interface FittedRun {
  readonly config: TrainConfig;
  /** Path of its run folder; the module's is its subfolder `teacher`. */
  readonly out: string;
  readonly source: DataSource;
}

/**
 * Fits the module on `base`, and says so; returns its path and the number of moments that this left in
 * memory. Throws what `fitModule` throws.
 */
export async function fittedFirst(
  { gpu, reopen }: FitDevice,
  { config, out, source }: FittedRun,
  base: Teacher,
  output: Output,
  stop: StopSignal,
): Promise<{ readonly path: string; readonly kept: number }> {
  const { steps } = moduleConfig(config);
  const show = trainingProgress(output, steps);
  // The rig's moments are made once and stay in memory, for the student too; files are decoded ahead.
  const isKept = config.data === "rig";
  let done = 0;
  const path = await fitModule({
    gpu: gpu(),
    reopen,
    config,
    source,
    base,
    out: join(out, "teacher"),
    ...(!isKept && { prefetch: fitPrefetch(moduleConfig(config)) }),
    signal: stop.signal,
    onStart: ({ parameters, fromStep }) => {
      stop.startTraining();
      output.say(
        `teacher: fitting a module of ${parameters.toLocaleString("en-US")} parameters on ` +
          `${base.name}, ${steps} steps`,
      );
      if (fromStep > 0) output.say(`resumed after step ${fromStep}`);
    },
    onStep: (record) => {
      done++;
      show(record);
    },
    onMessage: output.warn,
  });
  return { path, kept: isKept ? done : 0 };
}
