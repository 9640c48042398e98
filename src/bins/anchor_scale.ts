// The scale of each view of a rig from log residuals: a robust mean per view, drawn towards the mean
// of the rig and towards 1 as far as their standard errors say (James and Stein 1961, with positive
// parts).

/** A robust mean and the square of its standard error. */
export interface Location {
  readonly mean: number;
  readonly variance: number;
}

// Huber's constant: 95 % of the efficiency of the mean where errors are normal.
const HUBER = 1.345;
const ROUNDS = 20;
/** A round that moves the mean by less than this share of the deviation is the last. */
const CONVERGED = 1e-5;
/** Least scale of residuals: depths are not known better than to 1 %. */
const LEAST_DEVIATION = 0.01;
// Residuals of neighbouring points are alike: this many points count as one independent point.
const POINTS_PER_INDEPENDENT = 8;

/** Weight of a residual in Huber's loss: 1 up to the threshold, then falling with its size. */
export function huberWeight(residual: number, deviation: number): number {
  const size = Math.abs(residual) / (HUBER * deviation);
  return size <= 1 ? 1 : 1 / size;
}

/** The deviation of normal errors with this median of absolute residuals. */
export function robustDeviation(residuals: Float64Array): number {
  return Math.max(LEAST_DEVIATION, 1.4826 * median(residuals.map((r) => Math.abs(r))));
}

/**
 * The Huber mean of one or more residuals by reweighted least squares from their median (Huber 1964).
 */
export function location(residuals: Float64Array): Location {
  let mean = median(residuals.slice());
  const deviation = robustDeviation(residuals.map((r) => r - mean));
  for (let round = 0; round < ROUNDS; round++) {
    let sum = 0;
    let total = 0;
    for (const residual of residuals) {
      const weight = huberWeight(residual - mean, deviation);
      sum += weight * residual;
      total += weight;
    }
    const before = mean;
    mean = sum / total;
    if (Math.abs(mean - before) < CONVERGED * deviation) break;
  }
  const independent = Math.max(1, residuals.length / POINTS_PER_INDEPENDENT);
  return { mean, variance: deviation ** 2 / independent };
}

/**
 * ln of the scale of each view, 0 for a view whose location is null: the mean of the view, drawn
 * towards the mean of the rig by the variance between views, and that towards 0.
 */
export function shrunkScales(views: readonly (Location | null)[]): number[] {
  const known = views.filter((view) => view !== null);
  if (known.length === 0) return views.map(() => 0);
  const average = (of: (view: Location) => number): number =>
    known.reduce((sum, view) => sum + of(view), 0) / known.length;
  const raw = average(({ mean }) => mean);
  const error = average(({ variance }) => variance);
  const spread =
    average(({ mean }) => (mean - raw) ** 2) * (known.length / Math.max(1, known.length - 1));
  const between = Math.max(0, spread - error);
  const common = raw * kept(raw ** 2, (error + between) / known.length);
  return views.map((view) => {
    if (view === null) return 0;
    const own = between / (between + view.variance);
    return own * view.mean + (1 - own) * common;
  });
}

/** The share of an estimate that remains: 1 where its square exceeds its variance by far. */
function kept(square: number, variance: number): number {
  return square > variance ? 1 - variance / square : 0;
}

/** The median of one or more numbers, whose order it changes. */
function median(values: Float64Array): number {
  const middle = values.length >> 1;
  const upper = select(values, middle);
  if (values.length % 2 === 1) return upper;
  let lower = values[0];
  for (let i = 1; i < middle; i++) lower = Math.max(lower, values[i]);
  return (lower + upper) / 2;
}

/**
 * The number of place `wanted` in ascending order, at that place afterwards, with none larger before
 * it (Hoare 1961): several times as fast as sorting.
 */
export function select(values: Float64Array, wanted: number): number {
  let first = 0;
  let last = values.length - 1;
  while (first < last) {
    const pivot = values[wanted];
    let i = first;
    let j = last;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const moved = values[i];
      values[i++] = values[j];
      values[j--] = moved;
    }
    if (j < wanted) first = i;
    if (i > wanted) last = j;
  }
  return values[wanted];
}
