// Compares a step compiled with two sets of choices: their results, and their times, interleaved
// over one store with one pass each.
import type { Request } from "../graph/request.ts";
import type { Graph } from "../graph/graph.ts";
import { compile, type Plan } from "../graph/plan.ts";
import type { GpuStore } from "../graph/store.ts";
import { STEP_TOLERANCE } from "../engine/tolerance.ts";
import type { Tuning } from "../engine/tuning.ts";
import {
  measureTwo,
  type Bench,
  type Contestant,
  type MeasureSettings,
} from "../measure/measure.ts";
import { median, type Comparison } from "../measure/statistics.ts";
import { soundPasses } from "../measure/sound_passes.ts";

// Passes over the dispatches of a step to find out which ones take long.
const PASSES = 3;

/** A step to tune: a graph and everything that it runs on. */
export interface Step {
  /** Its name, such as `train nano 64x128`. */
  readonly name: string;
  readonly graph: Graph;
  readonly request: Request;
  /** Its parameters; restored afterwards. */
  readonly store: GpuStore;
  readonly inputs: Readonly<Record<string, Float32Array>>;
  readonly scalars: Readonly<Record<string, number>>;
}

/** The second of two compiled steps compared with the first. */
export interface StepComparison {
  readonly comparison: Comparison;
  readonly pairs: number;
  /** The difference of the results beyond rounding; empty if they agree. */
  readonly difference: string;
}

/** A step ready to be compiled with choices; `close` restores its store. */
export interface StepBench {
  /** The plan that follows the rules. */
  readonly rule: Plan;
  /** GPU time of each dispatch of that plan. */
  readonly dispatchTimes_ms: () => Promise<number[]>;
  /**
   * Times the step with two sets of choices, interleaved; a repeated call gives the same answer.
   */
  readonly compare: (first: Tuning, second: Tuning, threshold: number) => Promise<StepComparison>;
  readonly close: () => void;
}

/** Compiles a step by the rules and runs it once; `settings` say when there are enough pairs. */
export async function openStep(
  bench: Bench,
  step: Step,
  settings: MeasureSettings,
): Promise<StepBench> {
  const { gpu } = bench;
  const { graph, request, store, inputs, scalars } = step;
  const before = await store.read();
  /** Compiles with choices and runs once, starting from the store's initial content. */
  const open = async (tuning: Tuning): Promise<Opened> => {
    const plan = await compile(gpu, graph, request, store, { tuning });
    store.write(before);
    return { plan, results: await plan.run(inputs, scalars) };
  };
  const known = new Map<string, StepComparison>();
  const rule = await open(new Map());
  return {
    rule: rule.plan,
    dispatchTimes_ms: async () => {
      const groups = rule.plan.dispatches.map(({ dispatch }) => [dispatch]);
      const passes: number[][] = [];
      for (let i = 0; i < PASSES; i++) passes.push(await soundPasses(gpu, groups));
      return groups.map((_, i) => median(passes.map((times_ms) => times_ms[i])));
    },
    compare: async (first, second, threshold) => {
      const key = [first, second].map((one) => [...one.keys()].toSorted().join("\n")).join("\n\n");
      const earlier = known.get(key);
      if (earlier !== undefined) return earlier;
      const plans: Opened[] = [];
      try {
        for (const tuning of [first, second]) {
          plans.push(tuning.size === 0 ? rule : await open(tuning));
        }
        const [a, b] = plans.map(({ plan }) => passTimer(bench, plan));
        const { quantum_ns } = bench;
        const timed = await measureTwo({ quantum_ns, settings }, [a, b], threshold);
        const compared = {
          comparison: timed.comparison,
          pairs: timed.a.samples_ms.length,
          difference: differenceOf(rule.results, plans[1].results),
        };
        known.set(key, compared);
        return compared;
      } finally {
        for (const one of plans) if (one !== rule) one.plan.destroy();
      }
    },
    close: () => {
      rule.plan.destroy();
      store.write(before);
    },
  };
}

interface Opened {
  readonly plan: Plan;
  readonly results: Readonly<Record<string, Float32Array>>;
}

/** GPU time of one pass over all dispatches of a plan. */
function passTimer({ gpu }: Bench, plan: Plan): Contestant {
  const all = plan.dispatches.map(({ dispatch }) => dispatch);
  return {
    time: async (batch) => {
      const [time_ms] = await soundPasses(gpu, [Array.from({ length: batch }, () => all).flat()]);
      return [time_ms / batch];
    },
  };
}

/** The first output with an element outside the tolerance; empty if there is none. */
export function differenceOf(
  want: Readonly<Record<string, Float32Array>>,
  got: Readonly<Record<string, Float32Array>>,
): string {
  for (const [name, values] of Object.entries(want)) {
    const finite = values.filter((value) => Number.isFinite(value));
    const scale = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const off = values.findIndex(
      (value, i) =>
        !Object.is(value, got[name][i]) &&
        !(Math.abs(value - got[name][i]) <= STEP_TOLERANCE * scale),
    );
    if (off >= 0) return `${name}[${off}] is ${got[name][off]}, by rule ${values[off]}`;
  }
  return "";
}
