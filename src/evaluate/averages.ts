// The means of an evaluation: from the metrics of images or batches to one row per camera and one
// for all.
import { meanMetrics, type DepthMetrics } from "./metrics.ts";
import type { EvaluationParts } from "./parts.ts";

/** The metrics of one image, or of one camera of a batch. */
export interface MetricRow {
  /** Counted from 0. */
  readonly batch: number;
  readonly metrics: DepthMetrics;
}

/** Metrics by camera, in ring order, and their mean as the protocol takes it. */
export interface MetricTable {
  readonly cameras: { readonly [name: string]: DepthMetrics };
  readonly all: DepthMetrics;
}

/**
 * The averages of `rows`, one list per camera; null if all are empty. A camera without rows is left
 * out, and so is a camera of a batch.
 */
export function averaged(
  cameras: readonly string[],
  rows: readonly (readonly MetricRow[])[],
  average: EvaluationParts["average"],
): MetricTable | null {
  const means = rows.map((list) =>
    average === "batches"
      ? meanMetrics(byBatch(list).map(meanOf))
      : meanMetrics(list.map(({ metrics }) => metrics)),
  );
  const all = meanMetrics(overall(rows, means, average));
  if (all === undefined) return null;
  const entries = cameras.flatMap((name, view) => {
    const mean = means[view];
    return mean === undefined ? [] : [[name, mean] as const];
  });
  return { cameras: Object.fromEntries(entries), all };
}

/** The metrics whose mean is the row of all cameras. */
function overall(
  rows: readonly (readonly MetricRow[])[],
  means: readonly (DepthMetrics | undefined)[],
  average: EvaluationParts["average"],
): DepthMetrics[] {
  if (average === "images") return rows.flat().map(({ metrics }) => metrics);
  if (average === "cameras") return means.filter((mean) => mean !== undefined);
  // Per batch the mean of each camera, then of the cameras.
  const perCamera = rows.flatMap((list) =>
    byBatch(list).map((batch) => ({ batch: batch[0].batch, metrics: meanOf(batch) })),
  );
  return byBatch(perCamera).map(meanOf);
}

/** The rows of each batch that has any. */
function byBatch(rows: readonly MetricRow[]): (readonly [MetricRow, ...MetricRow[]])[] {
  const batches = new Map<number, [MetricRow, ...MetricRow[]]>();
  for (const row of rows) {
    const list = batches.get(row.batch);
    if (list) list.push(row);
    else batches.set(row.batch, [row]);
  }
  return [...batches.values()];
}

function meanOf(rows: readonly [MetricRow, ...MetricRow[]]): DepthMetrics {
  return meanMetrics(rows.map(({ metrics }) => metrics))!;
}
