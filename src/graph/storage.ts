// Where the tensors of a program are stored: which ones share the arenas of intermediates, which
// live to the end of the step, and which are stored as f16.
import type { Precision } from "../engine/tuning.ts";
import { size } from "../tensor/shape.ts";
import { gradientParts, halfTensors } from "./half_tensors.ts";
import type { PlacedGradients } from "./place_gradients.ts";
import type { Tensor, Value } from "./value.ts";

/** The storage of root tensors. */
export interface Storage {
  /** Whether a root tensor is an intermediate; the others have fixed homes. */
  readonly isPlanned: (root: Tensor) => boolean;
  /** Root tensors that live to the end of the step. */
  readonly kept: ReadonlySet<Tensor>;
  /** Root tensors that are stored as f16. */
  readonly half: ReadonlySet<Tensor>;
}

/** The storage of a program whose gradients are placed and whose `outputs` are read afterwards. */
export function storageOf(
  { program, homes }: PlacedGradients,
  outputs: readonly Value[],
  precision: Precision,
): Storage {
  const { rootOf, tensorOf, copies } = program;
  const isPlanned = (root: Tensor): boolean =>
    size(root.shape) > 0 &&
    !homes.has(root) &&
    (root.value === null || root.value.source.kind === "result");
  const kept = new Set(outputs.map((value) => rootOf(tensorOf(value))));
  const half = new Set<Tensor>();
  if (precision === "f16") {
    // A copy is stored as what it copies, so that its readers get the same bits.
    const firstOf = (tensor: Tensor): Tensor => copies.get(rootOf(tensor)) ?? rootOf(tensor);
    const whole = { ...program, rootOf: firstOf };
    const sums = gradientParts(whole, new Set(homes.keys()));
    const isFixed = (root: Tensor): boolean => !isPlanned(root) || kept.has(root) || sums.has(root);
    for (const root of halfTensors(whole, isFixed)) half.add(root);
    for (const [copy, root] of copies) if (half.has(root)) half.add(copy);
  }
  return { isPlanned, kept, half };
}
