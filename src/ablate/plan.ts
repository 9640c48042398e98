// The cells of an ablation: one student for each row, seed and point of the axes. Cells of one
// configuration are one cell, however many rows share it.
import { InputError } from "../tensor/error.ts";
import { resolveConfig, type TrainConfig } from "../train/config.ts";
import { formatConfig } from "../train/config/text.ts";
import { withAbsolutePlaces } from "../train/source.ts";
import type { AxisPoint } from "./axes.ts";
import { withOverrides, type Override, type WrittenKeys } from "./overrides.ts";
import type { Row } from "./rows.ts";

/** One student to train and evaluate. */
export interface Cell {
  /** Unique within an ablation, and the name of its folder. */
  readonly name: string;
  readonly row: string;
  readonly seed: number;
  readonly config: TrainConfig;
}

/** The choices of an ablation. */
export interface AblationQuestions {
  /** The configuration of all rows as written. */
  readonly given: WrittenKeys;
  readonly rows: readonly Row[];
  readonly points: readonly AxisPoint[];
  readonly seeds: readonly number[];
}

/** An ablation before it runs. */
export interface AblationPlan extends AblationQuestions {
  /** Seed by seed, so that a table of whole pairs grows; each cell once. */
  readonly cells: readonly Cell[];
  /** The cell of a place in the table. */
  readonly cellOf: (row: Row, point: AxisPoint, seed: number) => Cell;
}

/** Plans the cells. Throws InputError naming the row where its configuration is wrong. */
export function planAblation(questions: AblationQuestions): AblationPlan {
  const { given, rows, points, seeds } = questions;
  const byConfig = new Map<string, Cell>();
  const byPlace = new Map<string, Cell>();
  for (const seed of seeds) {
    for (const point of points) {
      for (const row of rows) {
        const cell = cellAt(given, row, point, seed);
        const text = formatConfig(cell.config);
        const same = byConfig.get(text) ?? cell;
        byConfig.set(text, same);
        byPlace.set(cell.name, same);
      }
    }
  }
  return {
    ...questions,
    cells: [...byConfig.values()],
    cellOf: (row, point, seed) => byPlace.get(nameOf(row, point, seed))!,
  };
}

function cellAt(given: WrittenKeys, row: Row, point: AxisPoint, seed: number): Cell {
  const own = resolved(given, row.overrides, row);
  const overrides = [...row.overrides, ...point.overrides.filter((one) => applies(one, own))];
  const config = resolved(given, [...overrides, { key: "seed", value: seed }], row);
  return { name: nameOf(row, point, seed), row: row.name, seed, config };
}

function resolved(given: WrittenKeys, overrides: readonly Override[], row: Row): TrainConfig {
  const config = resolveConfig(withOverrides(given, overrides), `row ${row.name}`);
  return withAbsolutePlaces(config, [process.cwd()]);
}

/** Weights of the teacher's terms change nothing without a teacher: such a row is trained once. */
function applies({ key }: Override, { teacher }: TrainConfig): boolean {
  const isTeachers = key.startsWith("loss.weights.") && key !== "loss.weights.silog";
  return teacher.kind !== "none" || !isTeachers;
}

function nameOf({ name }: Row, { axes }: AxisPoint, seed: number): string {
  const values = Object.entries(axes).map(([axis, value]) =>
    axis === "weights" ? String(value).replaceAll("=", "-") : `${axis}-${value}`,
  );
  return [name, ...values, `seed-${seed}`].join(".");
}

/**
 * Reads `--seeds`: a number N for the seeds 0 to N - 1, or a list A,B,C; `A,` is the one seed A.
 * Throws InputError.
 */
export function parseSeeds(text: string): number[] {
  const parts = text.replace(/,$/, "").split(",");
  const numbers = parts.map((part) => (/^\d+$/.test(part.trim()) ? Number(part) : Number.NaN));
  const isList = text.includes(",");
  const wrong = numbers.some((value) => !Number.isSafeInteger(value)) || (!isList && !numbers[0]);
  if (wrong || (!isList && numbers[0] > MOST_SEEDS)) {
    throw new InputError(
      `--seeds ${text}: expected a number of seeds up to ${MOST_SEEDS}, such as 5, or a list of ` +
        `them, such as 0,1,7`,
    );
  }
  const seeds = isList ? numbers : Array.from({ length: numbers[0] }, (_, seed) => seed);
  const twice = seeds.find((seed, i) => seeds.indexOf(seed) !== i);
  if (twice !== undefined) throw new InputError(`--seeds ${text}: ${twice} is given twice`);
  return seeds;
}

const MOST_SEEDS = 1000;
