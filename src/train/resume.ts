// The common ground of a resumed run and its checkpoint: the configuration except for file paths,
// and the data itself, wherever it is now.
import type { DataSource } from "../data/data_source.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";
import type { CheckpointInfo } from "./checkpoint.ts";
import { resolveConfig, type TrainConfig } from "./config.ts";
import { formatConfig, parseConfigFile } from "./config/text.ts";
import { runPaths } from "./run_folder.ts";
import { earlierOrigin, requireSameData, type StudentOrigin } from "./student_origin.ts";

/** The parts of a run that its checkpoint must match. */
export interface ComparedRun {
  readonly config: TrainConfig;
  readonly out: string;
  /** A checkpoint of a run with a module needs it; null or absent without a teacher. */
  readonly teacher?: Pick<Teacher, "module"> | null;
}

/**
 * A configuration without the places of data, teacher and first weights, which may move; for
 * comparisons only.
 */
export function withoutPlaces(config: TrainConfig): TrainConfig {
  // Maps from a cache are the same maps.
  const { path, module, weights, cache: _, ...teacher } = config.teacher;
  const data = config.data.split(":")[0];
  const given = (place: string | null): string | null => (place === null ? null : "given");
  const places = {
    path: given(path),
    module: given(module),
    weights: given(weights),
    cache: null,
  };
  // Neither the threads that load data nor results computed again change a bit.
  const first = {
    student_weights: given(config.student_weights),
    student_from: given(config.student_from),
  };
  // The same order of keys, whether the launcher or a file gave the last one.
  const { ranks, ...rest } = config;
  const last = ranks === undefined ? {} : { ranks };
  return {
    ...rest,
    data,
    recompute: false,
    workers: null,
    ...first,
    teacher: { ...teacher, ...places },
    ...last,
  };
}

/**
 * Throws InputError if a checkpoint belongs to a run with another configuration, or with another
 * module of a fitted teacher.
 */
export function requireSameRun(
  { config, out, teacher }: ComparedRun,
  info: CheckpointInfo,
  file: string,
): void {
  const stored = resolveConfig(parseConfigFile(info.config, file), file);
  if (formatConfig(withoutPlaces(stored)) === formatConfig(withoutPlaces(config))) {
    const { teacher_module } = info;
    if (teacher_module === undefined || teacher_module === teacher?.module) return;
    throw new InputError(
      `${file}: its run learnt from another module than ${config.teacher.module ?? "none"}, which has ` +
        `other content now; put the earlier module back, or start a new run with another --out`,
    );
  }
  throw new InputError(
    `${file} was written with another configuration; resume with the one in ${runPaths(out).config}`,
  );
}

/**
 * The origin with which a resumed run continues, taken from its checkpoint. Throws InputError if
 * `found`, the origin of the given data, is other data. A checkpoint of an earlier version does not
 * name its training data, and `onMessage` receives a line about it.
 */
export function runOrigin(
  run: {
    readonly config: TrainConfig;
    readonly source: DataSource;
    readonly onMessage?: (message: string) => void;
  },
  { origin, depth_max_m }: Pick<CheckpointInfo, "origin" | "depth_max_m">,
  found: StudentOrigin,
): StudentOrigin {
  if (origin !== undefined) {
    requireSameData(origin, found, run.source.name);
    return origin;
  }
  run.onMessage?.(
    `an earlier version wrote the checkpoint: whether ${run.source.name} is the data that it was ` +
      `trained on cannot be checked`,
  );
  const { cameras, moments } = found;
  return { ...earlierOrigin(run.config.data, depth_max_m), cameras, moments };
}
