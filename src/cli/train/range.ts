// `ringdepth train --range-test LOW:HIGH`: finds a learning rate in a short run without a folder.
import { choicesOf } from "../../tune/tuning_file.ts";
import { InputError } from "../../tensor/error.ts";
import { openRunTeacher, openTrainingSource } from "../../train/source.ts";
import { rangeTest, type LearningRateRange, type RangePoint } from "../../train/range_test.ts";
import type { RunSettings } from "../settings/run_settings.ts";
import { cachedTuning } from "../settings/tuning_cache.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { textTable } from "../terminal/table.ts";
import type { Output } from "../terminal/surroundings.ts";
import type { StopSignal } from "../terminal/stop_signal.ts";
import type { TrainingDevice, TrainingOutcome } from "./training.ts";
import { tableProgress } from "../terminal/table_progress.ts";

/** Steps of a range test without `--steps`. */
export const RANGE_STEPS = 100;

// Rows of the printed table.
const ROWS = 20;

/** Reads LOW:HIGH; throws InputError for anything else. */
export function learningRateRange(text: string): LearningRateRange {
  const [low, high, ...more] = text.split(":").map(Number);
  if (more.length === 0 && low > 0 && low < high && high < Infinity) return { low, high };
  throw new InputError(
    `--range-test ${text}: expected two learning rates LOW:HIGH, such as 1e-5:0.1`,
  );
}

/** Runs the test and says what it found. */
export async function runRangeTest(
  { gpu }: TrainingDevice,
  { config, tune }: Pick<RunSettings, "config" | "tune">,
  range: LearningRateRange,
  output: Output,
  stop: StopSignal,
): Promise<TrainingOutcome> {
  const source = await openTrainingSource(config, "train", { onProgress: tableProgress(output) });
  // A teacher that a run would fit first teaches with its base: fitting it takes longer than the test.
  const context = { gpu: () => gpu, source, onMessage: output.warn, module: "base" } as const;
  const teacher = await openRunTeacher(config, context);
  try {
    output.say(`data: ${source.describe()}`);
    output.say(`teacher: ${teacher?.name ?? "none"}`);
    const { file } = await cachedTuning(gpu.facts, tune, output.warn);
    stop.startTraining();
    const every = Math.max(1, Math.ceil(config.steps / ROWS));
    const found = await rangeTest({
      gpu,
      config,
      source,
      teacher,
      range,
      tuning: choicesOf(file ?? { entries: [] }),
      signal: stop.signal,
      onStep: ({ step, learning_rate, loss }) =>
        output.progress(
          `step ${step}/${config.steps}  learning rate ${learning_rate.toExponential(2)}  loss ` +
            loss.toFixed(4),
          step % every === 0,
        ),
      onMessage: output.warn,
    });
    const exitCode = stop.exitCode();
    const interrupted = exitCode !== EXIT.fine;
    if (found === null) {
      const lines = ["stopped before the third step: no learning rate is judged"];
      return { exitCode, summary: null, json: { points: [], interrupted }, lines };
    }
    const { points, steepest, lowest, diverged } = found;
    return {
      exitCode,
      summary: null,
      json: { ...found, interrupted },
      lines: [
        ...(interrupted ? [`stopped after step ${points.length} of ${config.steps}`] : []),
        ...rangeTable(points.filter(({ step }) => step % every === 0 || step === points.length)),
        `the loss falls fastest at ${steepest.toExponential(2)} and is lowest at ` +
          `${lowest.toExponential(2)}${diverged ? ", above which it diverges" : ""}`,
        `try optimizer.learning_rate: ${steepest.toPrecision(2)}`,
      ],
    };
  } finally {
    teacher?.close?.();
  }
}

function rangeTable(points: readonly RangePoint[]): string[] {
  return textTable(
    ["step", "learning rate", "loss", "smoothed"],
    points.map(({ step, learning_rate, loss, smooth_loss }) => [
      String(step),
      learning_rate.toExponential(2),
      loss.toFixed(4),
      smooth_loss.toFixed(4),
    ]),
  );
}
