// Joining of tensors along an axis as an op.
import { concat as concatKernel, type ConcatAttributes } from "../../kernels/concat.ts";
import { InputError } from "../../tensor/error.ts";
import { apply, kernelOp } from "../apply.ts";
import type { Op, Value } from "../value.ts";
import { slice } from "./slice.ts";

const NAMES = ["a", "b", "c", "d"] as const;

/** The op of this family. Its gradient gives each input its slice. */
export const concatOps: { readonly concat: Op<ConcatAttributes, "a" | "b" | "c" | "d"> } = {
  concat: kernelOp(
    "concat",
    concatKernel,
    ["a", "b", "c?", "d?"],
    ["y"],
    ({ inputs, attributes: { axis }, d_outputs: [d_y], wants }) => {
      let start = 0;
      return NAMES.map((name) => {
        const input = inputs[name];
        if (input === null) return null;
        const starts = input.shape.map((_, a) => (a === axis ? start : 0));
        start += input.shape[axis];
        return wants[name] ? slice(d_y!, starts, input.shape) : null;
      });
    },
  ),
};

/**
 * The tensors joined along `axis` (negative: from the end); more than four are joined four at a
 * time.
 */
export function concat(values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined) throw new InputError("concat: no tensors to join");
  if (values.length === 1) return first;
  const attributes = { axis: axis < 0 ? axis + first.shape.length : axis };
  const joined: Value[] = [];
  for (let i = 0; i < values.length; i += NAMES.length) {
    const [a, b, c, d] = values.slice(i, i + NAMES.length);
    const inputs = { a, b: b ?? null, c: c ?? null, d: d ?? null };
    joined.push(b === undefined ? a : apply(concatOps.concat, inputs, attributes)[0]);
  }
  return concat(joined, axis);
}
