// The distribution of the samples of each kernel: one histogram per case and state of the caches,
// with the median and its interval marked.
import { axisX, binX, rect, rectY, ruleX, ruleY, tickX, type Markish } from "@observablehq/plot";
import type { Timing } from "../../measure/measure.ts";
import { percentText, timeText, timingText, unitOf } from "../../measure/text.ts";
import type { SavedRun } from "../../measure/saved_run.ts";
import type { Summary, TimingSummary } from "../../measure/summary.ts";
import { escapeMarkup } from "../../report/escape.ts";
import { breakable } from "../../report/html_table.ts";
import { plotSvg } from "../../report/plot_svg.ts";

// The narrowest possible card, so that letters keep their size.
const WIDTH = 334;
const HEIGHT = 76;
// As a multiple of the range of the middle half; samples further out are described in words.
const WHISKERS = 3;
// With fewer samples, a drift is unknown.
const LEAST_FOR_DRIFT = 6;
// Fewer samples than this are drawn individually.
const BARS_FROM = 20;
// More kernels than this are folded.
const MOST_OPEN = 8;

/** The distributions of a profile, kernel by kernel; empty where nothing was timed. */
export function distributions(summary: Summary, { rows }: Pick<SavedRun, "rows">): string {
  const byKernel = new Map<string, string[]>();
  for (const [i, { kernel, case: name, cold, hot }] of rows.entries()) {
    const strips = [
      stripFigure("cold", cold, summary.rows[i].cold),
      stripFigure("hot", hot, summary.rows[i].hot),
    ].join("");
    if (strips === "") continue;
    const list = byKernel.get(kernel) ?? [];
    const title = `<h3>${escapeMarkup(name)}</h3>`;
    byKernel.set(kernel, [...list, `<div class="strips">${title}${strips}</div>`]);
  }
  const open = byKernel.size <= MOST_OPEN ? " open" : "";
  return [...byKernel]
    .map(
      ([kernel, cases]) => `<details class="kernel"${open}><summary>${breakable(kernel)}</summary>
${cases.join("\n")}</details>`,
    )
    .join("\n");
}

function stripFigure(
  caches: "cold" | "hot",
  timing: Timing | null,
  summary: TimingSummary | null,
): string {
  if (timing === null || summary === null) return "";
  const { samples_ms } = timing;
  const [low, high] = shownRange(samples_ms, summary);
  const outside = samples_ms.filter((time_ms) => time_ms < low || time_ms > high);
  const facts = [
    `${caches} ${timingText(summary)}`,
    `${summary.samples} samples${summary.batch > 1 ? ` of ${summary.batch} dispatches` : ""}`,
    ...(summary.samples < LEAST_FOR_DRIFT ? [] : [`drift ${percentText(summary.drift, true)}`]),
    ...(summary.converged ? [] : ["noisier than requested"]),
    ...(outside.length === 0 ? [] : [outsideText(outside, low, high)]),
  ];
  const label = escapeMarkup(facts.join(", "));
  return `<figure><div role="img" aria-label="${label}">${strip(samples_ms, summary, [low, high])}</div>
<figcaption>${facts.map(escapeMarkup).join(" \u00b7 ")}</figcaption></figure>`;
}

/** The range that is drawn: all samples except those far from the middle half. */
export function shownRange(
  samples_ms: readonly number[],
  { median_ms, low_ms, high_ms }: Pick<TimingSummary, "median_ms" | "low_ms" | "high_ms">,
): [low: number, high: number] {
  const sorted = samples_ms.toSorted((a, b) => a - b);
  const quarter = sorted[Math.floor((sorted.length - 1) / 4)];
  const threeQuarters = sorted[Math.ceil((3 * (sorted.length - 1)) / 4)];
  const reach = WHISKERS * (threeQuarters - quarter);
  const near = sorted.filter((x) => x >= quarter - reach && x <= threeQuarters + reach);
  const low = Math.min(low_ms, near[0]);
  const high = Math.max(high_ms, near.at(-1)!);
  // Samples that are all the same still have a bar.
  const least = 0.02 * median_ms;
  const spare = Math.max(0.02 * (high - low), (least - (high - low)) / 2);
  return [low - spare, high + spare];
}

function outsideText(outside: readonly number[], low: number, high: number): string {
  const below = outside.filter((time_ms) => time_ms < low);
  const above = outside.filter((time_ms) => time_ms > high);
  return [
    ...(below.length > 0 ? [`${below.length} below, down to ${timeText(Math.min(...below))}`] : []),
    ...(above.length > 0 ? [`${above.length} above, up to ${timeText(Math.max(...above))}`] : []),
  ].join(", ");
}

function strip(
  samples_ms: readonly number[],
  { median_ms, low_ms, high_ms }: TimingSummary,
  [low, high]: readonly [number, number],
): string {
  const [unit, scale] = unitOf(median_ms);
  const shown = samples_ms.filter((time_ms) => time_ms >= low && time_ms <= high);
  return plotSvg({
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 22,
    marginRight: 22,
    marginTop: 4,
    marginBottom: 20,
    style: { fontSize: "11px" },
    x: { domain: [scale * low, scale * high] },
    y: { axis: null },
    marks: [
      rect([{ from: scale * low_ms, to: scale * high_ms }], {
        x1: "from",
        x2: "to",
        fill: "var(--curve-2)",
        fillOpacity: 0.22,
      }),
      ...sampleMarks(
        shown.map((time_ms) => scale * time_ms),
        [scale * low, scale * high],
      ),
      ruleX([scale * median_ms], { stroke: "var(--curve-2)", strokeWidth: 2 }),
      axisX({ label: null, ticks: 4, tickSize: 3, tickFormat: (value) => `${value} ${unit}` }),
    ],
  });
}

/** A histogram, or individual samples if they are few. */
function sampleMarks(values: readonly number[], [low, high]: readonly [number, number]): Markish[] {
  if (values.length < BARS_FROM) {
    return [tickX(values, { stroke: "var(--curve-1)", strokeWidth: 2, insetTop: 12 })];
  }
  const bars = Math.min(40, Math.max(8, Math.ceil(2 * Math.sqrt(values.length))));
  const edges = Array.from({ length: bars + 1 }, (_, i) => low + (i * (high - low)) / bars);
  return [
    rectY(
      values,
      binX<{ x: (value: number) => number; thresholds: number[]; fill: string }>(
        { y: "count" },
        { x: (value) => value, thresholds: edges, fill: "var(--curve-1)" },
      ),
    ),
    ruleY([0], { strokeOpacity: 0.4 }),
  ];
}
