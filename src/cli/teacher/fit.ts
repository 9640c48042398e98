// `ringdepth teacher fit`: trains the binning module of a fitted teacher and evaluates it.
import type { Command } from "commander";
import { DATA_SOURCES } from "../../data/source_spec.ts";
import type { DataSource } from "../../data/data_source.ts";
import type { EvaluationResult } from "../../evaluate/protocol.ts";
import type { Gpu } from "../../gpu/device.ts";
import { openBaseTeacher, openSource } from "../../train/source.ts";
import { constantResult } from "../../train/constant_result.ts";
import { evaluateAligned, evaluateTeacher } from "../../train/teacher/evaluate_teacher.ts";
import { fitConfig, fitPrefetch, fitTarget } from "../../train/teacher/fit.ts";
import { fittedTeacher } from "../../train/teacher/fitted_teacher.ts";
import { train, type TrainedRun } from "../../train/trainer.ts";
import { STUDENT_NAMES } from "../../student/student.ts";
import { runSettings, type RunFlags, type RunSettings } from "../settings/run_settings.ts";
import { cachedTuning, tuneOption } from "../settings/tuning_cache.ts";
import { withGpu } from "../terminal/adapter.ts";
import type { CommandContext } from "../terminal/define.ts";
import { EXIT } from "../terminal/exit_code.ts";
import {
  common,
  imageSize,
  studentName,
  wholeNumber,
  type CommonOptions,
} from "../terminal/options.ts";
import { makeOutput } from "../terminal/output.ts";
import type { Output } from "../terminal/surroundings.ts";
import { listenForStop, type StopSignal } from "../terminal/stop_signal.ts";
import { metricLines } from "../terminal/table.ts";
import { clock, trainingProgress } from "../terminal/training_progress.ts";
import { tableProgress } from "../terminal/table_progress.ts";

const ABOUT = `
Trains the metric-bins head of a frozen relative model (teacher.base: the built-in teacher, or the
maps of teacher.path) on the training moments that have LiDAR. The module sees the images and the
model's maps. Train a student with it: teacher: { kind: fitted, module: DIR/teacher.safetensors }.`;

/** Defines the command under `teacher`. */
export function defineTeacherFit(parent: Command, { surroundings, exit }: CommandContext): void {
  const command = parent
    .command("fit")
    .option("--data <source>", `${DATA_SOURCES} (default: rig)`)
    .option(
      "--student <name>",
      `network of the module: ${STUDENT_NAMES} (default: nano)`,
      studentName,
    )
    .option("--steps <n>", "training steps (default: 600)", wholeNumber("--steps", 1))
    .option("--seed <n>", "seed for all random choices (default: 0)", wholeNumber("--seed", 0))
    .option("--size <HxW>", "image size, multiples of 32 (default: 96x160)", imageSize)
    .option("--out <dir>", "run folder (default: runs/teacher-DATA)")
    .option("--teacher.weights <path>", "weights of Depth Anything as the base")
    .option("--config <file>", "YAML configuration of the student; options override it")
    .option("--resume", "continue from the latest checkpoint in the run folder")
    .option("--skip-bad-samples", "skip samples with broken files and count them");
  tuneOption(command);
  command.addHelpText("after", ABOUT);
  common(command, "ringdepth teacher fit --data rig --steps 600 --out runs/teacher");
  command.action(async (options: RunFlags & CommonOptions) => {
    const output = makeOutput(surroundings, options.json === true);
    const stop = listenForStop(output);
    try {
      const settings = await runSettings(options, { shape: fitConfig, name: "teacher" });
      const code = await withGpu(surroundings, output, options.adapter, (gpu, reopen) =>
        runFit({ gpu, reopen }, settings, output, stop),
      );
      exit(code);
    } finally {
      stop.release();
    }
  });
}

/** Fits, evaluates and prints; returns the exit code. */
async function runFit(
  { gpu, reopen }: { readonly gpu: Gpu; readonly reopen: () => Promise<Gpu> },
  settings: RunSettings,
  output: Output,
  stop: StopSignal,
): Promise<number> {
  const { config, out, resume } = settings;
  const opening = { earlier: resume, onProgress: tableProgress(output) };
  const source = await openSource(config, "train", opening);
  const heldOut = await openSource(config, "held-out", opening);
  const device = { gpu };
  const context = { gpu: () => device.gpu, source, onMessage: output.warn };
  const base = await openBaseTeacher(config, context, resume);
  output.say(`data: ${source.describe()}`);
  output.say(`base: ${base.name}`);
  const tuning = await cachedTuning(gpu.facts, settings.tune, output.warn);
  const trained = await train({
    gpu,
    reopen: async () => {
      device.gpu = await reopen();
      return device.gpu;
    },
    config,
    source,
    teacher: base,
    target: fitTarget(base),
    prefetch: fitPrefetch(config),
    out,
    resume,
    tuning: tuning.file,
    signal: stop.signal,
    onStart: ({ parameters, fromStep }) => {
      stop.startTraining();
      output.say(`module: ${config.student}, ${parameters.toLocaleString("en-US")} parameters`);
      if (fromStep > 0) output.say(`resumed after step ${fromStep}`);
    },
    onStep: trainingProgress(output, config.steps),
    onMessage: output.warn,
  });
  try {
    const { steps, interrupted, folder } = trained;
    if (interrupted || stop.exitCode() !== EXIT.fine) {
      output.result({ run: out, steps, interrupted: true }, [
        `stopped after step ${steps} of ${config.steps}`,
        `continue with: ringdepth teacher fit --resume --out ${out}`,
      ]);
      return stop.exitCode();
    }
    output.say(`trained in ${clock(trained.time_s)}, evaluating`);
    const options = { gpu: () => trained.gpu, base, source, bins: config.head.bins };
    const teacher = await fittedTeacher(folder.teacher, options);
    try {
      const evaluation = await evaluateTeacher(teacher, heldOut, config, output.warn);
      const baseline = await constantResult({
        config,
        source,
        heldOut,
        protocol: source.protocol,
        onMessage: output.warn,
      });
      const aligned = await evaluateAligned(config, heldOut, output.warn, () => trained.gpu);
      report(output, trained, heldOut, { evaluation, baseline, aligned });
    } finally {
      teacher.close?.();
    }
    return EXIT.fine;
  } finally {
    base.close?.();
    await trained.close();
  }
}

function report(
  output: Output,
  { folder, steps, time_s }: TrainedRun,
  heldOut: DataSource,
  found: Readonly<Record<"baseline" | "aligned", EvaluationResult | null>> & {
    readonly evaluation: EvaluationResult;
  },
): void {
  const { evaluation, baseline, aligned } = found;
  const rows = [
    ["the fitted teacher", evaluation],
    ["the best constant depth per camera", baseline],
    ["the base aligned to the LiDAR of these moments", aligned],
  ] as const;
  const width = Math.max(...rows.map(([name]) => name.length));
  output.result(
    {
      run: folder.path,
      steps,
      interrupted: false,
      time_s,
      evaluation,
      baseline,
      aligned,
      teacher: folder.teacher,
    },
    [
      `evaluated: ${heldOut.count} moments of the held-out split`,
      ...metricLines(evaluation),
      ...rows.flatMap(([name, result]) =>
        result === null
          ? []
          : [`AbsRel of ${`${name}:`.padEnd(width + 1)} ${result.all.abs_rel.toFixed(4)}`],
      ),
      `teacher: ${folder.teacher}`,
    ],
  );
}
