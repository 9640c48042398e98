// The rows of the comparison, and the same as Markdown.
import type { Cost } from "../../src/engine/kernel.ts";
import type { Ceilings } from "../../src/measure/ceilings.ts";
import { planRoofline } from "../../src/profile/bench/plan_roofline.ts";
import type { PeerCase } from "./problems.ts";

/** The outcome of one engine on one problem. */
export type Outcome =
  | { readonly kind: "timed"; readonly times_ms: number[]; readonly difference: number }
  | { readonly kind: "failed"; readonly reason: string };

/** Largest difference from ours, as a share of the largest number: sums of up to 92,160 products. */
const SAME = 1e-4;
/** For losses after steps, in which rounding may turn the sign of a tiny gradient. */
const SAME_AFTER_STEPS = 1e-3;

/** One engine in a row. */
export interface Cell {
  readonly engine: string;
  /** The median; null if it failed or its result differs. */
  readonly time_ms: number | null;
  readonly best_ms: number | null;
  readonly gflops: number | null;
  readonly difference: number | null;
  readonly failure: string | null;
}

/** One problem. */
export interface Row {
  readonly name: string;
  readonly flops: number;
  readonly ours_ms: number;
  readonly ours_best_ms: number;
  readonly ours_gflops: number;
  /**
   * Least time of our dispatches at the measured ceilings, divided by the time; for a convolution
   * that of its direct sum, if it is longer, because Winograd's needs fewer products.
   */
  readonly ceiling_share: number;
  readonly cells: readonly Cell[];
  /** The fastest peer whose results agree, and its time divided by ours. */
  readonly best: { readonly engine: string; readonly ratio: number } | null;
  /** Median of PyTorch on the CPU; not compared. */
  readonly torch_ms: number | null;
}

/** The row of a problem from its times. */
export function toRow(
  { name, problem, flops }: PeerCase,
  ours: { readonly times_ms: readonly number[]; readonly costs: readonly Cost[] },
  peers: Readonly<Record<string, Outcome>>,
  ceilings: Ceilings,
  torch_ms: readonly number[] | null,
): Row {
  const same = problem.op === "step" ? SAME_AFTER_STEPS : SAME;
  const cells = Object.entries(peers).map(([engine, outcome]) =>
    toCell(engine, outcome, flops, same),
  );
  const ours_ms = median(ours.times_ms);
  const direct = problem.op === "conv" ? flops / ours_ms / 1e6 / ceilings.gflops : 0;
  let best: Row["best"] = null;
  for (const { engine, time_ms } of cells) {
    if (time_ms !== null && (best === null || time_ms / ours_ms < best.ratio)) {
      best = { engine, ratio: time_ms / ours_ms };
    }
  }
  return {
    name,
    flops,
    ours_ms,
    ours_best_ms: Math.min(...ours.times_ms),
    ours_gflops: flops / ours_ms / 1e6,
    ceiling_share: Math.max(direct, planRoofline(ours.costs, ours_ms, ceilings).share),
    cells,
    best,
    torch_ms: torch_ms === null ? null : median(torch_ms),
  };
}

function toCell(engine: string, outcome: Outcome, flops: number, same: number): Cell {
  const none = { engine, time_ms: null, best_ms: null, gflops: null };
  if (outcome.kind === "failed") return { ...none, difference: null, failure: outcome.reason };
  const { times_ms, difference } = outcome;
  if (!(difference <= same)) {
    return { ...none, difference: finite(difference), failure: "WRONG: its results differ" };
  }
  const time_ms = median(times_ms);
  return {
    engine,
    time_ms,
    best_ms: Math.min(...times_ms),
    gflops: flops / time_ms / 1e6,
    difference,
    failure: null,
  };
}

/** JSON has no infinity. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** Geometric mean of the ratios to the best peer, over the rows that have one. */
export function geometricMean(rows: readonly Row[]): number | null {
  const ratios = rows.flatMap(({ best }) => (best === null ? [] : [best.ratio]));
  if (ratios.length === 0) return null;
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}

/** The middle of several times. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
}

/** The rows as a Markdown table: GFLOP/s with milliseconds, then the ratio to the best peer. */
export function markdown(rows: readonly Row[]): string[] {
  const engines = rows[0]?.cells.map(({ engine }) => engine) ?? [];
  const torch = rows.some(({ torch_ms }) => torch_ms !== null);
  const head = ["problem", "ours", ...engines, "ratio to the best", "of the ceiling"];
  if (torch) head.push("PyTorch CPU");
  const lines = rows.map((row) => [
    row.name,
    speedText(row.flops, row.ours_ms),
    ...row.cells.map((cell) =>
      cell.time_ms === null ? failureText(cell) : speedText(row.flops, cell.time_ms),
    ),
    row.best === null ? "no peer" : `${row.best.ratio.toFixed(2)} (${row.best.engine})`,
    `${(100 * row.ceiling_share).toFixed(0)} %`,
    ...(torch ? [row.torch_ms === null ? "" : speedText(row.flops, row.torch_ms)] : []),
  ]);
  const table = [head, head.map(() => "---"), ...lines];
  return table.map((cells) => `| ${cells.join(" | ")} |`);
}

function speedText(flops: number, time_ms: number): string {
  const gflops = flops / time_ms / 1e6;
  return `${gflops.toFixed(gflops < 1 ? 2 : 1)} (${time_ms.toFixed(time_ms < 10 ? 1 : 0)} ms)`;
}

function failureText({ failure }: Cell): string {
  return failure?.startsWith("WRONG") === true
    ? "WRONG"
    : failure?.startsWith("it has no") === true
      ? "-"
      : "failed";
}
