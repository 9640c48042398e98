// A step compiled with one set of choices against another: the same results, and timed in turn over
// one store, a pass each.
import type { Request } from "../graph/cpu.ts";
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

// Passes over the dispatches of a step to learn which take long.
const PASSES = 3;

/** A step to tune: a graph with what it runs on. */
export interface Step {
  /** What it is of, such as `train nano 64x128`. */
  readonly name: string;
  readonly graph: Graph;
  readonly request: Request;
  /** Its parameters; put back as they were. */
  readonly store: GpuStore;
  readonly inputs: Readonly<Record<string, Float32Array>>;
  readonly scalars: Readonly<Record<string, number>>;
}

/** The second of two compiled steps against the first. */
export interface StepComparison {
  readonly comparison: Comparison;
  readonly pairs: number;
  /** What differs in the results by more than rounding; empty where they agree. */
  readonly difference: string;
}

/** A step ready to be compiled with choices; `close` puts its store back. */
export interface StepBench {
  /** The plan by rule. */
  readonly rule: Plan;
  /** GPU time of each dispatch of the plan by rule. */
  readonly dispatchTimes_ms: () => Promise<number[]>;
  /** Times the step with two sets of choices in turn; asked again, it says the same. */
  readonly compare: (first: Tuning, second: Tuning, threshold: number) => Promise<StepComparison>;
  readonly close: () => void;
}

/** Compiles a step by rule and runs it once; `settings` say when there are pairs enough. */
export async function openStep(
  bench: Bench,
  step: Step,
  settings: MeasureSettings,
): Promise<StepBench> {
  const { gpu } = bench;
  const { graph, request, store, inputs, scalars } = step;
  const before = await store.read();
  /** Compiles with choices and runs once, from what the store held at first. */
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

/** The first output of which an element is further off than the tolerance; empty where none is. */
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
