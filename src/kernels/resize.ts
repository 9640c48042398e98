// Images resampled to another size, by the nearest pixel or linearly, and their gradients.
// Positions are exact ratios of whole numbers; sizes give the scale (the caller rounds a scale
// factor that does not divide the size).
import { withGradient, type Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Grid, type Kernel, type Params } from "../engine/kernel.ts";
import { mapping } from "../engine/mapping.ts";
import { readsAsQuads } from "./row_slice.ts";
import { shaders } from "./shaders.gen.ts";

/**
 * The positions at which both images agree, n to m pixels: `half_pixel` the outer borders, source
 * (o + 1/2) n / m - 1/2; `align` the centres of the corner pixels, o (n - 1) / (m - 1);
 * `asymmetric` the first corner, o n / m.
 */
export type Corners = "half_pixel" | "align" | "asymmetric";
/**
 * The rounding of a position to a pixel; `half_up` and `half_down` take the nearest and differ
 * halfway between two.
 */
export type Rounding = "floor" | "half_up" | "half_down" | "ceil";
/** The size [rows, columns] to resample to. */
export interface ResizeBilinearAttributes {
  readonly size: readonly [number, number];
  readonly corners: Corners;
}
/** The size [rows, columns] to resample to, and the rounding of positions. */
export interface ResizeNearestAttributes extends ResizeBilinearAttributes {
  readonly rounding: Rounding;
}
/** The size [rows, columns] of x, which its gradient has too. */
interface Original {
  readonly from: readonly [number, number];
}
/** Attributes of the gradient of linear resampling. */
export type ResizeBilinearGradAttributes = ResizeBilinearAttributes & Original;
/** Attributes of the gradient of nearest resampling. */
export interface ResizeNearestGradAttributes extends ResizeNearestAttributes, Original {
  /** The channels of d_y to read; all by default. Only plans set it. */
  readonly slice?: { readonly first: number; readonly channels: number };
}

/** source(o) = (o mul + add) / den */
interface Ratio {
  readonly mul: number;
  readonly add: number;
  readonly den: number;
}

/**
 * The position along an axis of n pixels that pixel o of m comes from; with `rounding`, its floor
 * is the pixel.
 */
function positions(n: number, m: number, corners: Corners, rounding: Rounding | null): Ratio {
  if (n === 0 && m > 0) throw new Error(`resize: no pixels to make ${m} of`);
  let ratio: Ratio;
  // with one pixel on either side any step works, except zero
  if (corners === "align") ratio = { mul: Math.max(n - 1, 1), add: 0, den: Math.max(m - 1, 1) };
  else if (corners === "asymmetric") ratio = { mul: n, add: 0, den: m };
  else ratio = { mul: 2 * n, add: n - m, den: 2 * m };
  if (rounding !== null) {
    const { mul, add, den } = ratio;
    const lift = { floor: 0, half_up: den, half_down: den - 1, ceil: 2 * den - 2 }[rounding];
    ratio = { mul: 2 * mul, add: 2 * add + lift, den: 2 * den };
  }
  const common = Math.max(gcd(gcd(ratio.mul, Math.abs(ratio.add)), ratio.den), 1);
  const { mul, add, den } = ratio;
  if (Math.max(m * mul + Math.abs(add), (n + 1) * den + Math.abs(add)) / common >= 2 ** 31) {
    throw new Error(`resize: ${n} to ${m} pixels overflows the whole numbers of positions`);
  }
  return { mul: mul / common, add: add / common, den: den / common };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

type Geometry = Params<typeof shaders.resize_bilinear>;

function geometry(
  [views, in_h, in_w, channels]: Shape,
  [out_h, out_w]: readonly [number, number],
  corners: Corners,
  rounding: Rounding | null,
): Geometry {
  const row = positions(in_h, out_h, corners, rounding);
  const col = positions(in_w, out_w, corners, rounding);
  return {
    views,
    in_h,
    in_w,
    out_h,
    out_w,
    channels,
    row_mul: row.mul,
    row_add: row.add,
    row_den: Math.max(row.den, 1),
    col_mul: Math.max(col.mul, 1),
    col_add: col.add,
    col_den: Math.max(col.den, 1),
  };
}

function resized(x: Shape, { size: [rows, columns], corners }: ResizeBilinearAttributes): Shape {
  if (x.length !== 4) throw new Error(`resize: x ${formatShape(x)} must be [V, H, W, C]`);
  const y = [x[0], rows, columns, x[3]];
  if (y.some((length) => !Number.isInteger(length) || length < 0)) {
    throw new Error(`resize: cannot resample ${formatShape(x)} to ${formatShape(y)}`);
  }
  geometry(x, [rows, columns], corners, null);
  return y;
}

/** The shape of x, derived from the shape of d_y, of which `channels` are read. */
function original(
  d_y: Shape,
  attributes: ResizeBilinearGradAttributes,
  channels: number = d_y[3],
): Shape {
  const x = [d_y[0], ...attributes.from, channels];
  expectShape({ d_y }, [...resized(x, attributes).slice(0, -1), d_y[3]]);
  return x;
}

/** The same where d_y may have more channels; throws unless it has those of the slice. */
function originalOfSlice(d_y: Shape, attributes: ResizeNearestGradAttributes): Shape {
  const { first, channels } = attributes.slice ?? { first: 0, channels: d_y[3] };
  if (first < 0 || first + channels > d_y[3]) {
    throw new Error(`d_y${formatShape(d_y)} lacks channels ${first} to ${first + channels}`);
  }
  return original(d_y, attributes, channels);
}

const BASIC: readonly [string, Shape, readonly [number, number]][] = [
  ["twice as large", [2, 5, 7, 6], [10, 14]],
  ["half as large", [1, 10, 14, 3], [5, 7]],
  ["wider, lower", [1, 13, 5, 2], [7, 11]],
  ["from one pixel", [2, 1, 1, 5], [3, 4]],
  ["to one pixel", [1, 6, 5, 1], [1, 1]],
  ["same", [1, 4, 3, 4], [4, 3]],
  ["to nothing", [1, 4, 3, 4], [0, 3]],
  ["decoder", [1, 12, 20, 64], [24, 40]],
  ["fours, wider, lower", [2, 13, 5, 12], [7, 11]],
  ["fours, a quarter", [1, 37, 11, 4], [9, 3]],
  ["fours from one pixel", [2, 1, 1, 8], [11, 4]],
];
/** All of `Corners`. */
export const CORNERS: readonly Corners[] = ["half_pixel", "align", "asymmetric"];
/** All of `Rounding`. */
export const ROUNDINGS: readonly Rounding[] = ["floor", "half_up", "half_down", "ceil"];
const linearCases: Problem<"x", ResizeBilinearAttributes>[] = BASIC.flatMap(([name, x, to], i) =>
  CORNERS.slice(0, i < 5 ? 3 : 1).map((corners) => ({
    name: `${name}, ${corners}`,
    shapes: { x },
    attributes: { size: to, corners },
  })),
);
const nearestCases: Problem<"x", ResizeNearestAttributes>[] = [
  ...linearCases.map((c, i) => ({
    ...c,
    attributes: { ...c.attributes, rounding: ROUNDINGS[i % 4] },
  })),
  // every rounding has cases with positions halfway between two pixels
  ...ROUNDINGS.map((rounding) => ({
    name: `halfway, ${rounding}`,
    shapes: { x: [1, 4, 9, 3] },
    attributes: { size: [2, 3] as const, corners: "half_pixel" as const, rounding },
  })),
];

/** The attributes of a gradient, from those of its op and the shape of x. */
export function resizeGradAttributes<A extends ResizeBilinearAttributes>(
  x: Shape,
  attributes: A,
): A & Original {
  return { ...attributes, from: [x[1], x[2]] };
}

function gradientCase<A extends ResizeBilinearAttributes>(
  c: Problem<"x", A>,
): Problem<"d_y", A & Original> {
  const { x } = c.shapes;
  const d_y = resized(x, c.attributes);
  return { name: c.name, shapes: { d_y }, attributes: resizeGradAttributes(x, c.attributes) };
}

const nearestGradCases: readonly Problem<"d_y", ResizeNearestGradAttributes>[] = [
  ...nearestCases.map((c) => gradientCase(c)),
  ...[
    { name: "fours of a wider row", pitch: 20, slice: { first: 8, channels: 12 } },
    { name: "one channel of a wider row", pitch: 5, slice: { first: 2, channels: 1 } },
  ].map(({ name, pitch, slice }) => ({
    name,
    shapes: { d_y: [2, 10, 14, pitch] },
    attributes: {
      size: [10, 14] as const,
      from: [5, 7] as const,
      corners: "asymmetric" as const,
      rounding: "floor" as const,
      slice,
    },
  })),
];

/** y = the nearest pixels of x. x [V,H,W,C] -> y [V, `size`, C]. */
export const resizeNearest: Kernel<typeof shaders.resize_nearest, ResizeNearestAttributes> = kernel(
  {
    shader: shaders.resize_nearest,
    axes: { x: "V, IN_H, IN_W, C" },
    shapes: ({ x }, attributes) => ({ y: resized(x, attributes) }),
    params: ({ x }, { size: to, corners, rounding }) => geometry(x, to, corners, rounding),
    grid: ({ views, out_h, out_w, channels }, { WG, RUN }) =>
      strips(views, out_h, RUN, (out_w * channels) / WG),
    cost: ({ x }, attributes) => ({ flops: 0, bytes: 8 * size(resized(x, attributes)) }),
    cases: withGradient(nearestCases, { wrt: ["x"], linear: true }),
    reference: ({ x }, shapes, attributes) => {
      const shape = resized(shapes.x, attributes);
      const y = like(x, size(shape));
      nearestTaps(shapes.x, attributes, (from, to, channels) => {
        for (let c = 0; c < channels; c++) y[to + c] = x[from + c];
      });
      return { y };
    },
    variants: () => [resizeNearestVec4],
  },
);

/** As `resizeNearest`, four channels per load: where their number is a multiple of four. */
export const resizeNearestVec4: Kernel<
  typeof shaders.resize_nearest_vec4,
  ResizeNearestAttributes
> = mapping(resizeNearest, {
  shader: shaders.resize_nearest_vec4,
  grid: ({ views, out_h, out_w, channels }, { WG, RUN }) =>
    strips(views, out_h, RUN, (out_w * channels) / 4 / WG),
  runs: (_, { x }) => isInFours(x),
});

/** d_x = sum of d_y over the pixels that copied it. d_y [V, `size`, C or more] -> d_x [V, `from`, C]. */
export const resizeNearestGrad: Kernel<
  typeof shaders.resize_nearest_grad,
  ResizeNearestGradAttributes
> = kernel({
  shader: shaders.resize_nearest_grad,
  axes: { d_y: "V, OUT_H, OUT_W, C" },
  shapes: ({ d_y }, attributes) => ({ d_x: originalOfSlice(d_y, attributes) }),
  params: ({ d_y }, attributes) => {
    const { size: to, corners, rounding, slice } = attributes;
    const sizes = geometry(originalOfSlice(d_y, attributes), to, corners, rounding);
    return { ...sizes, pitch: d_y[3], first: slice?.first ?? 0 };
  },
  grid: ({ views, in_h, in_w, channels }, { WG, RUN }) =>
    strips(views, in_h, RUN, (in_w * channels) / WG),
  cost: ({ d_y }, attributes) => {
    const x = originalOfSlice(d_y, attributes);
    const read = size(resized(x, attributes));
    return { flops: read, bytes: 4 * (read + size(x)) };
  },
  terms: ({ d_y }, attributes) => spread(originalOfSlice(d_y, attributes), attributes.size),
  cases: nearestGradCases,
  reference: ({ d_y }, shapes, attributes) => {
    const x = originalOfSlice(shapes.d_y, attributes);
    const d_x = like(d_y, size(x));
    const [pitch, first] = [shapes.d_y[3], attributes.slice?.first ?? 0];
    nearestTaps(x, attributes, (from, to, channels) => {
      const start = (to / channels) * pitch + first;
      for (let c = 0; c < channels; c++) d_x[from + c] += d_y[start + c];
    });
    return { d_x };
  },
  variants: () => [resizeNearestGradVec4],
});

/** As `resizeNearestGrad`, four channels per load: where their number is a multiple of four. */
export const resizeNearestGradVec4: Kernel<
  typeof shaders.resize_nearest_grad_vec4,
  ResizeNearestGradAttributes
> = mapping(resizeNearestGrad, {
  shader: shaders.resize_nearest_grad_vec4,
  grid: ({ views, in_h, in_w, channels }, { WG, RUN }) =>
    strips(views, in_h, RUN, (in_w * channels) / 4 / WG),
  runs: (_, { d_y }, { slice: { first, channels } = { first: 0, channels: d_y[3] } }) =>
    readsAsQuads(first, channels, d_y[3]),
});

/** y = x interpolated linearly between its pixels. x [V,H,W,C] -> y [V, `size`, C]. */
export const resizeBilinear: Kernel<typeof shaders.resize_bilinear, ResizeBilinearAttributes> =
  kernel({
    shader: shaders.resize_bilinear,
    axes: { x: "V, IN_H, IN_W, C" },
    shapes: ({ x }, attributes) => ({ y: resized(x, attributes) }),
    params: ({ x }, { size: to, corners }) => geometry(x, to, corners, null),
    grid: ({ views, out_h, out_w, channels }, { WG, RUN }) =>
      strips(views, out_h, RUN, (out_w * channels) / WG),
    // three interpolations of 3 operations each
    cost: ({ x }, attributes) => {
      const n = size(resized(x, attributes));
      return { flops: 9 * n, bytes: 4 * (size(x) + n) };
    },
    terms: () => 8,
    cases: withGradient(linearCases, { wrt: ["x"], linear: true }),
    reference: ({ x }, shapes, attributes) => {
      const y = like(x, size(resized(shapes.x, attributes)));
      linearTaps(shapes.x, attributes, (from, to, channels, weight) => {
        for (let c = 0; c < channels; c++) y[to + c] += weight * x[from + c];
      });
      return { y };
    },
    variants: () => [resizeBilinearVec4],
  });

/** As `resizeBilinear`, four channels per load: where their number is a multiple of four. */
export const resizeBilinearVec4: Kernel<
  typeof shaders.resize_bilinear_vec4,
  ResizeBilinearAttributes
> = mapping(resizeBilinear, {
  shader: shaders.resize_bilinear_vec4,
  grid: ({ views, out_h, out_w, channels }, { WG, RUN }) =>
    strips(views, out_h, RUN, (out_w * channels) / 4 / WG),
  runs: (_, { x }) => isInFours(x),
});

/** d_x = sum of d_y with the same weights. d_y [V, `size`, C] -> d_x [V, `from`, C]. */
export const resizeBilinearGrad: Kernel<
  typeof shaders.resize_bilinear_grad,
  ResizeBilinearGradAttributes
> = kernel({
  shader: shaders.resize_bilinear_grad,
  axes: { d_y: "V, OUT_H, OUT_W, C" },
  shapes: ({ d_y }, attributes) => ({ d_x: original(d_y, attributes) }),
  params: ({ d_y }, attributes) =>
    geometry(original(d_y, attributes), attributes.size, attributes.corners, null),
  grid: ({ views, in_h, in_w, channels }, { WG, RUN }) =>
    strips(views, in_h, RUN, (in_w * channels) / WG),
  // each element of d_y goes to four elements of d_x
  cost: ({ d_y }, attributes) => ({
    flops: 8 * size(d_y),
    bytes: 4 * (size(d_y) + size(original(d_y, attributes))),
  }),
  terms: ({ d_y }, attributes) => 4 + 4 * spread(original(d_y, attributes), attributes.size),
  cases: linearCases.map((c) => gradientCase(c)),
  reference: ({ d_y }, shapes, attributes) => {
    const x = original(shapes.d_y, attributes);
    const d_x = like(d_y, size(x));
    linearTaps(x, attributes, (from, to, channels, weight) => {
      if (weight === 0) return; // no neighbour, whatever d_y is
      for (let c = 0; c < channels; c++) d_x[from + c] += weight * d_y[to + c];
    });
    return { d_x };
  },
  variants: () => [resizeBilinearGradVec4],
});

/** As `resizeBilinearGrad`, four channels per load: where their number is a multiple of four. */
export const resizeBilinearGradVec4: Kernel<
  typeof shaders.resize_bilinear_grad_vec4,
  ResizeBilinearGradAttributes
> = mapping(resizeBilinearGrad, {
  shader: shaders.resize_bilinear_grad_vec4,
  grid: ({ views, in_h, in_w, channels }, { WG, RUN }) =>
    strips(views, in_h, RUN, (in_w * channels) / 4 / WG),
  runs: (_, { d_y }) => isInFours(d_y),
});

/** The grid for strips of `run` of the rows of each view, of `groups` workgroups each. */
function strips(views: number, rows: number, run: number, groups: number): Grid {
  return foldGrid(Math.ceil(views * Math.ceil(rows / run) * groups));
}

/** Whether the channels of an image come in vectors of four. */
function isInFours(image: Shape): boolean {
  return readsAsQuads(0, image.at(-1) ?? 0, 4);
}

/** Pixels of y per pixel of x, at least one. */
function spread([, height, width]: Shape, [rows, columns]: readonly [number, number]): number {
  return Math.ceil(rows / Math.max(height, 1)) * Math.ceil(columns / Math.max(width, 1));
}

/** Calls back with the first channel of each pixel of y and of the pixel of x that it copies. */
function nearestTaps(
  [views, height, width, channels]: Shape,
  { size: [rows, columns], corners, rounding }: ResizeNearestAttributes,
  tap: (from: number, to: number, channels: number) => void,
): void {
  const nearest = (o: number, n: number, m: number): number => {
    const { mul, add, den } = positions(n, m, corners, rounding);
    return Math.min(Math.max(Math.floor((o * mul + add) / den), 0), n - 1);
  };
  for (let view = 0; view < views; view++) {
    for (let row = 0; row < rows; row++) {
      const r = nearest(row, height, rows);
      for (let col = 0; col < columns; col++) {
        const s = nearest(col, width, columns);
        const from = ((view * height + r) * width + s) * channels;
        tap(from, ((view * rows + row) * columns + col) * channels, channels);
      }
    }
  }
}

/**
 * Calls back with the first channel of each pixel of y and of each pixel of x that it reads, and
 * its weight.
 */
function linearTaps(
  [views, height, width, channels]: Shape,
  { size: [rows, columns], corners }: ResizeBilinearAttributes,
  tap: (from: number, to: number, channels: number, weight: number) => void,
): void {
  const around = (o: number, n: number, m: number): [number, number][] => {
    const { mul, add, den } = positions(n, m, corners, null);
    const position = Math.min(Math.max((o * mul + add) / den, 0), n - 1);
    const low = Math.floor(position);
    return [
      [low, 1 - (position - low)],
      [Math.min(low + 1, n - 1), position - low],
    ];
  };
  const columnTaps = Array.from({ length: columns }, (_, col) => around(col, width, columns));
  for (let view = 0; view < views; view++) {
    for (let row = 0; row < rows; row++) {
      for (const [r, byRow] of around(row, height, rows)) {
        for (let col = 0; col < columns; col++) {
          for (const [s, byColumn] of columnTaps[col]) {
            const from = ((view * height + r) * width + s) * channels;
            tap(from, ((view * rows + row) * columns + col) * channels, channels, byRow * byColumn);
          }
        }
      }
    }
  }
}
