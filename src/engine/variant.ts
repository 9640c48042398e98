// Which mapping of a kernel runs: what was measured for the problem, else the first variant that
// this adapter and problem can run, else the kernel itself.
import type { AdapterFacts } from "../gpu/device.ts";
import type { Shape } from "../tensor/shape.ts";
import type { AnyKernel } from "./kernel.ts";
import { chosenKernel, problemKey, type Tuning } from "./tuning.ts";

/**
 * The mapping of `kernel` for this adapter and problem: by `tuning` where it has a choice that
 * holds, else by the rule that each twin states in `offered`.
 */
export function chooseVariant(
  kernel: AnyKernel,
  facts: AdapterFacts,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
  tuning?: Tuning,
): AnyKernel {
  const rule = ruleVariant(kernel, facts, inputs, attributes);
  if (tuning === undefined || tuning.size === 0) return rule;
  const choice = tuning.get(problemKey(kernel, inputs, attributes));
  if (choice === undefined) return rule;
  return chosenKernel(choice, kernel, rule, facts, inputs, attributes) ?? rule;
}

function ruleVariant(
  kernel: AnyKernel,
  facts: AdapterFacts,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): AnyKernel {
  for (const variant of kernel.variants?.() ?? []) {
    const able = variant.shader.features.every((name) => facts.features.has(name));
    if (able && (variant.offered?.(facts, inputs, attributes) ?? true)) return variant;
  }
  return kernel;
}

/**
 * Whether pipelines are specialised on their shapes: not where compiling costs more than it saves.
 */
export function freezesShapes(facts: AdapterFacts): boolean {
  return !facts.software;
}
