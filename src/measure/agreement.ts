// How far two implementations disagree: depths by the worst pixel, everything else by norms.
import { BIN_DEPTH_TOLERANCE, BIN_GRADIENT_TOLERANCE } from "../engine/tolerance.ts";
import { relativeNorm, worstRelative } from "../tensor/differences.ts";

/** Tensors by name; `depth_m` and `cross_m` are depths. */
export type Numbers = Readonly<Record<string, ArrayLike<number>>>;

/** The disagreement of numbers with their expected values. */
export interface Agreement {
  /** Worst |got - want| / |want| of a depth; null if there is no depth. */
  readonly depth_error: number | null;
  /** Worst |got - want| / |want| of the norms of a loss or gradient; null if there is none. */
  readonly gradient_error: number | null;
  /** The values that exceed their tolerance; empty if none do. */
  readonly error: string;
}

/** Compares tensor by tensor; faults name the other side as `against`. */
export function compareNumbers(got: Numbers, want: Numbers, against: string): Agreement {
  const errors: Record<"depth" | "gradient", number[]> = { depth: [], gradient: [] };
  const faults: string[] = [];
  for (const [name, values] of Object.entries(want)) {
    const depth = isDepth(name);
    const error = (depth ? worstRelative : relativeNorm)(got[name], values);
    errors[depth ? "depth" : "gradient"].push(error);
    const tolerance = depth ? BIN_DEPTH_TOLERANCE : BIN_GRADIENT_TOLERANCE;
    if (error <= tolerance) continue;
    faults.push(
      `${name} differs from ${against} by ${error.toExponential(1)}; ${tolerance} is allowed`,
    );
  }
  return {
    depth_error: worst(errors.depth),
    gradient_error: worst(errors.gradient),
    error: faults.join("; "),
  };
}

/** The worse of two agreements, with the first fault found. */
export function worseAgreement(a: Agreement, b: Agreement): Agreement {
  const both = (...errors: readonly (number | null)[]): number | null =>
    worst(errors.filter((error) => error !== null));
  return {
    depth_error: both(a.depth_error, b.depth_error),
    gradient_error: both(a.gradient_error, b.gradient_error),
    error: a.error === "" ? b.error : a.error,
  };
}

function isDepth(name: string): boolean {
  return name === "depth_m" || name === "cross_m";
}

function worst(errors: readonly number[]): number | null {
  return errors.length === 0 ? null : Math.max(...errors);
}
