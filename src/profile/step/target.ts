// The steps that can be profiled, by name.
import { InputError } from "../../tensor/error.ts";

const TARGETS = ["step:train", "step:predict"] as const;

/** A step that can be profiled. */
export type StepTarget = (typeof TARGETS)[number];

/**
 * The requested step; null if kernels are requested. Throws InputError for both together and for an
 * unknown step.
 */
export function stepTarget(globs: readonly string[]): StepTarget | null {
  const step = globs.find((glob) => glob.startsWith("step:"));
  if (step === undefined) return null;
  const target = TARGETS.find((name) => name === step);
  if (target === undefined) throw new InputError(`${step}: expected ${TARGETS.join(" or ")}`);
  if (globs.length > 1) throw new InputError(`${step} must be the only target`);
  return target;
}
