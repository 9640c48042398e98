// Tensors with margins (constant, reflected, repeated), and the gradient of margins that repeat the
// tensor.
import { withGradient, type Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { linesGrid, linesOf, six, sixOf } from "../engine/axes.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

/**
 * The content of margins, in the order of the shaders' MODE; reflect has the border once,
 * symmetric twice.
 */
export const PAD_MODES = ["constant", "reflect", "symmetric", "edge", "wrap"] as const;
/** One of the kinds of margins. */
export type PadMode = (typeof PAD_MODES)[number];
/** Margins [before, after] along each axis; `value` fills constant margins. */
export interface PadAttributes {
  readonly padding: readonly (readonly [number, number])[];
  readonly mode: PadMode;
  readonly value: number;
}
/** Margins along one axis of d_x. */
export interface PadGradAttributes {
  readonly axis: number;
  readonly margins: readonly [number, number];
  readonly mode: Exclude<PadMode, "constant">;
}

/** The longest margin that an axis of `length` elements can provide. */
function longest(length: number, mode: PadMode): number {
  if (mode === "reflect") return Math.max(length - 1, 0);
  if (mode === "symmetric" || mode === "wrap") return length;
  return mode === "edge" && length === 0 ? 0 : Infinity;
}

function padded(x: Shape, { padding, mode }: PadAttributes): number[] {
  if (padding.length !== x.length) {
    throw new Error(
      `pad: ${formatShape(x)} has ${x.length} axes, margins were given for ${padding.length}`,
    );
  }
  return x.map((length, axis) => {
    const [before, after] = padding[axis];
    const most = longest(length, mode);
    if (![before, after].every((m) => Number.isInteger(m) && m >= 0 && m <= most)) {
      throw new Error(
        `pad: margins ${before} and ${after} of axis ${axis} of ${formatShape(x)}, ` +
          `${mode} allows 0 to ${most}`,
      );
    }
    return before + length + after;
  });
}

/** Axis lengths of x and y and margins before, with neighbouring axes without margins merged. */
function merged(
  x: Shape,
  attributes: PadAttributes,
): { x: number[]; y: number[]; before: number[] } {
  const y = padded(x, attributes);
  const result: { x: number[]; y: number[]; before: number[] } = { x: [], y: [], before: [] };
  let plain = false;
  x.forEach((length, axis) => {
    const same = y[axis] === length;
    const last = result.x.length - 1;
    if (same && plain) {
      result.x[last] *= length;
      result.y[last] *= length;
    } else {
      result.x.push(length);
      result.y.push(y[axis]);
      result.before.push(attributes.padding[axis][0]);
    }
    plain = same;
  });
  if (result.x.length > 6) throw new Error(`pad: ${formatShape(x)} needs more than six axes`);
  return result;
}

const border = (
  mode: PadMode,
  axis: Shape,
  margins: readonly (readonly [number, number])[],
  name: string,
): Problem<"x", PadAttributes> => ({
  name: `${mode}, ${name}`,
  shapes: { x: axis },
  attributes: { mode, padding: margins, value: -1.5 },
});

/** y = x with margins. x [any] -> y [each axis longer by its margins]. */
export const pad: Kernel<typeof shaders.pad, PadAttributes> = kernel({
  shader: shaders.pad,
  shapes: ({ x }, attributes) => ({ y: padded(x, attributes) }),
  params: ({ x }, attributes) => {
    const axes = merged(x, attributes);
    return {
      lines: linesOf(sixOf(axes.y, 1)),
      ...six("shape", sixOf(axes.y, 1)),
      ...six("size", sixOf(axes.x, 1)),
      ...six("before", sixOf(axes.before, 0)),
      value: attributes.value,
    };
  },
  overrides: ({ x }, attributes) => ({
    MODE: PAD_MODES.indexOf(attributes.mode),
    AXES: Math.max(merged(x, attributes).x.length, 1),
  }),
  grid: ({ lines, shape_5 }, { WG, STEP }) => linesGrid(lines, shape_5, WG, STEP),
  cost: ({ x }, attributes) => ({ flops: 0, bytes: 4 * (size(x) + size(padded(x, attributes))) }),
  cases: withGradient(
    [
      ...PAD_MODES.flatMap((mode) => [
        border(
          mode,
          [2, 5, 7, 3],
          [
            [0, 0],
            [1, 1],
            [1, 1],
            [0, 0],
          ],
          "one pixel around",
        ),
        border(
          mode,
          [3, 4],
          [
            [2, 0],
            [3, 1],
          ],
          "up to the whole",
        ),
        border(
          mode,
          [2, 2, 3, 2, 3, 2],
          [
            [0, 1],
            [1, 0],
            [1, 1],
            [0, 1],
            [2, 2],
            [1, 1],
          ],
          "six axes",
        ),
      ]),
      border(
        "constant",
        [0, 2],
        [
          [0, 4],
          [1, 0],
        ],
        "of nothing",
      ),
      border("constant", [], [], "a scalar"),
      border("edge", [1025], [[5, 6]], "longer than a workgroup"),
      border(
        "reflect",
        [3, 0],
        [
          [1, 1],
          [0, 0],
        ],
        "empty",
      ),
      {
        name: "constant, margins of zeros",
        shapes: { x: [2, 4, 3] },
        attributes: {
          mode: "constant",
          padding: [
            [0, 0],
            [1, 3],
            [2, 1],
          ],
          value: 0,
        },
      },
    ],
    ({ attributes: { mode, value } }) => [
      { wrt: ["x"], linear: mode !== "constant" || value === 0 },
    ],
  ),
  reference: ({ x }, shapes, attributes) => {
    const { padding, mode, value } = attributes;
    const shape = padded(shapes.x, attributes);
    const y = like(x, size(shape));
    y.fill(value);
    let from: Int32Array = Int32Array.of(0);
    let to: Int32Array = Int32Array.of(0);
    shapes.x.forEach((length, axis) => {
      const pairs: [number, number][] = [];
      for (let i = 0; i < shape[axis]; i++) {
        const source = sourceIndex(i - padding[axis][0], length, mode);
        if (source !== null) pairs.push([source, i]);
      }
      from = finer(
        from,
        length,
        pairs.map(([source]) => source),
      );
      to = finer(
        to,
        shape[axis],
        pairs.map(([, i]) => i),
      );
    });
    for (let i = 0; i < to.length; i++) y[to[i]] = x[from[i]];
    return { y };
  },
});

/**
 * The given places along the axes so far, each extended by the given indices of the next axis of
 * `length` elements.
 */
function finer(places: Int32Array, length: number, indices: readonly number[]): Int32Array {
  const result = new Int32Array(places.length * indices.length);
  let next = 0;
  for (const place of places) for (const i of indices) result[next++] = place * length + i;
  return result;
}

/** The index that position t of an axis repeats; null in constant margins. */
function sourceIndex(t: number, length: number, mode: PadMode): number | null {
  if (t >= 0 && t < length) return t;
  switch (mode) {
    case "constant":
      return null;
    case "reflect":
      return t < 0 ? -t : 2 * (length - 1) - t;
    case "symmetric":
      return t < 0 ? -1 - t : 2 * length - 1 - t;
    case "edge":
      return t < 0 ? 0 : length - 1;
    case "wrap":
      return t < 0 ? t + length : t - length;
    default:
      return mode satisfies never;
  }
}

function unpadded(
  d_y: Shape,
  { axis, margins: [before, after], mode }: PadGradAttributes,
): number[] {
  const length = d_y[axis] - before - after;
  if (!(length >= 0) || Math.max(before, after) > longest(length, mode)) {
    throw new Error(
      `pad_grad: ${formatShape(d_y)} cannot have ${mode} margins ${before} and ${after} ` +
        `on axis ${axis}`,
    );
  }
  return d_y.map((l, i) => (i === axis ? length : l));
}

/**
 * d_x = d_y with the margins along one axis folded back. d_y [any] -> d_x [`axis` shorter by its
 * margins].
 */
export const padGrad: Kernel<typeof shaders.pad_grad, PadGradAttributes> = kernel({
  shader: shaders.pad_grad,
  axes: { d_y: "outer, before + LENGTH + after, INNER" },
  shapes: ({ d_y }, attributes) => ({ d_x: unpadded(d_y, attributes) }),
  params: ({ d_y }, attributes) => {
    const { axis, margins } = attributes;
    const d_x = unpadded(d_y, attributes);
    return {
      n: size(d_x),
      length: d_x[axis],
      inner: size(d_x.slice(axis + 1)),
      before: margins[0],
      after: margins[1],
    };
  },
  overrides: (_, { mode }) => ({ MODE: PAD_MODES.indexOf(mode) }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  cost: ({ d_y }, attributes) => ({
    flops: size(d_y),
    bytes: 4 * (size(d_y) + size(unpadded(d_y, attributes))),
  }),
  cases: (["reflect", "symmetric", "edge", "wrap"] as const).flatMap((mode) =>
    (
      [
        ["a row above and below", [2, 9, 7, 3], 1, [1, 1]],
        ["up to the whole", [5, 10], 1, [3, 3]],
        ["one axis", [1030], 0, [5, 0]],
        ["no margin", [3, 5], 0, [0, 0]],
        ["of nothing", [0, 7], 1, [1, 2]],
        ["many workgroups", [647, 8], 0, [1, 2]],
      ] as const
    ).map(([name, d_y, axis, margins]) => ({
      name: `${mode}, ${name}`,
      shapes: { d_y },
      attributes: { axis, margins, mode },
    })),
  ),
  reference: ({ d_y }, shapes, attributes) => {
    const { axis, margins, mode } = attributes;
    const shape = unpadded(shapes.d_y, attributes);
    const d_x = like(d_y, size(shape));
    const [length, inner] = [shape[axis], size(shape.slice(axis + 1))];
    const outer = size(shape.slice(0, axis));
    const long = margins[0] + length + margins[1];
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < long; i++) {
        const to = (o * length + sourceIndex(i - margins[0], length, mode)!) * inner;
        const from = (o * long + i) * inner;
        for (let c = 0; c < inner; c++) d_x[to + c] += d_y[from + c];
      }
    }
    return { d_x };
  },
});
