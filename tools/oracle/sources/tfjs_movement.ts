// TensorFlow.js kernels that move data about.
import { reshape } from "../../../src/graph/apply.ts";
import { concat } from "../../../src/graph/ops/concat.ts";
import { pad } from "../../../src/graph/ops/pad.ts";
import { slice, transpose } from "../../../src/graph/ops/slice.ts";
import type { Value } from "../../../src/graph/value.ts";
import { axesOf, axisIn, listOf, numberOf, wordOf } from "../attributes.ts";
import * as movement from "../movement.ts";
import { attribute, floats, knows, offer, ranked, type Offer, type Offers } from "../offer.ts";
import type { VectorCase } from "../vectors.ts";
import type { Workbench } from "../workbench.ts";

function inputsOf(bench: Workbench): Value[] {
  return bench.given.inputs.map((_, i) => bench.input(i));
}

const sliceOffer: Offer = offer([floats(), knows("begin", "size"), ranked(1, 6)], (bench) => {
  const x = bench.input(0);
  const begin = listOf(bench.given, "begin")!;
  const given_sizes = listOf(bench.given, "size") ?? [];
  const starts = x.shape.map((_, axis) => begin[axis] ?? 0);
  const sizes = x.shape.map((length, axis) => {
    const wanted = given_sizes[axis] ?? -1;
    return wanted === -1 ? length - starts[axis] : wanted;
  });
  return [slice(x, starts, sizes)];
});

/** Start, count and step of one axis, as Python's x[begin:end:step]. */
function range(
  given: VectorCase,
  axis: number,
  length: number,
): { start: number; count: number; step: number; shrinks: boolean } {
  const bit = (name: string): boolean => ((numberOf(given, name, 0) >> axis) & 1) === 1;
  const step = listOf(given, "strides")?.[axis] ?? 1;
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const within = (index: number): number =>
    Math.min(Math.max(index < 0 ? index + length : index, low), high);
  const begin = listOf(given, "begin")![axis];
  const shrinks = bit("shrinkAxisMask");
  if (shrinks) return { start: begin < 0 ? begin + length : begin, count: 1, step: 1, shrinks };
  const start = bit("beginMask") ? (step > 0 ? low : high) : within(begin);
  const end = bit("endMask") ? (step > 0 ? high : low) : within(listOf(given, "end")![axis]);
  const count = Math.max(0, Math.ceil((end - start) / step));
  return { start: count === 0 ? 0 : start, count, step, shrinks };
}

const stridedSlice: Offer = offer(
  [
    floats(),
    knows(
      "begin",
      "end",
      "strides",
      "beginMask",
      "endMask",
      "ellipsisMask",
      "newAxisMask",
      "shrinkAxisMask",
    ),
    attribute("ellipsisMask", 0),
    attribute("newAxisMask", 0),
    ranked(1, 6),
  ],
  (bench) => {
    const x = bench.input(0);
    const named = listOf(bench.given, "begin")!.length;
    const whole = (length: number): ReturnType<typeof range> => ({
      start: 0,
      count: length,
      step: 1,
      shrinks: false,
    });
    const ranges = x.shape.map((length, axis) =>
      axis < named ? range(bench.given, axis, length) : whole(length),
    );
    const y = slice(
      x,
      ranges.map(({ start }) => start),
      ranges.map(({ count }) => count),
      ranges.map(({ step }) => step),
    );
    return [
      reshape(
        y,
        ranges.filter(({ shrinks }) => !shrinks).map(({ count }) => count),
      ),
    ];
  },
);

const padOffer: Offer = offer(
  [floats(), knows("paddings", "constantValue"), ranked(1, 6)],
  (bench) => [
    pad(
      bench.input(0),
      bench.given.attributes["paddings"] as [number, number][],
      "constant",
      numberOf(bench.given, "constantValue", 0),
    ),
  ],
);

const mirrorPad: Offer = offer(
  [floats(), knows("paddings", "mode"), attribute("mode", "reflect", "symmetric"), ranked(1, 6)],
  (bench) => [
    pad(
      bench.input(0),
      bench.given.attributes["paddings"] as [number, number][],
      wordOf(bench.given, "mode", "reflect") === "symmetric" ? "symmetric" : "reflect",
    ),
  ],
);

const pack: Offer = offer([floats(), knows("axis"), ranked(0, 5)], (bench) => {
  const [first, ...rest] = inputsOf(bench);
  const axis = axisIn(first.shape.length + 1, numberOf(bench.given, "axis", 0));
  const shape = first.shape.toSpliced(axis, 0, 1);
  return [
    concat(
      [first, ...rest].map((value) => reshape(value, shape)),
      axis,
    ),
  ];
});

const unpack: Offer = offer([floats(), knows("axis"), ranked(1, 6)], (bench) => {
  const x = bench.input(0);
  const axis = axisIn(x.shape.length, numberOf(bench.given, "axis", 0));
  const pieces = movement.splitBy(x, Array.from<number>({ length: x.shape[axis] }).fill(1), axis);
  return pieces.map((piece) => reshape(piece, x.shape.toSpliced(axis, 1)));
});

const splitV: Offer = offer([floats(), knows("numOrSizeSplits", "axis"), ranked(1, 6)], (bench) => {
  const x = bench.input(0);
  const axis = axisIn(x.shape.length, numberOf(bench.given, "axis", 0));
  const splits = bench.given.attributes["numOrSizeSplits"];
  const length = x.shape[axis];
  if (typeof splits === "number") {
    return movement.splitBy(x, movement.evenSizes(length, splits), axis);
  }
  const sizes = listOf(bench.given, "numOrSizeSplits")!;
  const known = sizes.reduce((sum, n) => sum + Math.max(n, 0), 0);
  return movement.splitBy(
    x,
    sizes.map((n) => (n < 0 ? length - known : n)),
    axis,
  );
});

const reverse: Offer = offer([floats(), knows("dims"), ranked(1, 6)], (bench) => {
  const x = bench.input(0);
  const rank = x.shape.length;
  const dims = (listOf(bench.given, "dims") ?? axesOf(rank)).map((axis) => axisIn(rank, axis));
  const starts = x.shape.map((length, axis) => (dims.includes(axis) ? length - 1 : 0));
  return [
    slice(
      x,
      starts,
      x.shape,
      axesOf(rank).map((axis) => (dims.includes(axis) ? -1 : 1)),
    ),
  ];
});

/** tfjs kernels of data movement. */
export const tfjsMovementOffers: Offers = {
  Concat: offer([floats(), knows("axis"), ranked(1, 6)], (bench) => [
    concat(inputsOf(bench), numberOf(bench.given, "axis", 0)),
  ]),
  Slice: sliceOffer,
  StridedSlice: stridedSlice,
  PadV2: padOffer,
  MirrorPad: mirrorPad,
  Pack: pack,
  Unpack: unpack,
  SplitV: splitV,
  Reverse: reverse,
  Tile: offer([floats(), knows("reps"), ranked(1, 6)], (bench) => [
    movement.tile(bench.input(0), listOf(bench.given, "reps")!),
  ]),
  Transpose: offer([floats(), knows("perm"), ranked(0, 6)], (bench) => {
    const x = bench.input(0);
    return [transpose(x, listOf(bench.given, "perm") ?? axesOf(x.shape.length).reverse())];
  }),
};
