// Validations of a run: when they come, which one was best, and when the run no longer improves. All
// of it follows from the records of the run, so a resumed run decides as an unbroken one.
import { z } from "zod";
import type { TrainConfig } from "./config.ts";

const finite = z.number();
/** A validation as `metrics.jsonl` keeps it, in the record of its step. */
export const validationSchema: z.ZodType<Validation> = z.object({
  abs_rel: finite,
  rmse: finite,
  a1: finite,
  moments: z.number().int().positive(),
});

/** The student after a step on held-out moments, in metres. */
export interface Validation {
  readonly abs_rel: number;
  /** In metres. */
  readonly rmse: number;
  readonly a1: number;
  readonly moments: number;
}

/** A record of a step, as far as validation is concerned. */
export interface ValidatedStep {
  readonly step: number;
  readonly validation?: Validation | undefined;
}

/** Whether the student is validated after this many steps. */
export function isValidated({ validate_every }: TrainConfig, steps: number): boolean {
  return validate_every !== null && steps > 0 && steps % validate_every === 0;
}

/** The step with the smallest AbsRel, the first of several; null without a validation. */
export function bestStep(records: readonly ValidatedStep[]): number | null {
  let best: { readonly step: number; readonly abs_rel: number } | null = null;
  for (const { step, validation } of records) {
    if (validation === undefined || (best !== null && validation.abs_rel >= best.abs_rel)) continue;
    best = { step, abs_rel: validation.abs_rel };
  }
  return best?.step ?? null;
}

/** Whether the last `early_stop` validations brought no better student. */
export function hasStalled(
  { early_stop }: Pick<TrainConfig, "early_stop">,
  records: readonly ValidatedStep[],
): boolean {
  if (early_stop === null) return false;
  const best = bestStep(records);
  if (best === null) return false;
  const since = records.filter(({ step, validation }) => validation !== undefined && step > best);
  return since.length >= early_stop;
}

/** A validation as a line for people. */
export function describeValidation(step: number, found: Validation, isBest: boolean): string {
  const { abs_rel, rmse, a1, moments } = found;
  return (
    `step ${step}: held-out AbsRel ${abs_rel.toFixed(4)}, RMSE ${rmse.toFixed(2)} m, a1 ` +
    `${a1.toFixed(3)} on ${moments} ${moments === 1 ? "moment" : "moments"}${isBest ? ", the best so far" : ""}`
  );
}
