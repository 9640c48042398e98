// Tunes a whole step: sweeps its problems, those that take most of its time first; then compares
// the step with the winners and the step by the rules, interleaved. Keeps only winners that do not
// slow the step.
import type { Mapping } from "../engine/tuning.ts";
import type { Bench, MeasureSettings } from "../measure/measure.ts";
import { isNoSlower, keptChoices } from "./step_choices.ts";
import { openStep, type Step, type StepBench } from "./step_pair.ts";
import { stepProblems, type StepProblem } from "./step_problems.ts";
import { candidateCount, sweepProblem, type Swept, type SweepTools } from "./sweep.ts";
import { FASTER, sweepTools } from "./sweep_tools.ts";
import { entryOf, isSettled } from "./tuning_entry.ts";
import { choicesOf, type TunedStep, type TuningEntry, type TuningFile } from "./tuning_file.ts";

// Problems that take less of the step are not worth a sweep.
const LEAST_SHARE = 0.005;
// Share of the budget that sweeps may take; the rest is for interleaved whole steps.
const SWEEP_SHARE = 0.6;

/** Options of tuning a step. */
export interface TuneOptions {
  /** Seconds that tuning may take; the comparison of the whole step may exceed them. */
  readonly budget_s: number;
  /** When there are enough pairs of interleaved whole steps. */
  readonly steps: MeasureSettings;
  /** The known results of the adapter; null sweeps every problem from scratch. */
  readonly known: TuningFile | null;
  /** Receives a line of progress; milestones are lines to keep. */
  readonly progress: (line: string, milestone: boolean) => void;
}

/** One problem of a step and its result. */
export interface TunedProblem {
  readonly problem: string;
  /** Share of the GPU time of the step. */
  readonly share: number;
  readonly dispatches: number;
  /** Null if the result was already known. */
  readonly swept: Swept | null;
  /** Null if nothing of it is kept: the rule was wrong, or no winner was found in time. */
  readonly entry: TuningEntry | null;
}

/** The result of tuning a step. */
export interface StepTuning {
  readonly problems: readonly TunedProblem[];
  /** Problems that the budget did not reach. */
  readonly left: { readonly problems: number; readonly share: number };
  /** The step with its choices against the step by the rules; null if it has none. */
  readonly tuned: TunedStep | null;
}

/** Tunes a step and restores its store. */
export async function tuneStep(
  bench: Bench,
  step: Step,
  options: TuneOptions,
): Promise<StepTuning> {
  const started = performance.now();
  const isOver = (share: number) => (): boolean =>
    performance.now() - started > 1000 * share * options.budget_s;
  const opened = await openStep(bench, step, options.steps);
  try {
    const calls = opened.rule.dispatches.map(({ call }) => call);
    const worth = stepProblems(calls, await opened.dispatchTimes_ms()).filter(
      ({ base, problem, share }) =>
        share >= LEAST_SHARE && candidateCount(base, bench.gpu.facts, problem) > 1,
    );
    const problems = await sweepAll(bench, worth, options, isOver(SWEEP_SHARE));
    const left = worth.filter(({ key }) => problems.every(({ problem }) => problem !== key));
    const judged = await judge(opened, step.name, problems, options, isOver(1));
    const share = left.reduce((sum, one) => sum + one.share, 0);
    return { ...judged, left: { problems: left.length, share } };
  } finally {
    opened.close();
  }
}

/** Sweeps problems in order until the time is up; a known result is reused. */
async function sweepAll(
  bench: Bench,
  worth: readonly StepProblem[],
  { known, progress }: TuneOptions,
  isOver: () => boolean,
): Promise<TunedProblem[]> {
  const { facts } = bench.gpu;
  const tools = [sweepTools(bench), sweepTools(bench, FASTER, true)];
  const done: TunedProblem[] = [];
  for (const [i, one] of worth.entries()) {
    const { key: problem, base, share, dispatches } = one;
    const entry = known?.entries.find((old) => isSettled(old, one, facts)) ?? null;
    if (entry !== null) {
      done.push({ problem, share, dispatches, swept: null, entry });
    } else if (!isOver()) {
      const place = `${i + 1}/${worth.length} ${(100 * share).toFixed(1)} % ${problemText(problem)}`;
      progress(place, false);
      const sweep = async (by: SweepTools): Promise<Swept> =>
        await sweepProblem(by, base, facts, one.problem, { isOver });
      let swept = await sweep(tools[0]);
      // Numbers drawn for the problem may be harder than those of the kernel's tolerance: then its
      // own cases decide whether it is wrong.
      if (swept.rows[0].error !== "") swept = await sweep(tools[1]);
      done.push({ problem, share, dispatches, swept, entry: entryOf(one, swept, facts) });
      progress(`${place}: ${outcomeText(swept)}`, true);
    }
  }
  return done;
}

/** Compares the step with the winners and the step by the rules, and drops winners that slow it. */
async function judge(
  opened: StepBench,
  name: string,
  problems: readonly TunedProblem[],
  { progress }: TuneOptions,
  isOver: () => boolean,
): Promise<Pick<StepTuning, "problems" | "tuned">> {
  const entries = problems.flatMap(({ entry }) => (entry === null ? [] : [entry]));
  const current = choicesOf({ entries });
  const winners = entries.filter(({ problem }) => current.has(problem));
  const compare = async (
    kept: readonly TuningEntry[],
    more: readonly TuningEntry[],
  ): ReturnType<StepBench["compare"]> => {
    progress(
      `timing the step: ${kept.length + more.length} choices compared with ${kept.length}`,
      false,
    );
    const [first, second] = [kept, [...kept, ...more]].map((list) => choicesOf({ entries: list }));
    const compared = await opened.compare(first, second, FASTER);
    if (compared.difference !== "") progress(`different results: ${compared.difference}`, true);
    return compared;
  };
  const keeps = async (
    kept: readonly TuningEntry[],
    more: readonly TuningEntry[],
  ): Promise<boolean> => {
    const { comparison, difference } = await compare(kept, more);
    return difference === "" && isNoSlower(comparison.change, FASTER);
  };
  let kept = await keptChoices(winners, keeps, isOver);
  // A set combined from halves must pass the same test as a whole.
  if (kept.length > 0 && !(await keeps([], kept))) kept = [];
  const slowing = new Set(winners.filter((entry) => !kept.includes(entry)));
  const judged = problems.map((one) =>
    one.entry !== null && slowing.has(one.entry) ? { ...one, entry: byRule(one.entry) } : one,
  );
  if (kept.length === 0) return { problems: judged, tuned: null };
  const { comparison, pairs } = await compare([], kept);
  const date = new Date().toISOString();
  const { change } = comparison;
  return { problems: judged, tuned: { name, date, choices: kept.length, change, pairs } };
}

function byRule(entry: TuningEntry): TuningEntry {
  return { ...entry, kernel: entry.rule, constants: {}, reason: "no gain in the step" };
}

/** The result of a sweep in short. */
function outcomeText({ rows, rule, winner, comparison, complete }: Swept): string {
  if (rows[0].error !== "") return `the default kernel is wrong: ${rows[0].error}`;
  const tried = `${rows.length} tried${complete ? "" : ", time is up"}`;
  if (winner === null || comparison === null) return `${rule} stays (${tried})`;
  return `${mappingText(winner)} ${(100 * comparison.change.median).toFixed(1)} % (${tried})`;
}

/** The key of a problem in short: kernel and the shapes of its present inputs. */
export function problemText(key: string): string {
  return key.replace(/ \{.*$/, "").replaceAll(/ \w+\[0\]/g, "");
}

/** A mapping with its constants, as displayed in tables and lines. */
export function mappingText({ kernel, constants }: Mapping): string {
  const values = Object.entries(constants).map(([name, value]) => `${name}=${value}`);
  return [kernel, ...values].join(" ");
}
