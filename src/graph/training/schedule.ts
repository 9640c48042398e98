// Learning rates that change from step to step. A schedule computes the rate from the step alone, so
// that a resumed run continues with the same numbers.
import { InputError } from "../../tensor/error.ts";
import { checkOptions } from "../../tensor/options.ts";

/** The learning rate of a step, counted from 0. */
export type Schedule = (step: number) => number;

/** The same rate in every step. Throws InputError if it is not a finite number. */
export function constantRate(rate: number): Schedule {
  checkOptions("constantRate", { rate }, { rate: "number" });
  return () => rate;
}

/**
 * Half a cosine from `peak` down to `final` (default 0) in `steps` steps, then `final`. Source:
 * Loshchilov and Hutter 2017 (arXiv:1608.03983), equation 5, without restarts.
 */
export function cosineRate(
  peak: number,
  steps: number,
  options: { readonly final?: number } = {},
): Schedule {
  checkOptions("cosineRate", { peak }, { peak: "number" });
  checkOptions("cosineRate", options, {}, { final: "number" });
  checkSteps("cosineRate", steps);
  const { final = 0 } = options;
  return (step) => between(peak, final, Math.min(1, step / steps));
}

/**
 * Rises evenly to the first rate of `after` in `steps` steps, which takes over then: (step + 1) /
 * (steps + 1) of it, so that no step has a rate of 0. `after` may be one number.
 */
export function warmUp(steps: number, after: number | Schedule): Schedule {
  checkSteps("warmUp", steps);
  const next = scheduleOf("warmUp", after);
  return (step) => (step < steps ? (next(0) * (step + 1)) / (steps + 1) : next(step - steps));
}

/**
 * Half a cosine from `first` times `peak` up to `peak` during `share` of the steps, then one down
 * to `last` times `peak` (defaults 1/25, 0.3 and 4e-6). Source: Smith and Topin 2018
 * (arXiv:1708.07120), with PyTorch's defaults and its cosine.
 */
export function oneCycle(
  peak: number,
  steps: number,
  options: { readonly share?: number; readonly first?: number; readonly last?: number } = {},
): Schedule {
  const optional = { share: "number", first: "number", last: "number" } as const;
  checkOptions("oneCycle", { peak }, { peak: "number" });
  checkOptions("oneCycle", options, {}, optional);
  checkSteps("oneCycle", steps);
  const { share = 0.3, first = 1 / 25, last = 4e-6 } = options;
  if (!(share >= 0 && share <= 1)) {
    throw new InputError(`oneCycle: share is ${share}; expected 0 to 1`);
  }
  const top = share * steps - 1;
  const end = Math.max(steps - 1, 0);
  return (step) => {
    if (step < top) return between(first * peak, peak, step / top);
    const start = Math.max(top, 0);
    const done = end > start ? Math.min(1, (step - start) / (end - start)) : 1;
    return between(peak, last * peak, done);
  };
}

/** A schedule from a number or a schedule; throws InputError, naming `where`, for anything else. */
export function scheduleOf(where: string, given: unknown): Schedule {
  if (typeof given === "function") return given as Schedule;
  if (typeof given === "number" && Number.isFinite(given)) return () => given;
  throw new InputError(
    `${where}: the learning rate is ${typeof given === "number" ? given : `a ${typeof given}`}; ` +
      "expected a finite number or a schedule",
  );
}

/** Half a cosine from `from` (share 0) to `to` (share 1). */
function between(from: number, to: number, share: number): number {
  return to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * share));
}

function checkSteps(where: string, steps: number): void {
  if (Number.isSafeInteger(steps) && steps >= 0) return;
  throw new InputError(`${where}: steps is ${steps}; expected a whole number of at least 0`);
}
