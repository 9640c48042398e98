// The data and the teacher of cells. Cells with equal settings share them, so that the built-in rig
// renders each moment once per seed, not once per row.
import type { Gpu } from "../gpu/device.ts";
import type { DataSource } from "../data/data_source.ts";
import type { TrainConfig } from "../train/config.ts";
import { openRunTeacher, openTrainingSource } from "../train/source.ts";
import { moduleConfig } from "../train/teacher/fit.ts";
import { hasTeacherTerms } from "../distill/losses.ts";
import { wantedParts } from "../distill/wanted_parts.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";
import type { TableProgress } from "../data/nuscenes/tables.ts";

/** The inputs of one cell. */
export interface CellInputs {
  readonly source: DataSource;
  readonly heldOut: DataSource;
  /** Null for supervision alone. */
  readonly teacher: Teacher | null;
}

/** Opens the inputs of cells, which come seed by seed. */
export interface SharedInputs {
  /** The inputs of a cell: those of an earlier one where they are the same. */
  readonly of: (config: TrainConfig) => Promise<CellInputs>;
  /** Frees what the teachers hold on a device. */
  readonly close: () => void;
}

// Rows with two teachers alternate; the maps of one may take a gigabyte.
const KEPT_TEACHERS = 2;

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
export function sharedInputs(
  gpu: () => Gpu,
  fit: FitTeacher,
  onProgress?: TableProgress,
): SharedInputs {
  // Two data sets need not fit into memory at once.
  const sources = latest<Pick<CellInputs, "source" | "heldOut">>(1, () => {});
  const teachers = latest<Teacher | null>(KEPT_TEACHERS, (teacher) => teacher?.close?.());
  return {
    of: async (config) => {
      const { source, heldOut } = await sources.of(dataKey(config), async () => ({
        source: await openTrainingSource(config, "train", { onProgress }),
        heldOut: await openTrainingSource(config, "held-out", { onProgress }),
      }));
      // A shared head changes no map of the teacher.
      const { shared: _, shared_head: _head, shared_network: _net, ...teacher } = config.teacher;
      const wanted = wantedParts(config.loss);
      const key = JSON.stringify([dataKey(config), teacher, moduleConfig(config), wanted]);
      const module = async (base: Teacher): Promise<string> => await fit(config, source, base);
      const opened =
        teacher.kind === "none"
          ? null
          : await teachers.of(
              key,
              async () => await openRunTeacher(config, { gpu, source, module }),
            );
      return { source, heldOut, teacher: opened };
    },
    close: teachers.clear,
  };
}

// Keys that no data depends on; a key that is not here may change the data.
const OTHER_KEYS = [
  "student",
  "student_weights",
  "student_attention",
  "steps",
  "head",
  "teacher",
  "loss",
  "optimizer",
];

function dataKey(config: TrainConfig): string {
  return JSON.stringify(Object.entries(config).filter(([key]) => !OTHER_KEYS.includes(key)));
}

/** Remembers the values of the last `count` keys and closes the others. */
function latest<T>(
  count: number,
  close: (value: T) => void,
): {
  readonly of: (key: string, open: () => Promise<T>) => Promise<T>;
  readonly clear: () => void;
} {
  const kept = new Map<string, T>();
  const shrink = (to: number): void => {
    for (const [key, value] of [...kept].slice(0, Math.max(0, kept.size - to))) {
      kept.delete(key);
      close(value);
    }
  };
  return {
    of: async (key, open) => {
      if (!kept.has(key)) shrink(count - 1);
      const value = kept.has(key) ? kept.get(key)! : await open();
      // The last one asked for is the last one to go.
      kept.delete(key);
      kept.set(key, value);
      return value;
    },
    clear: () => shrink(0),
  };
}

/**
 * Throws InputError for a row that distils where there is no teacher: it would be a second
 * supervised row under another name.
 */
export function requireTeacher({ teacher, loss, data }: TrainConfig, row: string): void {
  const { kind, path, weights } = teacher;
  const has = kind !== "auto" || path !== null || weights !== null || data === "rig";
  if (kind === "none" || has || !hasTeacherTerms(loss)) return;
  throw new InputError(
    `row ${row}: there is no teacher for data ${data.split(":")[0]}; give teacher.kind and ` +
      `teacher.path in a --config, or choose --rows supervised`,
  );
}
