// Slices that are read where they lie: a sum of gradients reads a range of channels of the wider
// gradient of a concatenation, and no slice is copied.
import { readsAsQuads } from "../../kernels/row_slice.ts";
import { sliceSum, type SliceSumAttributes } from "../../kernels/slice_sum.ts";
import { sameShape, size } from "../../tensor/shape.ts";
import type { BinaryAttributes } from "../../kernels/binary.ts";
import { kernelOp } from "../apply.ts";
import type { SliceAttributes } from "../ops/slice.ts";
import type { Node, Op, Value } from "../value.ts";
import { inputOf, type FusionWork } from "./work.ts";

/** A tensor, or channels from `first` on of a wider one. */
export interface RowSlice {
  readonly value: Value;
  readonly first: number;
}

/** The op of a fused sum; the plan alone makes it, from sums that have their gradients already. */
const SLICE_SUM: Op<SliceSumAttributes, "a" | "b" | "c" | "d"> = kernelOp(
  "slice_sum",
  sliceSum,
  ["a", "b", "c?", "d?"],
  ["y"],
  null,
);
const MOST_OPERANDS = 4;

/** Where a value lies: in the tensor that it is a range of channels of, if it is one, else itself. */
export function asRowSlice(work: FusionWork, value: Value): RowSlice {
  const whole = { value, first: 0 };
  const maker = work.maker(value);
  if (maker?.op.name !== "slice") return whole;
  const wide = inputOf(maker, "x")!;
  const { starts, sizes, steps } = maker.attributes as SliceAttributes;
  const last = starts.length - 1;
  const ofChannels = wide.shape.every(
    (length, axis) =>
      steps[axis] === 1 && (axis === last || (starts[axis] === 0 && sizes[axis] === length)),
  );
  if (!ofChannels || !readsAsQuads(starts[last], sizes[last], wide.shape[last])) return whole;
  return { value: wide, first: starts[last] };
}

/** The two terms of a node if it adds two tensors of one shape, else null. */
export function addedTerms(node: Node | null): readonly [Value, Value] | null {
  if (node?.op.name !== "binary" || (node.attributes as BinaryAttributes).kind !== "add")
    return null;
  const [a, b] = [inputOf(node, "a")!, inputOf(node, "b")!];
  return sameShape(a.shape, b.shape) ? [a, b] : null;
}

/** Joins chains of sums, up to four terms, and reads slices among the terms where they lie. */
export function fuseSums(work: FusionWork): void {
  // from the last one on, so that a chain is found from its end
  for (const node of work.nodes.toReversed()) {
    if (!work.nodes.includes(node) || addedTerms(node) === null) continue;
    const [y] = node.outputs;
    const { terms, joined } = termsOf(work, node);
    const slices = terms.map((term) => asRowSlice(work, term));
    const sliced = terms.filter((term, i) => slices[i].value !== term);
    const rule = joined.length > 1 ? `sum of ${terms.length}` : "sum of two";
    const name = sliced.length > 0 ? `${rule} with slices` : rule;
    const channels = y.shape.at(-1) ?? 1; // one number is one channel
    if (!readsAsQuads(0, channels, channels) || size(y.shape) === 0) {
      if (sliced.length + joined.length > 1) {
        work.note(name, y, `${channels} channels, not a multiple of 4`);
      }
      continue;
    }
    const [a, b, c, d] = slices;
    const attributes: SliceSumAttributes = {
      shape: y.shape,
      firsts: slices.map(({ first }) => first),
    };
    const inputs = [a.value, b.value, c?.value ?? null, d?.value ?? null];
    const unstored = [
      ...joined.slice(1).flatMap(({ outputs }) => outputs),
      ...sliced.filter((term) =>
        work.isOnlyFor(
          term,
          joined.find(({ inputs: own }) => own.includes(term))!,
        ),
      ),
    ];
    work.replace(joined, node, { op: SLICE_SUM, inputs, attributes, outputs: [y] });
    work.note(name, y, null, unstored);
  }
}

/**
 * The terms of a sum with those of the sums that it adds first, ((a + b) + c) + d: the order of the
 * roundings stays.
 */
function termsOf(
  work: FusionWork,
  node: Node,
): { readonly terms: readonly Value[]; readonly joined: readonly Node[] } {
  let [left, right] = addedTerms(node)!;
  const terms: Value[] = [right];
  const joined = [node];
  for (;;) {
    const maker = work.maker(left);
    const inner = addedTerms(maker);
    const reader = joined.at(-1)!;
    if (inner === null || terms.length + 2 > MOST_OPERANDS || !work.isOnlyFor(left, reader)) break;
    joined.push(maker!);
    [left, right] = inner;
    terms.unshift(right);
  }
  return { terms: [left, ...terms], joined };
}
