// The claims about fusing the bin decode, whether the bench's rows confirm them, and where fusing
// loses. Verdicts use whole intervals, never medians alone. Pure.
import { problemName, type BinRow } from "./bins_bench.ts";
import type { BinStudent } from "./bins_problem.ts";
import { ratioVerdict } from "../../measure/ratio_verdict.ts";
import type { Estimate } from "../../measure/statistics.ts";

/** The verdict that the intervals of all problems give on a claim. */
export type ClaimVerdict =
  /** Every interval lies above the required ratio. */
  | "met"
  /** An interval lies below the required ratio. */
  | "not met"
  /** Neither: an interval contains the required ratio, or a time is too short for the clock. */
  | "AMBIGUOUS"
  /** A problem has no ratio, because its numbers are wrong. */
  | "WRONG"
  | "not measured";

/** One claim about the levels, and its measurement. */
export interface BinVerdict {
  readonly claim: string;
  /** The minimum ratio required, of the first level to the other. */
  readonly needed: number;
  /** Smallest and largest ratio over the measured problems; null if there is none. */
  readonly least: Estimate | null;
  readonly most: Estimate | null;
  /** The deciding problem: the one whose interval begins lowest. */
  readonly at: string;
  readonly verdict: ClaimVerdict;
}

const STUDENT_NAMES = { logits: "logits", binomial: "(pi, t)" } as const;

/** The verdicts of a bench, including claims whose problems were not measured. */
export function binVerdicts(rows: readonly BinRow[]): BinVerdict[] {
  const decodes = rows.filter(
    (row) =>
      row.level === 1 &&
      row.direction === "forward" &&
      row.student === "logits" &&
      [64, 128].includes(row.bins),
  );
  const steps = (student: BinStudent): BinRow[] =>
    rows.filter((r) => r.level === 3 && r.direction === "both" && r.student === student);
  const times = (list: readonly BinRow[]): Ratio[] =>
    list.map((row) => ({ row, ratio: row.ratio, told: row.time?.trusted ?? true }));
  return [
    verdict(
      "from logits, forward at 64 and 128 bins: time of level 0 / time of level 1",
      1.5,
      times(decodes),
    ),
    ...(["logits", "binomial"] as const).map((student) =>
      verdict(
        `from ${STUDENT_NAMES[student]}, distillation step: time of level 0 / time of level 3`,
        2,
        times(steps(student)),
      ),
    ),
    verdict(
      "from (pi, t), centres of the image, 128 bins: peak memory of level 0 / that of level 3",
      4,
      steps("binomial")
        .filter(({ centers, bins }) => centers === "image" && bins === 128)
        .map((row) => ({ row, ratio: memoryRatio(rows, row), told: true })),
    ),
  ];
}

/** Rows of one level, direction and input that are certainly slower than level 0. */
export interface BinLoss {
  readonly level: BinRow["level"];
  readonly direction: BinRow["direction"];
  readonly student: BinStudent;
  /** Channels of the features that the decode begins with; 0 from logits and (pi, t). */
  readonly channels: number;
  /** The number of such rows that lose, and of all such rows. */
  readonly rows: number;
  readonly of: number;
  /** Their smallest ratio, and its problem. */
  readonly worst: Estimate;
  readonly at: string;
}

/** Where fusing loses: the whole interval of the ratio lies below 1. The worst loss comes first. */
export function binLosses(rows: readonly BinRow[]): BinLoss[] {
  const kinds = new Map<string, BinRow[]>();
  for (const row of rows) {
    if (row.ratio === null) continue;
    const key = [row.level, row.direction, row.student, row.channels].join(" ");
    kinds.set(key, [...(kinds.get(key) ?? []), row]);
  }
  const losses = [...kinds.values()].flatMap((kind): BinLoss[] => {
    const losing = kind.filter((row) => row.ratio !== null && ratioVerdict(row) === "slower");
    if (losing.length === 0) return [];
    const worst = losing.reduce((a, b) => (b.ratio!.median < a.ratio!.median ? b : a));
    const { level, direction, student, channels } = worst;
    return [
      {
        level,
        direction,
        student,
        channels,
        rows: losing.length,
        of: kind.length,
        worst: worst.ratio!,
        at: problemName(worst),
      },
    ];
  });
  return losses.toSorted((a, b) => a.worst.median - b.worst.median);
}

interface Ratio {
  readonly row: BinRow;
  /** Null if the row has no time. */
  readonly ratio: Estimate | null;
  /** Whether the clock can measure it. */
  readonly told: boolean;
}

/** Peak memory of level 0 divided by that of a row; null if level 0 or the row is wrong. */
function memoryRatio(rows: readonly BinRow[], row: BinRow): Estimate | null {
  const name = problemName(row);
  const unfused = rows.find(
    (r) => r.level === 0 && r.direction === row.direction && problemName(r) === name,
  );
  if (unfused?.error !== "" || row.error !== "") return null;
  const exact = unfused.peak_bytes / row.peak_bytes;
  return { median: exact, low: exact, high: exact };
}

function verdict(claim: string, needed: number, all: readonly Ratio[]): BinVerdict {
  const measured = all.flatMap(({ row, ratio }) => (ratio === null ? [] : [{ row, ratio }]));
  if (measured.length === 0) {
    // A row without a number is wrong, and so is any claim about it.
    const none = all.length === 0 ? "not measured" : "WRONG";
    return { claim, needed, least: null, most: null, at: "", verdict: none };
  }
  const by = (better: (a: Estimate, b: Estimate) => boolean): (typeof measured)[number] =>
    measured.reduce((a, b) => (better(b.ratio, a.ratio) ? b : a));
  const least = by((a, b) => a.low < b.low);
  return {
    claim,
    needed,
    least: least.ratio,
    most: by((a, b) => a.high > b.high).ratio,
    at: problemName(least.row),
    verdict: claimVerdict(needed, all),
  };
}

function claimVerdict(needed: number, all: readonly Ratio[]): ClaimVerdict {
  if (all.some(({ ratio }) => ratio === null)) return "WRONG";
  if (all.some(({ ratio, told }) => told && ratio!.high < needed)) return "not met";
  return all.every(({ ratio, told }) => told && ratio!.low >= needed) ? "met" : "AMBIGUOUS";
}

const USUAL_BINS = 64;

/**
 * Time and memory of a fused distillation step at 64 bins, or the nearest number to it, in a
 * sentence; empty if none was measured.
 */
export function stepFinding(rows: readonly BinRow[]): string[] {
  const steps = rows.filter(
    ({ level, direction, ratio }) => level === 3 && direction === "both" && ratio !== null,
  );
  const distance = ({ bins }: BinRow): number => Math.abs(bins - USUAL_BINS);
  const nearest = steps.reduce((least, row) => Math.min(least, distance(row)), Infinity);
  const at = steps.filter((row) => distance(row) === nearest);
  if (at.length === 0) return [];
  // The least favourable of them, so that the line promises nothing that some input does not keep.
  const worst = at.reduce((a, b) => (b.ratio!.median < a.ratio!.median ? b : a));
  const best = at.reduce((a, b) => (b.ratio!.median > a.ratio!.median ? b : a));
  const to = best === worst ? "" : ` (up to ${best.ratio!.median.toFixed(1)})`;
  const { median, low, high } = worst.ratio!;
  const interval = `[${low.toFixed(1)}, ${high.toFixed(1)}]`;
  const open = ratioVerdict(worst) === "AMBIGUOUS" ? ", AMBIGUOUS," : "";
  const name = problemName(worst);
  const stored = rows.find(
    (row) => row.level === 0 && row.direction === "both" && problemName(row) === name,
  );
  const memory =
    stored === undefined
      ? ""
      : ` and takes ${(worst.peak_bytes / stored.peak_bytes).toFixed(2)} of the memory`;
  return [
    `at ${worst.bins} bins a fused distillation step is ${median.toFixed(1)} times as fast as an ` +
      `unfused one ${interval}${to}${open}${memory}`,
  ];
}
