// A profile as text: a table for the terminal or Markdown, CSV for spreadsheets, and the model
// behind each row. Formats only; summary.ts computes.
import type { Ceilings } from "../../measure/ceilings.ts";
import type { RowComparison } from "../../measure/saved_run.ts";
import {
  boundText,
  intervalText,
  okText,
  percentText,
  rateText,
  timeText,
  timingText,
  verdictText,
} from "../../measure/text.ts";
import type { Summary, SummaryRow, TimingSummary } from "../../measure/summary.ts";
import { COST_FIELDS, costColumns, costFields } from "./cost_columns.ts";
import type { Table } from "./table.ts";

/** A profile for people: times in fitting units, one verdict per row. */
export function summaryTable({ rows, baseline, ceilings }: Summary): Table {
  const columns = costColumns(rows);
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
      ...columns.map(({ head }) => head),
      ...(baseline === null ? [] : [`vs ${baseline}`]),
    ],
    rows: rows.map((row) => [
      row.kernel,
      row.case,
      okText(row),
      ...caches.map((cache) => timingText(row[cache])),
      row.roofline === null ? "" : rateText(row.roofline.gflops),
      row.roofline === null ? "" : rateText(row.roofline.gbytes),
      // Without ceilings nothing is bound.
      ceilings === null && row.ok ? "" : boundText(row),
      ...columns.map(({ cell }) => cell(row)),
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
  ...COST_FIELDS,
  "checked",
];

function csvRecord(row: SummaryRow): Record<string, string | number | boolean | null | undefined> {
  const { cold, hot, roofline, comparison, costs, races: _, ...rest } = row;
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
    ...costFields(costs),
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

/** The line of context under the adapter's: clock, versions, commit, ceilings. */
export function environmentLine({
  environment,
  ceilings,
}: Pick<Summary, "environment" | "ceilings">): string {
  const { timer_quantum_ns, node, webgpu, git, software } = environment;
  const commit =
    git === null ? "" : `  git ${git.commit.slice(0, 8)}${git.dirty ? " changed" : ""}`;
  const measured = ceilings === null ? "none" : `of ${ceilings.date.slice(0, 10)}`;
  const kind = software ? "software adapter" : "hardware adapter";
  return `timer ${timer_quantum_ns} ns  node ${node}  webgpu ${webgpu}${commit}  ceilings ${measured}  ${kind}`;
}

/** How the rates and the bound of each row were computed, with the numbers. */
export function explain({ rows, ceilings }: Summary): string[] {
  if (ceilings === null) return ["no ceilings: `ringdepth profile ceilings` measures them"];
  return rows.flatMap((row) => {
    const { kernel, case: name, flops, bytes, hot, cold, roofline } = row;
    const timed = hot ?? cold;
    if (timed !== null && flops === 0 && bytes === 0) {
      return [`${kernel}, ${name}`, "  no model: give --flops and --bytes for rates and a bound"];
    }
    if (roofline === null || timed === null) return [];
    const { ceiling_gbytes, ceiling_bytes, bound, share } = roofline;
    const shares =
      `memory at ${percentText(roofline.memory_share, false)}, ` +
      `compute at ${percentText(roofline.compute_share, false)} of its ceiling`;
    const boundLine =
      bound === "latency"
        ? `  bound   by neither: ${shares}, both below 30 %. Launches, dependencies, barriers or integer work (such as divisions of indices, which the model does not count) may take the rest`
        : `  bound   by ${bound}: ${shares}`;
    const time = timeText(timed.median_ms);
    const memory = timeText(bytes / ceiling_gbytes / 1e6);
    const compute = timeText(flops / ceilings.gflops / 1e6);
    return [
      `${kernel}, ${name}`,
      `  flops   ${flops.toPrecision(4)} / ${time} = ${rateText(roofline.gflops)} GFLOP/s of ${rateText(ceilings.gflops)} measured: ${compute} at least`,
      `  bytes   ${bytes.toPrecision(4)} / ${time} = ${rateText(roofline.gbytes)} GB/s of ${rateText(ceiling_gbytes)} measured at ${ceiling_bytes / 2 ** 20} MiB: ${memory} at least`,
      share === null
        ? `  launch  an empty dispatch takes ${timeText(ceilings.empty_dispatch_us / 1000)}: this row takes little more`
        : boundLine,
    ];
  });
}

/** Ceilings as a table, bandwidths alone. */
export function ceilingsTable({ bandwidth }: Ceilings): Table {
  return {
    head: ["working set", "copy GB/s", "read GB/s", "triad GB/s"],
    rows: bandwidth.map((b) => [
      `${b.working_set_bytes / 2 ** 20} MiB`,
      ...[b.copy_gbytes, b.read_gbytes, b.triad_gbytes].map(rateText),
    ]),
  };
}

/** The ceilings other than bandwidths: arithmetic and the empty dispatch. */
export function ceilingsLines({ gflops, f16_gflops, empty_dispatch_us }: Ceilings): string[] {
  const half = f16_gflops === null ? "" : `, ${rateText(f16_gflops)} f16`;
  return [
    `arithmetic      ${rateText(gflops)} GFLOP/s f32${half}`,
    `empty dispatch  ${empty_dispatch_us.toPrecision(3)} us`,
  ];
}
