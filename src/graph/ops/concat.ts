// Joining of tensors along an axis as an op.
import { concat as concatKernel, type ConcatAttributes } from "../../kernels/concat.ts";
import { InputError } from "../../tensor/error.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Rules, Value } from "../value.ts";
import { slice } from "./slice.ts";

const MOST_INPUTS = 4;

/** The op of this family. */
export const concatOps: { readonly concat: Op<ConcatAttributes> } = {
  concat: kernelOp("concat", concatKernel, ["a", "b", "c?", "d?"], ["y"]),
};

/** Its gradient rule: each input takes its slice. */
export const concatRules: Rules<typeof concatOps> = {
  concat: ({ inputs, attributes: { axis }, d_outputs: [d_y], wants }) => {
    let start = 0;
    return inputs.map((input, i) => {
      if (input === null) return null;
      const starts = input.shape.map((_, a) => (a === axis ? start : 0));
      start += input.shape[axis];
      return wants[i] ? slice(d_y!, starts, input.shape) : null;
    });
  },
};

/**
 * The tensors one behind the other along `axis` (negative: from the end); more than four are joined
 * by fours.
 */
export function concat(values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined) throw new InputError("concat: no tensors to join");
  if (values.length === 1) return first;
  const attributes = { axis: axis < 0 ? axis + first.shape.length : axis };
  const joined: Value[] = [];
  for (let i = 0; i < values.length; i += MOST_INPUTS) {
    const [a, b, c, d] = values.slice(i, i + MOST_INPUTS);
    const inputs = [a, b ?? null, c ?? null, d ?? null];
    joined.push(b === undefined ? a : apply(concatOps.concat, inputs, attributes)[0]);
  }
  return concat(joined, axis);
}
