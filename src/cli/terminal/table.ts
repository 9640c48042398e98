// Tables of text for a terminal: the first column to the left, numbers to the right.
import type { EvaluationResult } from "../../evaluate/protocol.ts";
import { METRIC_NAMES, type DepthMetrics } from "../../evaluate/metrics.ts";

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

/** The metrics by camera and of all, as lines. */
export function metricLines(result: EvaluationResult): string[] {
  const row = (name: string, metrics: DepthMetrics): string[] => [
    name,
    ...METRIC_NAMES.map((metric) => metrics[metric].toFixed(3)),
  ];
  const counted = result.ring.filter((name) => Object.hasOwn(result.cameras, name));
  const cameras = counted.map((name) => row(name, result.cameras[name]));
  return textTable(["camera", ...METRIC_NAMES], [...cameras, row("all", result.all)]);
}
