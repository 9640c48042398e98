// The numbers of an ablation as text, for the terminal, Markdown and the page alike.
import type { Gain, Measure, TableRow } from "./table.ts";

/** The measures as headings, with their units. */
export const MEASURE_NAMES: Readonly<Record<Measure, string>> = {
  abs_rel: "AbsRel",
  sq_rel: "SqRel m",
  rmse: "RMSE m",
  rmse_log: "RMSElog",
  a1: "a1",
  a2: "a2",
  a3: "a3",
  median_scaled_abs_rel: "AbsRel median-scaled",
  disagreement: "disagreement",
};

/** A gain such as `+4.6 % [1.2, 8.0]`; empty for none. */
export function gainText(gain: Gain | undefined): string {
  if (gain === undefined) return "";
  const [percent, low, high] = gain;
  const mean = `${signed(percent)} %`;
  return low === undefined || high === undefined
    ? mean
    : `${mean} [${signed(low)}, ${signed(high)}]`;
}

function signed(value: number): string {
  const text = value.toFixed(1);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text.replace(/^-(0\.0)$/, "$1");
}

/** A mean with its spread, such as `0.2228 ± 0.0034`; empty for none. */
export function meanText(
  { mean, spread }: Pick<TableRow, "mean" | "spread">,
  measure: Measure,
): string {
  const [value, deviation] = [mean[measure], spread[measure]];
  if (value === undefined) return "";
  return deviation === undefined ? digits(value) : `${digits(value)} ± ${digits(deviation)}`;
}

/** A measure with the digits that matter. */
export function digits(value: number): string {
  return value.toFixed(4);
}
