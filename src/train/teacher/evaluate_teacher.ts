// Evaluates the metres of a teacher on held-out moments.
import type { DataSource } from "../../data/data_source.ts";
import { loader } from "../../data/loader.ts";
import { countedTruth } from "../../evaluate/map_mask.ts";
import { evaluator, type EvaluationResult } from "../../evaluate/protocol.ts";
import type { Gpu } from "../../gpu/device.ts";
import { checkedMaps } from "../../teacher/checked_teacher.ts";
import { openTeacher } from "../../teacher/open_teacher.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import { InputError } from "../../tensor/error.ts";
import type { TrainConfig } from "../config.ts";
import { describeMasked } from "../evaluation_words.ts";
import { outputSize } from "../network.ts";
import { foundationContext, teacherPlaces } from "../source.ts";

/**
 * Evaluates the metres that a teacher gives for every moment of `source`. A pixel without metres
 * counts as the largest depth; a pixel that the teacher masks does not count. Throws InputError for a
 * teacher without metres, and if no pixel counts. `onMessage` receives a line about each moment that
 * is left out, and one about masked pixels.
 */
export async function evaluateTeacher(
  teacher: Teacher,
  source: DataSource,
  { size, head, bad_samples: badSamples }: TrainConfig,
  onMessage: (message: string) => void,
): Promise<EvaluationResult> {
  const half = outputSize(size);
  const names = source.cameras.map(({ name }) => name);
  const metrics = evaluator(names, source.protocol, { medianScaling: true });
  let masked = 0;
  const choice = { seed: 0, size, augment: false, badSamples, onSkip: onMessage };
  for await (const sample of loader(source, choice).all()) {
    const { depth_m, mask } = await checkedMaps(teacher, sample, half, head.bins);
    if (depth_m === undefined) throw new InputError(`teacher ${teacher.name}: gives no metres`);
    const { groundTruth, masked_pixels } =
      mask === undefined
        ? { ...sample, masked_pixels: 0 }
        : countedTruth(sample.groundTruth, Uint8Array.from(mask), half, source.protocol);
    masked += masked_pixels;
    const filled_m = depth_m.map((value) => (value > 0 ? value : source.protocol.cap_m));
    metrics.add(filled_m, half, groundTruth);
  }
  if (masked > 0) onMessage(`teacher ${teacher.name}: ${describeMasked(masked)}`);
  return metrics.result();
}

/**
 * Evaluates the base of a fitted teacher with each view aligned to the LiDAR of the held-out moments
 * themselves; null if the base has no relative maps or no view has a fit, which `onMessage` is told.
 */
export async function evaluateAligned(
  config: TrainConfig,
  heldOut: DataSource,
  onMessage: (message: string) => void,
  gpu: () => Gpu,
): Promise<EvaluationResult | null> {
  const { base } = config.teacher;
  const { data, seed } = config;
  const metric = { scale: heldOut, onMessage, device: foundationContext(config, gpu) };
  let aligned: Teacher | null = null;
  try {
    aligned = await openTeacher(
      { ...teacherPlaces(config), kind: "aligned", base },
      data,
      seed,
      metric,
    );
    return aligned && (await evaluateTeacher(aligned, heldOut, config, onMessage));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    onMessage(`the aligned base is not evaluated: ${error.message}`);
    return null;
  } finally {
    aligned?.close?.();
  }
}
