// One record of a problem serves tests, `ringdepth check`, benches, profiles and tuning: shapes,
// attributes, data and how tests check the gradient.
import { checkChoice, checkOptions, type OptionRules } from "../tensor/options.ts";
import type { Shape } from "../tensor/shape.ts";

/** The distribution of one input of a case; standard normal unless stated. */
export type Distribution =
  | { readonly kind: "normal"; readonly mean?: number; readonly deviation?: number }
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  /** 0 or 1, with a share of `share` ones. */
  | { readonly kind: "mask"; readonly share: number }
  | { readonly kind: "constant"; readonly value: number }
  /** Positive rows that each sum to one along the last axis. */
  | { readonly kind: "probabilities" }
  /** Exactly these numbers, for a shape that they fill. */
  | { readonly kind: "given"; readonly values: Float32Array }
  /** The table of `logChoose` for a shape [K, 2]. */
  | { readonly kind: "log_choose" }
  /** Pixels of `binomial_pack` for K bins, with pi and t in the given ranges. */
  | {
      readonly kind: "binomial_rows";
      readonly bins: number;
      readonly pi: readonly [low: number, high: number];
      readonly t: readonly [low: number, high: number];
    };

/** One check of a gradient: central differences in f64, and the adjoint identity on the GPU. */
export interface GradientCheck {
  /** The inputs to differentiate with respect to. */
  readonly wrt: readonly string[];
  /** Whether the output is linear in all of `wrt` together, so that the adjoint identity holds. */
  readonly linear?: boolean;
  /** Step of the differences; smaller where the function bends sharply. */
  readonly step?: number;
  /**
   * Shapes in place of the problem's, and those of further inputs, which the op passes to the
   * kernel in another form.
   */
  readonly shapes?: Readonly<Record<string, Shape>>;
  /** Distributions in place of the problem's, such as ranges without kinks and jumps. */
  readonly data?: Readonly<Record<string, Distribution>>;
}

/** One problem to run a kernel on. */
export interface Problem<Input extends string = string, A = unknown> {
  readonly name: string;
  readonly shapes: Readonly<Record<Input, Shape>>;
  readonly attributes: A;
  readonly data?: Readonly<Partial<Record<Input, Distribution>>>;
  /** Draws different numbers from the same distributions. */
  readonly seed?: number;
  /** The kernel is timed on zeros; its outputs are still checked on the numbers of `data`. */
  readonly zeros?: boolean;
  /** How tests check the gradient of the kernel's op on this problem. */
  readonly gradients?: readonly GradientCheck[];
}

/** The numbers of each distribution. */
const DISTRIBUTIONS = {
  normal: [{}, { mean: "number", deviation: "number" }],
  uniform: [{ low: "number", high: "number" }, {}],
  mask: [{ share: "number" }, {}],
  constant: [{ value: "any" }, {}],
  probabilities: [{}, {}],
  given: [{ values: "any" }, {}],
  log_choose: [{}, {}],
  binomial_rows: [{ bins: "number", pi: "any", t: "any" }, {}],
} as const satisfies Record<Distribution["kind"], readonly [OptionRules, OptionRules]>;

/** Throws InputError, naming `where`, for a distribution that is unknown or has other numbers. */
export function checkDistribution(where: string, distribution: Distribution): void {
  const kinds = Object.keys(DISTRIBUTIONS);
  checkChoice(where, "kind", distribution?.kind, kinds);
  const [required, optional] = DISTRIBUTIONS[distribution.kind];
  checkOptions(where, distribution, { kind: kinds, ...required }, optional);
}

const REQUIRED = { name: "text", shapes: "any" } as const;
const OPTIONAL = {
  attributes: "any",
  data: "any",
  seed: "number",
  zeros: "flag",
  gradients: "any",
} as const satisfies Record<Exclude<keyof Problem, keyof typeof REQUIRED>, unknown>;

/** Throws InputError, naming `where`, for a problem with an unknown or missing key. */
export function checkProblem(where: string, problem: Problem): void {
  checkOptions(where, problem, REQUIRED, OPTIONAL);
  for (const [name, one] of Object.entries(problem.data ?? {})) {
    if (one !== undefined) checkDistribution(`${where} ${problem.name}: data of ${name}`, one);
  }
}

/** Elements of an input beyond which differences in f64 take too long for a test. */
export const MOST_DIFFERENCED = 10_000;

/** The problems with these checks of the gradient on each, or with the checks that a rule gives. */
export function withGradient<P extends { readonly shapes: Readonly<Record<string, Shape>> }>(
  problems: readonly P[],
  ...checks:
    | readonly GradientCheckOf<P>[]
    | readonly [(problem: P) => readonly GradientCheckOf<P>[]]
): (P & { readonly gradients: readonly GradientCheck[] })[] {
  return problems.map((problem) => ({
    ...problem,
    gradients: checks.flatMap((check) => (typeof check === "function" ? check(problem) : check)),
  }));
}

/** A check with respect to inputs that the problems have, or that it adds. */
type GradientCheckOf<P extends { readonly shapes: object }> = GradientCheck &
  (
    | { readonly shapes: Readonly<Record<string, Shape>> }
    | { readonly wrt: readonly (keyof P["shapes"])[] }
  );
