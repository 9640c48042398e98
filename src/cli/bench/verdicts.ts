// Verdicts of benches in words, above and below a long table.
import type { BinRow } from "../../profile/bench/bins_bench.ts";
import type { BinLoss, BinVerdict } from "../../profile/bench/bins_verdicts.ts";
import type { WayRow } from "../../profile/bench/plan_bench.ts";
import { ratioVerdict } from "../../measure/ratio_verdict.ts";
import { ratioText } from "./table.ts";

/** The answer of `bench bins` in one line. */
export function binsAnswer(
  rows: readonly BinRow[],
  verdicts: readonly BinVerdict[],
  losses: readonly BinLoss[],
): string {
  const steps = rows
    .filter(({ level, direction }) => level === 3 && direction === "both")
    .flatMap(({ ratio }) => (ratio === null ? [] : [ratio]));
  const medians = steps.map(({ median }) => median);
  const range = (values: readonly number[]): string =>
    [...new Set([Math.min(...values), Math.max(...values)].map((v) => v.toFixed(2)))].join(" to ");
  const ends = [...steps.map(({ low }) => low), ...steps.map(({ high }) => high)];
  const compared = rows.filter(({ ratio }) => ratio !== null).length;
  const lost = losses.reduce((sum, loss) => sum + loss.rows, 0);
  const asked = verdicts.filter(({ verdict }) => verdict !== "not measured");
  const counts = (["met", "AMBIGUOUS", "not met", "WRONG"] as const)
    .map((word) => [asked.filter(({ verdict }) => verdict === word).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`);
  return [
    ...(steps.length === 0
      ? []
      : [
          `a fused distillation step is ${range(medians)} times as fast as an unfused one ` +
            `[${range(ends)}]`,
        ]),
    ...(asked.length === 0 ? [] : [`claims: ${counts.join(", ")}`]),
    `fusing is clearly slower in ${lost} of ${compared} rows`,
  ].join("; ");
}

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
