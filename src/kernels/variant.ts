// Which mapping of a kernel runs: the first variant that this adapter and problem can run, else the
// kernel itself.
import type { AdapterFacts } from "../gpu/device.ts";
import type { Shape } from "../tensor/shape.ts";
import type { AnyKernel } from "./kernel.ts";

/** The variant of `kernel` for this adapter and problem; each twin states its rule in `offered`. */
export function chooseVariant(
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
