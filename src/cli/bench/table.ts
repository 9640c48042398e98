// Rows of benches as text. Draws what they say and computes nothing.
import type { WayRow } from "../../profile/bench/plan_bench.ts";
import type { Estimate } from "../../measure/statistics.ts";
import { boundText, rateText, timingText } from "../../measure/text.ts";

/** The heads of `wayCells`; `first` is what ratios are to. */
export function wayHead(first: string): string[] {
  return [
    "time p50 [95 %]",
    `speed-up over ${first} [95 %]`,
    "GFLOP/s",
    "moved",
    "between",
    "peak",
    "share of ceiling",
  ];
}

/** What a row says beside its problem. */
export function wayCells({ time, ratio, error, roofline, ...row }: WayRow): string[] {
  return [
    error === "" ? timingText(time) : "WRONG",
    ratioText(ratio),
    roofline === null ? "" : rateText(roofline.gflops),
    bytesText(row.bytes),
    bytesText(row.between_bytes),
    bytesText(row.peak_bytes),
    roofline === null ? "" : boundText({ ok: true, roofline }),
  ];
}

/** How far apart the ways were, in one line; empty where none was compared. */
export function agreementLine(
  rows: readonly Pick<WayRow, "depth_error" | "gradient_error">[],
): string {
  const worst = (errors: readonly (number | null)[]): string | null => {
    const all = errors.filter((error) => error !== null);
    return all.length === 0 ? null : Math.max(...all).toExponential(1);
  };
  const depth = worst(rows.map(({ depth_error }) => depth_error));
  const gradient = worst(rows.map(({ gradient_error }) => gradient_error));
  const parts = [
    ...(depth === null ? [] : [`depth ${depth}`]),
    ...(gradient === null ? [] : [`losses and gradients ${gradient}`]),
  ];
  return parts.length === 0 ? "" : `all agree; largest relative error: ${parts.join(", ")}`;
}

/** What a reader should know of the times; empty where all is well. */
export function timeRemarks(rows: readonly Pick<WayRow, "time">[]): string[] {
  const times = rows.flatMap(({ time }) => (time === null ? [] : [time]));
  const wide = times.filter(({ converged }) => !converged).length;
  const brief = times.filter(({ trusted }) => !trusted).length;
  return [
    ...(wide === 0
      ? []
      : [`${wide} of ${times.length} times were noisier than requested at the time-out`]),
    ...(brief === 0 ? [] : [`${brief} too short for the clock (marked ?)`]),
  ];
}

/** A number of bytes in the unit that fits it. */
function bytesText(bytes: number): string {
  if (bytes >= 2 ** 30) return `${rateText(bytes / 2 ** 30)} GiB`;
  if (bytes >= 2 ** 20) return `${rateText(bytes / 2 ** 20)} MiB`;
  return `${rateText(bytes / 2 ** 10)} KiB`;
}

/** A ratio and its interval. */
export function ratioText(ratio: Estimate | null): string {
  if (ratio === null) return "";
  const [median, low, high] = [ratio.median, ratio.low, ratio.high].map((r) => r.toFixed(2));
  return `${median} [${low}, ${high}]`;
}
