// What a comparison with an earlier profile says in words, and whether a gate lets it pass.
import type { RowComparison } from "../../measure/saved_run.ts";

/** How strict a gate is. */
export interface GateOptions {
  readonly gate?: boolean;
  readonly lenient?: boolean;
}

/** What to tell people, and whether the gate failed. */
export interface GateResult {
  readonly lines: readonly string[];
  readonly failed: boolean;
}

type Verdict = RowComparison["verdict"];

const WORDS: Partial<Record<Verdict, string>> = {
  MISSING: "only in the earlier profile",
  NEW: "not in the earlier profile",
  WRONG: "one of the two profiles has no time",
  AMBIGUOUS:
    "not certainly the same and not certainly changed; more samples (--time) may settle it",
  UNTRUSTED: "too short for the clock to measure",
};
// Rows that no time stands against: a gate that ignored them would pass what was never measured.
const UNCOMPARED: readonly Verdict[] = ["MISSING", "NEW", "WRONG"];
const NAMED = 3;

/**
 * Judges the rows of a comparison, missing ones among them. A gate fails for a row that is SLOW, and
 * unless lenient for one that is not compared; what is not sure never fails it.
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
