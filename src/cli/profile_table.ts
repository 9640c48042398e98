// A profile as text: a table for the terminal or Markdown, CSV for spreadsheets, and the model
// behind each row. Draws what summary.ts says and computes nothing.
import type { Ceilings } from "../profile/ceilings.ts";
import type { RowComparison } from "../profile/saved_run.ts";
import type { Comparison } from "../profile/statistics.ts";
import type { Summary, SummaryRow, TimingSummary } from "../profile/summary.ts";
import { textTable } from "./table.ts";

/** How a result is written. */
export type Format = "table" | "json" | "md" | "csv";

/** Rows under a head, all text. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A table as the lines of a format. */
export function tableLines({ head, rows }: Table, format: "table" | "md" | "csv"): string[] {
  if (format === "table") return textTable(head, rows);
  if (format === "csv") return [head, ...rows].map((row) => row.map(csvCell).join(","));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "--:"))), ...rows.map(line)];
}

/** A profile for people: times in fitting units, one verdict a row. */
export function summaryTable({ rows, baseline }: Summary): Table {
  const caches = (["cold", "hot"] as const).filter((c) => rows.some((row) => row[c] !== null));
  return {
    head: [
      "kernel",
      "case",
      "ok",
      ...caches.map((cache) => `${cache} p50 [95 %]`),
      "GFLOP/s",
      "GB/s",
      "bound",
      ...(baseline === null ? [] : [`vs ${baseline}`]),
    ],
    rows: rows.map((row) => [
      row.kernel,
      row.case,
      row.ok ? "yes" : "WRONG",
      ...caches.map((cache) => timeCell(row[cache])),
      row.roofline === null ? "" : row.roofline.gflops.toPrecision(3),
      row.roofline === null ? "" : row.roofline.gbytes.toPrecision(3),
      boundCell(row),
      ...(baseline === null ? [] : [row.comparison === null ? "" : verdictText(row.comparison)]),
    ]),
  };
}

/** A profile for programs that read CSV: every number in full, its unit in its name. */
export function summaryCsv({ rows }: Summary): Table {
  const records = rows.map((row) => csvRecord(row));
  return {
    head: CSV_FIELDS,
    rows: records.map((record) => CSV_FIELDS.map((field) => String(record[field] ?? ""))),
  };
}

const CSV_TIMING = ["median_ms", "low_ms", "high_ms", "samples", "batch", "trusted"] as const;
const CSV_FIELDS: readonly string[] = [
  "kernel",
  "case",
  "ok",
  "error",
  "shader_hash",
  "flops",
  "bytes",
  ...["cold", "hot"].flatMap((cache) => CSV_TIMING.map((field) => `${cache}_${field}`)),
  "gflops",
  "gbytes",
  "bound",
  "share",
  "verdict",
  "change",
];

function csvRecord(row: SummaryRow): Record<string, string | number | boolean | null | undefined> {
  const { cold, hot, roofline, comparison, ...rest } = row;
  const timing = (cache: string, summary: TimingSummary | null): object =>
    summary === null
      ? {}
      : Object.fromEntries(CSV_TIMING.map((field) => [`${cache}_${field}`, summary[field]]));
  return {
    ...rest,
    ...timing("cold", cold),
    ...timing("hot", hot),
    ...roofline,
    verdict: comparison?.verdict,
    change: comparison?.change?.median,
  };
}

/** Comparisons of two profiles, row by row. */
export function comparisonTable(rows: readonly RowComparison[]): Table {
  return {
    head: ["kernel", "case", "caches", "verdict", "change [95 %]"],
    rows: rows.map((row) => {
      const { kernel, case: name, caches, change } = row;
      return [kernel, name, caches, verdictText(row), change === null ? "" : intervalText(change)];
    }),
  };
}

/** The line above a profile: clock and versions. */
export function environmentLine({ environment, ceilings }: Summary): string {
  const { timer_quantum_ns, node, webgpu, git } = environment;
  const commit =
    git === null ? "" : `  git ${git.commit.slice(0, 8)}${git.dirty ? " changed" : ""}`;
  const measured = ceilings === null ? "none" : `of ${ceilings.date.slice(0, 10)}`;
  return `timer ${timer_quantum_ns} ns  node ${node}  webgpu ${webgpu}${commit}  ceilings ${measured}`;
}

/** What a reader should know of the times of a profile; empty where all is well. */
export function remarks({ rows }: Summary): string[] {
  const timings = rows.flatMap(({ cold, hot }) => [cold, hot]).filter((t) => t !== null);
  const wide = timings.filter(({ converged }) => !converged).length;
  const short = timings.filter(({ trusted }) => !trusted).length;
  const drifts = timings.map((t) => Math.abs(t.drift));
  const lines =
    timings.length === 0 ? [] : [`drift at most ${percent(Math.max(...drifts), false)}`];
  if (wide > 0) lines.push(`${wide} of ${timings.length} times noisier than asked at the time-out`);
  if (short > 0) lines.push(`${short} too short for the clock (?)`);
  const bound = rows.filter(({ roofline }) => roofline?.bound === "launch").length;
  if (bound > 0) lines.push(`${bound} bound by the launch: larger problems tell more`);
  const above = rows.filter(({ roofline }) => (roofline?.share ?? 0) > BELIEVED).length;
  if (above > 0) {
    lines.push(`${above} above their ceiling: measure it anew by "ringdepth profile ceilings"`);
  }
  return lines;
}

// A share of more than this says that the ceiling was measured while the machine was busy.
const BELIEVED = 1.05;

/** How the rates and the bound of each row came about, with the numbers. */
export function explain({ rows, ceilings }: Summary): string[] {
  if (ceilings === null) return ["no ceilings: `ringdepth profile ceilings` measures them"];
  return rows.flatMap((row) => {
    const { kernel, case: name, flops, bytes, hot, cold, roofline } = row;
    const timed = hot ?? cold;
    if (roofline === null || timed === null) return [];
    const { ceiling_gbytes, ceiling_bytes, bound, share } = roofline;
    const time = timeText(timed.median_ms);
    const memory = timeText(bytes / ceiling_gbytes / 1e6);
    const compute = timeText(flops / ceilings.gflops / 1e6);
    return [
      `${kernel}, ${name}`,
      `  flops   ${flops.toPrecision(4)} / ${time} = ${roofline.gflops.toPrecision(3)} GFLOP/s of ${ceilings.gflops.toPrecision(3)} measured: ${compute} at least`,
      `  bytes   ${bytes.toPrecision(4)} / ${time} = ${roofline.gbytes.toPrecision(3)} GB/s of ${ceiling_gbytes.toPrecision(3)} measured at ${ceiling_bytes / 2 ** 20} MiB: ${memory} at least`,
      share === null
        ? `  launch  an empty dispatch takes ${timeText(ceilings.empty_dispatch_us / 1000)}: this is little more`
        : `  bound   by ${bound}: at ${percent(share, false)} of its ceiling`,
    ];
  });
}

/** Ceilings as a table. */
export function ceilingsTable({ bandwidth }: Ceilings): Table {
  return {
    head: ["working set", "copy GB/s", "read GB/s", "triad GB/s"],
    rows: bandwidth.map((b) => [
      `${b.working_set_bytes / 2 ** 20} MiB`,
      ...[b.copy_gbytes, b.read_gbytes, b.triad_gbytes].map((rate) => rate.toPrecision(3)),
    ]),
  };
}

/** A verdict with its change, and what would settle an open one. */
export function verdictText({
  verdict,
  change,
  further_samples,
}: Pick<RowComparison, "verdict" | "change" | "further_samples">): string {
  if (change === null) return verdict;
  const text = `${verdict} ${percent(change.median, true)}`;
  return further_samples === null ? text : `${text} (${further_samples} more samples)`;
}

/** A change and its interval. */
export function intervalText({ median, low, high }: Comparison["change"]): string {
  return `${percent(median, true)} [${percent(low, true)}, ${percent(high, true)}]`;
}

/** A time in the unit that fits it. */
export function timeText(time_ms: number): string {
  const [unit, scale] = unitOf(time_ms);
  return `${(scale * time_ms).toPrecision(4)} ${unit}`;
}

function unitOf(time_ms: number): [unit: string, scale: number] {
  if (time_ms >= 1000) return ["s", 1e-3];
  return time_ms >= 1 ? ["ms", 1] : ["us", 1000];
}

/** A time with its interval, and what its clock is worth; empty where there is none. */
export function timeCell(timing: TimingSummary | null): string {
  if (timing === null) return "";
  const { median_ms, low_ms, high_ms, batch, trusted } = timing;
  const scale = unitOf(median_ms)[1];
  const [low, high] = [low_ms, high_ms].map((time_ms) => (scale * time_ms).toPrecision(4));
  const mark = trusted ? "" : " ?";
  return `${timeText(median_ms)} [${low}, ${high}]${batch > 1 ? ` x${batch}` : ""}${mark}`;
}

function boundCell({ ok, roofline }: SummaryRow): string {
  if (roofline === null) return ok ? "?" : "";
  const { bound, share } = roofline;
  return share === null ? bound : `${bound} ${percent(share, false, 0)}`;
}

/** A share in percent. */
export function percent(value: number, signed: boolean, digits = 1): string {
  const text = (100 * value).toFixed(digits).replace(/^-(0\.?0*)$/, "$1");
  return `${signed && !text.startsWith("-") ? "+" : ""}${text} %`;
}

function csvCell(cell: string): string {
  return /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
