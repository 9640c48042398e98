// The inputs of an op by name. A node keeps them in the op's order.
import type { Op } from "./value.ts";

/** Names of an op's inputs in order, without the mark of those that may be left out. */
export function inputNames<I extends string>(op: Pick<Op<never, I>, "inputs">): readonly I[] {
  return op.inputs.map((input) => input.replace(/\?$/, "") as I);
}

/** A record of what `list` holds for each input of an op. */
export function byInput<I extends string, T>(
  op: Pick<Op<never, I>, "inputs">,
  list: readonly T[],
): Record<I, T> {
  return Object.fromEntries(inputNames(op).map((name, i) => [name, list[i]])) as Record<I, T>;
}
