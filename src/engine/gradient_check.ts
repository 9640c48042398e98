// How the gradient of a kernel's op is checked on the kernel's own cases.
import type { Shape } from "../tensor/shape.ts";

/** The check of a gradient: central differences in f64, and the adjoint identity on the GPU. */
export interface GradientCheck {
  /** The inputs to differentiate with respect to. */
  readonly wrt: readonly string[];
  /** The output is linear in all of `wrt` together, so that the adjoint identity holds. */
  readonly linear?: boolean;
  /** Step of the differences; smaller where the function bends sharply. */
  readonly step?: number;
}

/** The cases with a check of the gradient on each. */
export function withGradient<C extends { readonly shapes: Readonly<Record<string, Shape>> }>(
  cases: readonly C[],
  gradient: GradientCheck & { readonly wrt: readonly (keyof C["shapes"])[] },
): (C & { readonly gradient: GradientCheck })[] {
  return cases.map((problem) => ({ ...problem, gradient }));
}
