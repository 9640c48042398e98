// Rows of benches as text. Formats only; computes nothing.
import type { WayRow } from "../../profile/bench/plan_bench.ts";
import type { Estimate } from "../../measure/statistics.ts";
import { boundText, rateText, timingText } from "../../measure/text.ts";

/** The headings of `wayCells`; ratios are relative to `first`. */
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

/** The cells of a row other than its problem. */
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

/** The largest disagreement between the alternatives, in one line; empty if none were compared. */
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

/** A number of bytes in a fitting unit. */
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
