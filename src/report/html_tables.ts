// The tables of the report as HTML text: metrics by camera, consistency by pair, time by kernel.
import type { RigConsistency } from "../evaluate/consistency.ts";
import { METRIC_NAMES, type DepthMetrics } from "../evaluate/metrics.ts";
import type { EvaluationResult } from "../evaluate/protocol.ts";
import { escapeMarkup } from "./escape.ts";
import type { KernelTime } from "./report_data.ts";

/** A cell: its text, escaped here, or text with a class or style of its own. */
type Cell = string | { readonly text: string; readonly attributes: string };

interface Row {
  readonly kind?: "total" | "other";
  /** The first names the row. */
  readonly cells: readonly Cell[];
}

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
  const rows: Row[] = Object.entries(evaluation.cameras).map(([name, metrics]) => ({
    cells: [
      name,
      ...metricCells(metrics, baseline?.cameras[name]),
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
  return table(head, rows);
}

/** The constant's AbsRel and the student's share of it, empty where there is no constant. */
function comparison(metrics: DepthMetrics, constant: DepthMetrics | undefined): Cell[] {
  if (!constant) return ["", ""];
  const ratio = metrics.abs_rel / constant.abs_rel;
  const attributes = `class="${ratio < 1 ? "good" : "bad"}"`;
  return [fixed(constant.abs_rel), { text: `${ratio.toFixed(2)}\u00d7`, attributes }];
}

/** Disagreement of ring neighbours, pair by pair. */
export function consistencyTable({ pairs, all }: RigConsistency): string {
  const rows: Row[] = pairs.map(({ from, to, metres, relative, pixels }) => ({
    cells: [`${from} \u2192 ${to}`, fixed(metres), percent(relative), String(pixels)],
  }));
  if (all) {
    const pixels = pairs.reduce((sum, pair) => sum + pair.pixels, 0);
    const cells = ["all", fixed(all.metres), percent(all.relative), String(pixels)];
    rows.push({ kind: "total", cells });
  }
  return table(["pair", "metres", "relative", "pixels"], rows);
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
  return table(["kernel", "dispatches", "ms", "share", "GFLOP/s", "GB/s"], rows);
}

function shareCell(share: number): Cell {
  const text = percent(share);
  return { text, attributes: `class="share" style="--share: ${(100 * share).toFixed(1)}%"` };
}

/** Billions a second of `count` in `time_ms`; a time of nothing has no rate. */
function rate(count: number | undefined, time_ms: number): string {
  if (count === undefined || !(time_ms > 0)) return "";
  const billions = count / time_ms / 1e6;
  return billions >= 100 ? billions.toFixed(0) : billions.toPrecision(3);
}

function fixed(value: number): string {
  return value.toFixed(3);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function table(head: readonly string[], rows: readonly Row[]): string {
  const heads = head.map((text) => `<th scope="col">${escapeMarkup(text)}</th>`).join("");
  const body = rows.map(({ kind, cells }) => {
    const [name, ...values] = cells.map((cell) =>
      typeof cell === "string" ? { text: cell, attributes: "" } : cell,
    );
    const data = values.map(
      ({ text, attributes }) => `<td${attributes && ` ${attributes}`}>${escapeMarkup(text)}</td>`,
    );
    const open = kind ? `<tr class="${kind}">` : "<tr>";
    return `${open}<th scope="row">${escapeMarkup(name.text)}</th>${data.join("")}</tr>`;
  });
  return `<div class="scroll"><table>
<thead><tr>${heads}</tr></thead>
<tbody>
${body.join("\n")}
</tbody>
</table></div>`;
}
