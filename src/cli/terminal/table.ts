// Tables as text: for a terminal with the first column to the left and numbers to the right, for
// Markdown and for CSV.
import type { MetricTable } from "../../evaluate/averages.ts";
import type { EvaluationResult } from "../../evaluate/protocol.ts";
import { METRIC_NAMES, type DepthMetrics } from "../../evaluate/metrics.ts";

/** A heading and rows, all text. */
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

/** The lines of a table, each column as wide as its widest cell. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]),
      )
      .join("  ")
      .trimEnd(),
  );
}

/** A table of metrics to print, with its scaled rows where there are any. */
type PrintedMetrics = MetricTable &
  Pick<EvaluationResult, "ring" | "median_scaled" | "shared_median_scaled" | "affine_aligned">;

/** The metrics per camera and overall, then overall after each scaling, as lines. */
export function metricLines(result: PrintedMetrics): string[] {
  const row = (name: string, metrics: DepthMetrics): string[] => [
    name,
    ...METRIC_NAMES.map((metric) => metrics[metric].toFixed(3)),
  ];
  const { ring, cameras, all, median_scaled, shared_median_scaled, affine_aligned } = result;
  const counted = ring.filter((name) => Object.hasOwn(cameras, name));
  const scaled = [
    ["all, median-scaled", median_scaled],
    ["all, shared median", shared_median_scaled],
    ["all, affine", affine_aligned],
  ] as const;
  return textTable(
    ["camera", ...METRIC_NAMES],
    [
      ...counted.map((name) => row(name, cameras[name])),
      row("all", all),
      ...scaled.flatMap(([name, table]) => (table ? [row(name, table.all)] : [])),
    ],
  );
}

function csvCell(cell: string): string {
  return /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
