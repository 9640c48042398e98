// Prepares curves for uPlot: on common steps, thinned, with gaps where nothing was measured. The
// drawing itself happens in the browser (html_script.ts).
import type { Curve } from "./report_data.ts";

/** A chart as the page's script reads it. */
export interface Chart {
  /** Id of the element it is drawn into. */
  readonly id: string;
  readonly title: string;
  readonly labels: readonly string[];
  /** Indices of curves drawn dashed and flat: levels to compare with. */
  readonly levels: readonly number[];
  /** Whether the values have a logarithmic axis. */
  readonly logarithmic: boolean;
  /**
   * Steps, then the values of each curve at these steps; a line spans the gaps that nulls leave.
   */
  readonly columns: readonly (readonly (number | null)[])[];
}

/** The contents of a chart. */
export interface ChartSource {
  readonly id: string;
  readonly title: string;
  readonly curves: readonly Curve[];
  /** Horizontal lines across the whole chart, such as a baseline. */
  readonly level?: { readonly label: string; readonly value: number };
  /** Whether a logarithmic axis is wanted where the values allow it. */
  readonly logarithmic?: boolean;
}

// More points per curve than this exceed the pixel columns of a chart.
const MOST_POINTS = 2000;

/** The chart of some curves, `undefined` where none has a finite value. */
export function makeChart(source: ChartSource): Chart | undefined {
  const curves = source.curves.map(finite).filter(({ steps }) => steps.length > 0);
  if (curves.length === 0) return undefined;
  const values = curves.flatMap((curve) => curve.values);
  const least = values.reduce((a, b) => Math.min(a, b));
  const most = values.reduce((a, b) => Math.max(a, b));
  const drawn = curves.map((curve) => thin(curve, MOST_POINTS));
  if (source.level) drawn.push(levelCurve(source.level, drawn));
  const steps = [...new Set(drawn.flatMap((curve) => curve.steps))].toSorted((a, b) => a - b);
  const columns = drawn.map((curve) => {
    const byStep = new Map(curve.steps.map((step, i) => [step, curve.values[i]]));
    return steps.map((step) => byStep.get(step) ?? null);
  });
  return {
    id: source.id,
    title: source.title,
    labels: drawn.map(({ label }) => label),
    levels: source.level ? [drawn.length - 1] : [],
    // Less than a decade reads better on a linear axis.
    logarithmic: source.logarithmic === true && least > 0 && most > 10 * least,
    columns: [steps, ...columns],
  };
}

function finite({ label, steps, values }: Curve): Curve {
  const kept = [...steps.keys()].filter((i) => Number.isFinite(values[i]));
  return { label, steps: kept.map((i) => steps[i]), values: kept.map((i) => values[i]) };
}

function levelCurve(level: { label: string; value: number }, curves: readonly Curve[]): Curve {
  const first = Math.min(...curves.map(({ steps }) => steps[0]));
  const last = Math.max(...curves.map(({ steps }) => steps.at(-1)!));
  const steps = first === last ? [first] : [first, last];
  return { label: level.label, steps, values: steps.map(() => level.value) };
}

/**
 * The curve with at most about `most` points: the lowest and the highest of every bucket of
 * neighbours stay, so that no spike is lost.
 */
export function thin(curve: Curve, most: number): Curve {
  const count = curve.steps.length;
  if (count <= most) return curve;
  const bucket = Math.ceil((2 * count) / most);
  const kept: number[] = [];
  for (let start = 0; start < count; start += bucket) {
    let [low, high] = [start, start];
    for (let i = start; i < Math.min(start + bucket, count); i++) {
      if (curve.values[i] < curve.values[low]) low = i;
      if (curve.values[i] > curve.values[high]) high = i;
    }
    kept.push(...new Set([Math.min(low, high), Math.max(low, high)]));
  }
  return {
    label: curve.label,
    steps: kept.map((i) => curve.steps[i]),
    values: kept.map((i) => curve.values[i]),
  };
}
