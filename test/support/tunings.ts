// Everything that an autotuner may choose for a kernel: combinations of the values on its tune
// lines.
import type { AnyKernel } from "../../src/engine/kernel.ts";
import { freeConstants } from "../../src/engine/tuning.ts";
import type { Shape } from "../../src/tensor/shape.ts";

/** Values of tune constants by name. */
export type Tuned = Readonly<Record<string, number>>;

/** Every combination of the values that are free on a problem. */
export function tunings(
  kernel: AnyKernel,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
): Tuned[] {
  let all: Tuned[] = [{}];
  for (const { name, values } of freeConstants(kernel, shapes, attributes)) {
    all = all.flatMap((tuned) => values.map((value) => ({ ...tuned, [name]: value })));
  }
  return all;
}
