// Tunes a whole step: its problems swept, those that take most of its time first; then the step with
// the winners against the step by rule, in turn. Only winners that do not slow the step are kept.
import type { Mapping } from "../engine/tuning.ts";
import type { Bench, MeasureSettings } from "../measure/measure.ts";
import { isNoSlower, keptChoices } from "./step_choices.ts";
import { openStep, type Step, type StepBench } from "./step_pair.ts";
import { stepProblems, type StepProblem } from "./step_problems.ts";
import { candidateCount, sweepProblem, type Swept, type SweepTools } from "./sweep.ts";
import { FASTER, sweepTools } from "./sweep_tools.ts";
import { entryOf, isSettled } from "./tuning_entry.ts";
import { choicesOf, type TunedStep, type TuningEntry, type TuningFile } from "./tuning_file.ts";

// Problems that take less of the step are not worth their sweep.
const LEAST_SHARE = 0.005;
// Share of the budget that sweeps may take; the rest is for whole steps in turn.
const SWEEP_SHARE = 0.6;

/** How to tune a step. */
export interface TuneOptions {
  /** Seconds that tuning may take; the comparison of the whole step may come on top. */
  readonly budget_s: number;
  /** When whole steps in turn have pairs enough. */
  readonly steps: MeasureSettings;
  /** What is known of the adapter; null sweeps every problem anew. */
  readonly known: TuningFile | null;
  /** A line on how far it is; milestones are lines to keep. */
  readonly progress: (line: string, milestone: boolean) => void;
}

/** One problem of a step and what came of it. */
export interface TunedProblem {
  readonly problem: string;
  /** Of the GPU time of the step. */
  readonly share: number;
  readonly dispatches: number;
  /** Null where it was known before. */
  readonly swept: Swept | null;
  /** Null where nothing is to be kept of it: a wrong rule, or no winner in the time there was. */
  readonly entry: TuningEntry | null;
}

/** What tuning a step found. */
export interface StepTuning {
  readonly problems: readonly TunedProblem[];
  /** Problems that the budget did not reach. */
  readonly left: { readonly problems: number; readonly share: number };
  /** The step with its choices against the step by rule; null where it has none. */
  readonly tuned: TunedStep | null;
}

/** Tunes a step; its store is as it was when it returns. */
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

/** Sweeps problems in order until the time is up; what is known of one already is taken as it is. */
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
      // Numbers drawn for the problem may ask for more than the kernel's tolerance is stated for:
      // then its own cases say what is wrong.
      if (swept.rows[0].error !== "") swept = await sweep(tools[1]);
      done.push({ problem, share, dispatches, swept, entry: entryOf(one, swept, facts) });
      progress(`${place}: ${outcomeText(swept)}`, true);
    }
  }
  return done;
}

/** Sets the step with the winners against the step by rule, and takes back what slows it. */
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
    progress(`the step with ${kept.length + more.length} choices against ${kept.length}`, false);
    const [first, second] = [kept, [...kept, ...more]].map((list) => choicesOf({ entries: list }));
    const compared = await opened.compare(first, second, FASTER);
    if (compared.difference !== "") progress(`other results: ${compared.difference}`, true);
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
  // Put together from parts, the whole is held to the same.
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

/** What came of a sweep, in short. */
function outcomeText({ rows, rule, winner, comparison, complete }: Swept): string {
  if (rows[0].error !== "") return `the rule's own is wrong: ${rows[0].error}`;
  const tried = `${rows.length} tried${complete ? "" : ", time is up"}`;
  if (winner === null || comparison === null) return `${rule} stays (${tried})`;
  return `${mappingText(winner)} ${(100 * comparison.change.median).toFixed(1)} % (${tried})`;
}

/** The key of a problem in short: kernel and the shapes of what is there. */
export function problemText(key: string): string {
  return key.replace(/ \{.*$/, "").replaceAll(/ \w+\[0\]/g, "");
}

/** A mapping with its constants, as tables and lines show it. */
export function mappingText({ kernel, constants }: Mapping): string {
  const values = Object.entries(constants).map(([name, value]) => `${name}=${value}`);
  return [kernel, ...values].join(" ");
}
