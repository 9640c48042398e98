// A comparison with an earlier profile in words, and whether it passes the gate.
import type { RowComparison } from "../../measure/saved_run.ts";

/** How strict a gate is. */
export interface GateOptions {
  readonly gate?: boolean;
  readonly lenient?: boolean;
}

/** Default of the smallest change that counts between kernels timed interleaved. */
export const THRESHOLD = 0.03;
const SOFTWARE_THRESHOLD = 0.1;

/**
 * The smallest change that counts between profiles taken at different times; larger for a software
 * adapter, which shares its processor with other programs.
 */
export function thresholdApart({ software }: { readonly software: boolean }): number {
  return software ? SOFTWARE_THRESHOLD : THRESHOLD;
}

/** Lines to print, and whether the gate failed. */
export interface GateResult {
  readonly lines: readonly string[];
  readonly failed: boolean;
}

type Verdict = RowComparison["verdict"];

const WORDS: Partial<Record<Verdict, string>> = {
  MISSING: "only in the earlier profile",
  NEW: "not in the earlier profile",
  WRONG: "one of the two profiles has no time",
  AMBIGUOUS: "neither clearly the same nor clearly changed; more samples (--time) may settle it",
  UNTRUSTED: "too short for the clock to measure",
};
// Rows without a time to compare: a gate that ignored them would pass rows never measured.
const UNCOMPARED: readonly Verdict[] = ["MISSING", "NEW", "WRONG"];
const NAMED = 3;

/**
 * Judges the rows of a comparison, including missing ones. A gate fails for a SLOW row and, unless
 * lenient, for one that was not compared; never for an uncertain one.
 */
export function judge(
  rows: readonly RowComparison[],
  { gate = false, lenient = false }: GateOptions,
): GateResult {
  const of = (verdict: Verdict): readonly RowComparison[] =>
    rows.filter((row) => row.verdict === verdict);
  const lines = (Object.keys(WORDS) as Verdict[])
    .filter((verdict) => of(verdict).length > 0)
    .map((verdict) => `${of(verdict).length} ${verdict}: ${WORDS[verdict]}: ${named(of(verdict))}`);
  if (!gate) return { lines, failed: false };
  const failing: readonly Verdict[] = lenient ? ["SLOW"] : ["SLOW", ...UNCOMPARED];
  const counts = failing
    .filter((verdict) => of(verdict).length > 0)
    .map((verdict) => `${of(verdict).length} ${verdict}`);
  if (counts.length === 0) return { lines: [...lines, "gate passed"], failed: false };
  const onlyUncompared = of("SLOW").length === 0;
  const hint = onlyUncompared ? "; --lenient allows rows that are not compared" : "";
  return { lines: [...lines, `gate failed: ${counts.join(", ")}${hint}`], failed: true };
}

function named(rows: readonly RowComparison[]): string {
  const names = rows.slice(0, NAMED).map(({ kernel, case: name }) => `${kernel}, ${name}`);
  const more = rows.length - names.length;
  return [...names, ...(more > 0 ? [`${more} more`] : [])].join("; ");
}
