// The results on the page: one row per source and operator. A run replaces the rows of the operators
// that ran; the others stay, so that a partial run deletes nothing.
import { aligned, count, grouped, type Counts, type Judged } from "./report.ts";

/** Counts of one operator of one source. */
export interface ResultRow extends Readonly<Counts> {
  readonly source: string;
  readonly operator: string;
  /** How many of those that passed compare gradients too. */
  readonly gradients: number;
}

/** One row per source and operator of a run. */
export function rowsOf(judged: readonly Judged[]): ResultRow[] {
  return [...grouped(judged, keyOf).values()].map((group) => {
    const { source, operator } = group[0].given;
    const gradients = group.filter(
      ({ given, outcome }) => outcome.kind === "passed" && given.gradients.length > 0,
    );
    return { source, operator, ...count(group), gradients: gradients.length };
  });
}

/** The name of an operator across all sources. */
export function keyOf({ given: { source, operator } }: Pick<Judged, "given">): string {
  return `${source}/${operator}`;
}

const LINE = /^\| +(\S+) +\| +(\S+) +\| +(\d+) +\| +(\d+) +\| +(\d+) +\| +(\d+) +\|$/gm;
const UNOFFERED = /^- (\S+): (.+)$/gm;

/** The rows that a page has. */
export function readRows(text: string): ResultRow[] {
  const table = [...text.matchAll(LINE)].map(([, source, operator, ...counts]): ResultRow => {
    const [passed, failed, not_offered, gradients] = counts.map(Number);
    return { source, operator, passed, failed, not_offered, gradients };
  });
  const rest = [...text.matchAll(UNOFFERED)].flatMap(([, source, list]) =>
    list.split(", ").map((item): ResultRow => {
      const [operator, cases] = item.split(" ");
      const not_offered = Number(cases);
      return { source, operator, passed: 0, failed: 0, not_offered, gradients: 0 };
    }),
  );
  return [...table, ...rest];
}

/** The rows of a page after a run: those of the operators that ran are replaced. */
export function mergedRows(
  before: readonly ResultRow[],
  ran: readonly ResultRow[],
): readonly ResultRow[] {
  const name = ({ source, operator }: ResultRow): string => `${source}/${operator}`;
  const rows = new Map([...before, ...ran].map((row) => [name(row), row]));
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** Results in Markdown: operators that are offered as a table, the others in a line per source. */
export function resultsText(rows: readonly ResultRow[]): string {
  const total = (field: "passed" | "failed" | "not_offered" | "gradients"): number =>
    rows.reduce((sum, row) => sum + row[field], 0);
  const offered = rows.filter(({ passed, failed }) => passed + failed > 0);
  const table = aligned([
    ["source", "operator", "passed", "failed", "not offered", "passed with gradients"],
    ...offered.map(({ source, operator, passed, failed, not_offered, gradients }) => [
      source,
      operator,
      ...[passed, failed, not_offered, gradients].map(String),
    ]),
  ]);
  const rest = new Map<string, string[]>();
  for (const { source, operator, passed, failed, not_offered } of rows) {
    if (passed + failed > 0) continue;
    rest.set(source, [...(rest.get(source) ?? []), `${operator} ${not_offered}`]);
  }
  const lines = [...rest].map(([source, list]) => `- ${source}: ${list.join(", ")}`);
  return [
    `${total("passed")} cases passed, ${total("gradients")} of them with gradients, ` +
      `${total("failed")} failed, ${total("not_offered")} were not offered.`,
    table,
    "Operators not offered, and their cases:",
    lines.join("\n"),
  ].join("\n\n");
}
