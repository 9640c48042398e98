// Verdicts of benches in words, above and below a long table.
import type { BinRow } from "../../profile/bench/bins_bench.ts";
import { stepFinding, type BinLoss, type BinVerdict } from "../../profile/bench/bins_verdicts.ts";
import type { WayRow } from "../../profile/bench/plan_bench.ts";
import { ratioVerdict } from "../../measure/ratio_verdict.ts";
import { ratioText } from "./table.ts";

/** The answer of `bench bins` in one line; `step` is a whole training step, stored and fused. */
export function binsAnswer(
  rows: readonly BinRow[],
  verdicts: readonly BinVerdict[],
  losses: readonly BinLoss[],
  step: readonly WayRow[],
): string {
  const compared = rows.filter(({ ratio }) => ratio !== null).length;
  const lost = losses.reduce((sum, loss) => sum + loss.rows, 0);
  const asked = verdicts.filter(({ verdict }) => verdict !== "not measured");
  const counts = (["met", "AMBIGUOUS", "not met", "WRONG"] as const)
    .map((word) => [asked.filter(({ verdict }) => verdict === word).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`);
  return [
    ...stepFinding(rows),
    ...step
      .filter(({ ratio }) => ratio !== null)
      .map((row) => {
        const open = ratioVerdict(row) === "AMBIGUOUS" ? ", AMBIGUOUS" : "";
        return `a whole training step of nano ${ratioText(row.ratio)} times as fast${open}`;
      }),
    ...losses.slice(0, 1).map(({ level, direction, student, channels, worst }) => {
      const from = student === "features" ? `${channels} features` : STUDENTS[student];
      return `level ${level} loses most, ${direction} from ${from}: ${worst.median.toFixed(2)} times`;
    }),
    `fusing is clearly slower in ${lost} of ${compared} rows`,
    ...(asked.length === 0 ? [] : [`claims: ${counts.join(", ")}`]),
  ].join("; ");
}

const STUDENTS = { logits: "logits", binomial: "(pi, t)" } as const;

/** A claim with its verdict and the figures behind it. */
export function verdictLine({ claim, needed, least, most, at, verdict }: BinVerdict): string {
  const need = `${claim}: at least ${needed} needed`;
  if (least === null || most === null) return `${need}, ${verdict}`;
  const figures = `lowest ${ratioText(least)}, highest ${ratioText(most)}`;
  return `${need}, ${figures}: ${verdict}${verdict === "met" ? "" : ` at ${at}`}`;
}

/** The cases in which fusing is slower: a line for each level, direction and input. */
export function lossLine({ level, direction, at, worst, rows, of }: BinLoss): string {
  const count = of === 1 ? "" : `, ${rows} of ${of} such rows`;
  return `level ${level} is slower than level 0, ${direction}: ${ratioText(worst)} at ${at}${count}`;
}

/** A line with the verdict on each ratio to the first alternative. */
export function wayLines<Row extends WayRow>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
): string[] {
  return rows
    .filter(({ ratio }) => ratio !== null)
    .map(
      (row) => `${nameOf(row)}: ${row.way} is ${WORDS[ratioVerdict(row)]}, ${ratioText(row.ratio)}`,
    );
}

const WORDS = {
  faster: "faster",
  slower: "slower",
  AMBIGUOUS: "neither clearly faster nor clearly slower (AMBIGUOUS)",
} as const;
