// Rows of benches as text. Formats only; computes nothing.
import type { WayRow } from "../../profile/bench/plan_bench.ts";
import type { Table } from "../terminal/table.ts";
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

/** Rows for programs that read CSV: every number in full, fields of fields by their path. */
export function rowsCsv(rows: readonly object[]): Table {
  const records = rows.map((row) => new Map(fieldsOf(row, "")));
  const names = [...new Set(records.flatMap((record) => [...record.keys()]))];
  // A field that is null in one row and an object in another has the columns of the object.
  const head = names.filter((name) => !names.some((other) => other.startsWith(`${name}_`)));
  return {
    head,
    rows: records.map((record) => head.map((field) => record.get(field) ?? "")),
  };
}

/** A row as it is written: `--save` keeps the samples. */
export function withoutSamples(row: WayRow): object {
  return Object.fromEntries(Object.entries(row).filter(([name]) => name !== "timing"));
}

/** The fields of a value, without lists. */
function fieldsOf(value: object, before: string): [string, string][] {
  return Object.entries(value).flatMap(([name, field]: [string, unknown]): [string, string][] => {
    if (Array.isArray(field)) return [];
    if (typeof field === "object" && field !== null) return fieldsOf(field, `${before}${name}_`);
    const text = typeof field === "string" ? field : JSON.stringify(field ?? "");
    return [[`${before}${name}`, text === '""' ? "" : text]];
  });
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
