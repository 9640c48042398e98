// Sums of tensors that lie in wider rows, such as the gradients of a concatenation's inputs: the
// plan makes them from slices and additions.
import { foldGrid, kernel, type Grid, type Inputs, type Kernel } from "../engine/kernel.ts";
import { mapping, onSoftware } from "../engine/mapping.ts";
import type { Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { isAbsent, quads, rowSlice } from "./row_slice.ts";
import { shaders } from "./shaders.gen.ts";

type Input = Inputs<typeof shaders.slice_sum>;
const NAMES = ["a", "b", "c", "d"] as const;

/** The shape of the sum, and the first channel of each operand. */
export interface SliceSumAttributes {
  readonly shape: Shape;
  readonly firsts: readonly number[];
}

const absent: Shape = [0];
const cases: readonly Problem<Input, SliceSumAttributes>[] = [
  {
    name: "two whole ones",
    shapes: { a: [3, 7, 12], b: [3, 7, 12], c: absent, d: absent },
    attributes: { shape: [3, 7, 12], firsts: [0, 0] },
  },
  {
    name: "four slices, a prime of rows",
    shapes: { a: [67, 24], b: [67, 12], c: [67, 16], d: [67, 20] },
    attributes: { shape: [67, 8], firsts: [16, 4, 8, 12] },
  },
  {
    name: "three, one row",
    shapes: { a: [1, 4], b: [1, 8], c: [1, 4], d: absent },
    attributes: { shape: [1, 4], firsts: [0, 4, 0] },
  },
  {
    name: "no rows",
    shapes: { a: [0, 8], b: [0, 4], c: absent, d: absent },
    attributes: { shape: [0, 4], firsts: [4, 0] },
  },
  {
    name: "many workgroups",
    shapes: { a: [1031, 16], b: [1031, 12], c: absent, d: absent },
    attributes: { shape: [1031, 12], firsts: [4, 0] },
  },
];

/**
 * y = a + b + c + d over the channels of each from its first one on. a, b, c?, d? [R, pitch of its
 * own] -> y [`shape`]; throws unless channels, pitches and first channels are multiples of 4.
 */
export const sliceSum: Kernel<typeof shaders.slice_sum, SliceSumAttributes> = kernel({
  shader: shaders.slice_sum,
  shapes: (inputs, attributes) => {
    operands(inputs, attributes);
    return { y: attributes.shape };
  },
  params: (inputs, attributes) => {
    const channels = attributes.shape.at(-1) ?? 0;
    const [a, b, c, d] = operands(inputs, attributes);
    return {
      rows: size(attributes.shape.slice(0, -1)),
      quads: quads("the channels", channels),
      a_pitch: a.pitch,
      a_first: a.first,
      b_pitch: b.pitch,
      b_first: b.first,
      c_pitch: c.pitch,
      c_first: c.first,
      d_pitch: d.pitch,
      d_first: d.first,
    };
  },
  grid: runs,
  cost: (inputs, { shape }) => {
    const count = NAMES.filter((name) => !isAbsent(inputs[name])).length;
    return { flops: (count - 1) * size(shape), bytes: 4 * (count + 1) * size(shape) };
  },
  terms: () => NAMES.length,
  cases,
  reference: (inputs, shapes, { shape, firsts }) => {
    const channels = shape.at(-1) ?? 0;
    const y = like(inputs.a, size(shape));
    NAMES.forEach((name, n) => {
      if (isAbsent(shapes[name])) return;
      const pitch = shapes[name].at(-1)!;
      for (let i = 0; i < y.length; i++) {
        const row = Math.floor(i / channels);
        y[i] += inputs[name][row * pitch + firsts[n] + (i % channels)];
      }
    });
    return { y };
  },
  variants: () => [sliceSumRows],
});

/** As `sliceSum`, with long runs of rows per invocation: for software adapters. */
export const sliceSumRows: Kernel<typeof shaders.slice_sum_rows, SliceSumAttributes> = mapping(
  sliceSum,
  { shader: shaders.slice_sum_rows, grid: runs, suits: onSoftware },
);

function runs(
  { rows, quads: width }: { readonly rows: number; readonly quads: number },
  { WG, RUN }: { readonly WG: number; readonly RUN: number },
): Grid {
  return foldGrid(Math.ceil((Math.ceil(rows / RUN) * width) / WG));
}

function operands(
  inputs: Readonly<Record<Input, Shape>>,
  { shape, firsts }: SliceSumAttributes,
): { readonly pitch: number; readonly first: number }[] {
  const rows = size(shape.slice(0, -1));
  const channels = shape.at(-1) ?? 0;
  return NAMES.map((name, n) => rowSlice(name, inputs[name], rows, channels, firsts[n] ?? 0));
}
