// ONNX operators that move data about.
import { reshape } from "../../../src/graph/apply.ts";
import { concat } from "../../../src/graph/ops/concat.ts";
import { pad } from "../../../src/graph/ops/pad.ts";
import { slice, transpose } from "../../../src/graph/ops/slice.ts";
import type { PadMode } from "../../../src/kernels/pad.ts";
import { size } from "../../../src/tensor/shape.ts";
import { axesOf, axisIn, flagOf, listOf, numberOf, wordOf } from "../attributes.ts";
import * as movement from "../movement.ts";
import {
  attribute,
  clause,
  floats,
  knows,
  offer,
  ranked,
  type Offer,
  type Offers,
} from "../offer.ts";
import type { Workbench } from "../workbench.ts";

const PAD_MODES: Readonly<Record<string, PadMode>> = {
  constant: "constant",
  reflect: "reflect",
  edge: "edge",
  wrap: "wrap",
};

const padOffer: Offer = offer(
  [
    floats(1, 2, 3),
    knows("mode", "pads", "paddings", "value"),
    attribute("mode", "constant", "reflect", "edge", "wrap"),
    clause("no negative pads", ({ attributes, inputs }) => {
      const pads = (attributes["pads"] ??
        attributes["paddings"] ?? [...(inputs[1]?.values ?? [])]) as number[];
      return pads.every((n) => n >= 0);
    }),
    ranked(1, 6),
  ],
  (bench) => {
    const { given } = bench;
    const x = bench.input(0);
    const rank = x.shape.length;
    const pads = listOf(given, "pads") ?? listOf(given, "paddings") ?? bench.numbers(1)!;
    const axes = (bench.numbers(3) ?? axesOf(rank)).map((axis) => axisIn(rank, axis));
    const margins = axesOf(rank).map((axis): [number, number] => {
      const i = axes.indexOf(axis);
      return i < 0 ? [0, 0] : [pads[i], pads[i + axes.length]];
    });
    const value = bench.numbers(2)?.[0] ?? numberOf(given, "value", 0);
    return [pad(x, margins, PAD_MODES[wordOf(given, "mode", "constant")], value)];
  },
);

const sliceOffer: Offer = offer(
  [floats(1, 2, 3, 4), knows("starts", "ends", "axes"), ranked(1, 6)],
  (bench) => {
    const { given } = bench;
    const x = bench.input(0);
    const rank = x.shape.length;
    const from = listOf(given, "starts") ?? bench.numbers(1)!;
    const to = listOf(given, "ends") ?? bench.numbers(2)!;
    const axes = listOf(given, "axes") ?? bench.numbers(3) ?? axesOf(from.length);
    const by = bench.numbers(4) ?? from.map(() => 1);
    const [starts, sizes, steps] = [x.shape.map(() => 0), [...x.shape], x.shape.map(() => 1)];
    axes.forEach((given_axis, i) => {
      const axis = axisIn(rank, given_axis);
      const length = x.shape[axis];
      const step = by[i];
      // ends are clamped to the axis; backwards, to just before it
      const within = (index: number, low: number, high: number): number =>
        Math.min(Math.max(index < 0 ? index + length : index, low), high);
      const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
      const start = within(from[i], Math.max(low, 0), high);
      const count = Math.max(0, Math.ceil((within(to[i], low, high) - start) / step));
      [starts[axis], sizes[axis], steps[axis]] = [count === 0 ? 0 : start, count, step];
    });
    return [slice(x, starts, sizes, steps)];
  },
);

const splitOffer: Offer = offer(
  [floats(1), knows("axis", "split", "num_outputs"), ranked(1, 6)],
  (bench) => {
    const { given } = bench;
    const x = bench.input(0);
    const axis = axisIn(x.shape.length, numberOf(given, "axis", 0));
    const length = x.shape[axis];
    const parts = numberOf(given, "num_outputs", given.outputs.length);
    const sizes = listOf(given, "split") ?? bench.numbers(1) ?? movement.evenSizes(length, parts);
    return movement.splitBy(x, sizes, axis);
  },
);

/** Reshape where 0 keeps an axis (unless `allowzero`). */
function newShape(bench: Workbench): number[] {
  const { given } = bench;
  const shape = listOf(given, "shape") ?? bench.numbers(1)!;
  const keeps = !flagOf(given, "allowzero", false);
  return shape.map((length, axis) =>
    length === 0 && keeps ? given.inputs[0]!.shape[axis] : length,
  );
}

function squeezed(bench: Workbench): number[] {
  const { shape } = bench.given.inputs[0]!;
  const given_axes = listOf(bench.given, "axes") ?? bench.numbers(1);
  if (given_axes === null) return shape.filter((length) => length !== 1);
  const axes = given_axes.map((axis) => axisIn(shape.length, axis));
  return shape.filter((_, axis) => !axes.includes(axis));
}

function unsqueezed(bench: Workbench): number[] {
  const shape = [...bench.given.inputs[0]!.shape];
  const given_axes = listOf(bench.given, "axes") ?? bench.numbers(1)!;
  const rank = shape.length + given_axes.length;
  const axes = given_axes.map((axis) => axisIn(rank, axis));
  return axesOf(rank).map((axis) => (axes.includes(axis) ? 1 : shape.shift()!));
}

/** Pixels of a block to channels and back; `DCR` has the block before the channel, `CRD` after. */
const depthToSpace: Offer = offer(
  [floats(), knows("blocksize", "mode"), attribute("mode", "DCR", "CRD"), ranked(4)],
  (bench) => {
    const b = numberOf(bench.given, "blocksize", 1);
    const x = bench.input(0);
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const depth = c / (b * b);
    const joined = [n, depth, h * b, w * b];
    return wordOf(bench.given, "mode", "DCR") === "DCR"
      ? [movement.rearranged(x, [n, b, b, depth, h, w], [0, 3, 4, 1, 5, 2], joined)]
      : [movement.rearranged(x, [n, depth, b, b, h, w], [0, 1, 4, 2, 5, 3], joined)];
  },
);

const spaceToDepth: Offer = offer([floats(), knows("blocksize"), ranked(4)], (bench) => {
  const b = numberOf(bench.given, "blocksize", 1);
  const x = bench.input(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const cut = [n, c, h / b, b, w / b, b];
  return [movement.rearranged(x, cut, [0, 3, 5, 1, 2, 4], [n, c * b * b, h / b, w / b])];
});

/** ONNX operators of data movement. */
export const onnxMovementOffers: Offers = {
  Concat: offer([floats(), knows("axis"), ranked(1, 6)], (bench) => [
    concat(
      bench.given.inputs.map((_, i) => bench.input(i)),
      numberOf(bench.given, "axis", 1),
    ),
  ]),
  Expand: offer([floats(1), knows(), ranked(0, 6)], (bench) => [
    movement.broadcastWith(bench.input(0), bench.numbers(1)!),
  ]),
  Flatten: offer([floats(), knows("axis")], (bench) => {
    const x = bench.input(0);
    const axis = axisIn(x.shape.length, numberOf(bench.given, "axis", 1));
    return [reshape(x, [size(x.shape.slice(0, axis)), size(x.shape.slice(axis))])];
  }),
  Pad: padOffer,
  Reshape: offer([floats(1), knows("allowzero", "shape")], (bench) => [
    movement.reshapeTo(bench.input(0), newShape(bench)),
  ]),
  Slice: sliceOffer,
  Split: splitOffer,
  Squeeze: offer([floats(1), knows("axes")], (bench) => [reshape(bench.input(0), squeezed(bench))]),
  Unsqueeze: offer([floats(1), knows("axes")], (bench) => [
    reshape(bench.input(0), unsqueezed(bench)),
  ]),
  Tile: offer([floats(1), knows(), ranked(1, 6)], (bench) => [
    movement.tile(bench.input(0), bench.numbers(1)!),
  ]),
  Transpose: offer([floats(), knows("perm"), ranked(0, 6)], (bench) => {
    const x = bench.input(0);
    return [transpose(x, listOf(bench.given, "perm") ?? axesOf(x.shape.length).reverse())];
  }),
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
