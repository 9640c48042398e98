// A training run as the commands `train` and `start` carry it out: data, teacher, loop, summary.
import type { Gpu } from "../gpu/device.ts";
import { openTeacher } from "../teacher/open_teacher.ts";
import { openSource } from "../train/source.ts";
import { runPaths } from "../train/run_folder.ts";
import { summarize, type Summary } from "../train/summary.ts";
import { train, type TrainedRun } from "../train/trainer.ts";
import { EXIT } from "./exit_code.ts";
import type { Output } from "./output.ts";
import type { RunSettings } from "./run_settings.ts";
import { listenForStop } from "./stop_signal.ts";
import { metricLines } from "./table.ts";
import { clock, trainingProgress } from "./training_progress.ts";
import { cachedTuning, type CachedTuning } from "./tuning_cache.ts";

/** How a run ended; without a summary it was interrupted. */
export interface TrainingOutcome {
  readonly exitCode: number;
  readonly summary: Summary | null;
  /** The result as JSON. */
  readonly json: unknown;
  /** The result for people. */
  readonly lines: readonly string[];
}

/** Trains and, unless a signal ended it early, evaluates and writes the report. */
export async function runTraining(
  gpu: Gpu,
  settings: RunSettings,
  output: Output,
): Promise<TrainingOutcome> {
  const { config, out, resume } = settings;
  const source = await openSource(config, "train");
  const heldOut = await openSource(config, "held-out");
  const teacher = await openTeacher(config.teacher, config.data, config.seed);
  output.say(`data: ${source.describe()}`);
  output.say(`teacher: ${teacher?.name ?? "none"}`);
  const tuning = await cachedTuning(gpu.facts, settings.tune);
  const stop = listenForStop(output);
  let trained: TrainedRun;
  try {
    trained = await train({
      gpu,
      config,
      source,
      teacher,
      out,
      resume,
      tuning: tuning.file,
      signal: stop.signal,
      onStart: ({ plan, parameters, fromStep, choices }) => {
        output.say(
          `student: ${config.student}, ${parameters.toLocaleString("en-US")} parameters; a step ` +
            `has ${plan.dispatches} dispatches in ${(plan.peak_bytes / 2 ** 20).toFixed(0)} MiB`,
        );
        output.say(tuningLine(settings, tuning, choices));
        if (fromStep > 0) output.say(`resumed after step ${fromStep}`);
      },
      onStep: trainingProgress(output, config.steps),
      onMessage: output.warn,
    });
  } finally {
    stop.release();
  }
  try {
    if (trained.interrupted) return interruptedOutcome(trained, settings, stop.exitCode());
    output.say(`trained in ${clock(trained.time_s)}, evaluating`);
    const date = new Date().toISOString().replace("T", " ").slice(0, 16);
    const input = { gpu, config, trained, source, heldOut, teacher, date: `${date} UTC` };
    const summary = await summarize({ ...input, onMessage: output.warn });
    return finishedOutcome(trained, summary);
  } finally {
    await trained.close();
  }
}

/** Whose choice the kernels of the step are. */
function tuningLine(
  { config, out, resume, tune }: RunSettings,
  { path }: CachedTuning,
  choices: number,
): string {
  const file = resume ? runPaths(out).tuning : path;
  if (choices > 0) return `tuning: choices measured (${choices}), from ${file}`;
  if (resume || !tune) return "tuning: none, kernels run by rule";
  const { height, width } = config.size;
  return (
    "tuning: none measured for this step; measure it by " +
    `"ringdepth tune --student ${config.student} --size ${height}x${width}"`
  );
}

function interruptedOutcome(
  trained: TrainedRun,
  { config, out }: RunSettings,
  exitCode: number,
): TrainingOutcome {
  const { steps } = trained;
  return {
    exitCode,
    summary: null,
    json: { run: out, steps, interrupted: true },
    lines: [
      `stopped after step ${steps} of ${config.steps}; the checkpoint is in ${out}`,
      `go on with: ringdepth train --resume --out ${out}`,
    ],
  };
}

function finishedOutcome(trained: TrainedRun, summary: Summary): TrainingOutcome {
  const { steps, skipped_samples, folder, time_s } = trained;
  const { evaluation, baseline, ratio, report } = summary;
  const { abs_rel } = evaluation.result.all;
  const skipped =
    skipped_samples === 0 ? [] : [`broken samples left out of training: ${skipped_samples}`];
  return {
    exitCode: EXIT.fine,
    summary,
    json: {
      run: folder.path,
      steps,
      interrupted: false,
      skipped_samples,
      time_s,
      evaluation: evaluation.result,
      baseline,
      ratio,
      student: folder.student,
      report,
    },
    lines: [
      ...metricLines(evaluation.result),
      ...skipped,
      `AbsRel of the student:                        ${abs_rel.toFixed(4)}`,
      `AbsRel of the best constant depth per camera: ${baseline.all.abs_rel.toFixed(4)}`,
      `ratio:                                        ${ratio.toFixed(3)}`,
      `student: ${folder.student}`,
      `report:  ${report}`,
    ],
  };
}
