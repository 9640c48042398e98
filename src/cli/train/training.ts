// A training run of the commands `train` and `start`: data, teacher, loop, summary.
import type { DataSource } from "../../data/data_source.ts";
import type { Gpu } from "../../gpu/device.ts";
import { watchPipelines } from "../../gpu/pipelines.ts";
import type { PlanSummary } from "../../graph/plan.ts";
import { describeMoments, evaluationRemarks, metresBy } from "../../train/evaluation_words.ts";
import { openRunTeacher, openTrainingSource } from "../../train/source.ts";
import type { EarlierAblation } from "../../report/report_data.ts";
import { gainText } from "../../report/html_tables.ts";
import { requireNoRun, runPaths, type StepRecord } from "../../train/run_folder.ts";
import { momentsOfJob } from "../../train/loading/step_moments.ts";
import { summarize, type Summary } from "../../train/summary.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import { FitInterruptedError } from "../../train/teacher/fit_module.ts";
import { leadTeam } from "../../train/parallel/leader.ts";
import type { Job } from "../../train/parallel/job.ts";
import { bestStep } from "../../train/validation.ts";
import { train, type TrainedRun } from "../../train/trainer.ts";
import { EXIT } from "../terminal/exit_code.ts";
import type { RunSettings } from "../settings/run_settings.ts";
import type { StopSignal } from "../terminal/stop_signal.ts";
import { metricLines } from "../terminal/table.ts";
import { pipelineProgress } from "../terminal/pipeline_progress.ts";
import { recomputationLine } from "../terminal/recomputation_lines.ts";
import { clock, trainingProgress } from "../terminal/training_progress.ts";
import { fittedFirst } from "./fitted_first.ts";
import { launcher } from "./ranks.ts";
import { sharedFit } from "./shared_fit.ts";
import { cachedTuning, type CachedTuning } from "../settings/tuning_cache.ts";
import type { Output } from "../terminal/surroundings.ts";
import { tableProgress } from "../terminal/table_progress.ts";

// Loading threads open any other teacher again for themselves; these need the run's device.
const DEVICE_TEACHERS = ["fitted", "foundation"];

/** Whether a thread without a device can open the teacher of a run for itself. */
export function canReopen(
  { teacher: { kind } }: RunSettings["config"],
  teacher: Teacher | null,
): boolean {
  // `auto` may have become a fitted teacher, which is known by its module.
  return !DEVICE_TEACHERS.includes(kind) && teacher?.module === undefined;
}

/** How a run ended; without a summary it was interrupted. */
export interface TrainingOutcome {
  readonly exitCode: number;
  readonly summary: Summary | null;
  /** The result as JSON. */
  readonly json: unknown;
  /** The result for people. */
  readonly lines: readonly string[];
}

/** The device of a run, and a way to replace it. */
export interface TrainingDevice {
  readonly gpu: Gpu;
  readonly reopen: () => Promise<Gpu>;
}

/**
 * Trains and, unless a signal ended it early, evaluates and writes the report; with a job, as its
 * rank 0.
 */
export async function runTraining(
  opened: TrainingDevice,
  settings: RunSettings,
  output: Output,
  stop: StopSignal,
  job: Job | null = null,
): Promise<TrainingOutcome> {
  const unwatch = watchPipelines(opened.gpu, pipelineProgress(output));
  try {
    return await runWatched({ ...opened, unwatch }, settings, output, stop, job);
  } finally {
    // A run that was refused has had no step to end the watch.
    unwatch();
  }
}

async function runWatched(
  { gpu, reopen, unwatch }: TrainingDevice & { readonly unwatch: () => void },
  settings: RunSettings,
  output: Output,
  stop: StopSignal,
  job: Job | null,
): Promise<TrainingOutcome> {
  const { config, out, resume, replace } = settings;
  const opening = { earlier: resume, onProgress: tableProgress(output) };
  const source = await openTrainingSource(config, "train", opening);
  const heldOut = await openTrainingSource(config, "held-out", opening);
  const device = { gpu };
  const replaceDevice = async (): Promise<Gpu> => {
    device.gpu = await reopen();
    return device.gpu;
  };
  output.say(`data: ${source.describe()}`);
  const replaceable = { gpu: () => device.gpu, reopen: replaceDevice };
  let kept = 0;
  const fit = async (base: Teacher): Promise<string> => {
    // A folder that the student's run will refuse is refused before the fit.
    if (!resume && replace !== true) await requireNoRun(out);
    const fitted = await fittedFirst(replaceable, { config, out, source }, base, output, stop);
    kept = fitted.kept;
    return fitted.path;
  };
  const module = async (base: Teacher): Promise<string> =>
    await sharedFit(job, async () => await fit(base));
  const context = { gpu: replaceable.gpu, source, onMessage: output.warn, module };
  let teacher: Teacher | null;
  try {
    teacher = await openRunTeacher(config, context, resume);
  } catch (error) {
    if (error instanceof FitInterruptedError) return unfittedOutcome(error, out, stop.exitCode());
    throw error;
  }
  output.say(`teacher: ${teacher?.name ?? "none"}`);
  const first = config.student_from ?? config.student_weights;
  if (first !== null && !resume) output.say(`first numbers: ${first}`);
  const tuning = await cachedTuning(gpu.facts, settings.tune, output.warn);
  const onStep = trainingProgress(output, config.steps, undefined, momentsOfJob(config));
  const trained = await train({
    gpu: device.gpu,
    reopen: replaceDevice,
    config,
    source,
    teacher,
    heldOut,
    // A fit that saw every moment left them in memory; threads would load them again.
    ...(kept < source.count && { prefetch: { withTeacher: canReopen(config, teacher) } }),
    out,
    resume,
    replace: replace === true,
    tuning: tuning.file,
    signal: stop.signal,
    ...(job && { team: leadTeam(job) }),
    onStart: ({ plan, parameters, fromStep, choices }) => {
      stop.startTraining();
      output.say(
        `student: ${config.student}, ${parameters.toLocaleString("en-US")} parameters; a step ` +
          `has ${plan.dispatches} dispatches in ${(plan.peak_bytes / 2 ** 20).toFixed(0)} MiB`,
      );
      if (config.precision === "f16") output.say(precisionLine(plan));
      if (plan.recomputation !== null) output.say(recomputationLine(plan.recomputation, plan));
      output.say(tuningLine(settings, tuning, choices));
      if (fromStep > 0) output.say(`resumed after step ${fromStep}`);
    },
    onStep: (record) => {
      unwatch();
      onStep(record);
    },
    onMessage: output.warn,
  });
  try {
    if (trained.interrupted) return interruptedOutcome(trained, settings, stop.exitCode());
    if (stop.exitCode() !== EXIT.fine) return unevaluatedOutcome(trained, stop.exitCode());
    stop.endTraining((exitCode) => {
      const { json, lines } = unevaluatedOutcome(trained, exitCode);
      output.result(json, lines);
    });
    output.say(`trained in ${clock(trained.time_s)}, evaluating`);
    const date = new Date().toISOString().replace("T", " ").slice(0, 16);
    const { ablation } = settings;
    const about = { date: `${date} UTC`, ...(ablation && { ablation }) };
    const input = { config, trained, source, heldOut, teacher, ...about };
    const summary = await recovering(
      trained,
      async () => await summarize({ ...input, gpu: trained.gpu, onMessage: output.warn }),
    );
    return finishedOutcome(trained, summary, heldOut, settings);
  } finally {
    teacher?.close?.();
    await trained.close();
  }
}

/** The result of `work`, which is repeated once on a fresh device if the device is lost. */
async function recovering<T>(trained: TrainedRun, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await trained.recover(error);
    }
  }
}

/** How the kernels of the step were chosen. */
function tuningLine(
  { config, out, resume, tune }: RunSettings,
  { path }: CachedTuning,
  choices: number,
): string {
  const file = resume ? runPaths(out).tuning : path;
  if (choices > 0) return `tuning: ${choices} measured choices from ${file}`;
  if (resume || !tune) return "tuning: none, kernels are chosen by rule";
  const { height, width } = config.size;
  return (
    "tuning: none measured for this step; measure it with " +
    `"ringdepth tune --student ${config.student} --size ${height}x${width}"`
  );
}

function unfittedOutcome(
  { done, steps }: FitInterruptedError,
  out: string,
  exitCode: number,
): TrainingOutcome {
  return {
    exitCode,
    summary: null,
    json: { run: out, steps: 0, interrupted: true, teacher_steps: done },
    lines: [
      `stopped after step ${done} of ${steps} of the teacher; its checkpoint is in ${out}`,
      "continue with the same command",
    ],
  };
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
      `continue with: ${launcher(config.ranks)}ringdepth train --resume --out ${out}`,
    ],
  };
}

/** Training is complete, but a signal came before the evaluation. */
function unevaluatedOutcome(
  { folder, steps, student: { config } }: TrainedRun,
  exitCode: number,
): TrainingOutcome {
  const { path, student } = folder;
  return {
    exitCode,
    summary: null,
    json: { run: path, steps, interrupted: true, student },
    lines: [
      `trained all ${steps} steps, stopped before the evaluation; the student is in ${student}`,
      `evaluate it with: ${launcher(config.ranks)}ringdepth train --resume --out ${path}`,
    ],
  };
}

function finishedOutcome(
  trained: TrainedRun,
  summary: Summary,
  heldOut: DataSource,
  { ablation }: RunSettings,
): TrainingOutcome {
  const { steps, skipped_samples, folder, time_s, student, ended_early } = trained;
  const best_step = bestStep(folder.records);
  const wait_share = waitShare(folder.records);
  const { evaluation, baseline, ratio, report } = summary;
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
      ...(wait_share !== null && { wait_share }),
      ...(best_step !== null && { best_step, best: folder.best, ended_early }),
      evaluation: evaluation.result,
      moments: evaluation.moments,
      trained_on: evaluation.trained_on,
      metres_by: metresBy(student),
      baseline,
      ratio,
      ...(ablation && { ablation }),
      student: folder.student,
      report,
    },
    lines: [
      ...(wait_share === null
        ? []
        : [
            `steps waited for data ${(100 * wait_share).toFixed(1)} % of the time; ` +
              "the GPU may have been at work on the step before",
          ]),
      ...(best_step === null
        ? []
        : [
            ended_early
              ? `ended after step ${steps}: no better student since step ${best_step}, which is kept`
              : `best validation after step ${best_step}: ${folder.best}`,
          ]),
      `evaluated: ${describeMoments(heldOut.split, evaluation)}`,
      ...metricLines(evaluation.result),
      ...evaluationRemarks(evaluation),
      ...skipped,
      ...ratioLines(summary),
      ...(ablation === undefined ? [] : ablationLines(ablation)),
      `student: ${folder.student}`,
      `report:  ${report}`,
    ],
  };
}

/** Supervision beside distillation, as measured earlier over several seeds. */
function ablationLines({ command, date, rows, seeds }: EarlierAblation): string[] {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return [
    `measured at this budget over ${seeds} seeds on ${date}, not in this run:`,
    ...rows.map(({ name, abs_rel, gain }) => {
      const better = gain === undefined ? "" : `, better by ${gainText(gain)}`;
      return `  ${name.padEnd(width)}  AbsRel ${abs_rel.toFixed(4)}${better}`;
    }),
    `  ${command}`,
  ];
}

/** The share of the time of steps that passed waiting for data; null if no record has it. */
function waitShare(records: readonly StepRecord[]): number | null {
  const known = records.filter(({ wait_ms }) => wait_ms !== undefined);
  if (known.length === 0) return null;
  const time_ms = known.reduce((sum, record) => sum + record.time_ms, 0);
  const wait_ms = known.reduce((sum, record) => sum + record.wait_ms!, 0);
  return Math.min(1, wait_ms / Math.max(time_ms, 1e-9));
}

/** The student compared with the best constants, if there are any. */
function ratioLines({ evaluation, baseline, ratio }: Summary): string[] {
  const student = `AbsRel of the student:                        ${evaluation.result.all.abs_rel.toFixed(4)}`;
  if (baseline === null) return [student];
  return [
    student,
    `AbsRel of the best constant depth per camera: ${baseline.all.abs_rel.toFixed(4)}`,
    `ratio:                                        ${ratio?.toFixed(3) ?? "none, the constants are exact"}`,
  ];
}

/** The memory of the intermediates of a step beside what it would be in f32. */
function precisionLine({ arena_bytes, arena_bytes_f32 }: PlanSummary): string {
  const bytes = arena_bytes.reduce((sum, one) => sum + one, 0);
  const mib = (n: number): string => `${(n / 2 ** 20).toFixed(1)} MiB`;
  return (
    `precision f16: activations and their gradients take ${mib(bytes)}, ` +
    `${((100 * bytes) / arena_bytes_f32).toFixed(0)} % of the ${mib(arena_bytes_f32)} of f32`
  );
}
