// All that an autotuner may make of a kernel: combinations of the values that its tune lines list.
import type { AnyKernel } from "../../src/kernels/kernel.ts";
import type { Shape } from "../../src/tensor/shape.ts";

/** Values of tune constants by name. */
export type Tuned = Readonly<Record<string, number>>;

/** Every combination of the values listed for a kernel, but for the constants that its twin fixes. */
export function tunings(
  kernel: AnyKernel,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
): Tuned[] {
  const fixed = kernel.overrides?.(shapes, attributes) ?? {};
  let all: Tuned[] = [{}];
  for (const { name, values } of kernel.shader.tune) {
    if (name in fixed) continue;
    all = all.flatMap((tuned) => values.map((value) => ({ ...tuned, [name]: value })));
  }
  return all;
}
