// The cost of safeguards, as columns of a profile's table and fields of its CSV; only if requested.
import { percentText } from "../../measure/text.ts";
import type { RowCosts } from "../../measure/safeguards.ts";
import type { SummaryRow } from "../../measure/summary.ts";

interface Column {
  readonly head: string;
  /** Empty if the row has no such cost. */
  readonly cell: (costs: RowCosts) => string;
}

const COLUMNS: readonly Column[] = [
  {
    head: "bounds checks",
    cell: ({ robustness, error }) => {
      if (robustness === null) return error === "" ? "" : "WRONG without";
      const { median, low, high } = robustness.cost;
      return `cost ${percentText(median, false)} [${percentText(low, false)}, ${percentText(high, false)}]`;
    },
  },
  {
    head: "validation",
    cell: ({ validation }) => {
      if (validation === null) return "";
      const { with_us, without_us } = validation;
      return `costs ${(with_us - without_us).toFixed(1)} of ${with_us.toFixed(1)} us of CPU`;
    },
  },
];

/** The columns that the rows need, each with a heading and the cell of a row. */
export function costColumns(
  rows: readonly SummaryRow[],
): { readonly head: string; readonly cell: (row: SummaryRow) => string }[] {
  return COLUMNS.map(({ head, cell }) => ({
    head,
    cell: ({ costs }: SummaryRow) => (costs === undefined || costs === null ? "" : cell(costs)),
  })).filter(({ cell }) => rows.some((row) => cell(row) !== ""));
}

/** Fields of the CSV. */
export const COST_FIELDS: readonly string[] = [
  "bounds_checks_with_us",
  "bounds_checks_without_us",
  "bounds_checks_cost",
  "bounds_checks_cost_low",
  "bounds_checks_cost_high",
  "validation_with_us",
  "validation_without_us",
];

/** The costs of a row as fields of the CSV. */
export function costFields(costs: RowCosts | null | undefined): Record<string, number | undefined> {
  const { robustness, validation } = costs ?? { robustness: null, validation: null };
  return {
    bounds_checks_with_us: robustness?.with_us,
    bounds_checks_without_us: robustness?.without_us,
    bounds_checks_cost: robustness?.cost.median,
    bounds_checks_cost_low: robustness?.cost.low,
    bounds_checks_cost_high: robustness?.cost.high,
    validation_with_us: validation?.with_us,
    validation_without_us: validation?.without_us,
  };
}
