// Counts of an oracle run and the words for them.
import type { Failure } from "./run.ts";
import type { VectorCase } from "./vectors.ts";

/** How many cases passed on both paths, failed on one, or were not run. */
export interface Counts {
  passed: number;
  failed: number;
  not_offered: number;
}

/** The outcome of one case. */
export type Outcome =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly failures: readonly Failure[] }
  | { readonly kind: "not_offered"; readonly reason: string };

/** What `--json` prints. */
export interface Summary extends Counts {
  readonly by_operator: Record<string, Counts>;
}

/** A case and its outcome. */
export interface Judged {
  readonly given: VectorCase;
  readonly outcome: Outcome;
}

function none(): Counts {
  return { passed: 0, failed: 0, not_offered: 0 };
}

/** Counts of some cases. */
export function count(judged: readonly Judged[]): Counts {
  const counts = none();
  for (const { outcome } of judged) counts[outcome.kind]++;
  return counts;
}

/** Judged cases by a key, in the order of their first. */
export function grouped<T>(judged: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of judged) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}

/** Totals and counts by operator. */
export function summarize(judged: readonly Judged[]): Summary {
  const groups = grouped(judged, ({ given }) => given.operator);
  const entries = [...groups].map(([name, group]) => [name, count(group)] as const);
  return { ...count(judged), by_operator: Object.fromEntries(entries) };
}

/** Counts by source and operator, gradients apart, as a table in Markdown. */
export function table(judged: readonly Judged[]): string {
  const rows = [["source", "operator", "passed", "failed", "not offered"]];
  const add = (source: string, operator: string, group: readonly Judged[]): void => {
    const { passed, failed, not_offered } = count(group);
    rows.push([source, operator, String(passed), String(failed), String(not_offered)]);
  };
  for (const [source, cases] of grouped(judged, ({ given }) => given.source)) {
    for (const [operator, group] of grouped(cases, ({ given }) => given.operator)) {
      add(source, operator, group);
    }
  }
  add("all", "", judged);
  add(
    "all",
    "gradients",
    judged.filter(({ given }) => given.gradients.length > 0),
  );
  return aligned(rows);
}

/** Rows as a Markdown table, the first one its head, columns padded to one width. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) =>
      Number.isNaN(Number(cell || "x"))
        ? cell.padEnd(widths[column])
        : cell.padStart(widths[column]),
    );
    return `| ${cells.join(" | ")} |`;
  });
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

/** One line for each failure of a case. */
export function failureLines({ given, outcome }: Judged): string[] {
  if (outcome.kind !== "failed") return [];
  return outcome.failures.map(
    ({ path, message }) =>
      `FAILED ${given.source}/${given.operator} "${given.id}" ${path}: ${message}`,
  );
}
