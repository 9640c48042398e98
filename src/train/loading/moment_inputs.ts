// The inputs that one moment gives to a training step. Loading threads import this, so it must not
// import the network.
import type { Loader } from "../../data/loader.ts";
import type { RigSample } from "../../data/rig_sample.ts";
import { overlapInput } from "../../distill/overlap.ts";
import { checkedMaps } from "../../teacher/checked_teacher.ts";
import { mapInput, TEACHER_MAPS, type Teacher } from "../../teacher/teacher.ts";
import type { TrainConfig } from "../config.ts";
import { outputSize } from "../output_size.ts";

/** Everything besides its sample that the inputs of a step depend on. */
export interface StepSource {
  readonly teacher: Teacher | null;
  readonly config: TrainConfig;
}

/**
 * The inputs of one moment of training, counted from 0 over all steps: its batch and its sample's
 * teacher maps.
 */
export async function momentInputs(
  { teacher, config }: StepSource,
  samples: Loader,
  moment: number,
): Promise<Record<string, Float32Array>> {
  const { sample, batch } = await samples.step(moment);
  return { ...batch, ...(await teacherInputs({ teacher, config }, sample)) };
}

/** Gives the inputs of a moment of training, counted from 0 over all steps. */
export type MomentLoad = (moment: number) => Promise<Record<string, Float32Array>>;

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
