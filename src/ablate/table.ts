// From the records of cells to the table of an ablation: a row for each named row at each point of
// the axes, with means, spreads and paired gains over the reference row at that point.
import { METRIC_NAMES, type MetricName } from "../evaluate/metrics.ts";
import type { CellRecord, CellResult } from "./cell_file.ts";
import { deviationOf, meanOf, pairedMean } from "./paired.ts";
import type { AblationPlan } from "./plan.ts";
import { pointText, type AxisPoint } from "./axes.ts";

/** A measure of a table: one of seven metrics, of shape alone, or disagreement of neighbours. */
export type Measure = MetricName | "median_scaled_abs_rel" | "disagreement";

/** Their names in the order of tables. */
export const MEASURES: readonly Measure[] = [
  ...METRIC_NAMES,
  "median_scaled_abs_rel",
  "disagreement",
];

// Shares of good pixels; every other measure is an error.
const GROWS: ReadonlySet<Measure> = new Set(["a1", "a2", "a3"]);

/** A gain in percent, better above 0, with the two ends of its 95 % interval if it has one. */
export type Gain =
  | readonly [percent: number]
  | readonly [percent: number, low: number, high: number];

type Numbers = Readonly<Partial<Record<Measure, number>>>;

/** One line of the table; a number that does not exist is absent. */
export interface TableRow {
  readonly name: string;
  readonly axes: AxisPoint["axes"];
  /** The measures of each finished seed. */
  readonly seeds: Readonly<Record<string, Numbers>>;
  /** The reason for each failed seed. */
  readonly failed: Readonly<Record<string, string>>;
  readonly mean: Numbers;
  /** Standard deviation over seeds (n - 1). */
  readonly spread: Numbers;
  /** Mean of the gains of the seeds that the reference has too; empty for the reference itself. */
  readonly gain: Readonly<Partial<Record<Measure, Gain>>>;
  /** The gains of each of these seeds, in percent. */
  readonly gain_by_seed: Readonly<Record<string, Numbers>>;
  /** Mean relative disagreement of ring neighbours. */
  readonly disagreement?: number;
}

/** The whole table. */
export interface AblationTable {
  /** The row that gains are relative to. */
  readonly reference: string;
  readonly rows: readonly TableRow[];
  /** Remarks on numbers that are absent or that need care. */
  readonly notes: readonly string[];
}

/** Builds the table from the records that are there. */
export function ablationTable(
  plan: AblationPlan,
  records: ReadonlyMap<string, CellRecord>,
  reference: string,
): AblationTable {
  const rows = plan.points.flatMap((point) => {
    const bySeed = plan.rows.map((row) => recordsOf(plan, records, row, point));
    const at = plan.rows.findIndex(({ name }) => name === reference);
    return plan.rows.map((row, i) => tableRow(row.name, point, bySeed[i], bySeed[at]));
  });
  return { reference, rows, notes: notes(plan, rows, records, reference) };
}

type BySeed = ReadonlyMap<number, CellRecord>;

function recordsOf(
  { seeds, cellOf }: AblationPlan,
  records: ReadonlyMap<string, CellRecord>,
  row: AblationPlan["rows"][number],
  point: AxisPoint,
): BySeed {
  return new Map(
    seeds.flatMap((seed) => {
      const record = records.get(cellOf(row, point, seed).name);
      return record === undefined ? [] : [[seed, record] as const];
    }),
  );
}

function tableRow(
  name: string,
  { axes }: AxisPoint,
  own: BySeed,
  reference: BySeed | undefined,
): TableRow {
  const results = resultsOf(own);
  const others = reference === undefined || reference === own ? null : resultsOf(reference);
  const seeds = [...results].map(([seed, result]) => [seed, measuresOf(result)] as const);
  const failed = [...own].flatMap(([seed, { failure }]) =>
    failure === null ? [] : [[seed, failure.reason] as const],
  );
  const valuesOf = (measure: Measure): number[] =>
    seeds.flatMap(([, measures]) => measures[measure] ?? []);
  const gains = seeds.flatMap(([seed, measures]) => {
    const other = others?.get(seed);
    if (other === undefined) return [];
    const base = measuresOf(other);
    const gain = byMeasure((one) => gainPercent(one, base[one], measures[one]));
    return [[seed, gain] as const];
  });
  const mean = byMeasure((measure) => {
    const values = valuesOf(measure);
    return values.length === 0 ? null : meanOf(values);
  });
  return {
    name,
    axes,
    seeds: Object.fromEntries(seeds),
    failed: Object.fromEntries(failed),
    mean,
    spread: byMeasure((measure) => deviationOf(valuesOf(measure))),
    gain: byMeasure((measure) => gainOf(gains.flatMap(([, gain]) => gain[measure] ?? []))),
    gain_by_seed: Object.fromEntries(gains),
    ...(mean.disagreement !== undefined && { disagreement: mean.disagreement }),
  };
}

/** An object with the measures that have a value. */
function byMeasure<T>(of: (measure: Measure) => T | null): Partial<Record<Measure, T>> {
  const found: Partial<Record<Measure, T>> = {};
  for (const measure of MEASURES) {
    const value = of(measure);
    if (value !== null) found[measure] = value;
  }
  return found;
}

function resultsOf(records: BySeed): Map<number, CellResult> {
  return new Map(
    [...records].flatMap(([seed, { result }]) =>
      result === null ? [] : [[seed, result] as const],
    ),
  );
}

function measuresOf({ metrics, median_scaled_abs_rel, disagreement }: CellResult): Numbers {
  const { silog: _silog, ...seven } = metrics;
  return {
    ...seven,
    median_scaled_abs_rel,
    ...(disagreement !== null && { disagreement }),
  };
}

/** By how much a value is better than the reference's, in percent of that; null where that is 0. */
function gainPercent(
  measure: Measure,
  reference: number | undefined,
  value: number | undefined,
): number | null {
  if (reference === undefined || value === undefined || !(reference > 0)) return null;
  const change = (100 * (value - reference)) / reference;
  return GROWS.has(measure) ? change : -change;
}

function gainOf(percents: readonly number[]): Gain | null {
  const found = pairedMean(percents);
  if (found === null) return null;
  const { mean, interval } = found;
  return interval === null ? [mean] : [mean, interval.low, interval.high];
}

/** Remarks that say why a number is absent, or what it does not mean. */
function notes(
  plan: AblationPlan,
  rows: readonly TableRow[],
  records: ReadonlyMap<string, CellRecord>,
  reference: string,
): string[] {
  const lines: string[] = [];
  const results = [...records.values()].flatMap(({ result }) => result ?? []);
  if (plan.seeds.length === 1) lines.push("one seed: no spread and no interval of a gain");
  if (!plan.rows.some(({ name }) => name === reference)) {
    lines.push(`no row ${reference}: no gains`);
  }
  for (const row of rows) {
    const at = pointText({ axes: row.axes, overrides: [] });
    const name = at === "" ? row.name : `${row.name} (${at})`;
    for (const [seed, reason] of Object.entries(row.failed)) {
      lines.push(`${name}, seed ${seed}, failed: ${reason}`);
    }
    const open = plan.seeds.filter((seed) => !(seed in row.seeds) && !(seed in row.failed));
    if (open.length > 0) lines.push(`${name}: not yet trained: seed ${open.join(", ")}`);
    const equal = row.gain.abs_rel;
    if (equal?.length === 3 && equal[1] === equal[2]) {
      lines.push(
        `${name}: the AbsRel gain is the same at every seed, so its interval has no width`,
      );
    }
  }
  if (results.some(({ disagreement }) => disagreement === null)) {
    lines.push("no neighbouring views overlap: no disagreement");
  }
  const trained = results.filter(({ trained_on }) => trained_on !== null && trained_on > 0);
  if (trained.length > 0) {
    lines.push("some evaluated moments were trained on: the errors say little about new moments");
  }
  const adapters = [...new Set(results.map(({ adapter }) => adapter))];
  if (adapters.length > 1) lines.push(`cells ran on different adapters: ${adapters.join("; ")}`);
  const steps = new Set(plan.cells.map(({ config }) => config.steps));
  if (steps.size > 1) lines.push(`rows have different budgets: ${[...steps].join(", ")} steps`);
  return lines;
}
