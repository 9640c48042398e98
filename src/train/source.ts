// The data that a configuration names, and the places of files that a configuration holds.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { DataSource, Split } from "../data/data_source.ts";
import { openData } from "../data/open_data.ts";
import { openTeacher } from "../teacher/open_teacher.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "./config.ts";

/**
 * Opens one split of the configuration's data; throws InputError for what is wrong with it. Where
 * the configuration is an `earlier` one, of a run or a student, the error says what to do if the
 * data moved since.
 */
export async function openSource(
  config: TrainConfig,
  split: Split,
  earlier = false,
): Promise<DataSource> {
  const { train_moments, held_out_moments } = config.rig;
  const moments = { train: train_moments, "held-out": held_out_moments };
  const { data, seed, bad_samples: badSamples } = config;
  try {
    return await openData(data, { split, seed, moments, badSamples });
  } catch (error) {
    if (!earlier || !(error instanceof InputError)) throw error;
    throw new InputError(`${error.message}; if the data moved, give its new place with --data`);
  }
}

/** Opens the teacher of a configuration, null without one; throws as `openSource` does. */
export async function openRunTeacher(
  { teacher, data, seed }: TrainConfig,
  earlier: boolean,
): Promise<Teacher | null> {
  try {
    return await openTeacher(teacher, data, seed);
  } catch (error) {
    if (!earlier || teacher.path === null || !(error instanceof InputError)) throw error;
    throw new InputError(
      `${error.message}; if the maps moved, give their new place as teacher.path of a --config`,
    );
  }
}

/**
 * The configuration with the paths of data and teacher made absolute, so that a run does not depend
 * on the folder in which a command is typed: of `bases` the first where the path exists, else the
 * first.
 */
export function withAbsolutePlaces(config: TrainConfig, bases: readonly string[]): TrainConfig {
  const place = (path: string): string => {
    const places = bases.map((base) => resolve(base, path));
    return places.find((one) => existsSync(one)) ?? places[0];
  };
  const colon = config.data.indexOf(":");
  const [kind, path] = [config.data.slice(0, colon), config.data.slice(colon + 1)];
  const { teacher } = config;
  return {
    ...config,
    data: colon < 1 || path === "" ? config.data : `${kind}:${place(path)}`,
    teacher: { ...teacher, path: teacher.path === null ? null : place(teacher.path) },
  };
}
