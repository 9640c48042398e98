// The tables of the report as HTML text: metrics by camera, consistency by pair, time by kernel.
import type { RigConsistency } from "../evaluate/consistency.ts";
import { METRIC_NAMES, type DepthMetrics } from "../evaluate/metrics.ts";
import type { EvaluationResult } from "../evaluate/protocol.ts";
import { percentText, rateText } from "../measure/text.ts";
import { htmlTable, shareCell, type Cell, type Row } from "./html_table.ts";
import type { EarlierAblation, KernelTime } from "./report_data.ts";

/** Metrics by camera, their mean, and the rows to compare it with. */
export function metricTable(evaluation: EvaluationResult, baseline?: EvaluationResult): string {
  const head = ["camera", "AbsRel"];
  if (baseline) head.push("constant", "ratio");
  head.push("SqRel m", "RMSE m", "RMSElog", "a1", "a2", "a3", "SIlog %", "images");
  const metricCells = (metrics: DepthMetrics, constant?: DepthMetrics): Cell[] => {
    const [absRel, ...others] = METRIC_NAMES.map((name) => fixed(metrics[name]));
    const compared = baseline ? comparison(metrics, constant) : [];
    return [absRel, ...compared, ...others, metrics.silog.toFixed(1)];
  };
  const counted = evaluation.ring.filter((name) => Object.hasOwn(evaluation.cameras, name));
  const rows: Row[] = counted.map((name) => ({
    cells: [
      name,
      ...metricCells(evaluation.cameras[name], baseline?.cameras[name]),
      String(evaluation.images[name]),
    ],
  }));
  const images = Object.values(evaluation.images).reduce((a, b) => a + b, 0);
  rows.push({
    kind: "total",
    cells: ["all", ...metricCells(evaluation.all, baseline?.all), String(images)],
  });
  const others: [string, DepthMetrics | undefined][] = [
    ["all, each image median-scaled", evaluation.median_scaled?.all],
    ["all, each moment median-scaled", evaluation.shared_median_scaled?.all],
    ["best constant per camera", baseline?.all],
  ];
  for (const [name, metrics] of others) {
    if (metrics) rows.push({ kind: "other", cells: [name, ...metricCells(metrics), ""] });
  }
  return htmlTable(head, rows);
}

/** The constant's AbsRel and the student's share of it; empty if there is no constant. */
function comparison(metrics: DepthMetrics, constant: DepthMetrics | undefined): Cell[] {
  if (!constant || constant.abs_rel === 0) return [constant ? fixed(0) : "", ""];
  const ratio = metrics.abs_rel / constant.abs_rel;
  const attributes = `class="${ratio < 1 ? "good" : "bad"}"`;
  return [fixed(constant.abs_rel), { text: `${ratio.toFixed(2)}\u00d7`, attributes }];
}

/** Disagreement of ring neighbours, pair by pair. */
export function consistencyTable({ pairs, all }: RigConsistency): string {
  const rows: Row[] = pairs.map(({ from, to, metres, relative, pixels }) => ({
    cells: [`${from} \u2192 ${to}`, fixed(metres), percentText(relative, false), String(pixels)],
  }));
  if (all) {
    const pixels = pairs.reduce((sum, pair) => sum + pair.pixels, 0);
    const cells = ["all", fixed(all.metres), percentText(all.relative, false), String(pixels)];
    rows.push({ kind: "total", cells });
  }
  return htmlTable(["pair", "metres", "relative", "pixels"], rows);
}

/** The rows of an ablation that was run earlier. */
export function ablationTable({ rows }: EarlierAblation): string {
  const head = ["trained with", "AbsRel", "better than supervised", "RMSE m", "disagreement"];
  return htmlTable(
    head,
    rows.map(({ name, abs_rel, deviation, rmse, disagreement, gain }) => ({
      cells: [
        name,
        `${abs_rel.toFixed(4)} \u00b1 ${deviation.toFixed(4)}`,
        gain === undefined ? "" : gainText(gain),
        fixed(rmse),
        percentText(disagreement, false),
      ],
    })),
  );
}

/** A gain in percent with its interval: `5.9 % [3.1, 8.7]`. */
export function gainText([percent, low, high]: readonly [number, number, number]): string {
  return `${percent.toFixed(1)} % [${low.toFixed(1)}, ${high.toFixed(1)}]`;
}

/** Time of one step by kernel, longest first, with rates where the cost is known. */
export function kernelTable(kernels: readonly KernelTime[]): string {
  const total_ms = kernels.reduce((sum, { time_ms }) => sum + time_ms, 0);
  const rows: Row[] = kernels
    .toSorted((a, b) => b.time_ms - a.time_ms)
    .map(({ kernel, dispatches, time_ms, flops, bytes }) => ({
      cells: [
        kernel,
        String(dispatches),
        fixed(time_ms),
        shareCell(total_ms > 0 ? time_ms / total_ms : 0),
        rate(flops, time_ms),
        rate(bytes, time_ms),
      ],
    }));
  const dispatches = kernels.reduce((sum, kernel) => sum + kernel.dispatches, 0);
  rows.push({ kind: "total", cells: ["all", String(dispatches), fixed(total_ms), "", "", ""] });
  return htmlTable(["kernel", "dispatches", "ms", "share", "GFLOP/s", "GB/s"], rows);
}

/** Billions per second for `count` in `time_ms`; a time of 0 has no rate. */
function rate(count: number | undefined, time_ms: number): string {
  if (count === undefined || !(time_ms > 0)) return "";
  return rateText(count / time_ms / 1e6);
}

function fixed(value: number): string {
  return value.toFixed(3);
}
