// The numbers of a profile as text: the same words in the terminal and on a page. Pure.
import type { Environment } from "./environment.ts";
import type { Roofline } from "./roofline.ts";
import type { RowComparison } from "./saved_run.ts";
import type { Comparison, Estimate } from "./statistics.ts";
import type { Summary, TimingSummary } from "./summary.ts";

// A larger share than this shows that the ceiling was measured while the machine was busy.
const BELIEVED = 1.05;
// If other programs take more of the processor, they are a likely cause of noise on a software
// adapter.
const DISTURBED = 0.15;

/** A verdict with its change, and what would settle an open one. */
export function verdictText({
  verdict,
  change,
  further_samples,
}: Pick<RowComparison, "verdict" | "change" | "further_samples">): string {
  if (change === null) return verdict;
  const text = `${verdict} ${percentText(change.median, true)}`;
  return further_samples === null ? text : `${text} (${further_samples} more samples)`;
}

/** A change and its interval. */
export function intervalText({ median, low, high }: Comparison["change"]): string {
  return `${percentText(median, true)} [${percentText(low, true)}, ${percentText(high, true)}]`;
}

/** A time in the unit that fits it. */
export function timeText(time_ms: number): string {
  if (!Number.isFinite(time_ms)) return "?";
  const [unit, scale] = unitOf(time_ms);
  return `${(scale * time_ms).toPrecision(4)} ${unit}`;
}

/** The unit that fits a time, and the number of such units per millisecond. */
export function unitOf(time_ms: number): [unit: string, scale: number] {
  const size = Math.abs(time_ms);
  if (size >= 1000) return ["s", 1e-3];
  return size >= 1 ? ["ms", 1] : ["us", 1000];
}

/** The interval of a time in the unit of its median, as `[1.2, 1.4]`. */
export function intervalTimeText({ median, low, high }: Estimate): string {
  const scale = unitOf(median)[1];
  return `[${endText(scale * low)}, ${endText(scale * high)}]`;
}

/**
 * An end of an interval: four digits, or all digits before the point, so that none has an exponent.
 */
function endText(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

/** A median with its interval, its batch, and `?` if the clock cannot measure it. */
export function timingText(timing: TimingSummary | null): string {
  if (timing === null) return "";
  const { median_ms, low_ms, high_ms, batch, trusted } = timing;
  const interval = intervalTimeText({ median: median_ms, low: low_ms, high: high_ms });
  const mark = trusted ? "" : " ?";
  return `${timeText(median_ms)} ${interval}${batch > 1 ? ` x${batch}` : ""}${mark}`;
}

/** Whether the numbers of a row were right, or that nothing was there to compare them with. */
export function okText({ ok, checked }: Pick<Summary["rows"][number], "ok" | "checked">): string {
  if (!ok) return "WRONG";
  return checked === "none" ? "unchecked" : "yes";
}

/**
 * The bound of a row, and its share of that ceiling; below 30 % of both, latency and the share of
 * the nearer one; `?` if its time is not trusted, `no model` without flops and bytes.
 */
export function boundText({
  ok,
  roofline,
  flops,
  bytes,
}: {
  readonly ok: boolean;
  readonly roofline: Pick<Roofline, "bound" | "share" | "memory_share" | "compute_share"> | null;
  readonly flops?: number;
  readonly bytes?: number;
}): string {
  if (ok && flops === 0 && bytes === 0) return "no model";
  if (roofline === null) return ok ? "?" : "";
  const { bound, share, memory_share, compute_share } = roofline;
  if (share === null) return bound;
  const percent = percentText(share, false, 0);
  if (bound !== "latency") return `${bound} ${percent}`;
  return `latency (${memory_share >= compute_share ? "memory" : "compute"} ${percent})`;
}

/** A share as `2.1 %`, or a change with its sign. */
export function percentText(value: number, signed: boolean, digits = 1): string {
  if (!Number.isFinite(value)) return "? %";
  const text = (100 * value).toFixed(digits).replace(/^-(0\.?0*)$/, "$1");
  return `${signed && !text.startsWith("-") ? "+" : ""}${text} %`;
}

/** Billions per second, whole where three digits are not enough. */
export function rateText(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : rate.toPrecision(3);
}

/** The line with a result: when, on what, from which commit. */
export function headline({ adapter, driver, git }: Environment, date: string): string {
  const commit =
    git === null
      ? ""
      : `, commit ${git.commit.slice(0, 8)}${git.dirty ? " with local changes" : ""}`;
  return `${date.slice(0, 10)}, ${adapter} (${driver})${commit}`;
}

/**
 * Warnings about the times of a bench; empty if there are none. `load` is the line about other
 * programs, as the cause of noise.
 */
export function timeRemarks(
  rows: readonly { readonly time: TimingSummary | null }[],
  load: readonly string[] = [],
): string[] {
  const times = rows.flatMap(({ time }) => (time === null ? [] : [time]));
  const wide = times.filter(({ converged }) => !converged).length;
  const brief = times.filter(({ trusted }) => !trusted).length;
  return [
    ...(wide === 0
      ? []
      : [
          [
            `${wide} of ${times.length} times were noisier than requested when the time was up`,
            ...load,
          ].join(": "),
        ]),
    ...(brief === 0 ? [] : [`${brief} too short for the clock (marked ?)`]),
  ];
}

/**
 * Warnings about the times of a profile; empty if there are none. `others_share` is the processor
 * share of other programs meanwhile.
 */
export function remarks({ rows, environment }: Summary, others_share = 0): string[] {
  const timings = rows.flatMap(({ cold, hot }) => [cold, hot]).filter((t) => t !== null);
  const wide = timings.filter(({ converged }) => !converged).length;
  const short = timings.filter(({ trusted }) => !trusted).length;
  const lines: string[] = [];
  const [load = ""] = loadRemark(environment, others_share);
  if (wide > 0) {
    const noisy = `${wide} of ${timings.length} times were noisier than requested when the time was up`;
    lines.push(load === "" ? noisy : `${noisy}: ${load}`);
  } else if (load !== "" && rows.some(({ comparison }) => comparison?.verdict === "AMBIGUOUS")) {
    lines.push(load);
  }
  if (short > 0) lines.push(`${short} too short for the clock (marked ?)`);
  const above = rows.filter(({ roofline }) => (roofline?.share ?? 0) > BELIEVED).length;
  if (above > 0) {
    lines.push(`${above} above their ceiling: measure it again with "ringdepth profile ceilings"`);
  }
  return lines;
}

/** The load of the host as the cause of noise; empty if it is none. */
export function loadRemark(
  { software }: Pick<Environment, "software">,
  others_share: number,
): string[] {
  // Other programs on the processor do not disturb a GPU.
  if (!software || others_share <= DISTURBED) return [];
  return [`other programs took ${percentText(others_share, false, 0)} of the processor`];
}
