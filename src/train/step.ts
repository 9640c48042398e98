// The data that one training step takes, and the outputs that are kept.
import type { DataSource } from "../data/data_source.ts";
import type { Loader } from "../data/loader.ts";
import { LOSS_TERMS } from "../distill/losses.ts";
import { overlapInput } from "../distill/relations.ts";
import { checkedMaps } from "../teacher/checked_teacher.ts";
import { mapInput, TEACHER_MAPS, type Teacher } from "../teacher/teacher.ts";
import type { RigSample } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "./config.ts";
import { outputSize } from "./network.ts";
import type { StepRecord } from "./run_folder.ts";

/** Throws InputError for data that has no depth to learn from. */
export function requireDepth(source: DataSource): void {
  if (source.canTrain) return;
  throw new InputError(`${source.name} has no depth to learn from: it can only be predicted`);
}

/** Everything besides its sample that the inputs of a step depend on. */
export interface StepSource {
  readonly teacher: Teacher | null;
  readonly config: TrainConfig;
}

/** The inputs of a step: its batch and its sample's teacher maps. */
export async function stepInputs(
  { teacher, config }: StepSource,
  samples: Loader,
  step: number,
): Promise<Record<string, Float32Array>> {
  const { sample, batch } = await samples.step(step);
  return { ...batch, ...(await teacherInputs({ teacher, config }, sample)) };
}

/**
 * The teacher's maps of a sample by the inputs that take them, and the weights of a relation that
 * the cameras determine; none without a teacher.
 */
export async function teacherInputs(
  { teacher, config }: StepSource,
  sample: RigSample,
): Promise<Record<string, Float32Array>> {
  if (teacher === null) return {};
  const maps = await checkedMaps(teacher, sample, outputSize(config.size), config.head.bins);
  const given = TEACHER_MAPS.flatMap((name) => {
    const map = maps[name];
    return map === undefined ? [] : [[mapInput(name), map] as const];
  });
  return { ...Object.fromEntries(given), ...overlapInput(config.loss, sample.cameras) };
}

/** The record of a step, counted from 0; null if one of its numbers is not finite. */
export function stepRecord(
  step: number,
  learning_rate: number,
  values: Readonly<Record<string, Float32Array>>,
  time_ms: number,
): StepRecord | null {
  const [gradient_norm, , areGradientsFinite, isStateBad] = values["gradient_norm"];
  const terms: Record<string, number> = {};
  for (const term of LOSS_TERMS) {
    const value = values[term];
    if (value !== undefined) terms[term] = value[0];
  }
  const loss = values["loss"][0];
  const areTermsFinite = [loss, gradient_norm, ...Object.values(terms)].every(Number.isFinite);
  if (areGradientsFinite !== 1 || isStateBad !== 0 || !areTermsFinite) return null;
  return {
    step: step + 1,
    loss,
    terms,
    learning_rate,
    gradient_norm,
    valid_pixels: values["valid_count"][0],
    time_ms,
  };
}
