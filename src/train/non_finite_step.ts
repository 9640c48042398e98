// The origin of a NaN or infinity in a step: the first such tensor in the order of computation.
import { firstNonFinite, gradientNumbers, keptNumbers, type NamedNumbers } from "./non_finite.ts";
import type { Session } from "./session.ts";

/**
 * The first number of a step that is not finite, as `name[index] is NaN`: among its inputs, the
 * parameters, the terms of its loss, the gradients from the last layer back, and the states. The
 * step is repeated for this with a learning rate of 0; null if everything is finite this time.
 */
export async function nonFiniteStep(
  { plan, store }: Session,
  inputs: Readonly<Record<string, Float32Array>>,
  scalars: Readonly<Record<string, number>>,
): Promise<string | null> {
  const given = firstNonFinite(named("input", inputs));
  if (given !== null) return given;
  const before = firstNonFinite(keptNumbers(await store.read()));
  if (before !== null) return before;
  const outputs = await plan.run(inputs, { ...scalars, learning_rate: 0 });
  return firstNonFinite([...named("output", outputs), ...gradientNumbers(await store.read())]);
}

function named(kind: string, tensors: Readonly<Record<string, Float32Array>>): NamedNumbers[] {
  return Object.entries(tensors).map(([name, values]) => ({ name: `${kind} ${name}`, values }));
}
