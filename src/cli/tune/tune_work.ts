// The GPU work of tuning a training step: opens data and step, sweeps problems, compares the whole
// step, and keeps the winners.
import type { Gpu } from "../../gpu/device.ts";
import { timerQuantum_ns } from "../../gpu/timestamps.ts";
import { readCache, type Warn } from "../../measure/cache_file.ts";
import { cachedFile } from "../../measure/environment.ts";
import { prepareBench, type MeasureSettings } from "../../measure/measure.ts";
import {
  mappingText,
  problemText,
  tuneStep,
  type StepTuning,
  type TunedProblem,
} from "../../tune/tune_step.ts";
import { keepTuning, readTuning, tuningPath } from "../../tune/tuning_file.ts";
import { intervalText } from "../../measure/text.ts";
import type { TrainConfig } from "../../train/config.ts";
import { openRunTeacher, openSource } from "../../train/source.ts";
import { openTrainingStep } from "../../profile/step/training_step.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { textTable } from "../terminal/table.ts";
import type { Output } from "../terminal/surroundings.ts";
import { tableProgress } from "../terminal/table_progress.ts";

/** How to tune the training step. */
export interface SweepStepOptions {
  readonly config: TrainConfig;
  /** Seconds to spend; the default depends on the adapter. */
  readonly budget_s?: number;
  /** Sweep again even what is known of the adapter. */
  readonly anew: boolean;
}

/** The outcome of tuning. */
export interface SweepStepOutcome {
  readonly exitCode: number;
  /** The result as JSON. */
  readonly json: unknown;
  /** The result for people. */
  readonly lines: readonly string[];
}

const BUDGET_S = 120;
// There a candidate takes up to seconds to compile, but nothing else runs.
const SOFTWARE_BUDGET_S = 60;
const KERNELS: MeasureSettings = { time_s: 0.3, min_samples: 30, noise: 0.005, timeout_s: 3 };
// A step takes long on software adapters, so fewer pairs must suffice.
const STEPS: MeasureSettings = { time_s: 2, min_samples: 20, noise: 0.003, timeout_s: 20 };

/** Tunes the training step of a configuration. */
export async function sweepStep(
  { gpu, output }: { readonly gpu: Gpu; readonly output: Output },
  options: SweepStepOptions,
): Promise<SweepStepOutcome> {
  const { config, anew } = options;
  const { budget_s = gpu.facts.software ? SOFTWARE_BUDGET_S : BUDGET_S } = options;
  const file = cachedFile(tuningPath, gpu.facts);
  // A broken file is reported before anything is measured.
  const known = await readCache(file, readTuning, output.warn);
  const source = await openSource(config, "train", { onProgress: tableProgress(output) });
  const teacher = await openRunTeacher(config, {
    gpu: () => gpu,
    source,
    module: "untrained",
  });
  output.say(`data: ${source.describe()}`);
  const bench = await prepareBench(gpu, await timerQuantum_ns(gpu), KERNELS, false);
  const step = await openTrainingStep(gpu, config, source, teacher);
  output.say(`step: ${step.name}; ${budget_s} s to tune it in`);
  try {
    const { progress } = output;
    const asked = { budget_s, steps: STEPS, known: anew ? null : known, progress };
    const found = await tuneStep(bench, step, asked);
    for (const error of rejections(found.problems)) output.warn(error);
    const keptIn = await keep(file, gpu, found, output.warn);
    const kept = keptIn === null ? [] : [`kept in ${keptIn}`];
    const wrong = found.problems.some(({ swept }) => (swept?.rows[0].error ?? "") !== "");
    return {
      exitCode: wrong ? EXIT.wrong : EXIT.fine,
      json: { step: step.name, ...found, file: keptIn === null ? null : file },
      lines: [...tuningLines(found), ...kept],
    };
  } finally {
    step.store.destroy();
    bench.destroy();
  }
}

/** Saves the results; returns the file, or null if nothing could be saved. */
async function keep(
  file: string | null,
  gpu: Gpu,
  { problems, tuned }: StepTuning,
  warn: Warn,
): Promise<string | null> {
  const entries = problems.flatMap(({ entry }) => (entry === null ? [] : [entry]));
  const steps = tuned === null ? [] : [tuned];
  return (await keepTuning(file, gpu.facts, { steps, entries }, warn)).keptIn;
}

/** The faults of candidates, once each. */
function rejections(problems: readonly TunedProblem[]): Set<string> {
  const rows = problems.flatMap(({ swept }) => swept?.rows ?? []);
  const wrong = rows.filter(({ error }) => error !== "");
  return new Set(wrong.map((row) => `rejected: ${mappingText(row)}: ${row.error}`));
}

function tuningLines({ problems, left, tuned }: StepTuning): string[] {
  const faster = problems.flatMap(({ entry, share }) =>
    entry === null || entry.reason === "rule" ? [] : [{ ...entry, share }],
  );
  const rows = faster.map(({ problem, share, rule, kernel, constants, reason, change }) => [
    problemText(problem),
    percent(share),
    rule,
    reason === "faster" ? mappingText({ kernel, constants }) : reason,
    change === null ? "" : intervalText(change),
  ]);
  const head = ["problem", "share of step", "rule", "choice", "change [95 %]"];
  const unreached =
    left.problems === 0
      ? []
      : [
          `${left.problems} problems (${percent(left.share)} of the step) were not reached: run ` +
            `this again to continue, or give a longer --budget`,
        ];
  return [
    ...(rows.length === 0 ? [] : textTable(head, rows)),
    ...unreached,
    tuned === null
      ? "no choice makes the whole step faster: kernels are chosen by rule"
      : `the step with ${tuned.choices} measured choices, compared with the rule: ` +
        `${intervalText(tuned.change)} in ${tuned.pairs} pairs`,
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
