// The tables of `ringdepth eval`: for a terminal, and in Markdown with the columns of papers.
import { METRIC_NAMES, type DepthMetrics } from "../../evaluate/metrics.ts";
import type { MetricTable } from "../../evaluate/averages.ts";
import type { EvaluationResult } from "../../evaluate/protocol.ts";
import type { Evaluation } from "../../train/evaluation.ts";
import { metricLines, tableLines } from "../terminal/table.ts";

/** The tables of an evaluation for a terminal. */
export function evaluationLines({ result, overlap, agreement }: Evaluation): string[] {
  return [
    ...metricLines(result),
    ...(overlap === null ? [] : ["", "truth that two cameras see:", ...metricLines(overlap)]),
    ...(agreement === null
      ? []
      : [
          "",
          `neighbours at the same true points (${agreement.points}):`,
          ...metricLines({ ...agreement, ring: result.ring }),
        ]),
  ];
}

const HEADINGS = ["Abs Rel", "Sq Rel", "RMSE", "RMSE log", "δ < 1.25", "δ < 1.25²", "δ < 1.25³"];

/** The tables of an evaluation in Markdown: one row per scaling, then each scaling by camera. */
export function evaluationMarkdown(
  { result, overlap, agreement }: Evaluation,
  lead: readonly string[],
): string[] {
  const scalings = scalingsOf(result);
  const parts = [
    lead.map((line) => `* ${line}`),
    markdownTable(
      "Scaling",
      scalings.map(([name, { all }]) => [name, all]),
    ),
    ...scalings.flatMap(([name, table]) => [[`**${name}**`], cameraTable(table, result.ring)]),
    ...(overlap === null
      ? []
      : [
          ["**truth that two cameras see**"],
          markdownTable(
            "Scaling",
            scalingsOf(overlap).map(([name, { all }]) => [name, all]),
          ),
        ]),
    ...(agreement === null
      ? []
      : [["**neighbours at the same true points**"], cameraTable(agreement, result.ring)]),
  ];
  return parts.flatMap((lines, i) => (i === 0 ? lines : ["", ...lines]));
}

/** The tables of a result by the name of their scaling, first the one in metres. */
function scalingsOf(result: EvaluationResult): (readonly [string, MetricTable])[] {
  const { median_scaled, shared_median_scaled, affine_aligned } = result;
  return [
    // Without a median the maps have no metres.
    [median_scaled === undefined ? "affine" : "metric", result],
    ...(median_scaled ? [["median", median_scaled] as const] : []),
    ...(shared_median_scaled ? [["shared median", shared_median_scaled] as const] : []),
    ...(affine_aligned ? [["affine", affine_aligned] as const] : []),
  ];
}

function cameraTable({ cameras, all }: MetricTable, ring: readonly string[]): string[] {
  const counted = ring.filter((name) => Object.hasOwn(cameras, name));
  return markdownTable("Camera", [
    ...counted.map((name) => [name, cameras[name]] as const),
    ["all", all],
  ]);
}

function markdownTable(
  first: string,
  rows: readonly (readonly [string, DepthMetrics])[],
): string[] {
  const cells = rows.map(([name, metrics]) => [
    name,
    ...METRIC_NAMES.map((metric) => metrics[metric].toFixed(3)),
  ]);
  return tableLines({ head: [first, ...HEADINGS], rows: cells }, "md");
}
