// What fusing the bin decode is asked to be worth, and whether rows of the bench say so. Pure.
import { problemName, type BinRow } from "./bins_bench.ts";
import type { BinStudent } from "./bins_problem.ts";

/** One thing asked of the levels, and what was measured of it. */
export interface BinVerdict {
  readonly claim: string;
  /** Least ratio that is needed, of the first level by the other. */
  readonly needed: number;
  /** Least and largest ratio over the problems that were measured; null where there is none. */
  readonly least: number | null;
  readonly most: number | null;
  /** The problem of the least ratio. */
  readonly at: string;
  /** Null where nothing was measured. */
  readonly met: boolean | null;
}

const STUDENT_NAMES = { logits: "logits", binomial: "(pi, t)" } as const;

/** The verdicts of a bench, those of problems that were not measured too. */
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
    list.map((row) => ({ row, ratio: row.ratio?.median ?? null }));
  return [
    verdict(
      "from logits, forward at 64 and 128 bins: time of level 0 by that of level 1",
      1.5,
      times(decodes),
    ),
    ...(["logits", "binomial"] as const).map((student) =>
      verdict(
        `from ${STUDENT_NAMES[student]}, distillation step: time of level 0 by that of level 3`,
        2,
        times(steps(student)),
      ),
    ),
    verdict(
      "from (pi, t), centres of the image, 128 bins: peak memory of level 0 by that of level 3",
      4,
      steps("binomial")
        .filter(({ centers, bins }) => centers === "image" && bins === 128)
        .map((row) => ({ row, ratio: memoryRatio(rows, row) })),
    ),
  ];
}

interface Ratio {
  readonly row: BinRow;
  /** Null where the row has no time. */
  readonly ratio: number | null;
}

/** Peak memory of level 0 by that of a row; null where level 0 or the row is wrong. */
function memoryRatio(rows: readonly BinRow[], row: BinRow): number | null {
  const name = problemName(row);
  const unfused = rows.find(
    (r) => r.level === 0 && r.direction === row.direction && problemName(r) === name,
  );
  if (unfused?.error !== "" || row.error !== "") return null;
  return unfused.peak_bytes / row.peak_bytes;
}

function verdict(claim: string, needed: number, all: readonly Ratio[]): BinVerdict {
  const measured = all.flatMap(({ row, ratio }) => (ratio === null ? [] : [{ row, ratio }]));
  if (measured.length === 0) {
    // A row without a number is wrong, and so is what was claimed of it.
    const met = all.length === 0 ? null : false;
    return { claim, needed, least: null, most: null, at: "", met };
  }
  const worst = measured.reduce((a, b) => (b.ratio < a.ratio ? b : a));
  return {
    claim,
    needed,
    least: worst.ratio,
    most: Math.max(...measured.map(({ ratio }) => ratio)),
    at: problemName(worst.row),
    met: worst.ratio >= needed && measured.length === all.length,
  };
}
