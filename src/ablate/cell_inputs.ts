// The data and the teacher of cells. Cells with equal settings share them, so that the built-in rig
// renders each moment once per seed, not once per row.
import type { Gpu } from "../gpu/device.ts";
import type { DataSource } from "../data/data_source.ts";
import type { TrainConfig } from "../train/config.ts";
import { openRunTeacher, openSource } from "../train/source.ts";
import { moduleConfig } from "../train/teacher/fit.ts";
import { hasTeacherTerms } from "../distill/losses.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";

/** The inputs of one cell. */
export interface CellInputs {
  readonly source: DataSource;
  readonly heldOut: DataSource;
  /** Null for supervision alone. */
  readonly teacher: Teacher | null;
}

/** Opens the inputs of a cell; keeps the ones opened last, since cells come seed by seed. */
export type OpenInputs = (config: TrainConfig) => Promise<CellInputs>;

/** Fits the module of a cell's teacher on `base` and returns its path. */
export type FitTeacher = (
  config: TrainConfig,
  source: DataSource,
  base: Teacher,
) => Promise<string>;

/**
 * An opener that shares what it opened; `gpu` is the device in use. Cells of equal data share the
 * module of a fitted teacher too.
 */
export function sharedInputs(gpu: () => Gpu, fit: FitTeacher): OpenInputs {
  const sources = latest<Pick<CellInputs, "source" | "heldOut">>();
  const teachers = latest<Teacher | null>();
  return async (config) => {
    const { source, heldOut } = await sources(dataKey(config), async () => ({
      source: await openSource(config, "train"),
      heldOut: await openSource(config, "held-out"),
    }));
    const { teacher } = config;
    const key = JSON.stringify([dataKey(config), teacher, moduleConfig(config)]);
    const module = async (base: Teacher): Promise<string> => await fit(config, source, base);
    const opened =
      teacher.kind === "none"
        ? null
        : await teachers(key, async () => await openRunTeacher(config, { gpu, source, module }));
    return { source, heldOut, teacher: opened };
  };
}

// Keys that no data depends on; a key that is not here may change the data.
const OTHER_KEYS = ["student", "steps", "head", "teacher", "loss", "optimizer"];

function dataKey(config: TrainConfig): string {
  return JSON.stringify(Object.entries(config).filter(([key]) => !OTHER_KEYS.includes(key)));
}

/** Remembers the value of the last key. */
function latest<T>(): (key: string, open: () => Promise<T>) => Promise<T> {
  let kept: { readonly key: string; readonly value: T } | null = null;
  return async (key, open) => {
    if (kept?.key === key) return kept.value;
    kept = null; // Two data sets need not fit into memory at once.
    kept = { key, value: await open() };
    return kept.value;
  };
}

/**
 * Throws InputError for a row that distils where there is no teacher: it would be a second
 * supervised row under another name.
 */
export function requireTeacher({ teacher, loss, data }: TrainConfig, row: string): void {
  const { kind, path } = teacher;
  const has = kind !== "auto" || path !== null || data === "rig";
  if (kind === "none" || has || !hasTeacherTerms(loss)) return;
  throw new InputError(
    `row ${row}: there is no teacher for data ${data.split(":")[0]}; give teacher.kind and ` +
      `teacher.path in a --config, or choose --rows supervised`,
  );
}
