// The displayed numbers of a profile, the same for every format. Pure.
import type { Ceilings } from "./ceilings.ts";
import type { Environment } from "./environment.ts";
import type { Timing } from "./measure.ts";
import { roofline, type Roofline } from "./roofline.ts";
import type { RaceCheck } from "./race_check.ts";
import type { RowComparison, SavedRun, ProfileRow } from "./saved_run.ts";
import type { RowCosts } from "./safeguards.ts";
import { drift, estimate, relativeNoise } from "./statistics.ts";

/** Summary of samples. */
export interface TimingSummary {
  readonly median_ms: number;
  /** Ends of the interval that contains the median in 95 of 100 cases. */
  readonly low_ms: number;
  readonly high_ms: number;
  /** Half the interval divided by the median. */
  readonly noise: number;
  /** Last third of the samples divided by the first, minus 1. */
  readonly drift: number;
  readonly samples: number;
  readonly batch: number;
  readonly converged: boolean;
  readonly trusted: boolean;
}

/** One kernel and problem as displayed. */
export interface SummaryRow extends Omit<ProfileRow, "cold" | "hot"> {
  readonly ok: boolean;
  readonly cold: TimingSummary | null;
  readonly hot: TimingSummary | null;
  /** For the hot time, or the cold one if there is no hot time; null if it is not trusted or has no model. */
  readonly roofline: Roofline | null;
  readonly comparison: RowComparison | null;
  /** The cost of bounds checks and validation, if requested. */
  readonly costs?: RowCosts | null;
  /** The first thing to try; absent where nothing is known. */
  readonly advice?: string;
  /** For a shader from anywhere: the data races that were looked for. */
  readonly races?: RaceCheck;
}

/** A profile as displayed. */
export interface Summary {
  readonly date: string;
  readonly environment: Environment;
  readonly ceilings: Ceilings | null;
  readonly baseline: string | null;
  readonly rows: readonly SummaryRow[];
  /** Rows of the baseline that this profile lacks. */
  readonly missing?: readonly RowComparison[];
  /** Present if a signal ended it before all rows were measured. */
  readonly interrupted?: boolean;
  /** The time that two timestamps add to a pass; no time of the profile includes it. */
  readonly instrumentation_us?: number;
}

/** The baseline of a profile. */
export interface Against {
  readonly name: string;
  readonly rows: readonly RowComparison[];
}

/** Summarises a profile under the ceilings of its adapter. */
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

/** Summarises samples. */
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
  const hasModel = row.flops > 0 || row.bytes > 0;
  return {
    ...row,
    ok: row.error === "",
    cold,
    hot,
    roofline:
      ceilings === null || !hasModel || shown?.trusted !== true || shown.median_ms <= 0
        ? null
        : roofline(row, shown.median_ms, ceilings, hot === null),
    comparison,
  };
}
