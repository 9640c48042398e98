// One validation during training: the student of a session on held-out moments.
import type { DataSource } from "../data/data_source.ts";
import { evaluateMaps } from "./evaluation.ts";
import { createPredictor, type Predictor } from "./predictor.ts";
import type { Session } from "./session.ts";
import type { TrainedStudent } from "./trained/student_bytes.ts";
import { seenBy } from "./student_origin.ts";
import type { Validation } from "./validation.ts";

/** At most `count` moments of a source, evenly spread; all of them for null. */
export function someMoments(source: DataSource, count: number | null): DataSource {
  if (count === null || count >= source.count) return source;
  const at = (index: number): number => Math.floor((index * source.count) / count);
  return {
    ...source,
    count,
    sample: async (index, size) => await source.sample(at(index), size),
    identify: async (index) => await source.identify(at(index)),
  };
}

/** The inputs of a validation beside the session. */
export interface ValidationInput {
  readonly student: TrainedStudent;
  readonly heldOut: DataSource;
  readonly onMessage: (message: string) => void;
}

/**
 * Evaluates the parameters of a session on held-out moments with kernels chosen by rule; changes
 * none of them. Throws InputError if no moment has true depth in range.
 */
export async function validate(
  { gpu, store }: Session,
  { student, heldOut, onMessage }: ValidationInput,
): Promise<Validation> {
  const { config } = student;
  const { size } = config;
  const source = seenBy(student.origin, someMoments(heldOut, config.validate_moments));
  const predictor: Predictor = await createPredictor(gpu, student, source, store);
  try {
    const maps = {
      size,
      quantity: "metres" as const,
      known: null,
      of: async (...of: Parameters<typeof predictor.predict>) => ({
        values: await predictor.predict(...of),
        size,
      }),
    };
    const { result, moments } = await evaluateMaps(maps, source, config.bad_samples, onMessage);
    const { abs_rel, rmse, a1 } = result.all;
    return { abs_rel, rmse, a1, moments };
  } finally {
    predictor.destroy();
  }
}
