// A profile in the numbers that are shown: the same for every format. Pure.
import type { Ceilings } from "./ceilings.ts";
import type { Environment } from "./environment.ts";
import type { Timing } from "./measure.ts";
import { roofline, type Roofline } from "./roofline.ts";
import type { RowComparison, SavedRun, ProfileRow } from "./saved_run.ts";
import type { RowCosts } from "./safeguards.ts";
import { drift, estimate, relativeNoise } from "./statistics.ts";

/** Samples in short. */
export interface TimingSummary {
  readonly median_ms: number;
  /** Ends of the interval that holds the median in 95 of 100 cases. */
  readonly low_ms: number;
  readonly high_ms: number;
  /** Half the interval by the median. */
  readonly noise: number;
  /** Last third of the samples by the first, less 1. */
  readonly drift: number;
  readonly samples: number;
  readonly batch: number;
  readonly converged: boolean;
  readonly trusted: boolean;
}

/** One kernel and problem as it is shown. */
export interface SummaryRow extends Omit<ProfileRow, "cold" | "hot"> {
  readonly ok: boolean;
  readonly cold: TimingSummary | null;
  readonly hot: TimingSummary | null;
  /** Of the hot time, of the cold one where there is none; null where it is not to be trusted. */
  readonly roofline: Roofline | null;
  readonly comparison: RowComparison | null;
  /** What bounds checks and validation cost it, where that was asked for. */
  readonly costs?: RowCosts | null;
}

/** A profile as it is shown. */
export interface Summary {
  readonly date: string;
  readonly environment: Environment;
  readonly ceilings: Ceilings | null;
  readonly baseline: string | null;
  readonly rows: readonly SummaryRow[];
  /** Rows of the baseline that this profile has not. */
  readonly missing?: readonly RowComparison[];
  /** There where a signal ended it before all rows were measured. */
  readonly interrupted?: boolean;
  /** What two time stamps add to a pass; in no time of the profile. */
  readonly instrumentation_us?: number;
}

/** What a profile is set against. */
export interface Against {
  readonly name: string;
  readonly rows: readonly RowComparison[];
}

/** Sums up a profile under the ceilings of its adapter. */
export function summarize(
  { date, environment, rows }: SavedRun,
  ceilings: Ceilings | null,
  against: Against | null,
): Summary {
  return {
    date,
    environment,
    ceilings,
    baseline: against?.name ?? null,
    rows: rows.map((row, i) => summarizeRow(row, ceilings, against?.rows[i] ?? null)),
  };
}

/** Sums up samples. */
export function summarizeTiming(timing: Timing): TimingSummary {
  const { samples_ms, batch, converged, trusted } = timing;
  const center = estimate(samples_ms);
  return {
    median_ms: center.median,
    low_ms: center.low,
    high_ms: center.high,
    noise: relativeNoise(center),
    drift: drift(samples_ms),
    samples: samples_ms.length,
    batch,
    converged,
    trusted,
  };
}

function summarizeRow(
  row: ProfileRow,
  ceilings: Ceilings | null,
  comparison: RowComparison | null,
): SummaryRow {
  const [cold, hot] = [row.cold, row.hot].map((t) => (t === null ? null : summarizeTiming(t)));
  const shown = hot ?? cold;
  return {
    ...row,
    ok: row.error === "",
    cold,
    hot,
    roofline:
      ceilings === null || shown?.trusted !== true || shown.median_ms <= 0
        ? null
        : roofline(row, shown.median_ms, ceilings, hot === null),
    comparison,
  };
}
