// Evaluation of a student by its predictor.
import type { DataSource } from "../data/data_source.ts";
import type { BadSamples } from "../data/loader.ts";
import { fuseMirrored, mirrored, reversedViews } from "../evaluate/flip.ts";
import { checkOptions } from "../tensor/options.ts";
import {
  evaluateMaps,
  type EvaluatedMaps,
  type Evaluation,
  type EvaluationChoices,
} from "./evaluation.ts";
import { labelledSteps } from "./loading/labelled_steps.ts";
import { momentsOfJob } from "./loading/step_moments.ts";
import type { Predictor } from "./predictor.ts";
import { seenBy } from "./student_origin.ts";
import { trainedIds } from "./training_moments.ts";
import type { TrainedStudent } from "./trained/student_bytes.ts";

const CHOICES = {
  anchor_points: "any",
  parts: "any",
  affine: "text",
  overlap: "flag",
} as const satisfies Record<keyof EvaluationChoices, unknown>;

/**
 * Evaluates a predictor on every sample of `source`, over the depth range of its training. Throws
 * InputError for an unknown choice.
 */
export async function evaluate(
  predictor: Predictor,
  source: DataSource,
  badSamples: BadSamples,
  report: (message: string) => void,
  choices: EvaluationChoices = {},
): Promise<Evaluation> {
  checkOptions("evaluate", choices, {}, CHOICES);
  const { size, student } = predictor;
  const maps: EvaluatedMaps = {
    size,
    quantity: "metres",
    known: await knownMoments(student, source),
    of: async (sample) => {
      const own_m = await predictor.predict(sample);
      if (choices.parts?.flip !== true) return { values: own_m, size };
      const views = sample.cameras.length;
      const images = reversedViews(mirrored(sample.images, size, 3), views);
      const cameras = sample.cameras.toReversed();
      const other_m = await predictor.predict({ ...sample, images, cameras });
      const back_m = mirrored(reversedViews(other_m, views), size, 1);
      return { values: fuseMirrored(own_m, back_m, size), size };
    },
  };
  return await evaluateMaps(maps, seenBy(student.origin, source), badSamples, report, choices);
}

/** Ids of the moments of `source` that the student was trained on; null if it does not say. */
async function knownMoments(
  { config, steps, origin }: TrainedStudent,
  source: DataSource,
): Promise<ReadonlySet<string> | null> {
  if (origin.moments === null) return null;
  const { seed, bad_samples } = config;
  return await trainedIds(source, origin.moments, {
    steps: steps * momentsOfJob(config),
    seed,
    maySkip: bad_samples === "skip",
    lidar: { share: config.lidar.share, steps: labelledSteps(config) },
  });
}
