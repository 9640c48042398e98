// The tables of the page of a profile: kernels with their times and verdicts, ceilings, the parts
// and the kernels of a step.
import type { Ceilings } from "../../measure/ceilings.ts";
import {
  boundText,
  okText,
  rateText,
  timeText,
  intervalTimeText,
  verdictText,
} from "../../measure/text.ts";
import type { StepAccount } from "../step/account.ts";
import type { Summary, SummaryRow, TimingSummary } from "../../measure/summary.ts";
import { escapeMarkup } from "../../report/escape.ts";
import { breakable, htmlTable, shareCell, type Cell, type Row } from "../../report/html_table.ts";
import { memoryCeilings } from "./roofline_plot.ts";

const ADVICE = `class="advice"`;
const VERDICT_CLASS: Readonly<Record<string, string>> = {
  FAST: "good",
  SLOW: "bad",
  WRONG: "bad",
};

/** A profile: one row per kernel and case, as in the terminal; `names` heads the first column. */
export function summaryHtml({ rows, baseline }: Summary, names = "kernel, case"): string {
  const caches = (["cold", "hot"] as const).filter((c) => rows.some((row) => row[c] !== null));
  const hasAdvice = rows.some(({ advice = "" }) => advice !== "");
  const head: Cell[] = [
    names,
    "ok",
    ...caches.map((cache) => `${cache} p50 [95 %]`),
    "GFLOP/s",
    "GB/s",
    hasAdvice ? { text: "bound", attributes: ADVICE } : "bound",
    ...(baseline === null ? [] : [`vs ${baseline}`]),
  ];
  const body = rows.map((row): Row => {
    const { kernel, case: name, roofline } = row;
    const title = { html: `${breakable(kernel)}<span class="case">${escapeMarkup(name)}</span>` };
    if (!row.ok) return { cells: [title, wrongCell, untimedCell(head.length - 2)] };
    return {
      cells: [
        title,
        okText(row),
        ...caches.map((cache) => timingCell(row[cache])),
        roofline === null ? "" : rateText(roofline.gflops),
        roofline === null ? "" : rateText(roofline.gbytes),
        boundCell(row),
        ...(baseline === null ? [] : [verdictCell(row)]),
      ],
    };
  });
  return htmlTable(head, body);
}

/** A median above its interval, which leaves room for more columns than one line would. */
function timingCell(timing: TimingSummary | null): Cell {
  if (timing === null) return "";
  const { median_ms, low_ms, high_ms, batch, trusted } = timing;
  const interval = intervalTimeText({ median: median_ms, low: low_ms, high: high_ms });
  const details = `${interval}${batch > 1 ? ` x${batch}` : ""}`;
  const mark = trusted ? "" : " ?";
  return { html: `${timeText(median_ms)}${mark}<span class="case">${details}</span>` };
}

/** The bound of a row, above the first thing to try where something is known. */
function boundCell(row: SummaryRow): Cell {
  const { advice = "" } = row;
  if (advice === "") return boundText(row);
  const text = `<span class="case">${escapeMarkup(advice)}</span>`;
  return { html: `${escapeMarkup(boundText(row))}${text}`, attributes: ADVICE };
}

const wrongCell: Cell = { text: "WRONG", attributes: `class="bad"` };

/** For columns that have nothing to show. */
function untimedCell(columns: number): Cell {
  return { text: "not timed", attributes: `class="untimed bad" colspan="${columns}"` };
}

function verdictCell({ comparison }: SummaryRow): Cell {
  if (comparison === null) return "";
  const name = VERDICT_CLASS[comparison.verdict];
  const text = verdictText(comparison);
  return name === undefined ? text : { text, attributes: `class="${name}"` };
}

/** Ceilings by working set, each with the line it has in the picture. */
export function ceilingsHtml(ceilings: Ceilings): string {
  const lines = memoryCeilings(ceilings);
  const rows = ceilings.bandwidth.map(({ copy_gbytes, read_gbytes, triad_gbytes }, i): Row => {
    const { label, opacity } = lines[i];
    const mark = `<i class="line" style="opacity:${opacity.toFixed(2)}"></i>`;
    const rates = [copy_gbytes, read_gbytes, triad_gbytes].map(rateText);
    return { cells: [{ html: `${mark}${escapeMarkup(label)}` }, ...rates] };
  });
  return htmlTable(["GB/s", "copy", "read", "triad"], rows);
}

/** The parts of a step, each with the colour it has in the bar. */
export function partsHtml({ parts }: StepAccount, colorOf: (name: string) => string): string {
  const rows = parts.map(({ name, time_ms, share }): Row => {
    const mark = `<i class="swatch" style="background:${colorOf(name)}"></i>`;
    return {
      cells: [{ html: `${mark}${escapeMarkup(name)}` }, timeText(time_ms), shareCell(share)],
    };
  });
  const whole_ms = parts.reduce((sum, { time_ms }) => sum + time_ms, 0);
  rows.push({ kind: "total", cells: ["step", timeText(whole_ms), ""] });
  return htmlTable(["part", "time", "share"], rows);
}

/** The GPU time of a step by kernel, with rates and bounds where they are known. */
export function stepKernelsHtml({ kernels }: StepAccount): string {
  const rows = kernels.map(({ kernel, dispatches, time_ms, share, roofline }): Row => ({
    cells: [
      { html: breakable(kernel) },
      timeText(time_ms),
      shareCell(share),
      String(dispatches),
      roofline === null ? "" : rateText(roofline.gflops),
      roofline === null ? "" : rateText(roofline.gbytes),
      roofline === null ? "" : boundText({ ok: true, roofline }),
    ],
  }));
  const dispatches = kernels.reduce((sum, kernel) => sum + kernel.dispatches, 0);
  const total_ms = kernels.reduce((sum, kernel) => sum + kernel.time_ms, 0);
  rows.push({
    kind: "total",
    cells: ["all", timeText(total_ms), "", String(dispatches), "", "", ""],
  });
  return htmlTable(["kernel", "time", "share", "dispatches", "GFLOP/s", "GB/s", "bound"], rows);
}
