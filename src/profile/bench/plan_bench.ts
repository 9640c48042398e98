// Plans that compute the same numbers: compared with each other on the whole problem, the first one
// also with the CPU path in f64 on a small one, then timed interleaved. A wrong plan gets its error
// instead of a time.
import type { Gpu } from "../../gpu/device.ts";
import type { PreparedDispatch } from "../../gpu/encode.ts";
import { runOnCpuPatiently } from "../../graph/cpu.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import type { Graph } from "../../graph/graph.ts";
import { lower } from "../../graph/lower.ts";
import { compile, type PlanSummary } from "../../graph/plan.ts";
import type { PlannedDispatch } from "../../graph/prepare.ts";
import { createStore } from "../../graph/store.ts";
import type { Value } from "../../graph/value.ts";
import { compareNumbers, type Agreement, type Numbers } from "../../measure/agreement.ts";
import type { Ceilings } from "../../measure/ceilings.ts";
import {
  measureInTurn,
  ratios,
  timingOf,
  total,
  type Bench,
  type Timing,
  type TurnTiming,
} from "../../measure/measure.ts";
import { planRoofline, totalCost, type PlanRoofline } from "./plan_roofline.ts";
import { estimate, type Estimate } from "../../measure/statistics.ts";
import { summarizeTiming, type TimingSummary } from "../../measure/summary.ts";
import { soundPasses } from "../../measure/sound_passes.ts";

/** The timed range of a step: one of its two parts, or both together. */
export type Direction = "forward" | "backward" | "both";

/** A graph in the two parts that are timed separately. */
export interface BenchGraph {
  readonly g: Graph;
  /** Outputs of the forward part, by name. */
  readonly forward: Readonly<Record<string, Value>>;
  /** Gradients, by name; computed after the forward part. */
  readonly backward: Readonly<Record<string, Value>>;
}

/** The inputs of a graph, by name. */
export type GraphInputs = Readonly<Record<string, Float32Array>>;

/** A graph that can be run. */
export interface BenchProblem {
  readonly graph: BenchGraph;
  readonly inputs: GraphInputs;
}

/** Plans that compute the numbers of one problem. */
export interface WaySet {
  /** The first is the reference for the others. */
  readonly ways: readonly { readonly name: string; readonly graph: BenchGraph }[];
  readonly inputs: GraphInputs;
  /** The first plan on a problem small enough for the CPU path. */
  readonly small: BenchProblem;
}

/** A plan that can be timed: the result of its check, and its dispatches in their two parts. */
export interface PreparedWay {
  readonly name: string;
  readonly found: Agreement;
  readonly summary: Pick<PlanSummary, "arena_bytes" | "peak_bytes" | "staging_bytes">;
  readonly forward: readonly PlannedDispatch[];
  readonly backward: readonly PlannedDispatch[];
}

/** The result of one plan in one direction. */
export interface WayRow {
  readonly way: string;
  readonly direction: Direction;
  /** The fault of its numbers; a row with an error has no time. */
  readonly error: string;
  /** Against the first plan; for the first plan itself, against the CPU path in f64. */
  readonly depth_error: number | null;
  readonly gradient_error: number | null;
  readonly time: TimingSummary | null;
  /** The samples behind the time. */
  readonly timing: Timing | null;
  /** Time of the first plan divided by this one's, round by round: 2 is twice as fast. */
  readonly ratio: Estimate | null;
  readonly dispatches: number;
  readonly flops: number;
  /** Bytes that the dispatches read and write, by the cost model of their twins. */
  readonly bytes: number;
  /** Bytes of the tensors between the dispatches of the plan, including gradients. */
  readonly between_bytes: number;
  /** Bytes of all buffers of the plan except its staging buffers. */
  readonly peak_bytes: number;
  readonly roofline: PlanRoofline | null;
}

/** Checks the plans, times them interleaved and reports each requested direction. */
export async function benchWays(
  bench: Bench,
  ceilings: Ceilings | null,
  { ways, inputs, small }: WaySet,
  directions: readonly Direction[],
): Promise<WayRow[]> {
  const { gpu } = bench;
  const open: (() => void)[] = [];
  try {
    const prepared: PreparedWay[] = [];
    let first: Numbers | null = null;
    for (const { name, graph } of ways) {
      const { numbers, destroy, ...way } = await runWay(gpu, graph, inputs);
      open.push(destroy);
      const found: Agreement =
        first === null
          ? await compareWithCpu(gpu, small)
          : compareNumbers(numbers, first, ways[0].name);
      first ??= numbers;
      prepared.push({ name, found, ...way });
    }
    return await timeWays(bench, ceilings, prepared, directions);
  } finally {
    for (const destroy of open) destroy();
  }
}

/** Times the correct plans, interleaved; none if the first is wrong. */
export async function timeWays(
  bench: Bench,
  ceilings: Ceilings | null,
  ways: readonly PreparedWay[],
  directions: readonly Direction[],
): Promise<WayRow[]> {
  const { gpu } = bench;
  const right = ways[0].found.error === "" ? ways.filter(({ found }) => found.error === "") : [];
  const contestants = right.map(({ forward, backward }) => {
    const parts = [forward, backward].map((part) => part.map(({ dispatch }) => dispatch));
    return {
      time: async (batch: number) => {
        const passes = parts.map((part) => repeated(part, batch));
        return (await soundPasses(gpu, passes)).map((time_ms) => time_ms / batch);
      },
    };
  });
  const turn = right.length === 0 ? null : await measureInTurn(bench, contestants);
  return directions.flatMap((direction) =>
    ways.map((way) => wayRow(bench, ceilings, direction, way, turn, right.indexOf(way))),
  );
}

function wayRow(
  bench: Bench,
  ceilings: Ceilings | null,
  direction: Direction,
  { name, found, summary, forward, backward }: PreparedWay,
  turn: TurnTiming | null,
  place: number,
): WayRow {
  const parts = { forward, backward, both: [...forward, ...backward] };
  const costs = parts[direction].map(({ cost }) => cost);
  const series = turn?.rounds.map((rounds) => rounds.map((run) => timeOf(run, direction)));
  const samples_ms = series?.[place];
  const { batch = 1, converged = false } = turn ?? {};
  const timing =
    samples_ms === undefined ? null : timingOf(bench, { samples_ms, batch, converged });
  const time = timing === null ? null : summarizeTiming(timing);
  return {
    way: name,
    direction,
    ...found,
    time,
    timing,
    ratio: series === undefined || place < 1 ? null : estimate(ratios(series[0], series[place])),
    dispatches: costs.length,
    ...totalCost(costs),
    between_bytes: total(summary.arena_bytes),
    peak_bytes: summary.peak_bytes - summary.staging_bytes,
    roofline:
      time?.trusted === true && ceilings !== null
        ? planRoofline(costs, time.median_ms, ceilings)
        : null,
  };
}

function timeOf([forward, backward]: readonly number[], direction: Direction): number {
  return { forward, backward, both: forward + backward }[direction];
}

/** Compiles a graph, runs it once and finds out where its forward part ends. */
async function runWay(
  gpu: Gpu,
  { g, forward, backward }: BenchGraph,
  inputs: GraphInputs,
): Promise<
  Omit<PreparedWay, "name" | "found"> & { readonly numbers: Numbers; readonly destroy: () => void }
> {
  const store = createStore(gpu, g, initialStore(g, 1));
  const open = [store.destroy];
  const destroy = (): void => open.forEach((free) => free());
  try {
    const plan = await compile(gpu, g, { outputs: { ...forward, ...backward } }, store, {
      fused: false, // the forms are those of the ops, and their two parts are told apart by calls
    });
    open.push(plan.destroy);
    const { dispatches, summary } = plan;
    const numbers = await plan.run(inputsOf(g, inputs));
    // Nodes are lowered in the order in which they were made, gradients last.
    const end = lower(g, Object.values(forward), gpu.facts).calls.length;
    const parts = { forward: dispatches.slice(0, end), backward: dispatches.slice(end) };
    return { ...parts, summary, numbers, destroy };
  } catch (error) {
    destroy();
    throw error;
  }
}

/** Runs one graph on the GPU in f32 and on the CPU in f64, and compares. */
export async function compareWithCpu(
  gpu: Gpu,
  { graph, inputs }: BenchProblem,
): Promise<Agreement> {
  const { g, forward, backward } = graph;
  const { numbers, destroy } = await runWay(gpu, graph, inputs);
  destroy();
  const outputs = { ...forward, ...backward };
  const onCpu = await runOnCpuPatiently(g, { outputs }, initialStore(g, 1), inputsOf(g, inputs));
  return compareNumbers(numbers, onCpu, "f64");
}

/** The inputs of a problem that a graph has: not every plan needs all of them. */
export function inputsOf({ inputs }: Graph, given: GraphInputs): Record<string, Float32Array> {
  return Object.fromEntries(inputs.map(({ name }) => [name, given[name]]));
}

function repeated(part: readonly PreparedDispatch[], times: number): PreparedDispatch[] {
  return Array.from({ length: times }, () => part).flat();
}
