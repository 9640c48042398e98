// NaN and infinity: which number of a training state is the first one, in words for a person.
import type { CpuStore } from "../graph/cpu_store.ts";

export { NonFiniteError } from "../tensor/error.ts";

/** Numbers under the name that a person knows them by. */
export interface NamedNumbers {
  readonly name: string;
  readonly values: ArrayLike<number>;
}

/** The first number that is not finite, as `name[index] is NaN`; null if all are finite. */
export function firstNonFinite(tensors: Iterable<NamedNumbers>): string | null {
  for (const { name, values } of tensors) {
    // An index loop, because this reads every number of a network at each checkpoint.
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) return `${name}[${i}] is ${values[i]}`;
    }
  }
  return null;
}

/** The tensors of a checkpoint, by name: parameters, then states, then the optimiser's moments. */
export function* keptNumbers(store: CpuStore): Generator<NamedNumbers> {
  yield* arenaNumbers(store, "parameters", "parameter");
  for (const [name, values] of store.states) yield { name: `state ${name}`, values };
  yield* arenaNumbers(store, "first_moments", "first moment of");
  yield* arenaNumbers(store, "second_moments", "second moment of");
}

/** The gradients in the order of the backward pass: the last layer's first. */
export function gradientNumbers(store: CpuStore): NamedNumbers[] {
  return [...arenaNumbers(store, "gradients", "gradient of")].toReversed();
}

function* arenaNumbers(
  { layout, arenas }: CpuStore,
  arena: keyof CpuStore["arenas"],
  kind: string,
): Generator<NamedNumbers> {
  for (const { name, offset, size } of layout.slots) {
    yield { name: `${kind} ${name}`, values: arenas[arena].subarray(offset, offset + size) };
  }
}
