// Maxima and means of windows of images, and their gradients as gathers.
import { withGradient, type Problem } from "../engine/problem.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel, type Params } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

type Pair = readonly [number, number];

/**
 * Windows over an image: number of taps, pixels between windows, pixels between taps; [rows,
 * columns].
 */
export interface PoolAttributes {
  readonly window: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  /**
   * Rows and columns that are added: [top, bottom, left, right]. No tap takes a value from them.
   */
  readonly padding: readonly [number, number, number, number];
  /** Windows along rows and columns; `pooledSize` counts them. */
  readonly size: Pair;
}
/**
 * Means of windows; with `countPadding`, the divisor counts taps inside the image or the padding,
 * otherwise only those inside the image.
 */
export interface PoolAverageAttributes extends PoolAttributes {
  readonly countPadding: boolean;
}
/** Means of windows, and the size [rows, columns] of the image. */
export interface PoolAverageGradAttributes extends PoolAverageAttributes {
  readonly from: Pair;
}

/**
 * Number of windows along an axis of `length` pixels with `padding` in total. With `ceil`, there is
 * one more if pixels are left over, unless it would start in the padding behind the image.
 */
export function pooledSize(
  length: number,
  window: number,
  stride: number,
  [before, after]: Pair,
  dilation: number,
  ceil: boolean,
): number {
  const left = length + before + after - dilation * (window - 1) - 1;
  const windows = (ceil ? Math.ceil(left / stride) : Math.floor(left / stride)) + 1;
  const last = (windows - 1) * stride;
  return Math.max(ceil && last >= length + before ? windows - 1 : windows, 0);
}

function pooled(
  x: Shape,
  { window, stride, dilation, padding, size: windows }: PoolAttributes,
): Shape {
  if (x.length !== 4) throw new Error(`pool: x ${formatShape(x)} must be [V, H, W, C]`);
  const positive = [...window, ...stride, ...dilation];
  if (!positive.every((n) => Number.isInteger(n) && n > 0)) {
    throw new Error(
      `pool: window ${window.join("x")}, stride ${stride.join("x")}, ` +
        `dilation ${dilation.join("x")} must be whole and positive`,
    );
  }
  if (![...padding, ...windows].every((n) => Number.isInteger(n) && n >= 0)) {
    throw new Error(
      `pool: padding [${padding.join(", ")}] of ${formatShape(x)} to ${windows.join("x")} windows`,
    );
  }
  return [x[0], ...windows, x[3]];
}

type Geometry = Params<typeof shaders.pool_max>;

function geometry(
  x: Shape,
  { window, stride, dilation, padding, size: windows }: PoolAttributes,
): Geometry {
  return {
    views: x[0],
    in_h: x[1],
    in_w: x[2],
    out_h: windows[0],
    out_w: windows[1],
    channels: x[3],
    win_h: window[0],
    win_w: window[1],
    stride_h: stride[0],
    stride_w: stride[1],
    dilation_h: dilation[0],
    dilation_w: dilation[1],
    top: padding[0],
    left: padding[2],
  };
}

/** Rows and columns whose taps count in the divisor of a mean. */
function counted(
  x: Shape,
  { padding, countPadding }: PoolAverageAttributes,
): Record<"row_begin" | "row_end" | "col_begin" | "col_end", number> {
  const [top, bottom, left, right] = countPadding ? padding : [0, 0, 0, 0];
  return { row_begin: -top, row_end: x[1] + bottom, col_begin: -left, col_end: x[2] + right };
}

const windows = (
  window: Pair,
  stride: Pair,
  padding: readonly [number, number, number, number],
  dilation: Pair,
  ceil = false,
): ((x: Shape) => PoolAttributes) => {
  const [top, bottom, left, right] = padding;
  return (x) => ({
    window,
    stride,
    dilation,
    padding,
    size: [
      pooledSize(x[1], window[0], stride[0], [top, bottom], dilation[0], ceil),
      pooledSize(x[2], window[1], stride[1], [left, right], dilation[1], ceil),
    ],
  });
};
const IN_PADDING = "a window in the padding";
const problems: readonly [string, Shape, (x: Shape) => PoolAttributes][] = [
  ["stem", [2, 12, 20, 64], windows([3, 3], [2, 2], [1, 1, 1, 1], [1, 1])],
  ["one pixel", [1, 1, 1, 1], windows([1, 1], [1, 1], [0, 0, 0, 0], [1, 1])],
  ["primes", [2, 13, 11, 7], windows([3, 2], [2, 3], [1, 0, 0, 1], [1, 1])],
  ["overlapping", [1, 7, 9, 3], windows([4, 5], [1, 1], [2, 1, 2, 2], [1, 1])],
  ["dilated", [1, 9, 8, 5], windows([2, 3], [2, 1], [1, 1, 2, 2], [3, 2])],
  ["with gaps", [1, 11, 10, 4], windows([2, 1], [3, 4], [0, 0, 0, 0], [1, 1])],
  ["left over", [1, 6, 5, 2], windows([3, 2], [2, 2], [1, 1, 0, 1], [1, 1], true)],
  ["no view", [0, 4, 4, 3], windows([2, 2], [2, 2], [0, 0, 0, 0], [1, 1])],
  [IN_PADDING, [1, 2, 2, 2], windows([1, 1], [2, 2], [1, 1, 1, 1], [1, 1])],
];
const maxCases: Problem<"x", PoolAttributes>[] = problems.map(([name, x, attributes]) => ({
  name,
  shapes: { x },
  attributes: attributes(x),
}));
const averageCases: Problem<"x", PoolAverageAttributes>[] = maxCases.flatMap((c) =>
  [false, true].map((countPadding) => ({
    ...c,
    name: `${c.name}, ${countPadding ? "padding counts" : "padding does not count"}`,
    attributes: { ...c.attributes, countPadding },
  })),
);

const { LOWEST } = shaders.pool_max.constants;
const taps = ({ window }: PoolAttributes): number => window[0] * window[1];

/**
 * y = largest value of each window, NaN if it contains one, or the lowest f32 if no tap is inside.
 * x [V,H,W,C] -> y [V, `size`, C].
 */
export const poolMax: Kernel<typeof shaders.pool_max, PoolAttributes> = kernel({
  shader: shaders.pool_max,
  axes: { x: "V, IN_H, IN_W, C" },
  shapes: ({ x }, attributes) => ({ y: pooled(x, attributes) }),
  params: ({ x }, attributes) => geometry(x, attributes),
  grid: ({ views, out_h, out_w, channels }, { WG, STEP }) =>
    foldGrid(views * out_h * Math.ceil((out_w * Math.ceil(channels / STEP)) / WG)),
  cost: ({ x }, attributes) => {
    const n = size(pooled(x, attributes));
    return { flops: n * taps(attributes), bytes: 4 * (size(x) + n) };
  },
  // a window of padding alone gives the lowest f32, beside which no difference shows
  cases: withGradient(maxCases, ({ name }) => (name === IN_PADDING ? [] : [{ wrt: ["x"] }])),
  reference: ({ x }, shapes, attributes) => {
    const y = like(x, size(pooled(shapes.x, attributes)));
    const found = new Uint8Array(y.length);
    y.fill(-Infinity);
    eachTap(shapes.x, attributes, (pixel, window, channels) => {
      for (let c = 0; c < channels; c++) y[window + c] = Math.max(y[window + c], x[pixel + c]);
      found.fill(1, window, window + channels);
    });
    for (let i = 0; i < y.length; i++) if (found[i] === 0) y[i] = LOWEST;
    return { y };
  },
});

/**
 * d_x = d_y at the first maximum of each window, rows before columns. x, y, d_y -> d_x of x's
 * shape.
 */
export const poolMaxGrad: Kernel<typeof shaders.pool_max_grad, PoolAttributes> = kernel({
  shader: shaders.pool_max_grad,
  axes: { x: "V, IN_H, IN_W, C", y: "V, OUT_H, OUT_W, C", d_y: "V, OUT_H, OUT_W, C" },
  shapes: ({ x, y, d_y }, attributes) => {
    expectShape({ y, d_y }, pooled(x, attributes));
    return { d_x: x };
  },
  params: ({ x }, attributes) => geometry(x, attributes),
  overrides: (_, { dilation }) => ({ DILATED: Math.max(...dilation) > 1 }),
  grid: ({ views, in_h, in_w, channels }, { WG, STEP }) =>
    foldGrid(views * in_h * Math.ceil((in_w * Math.ceil(channels / STEP)) / WG)),
  // every tap compares once, one per window searches half of it
  cost: ({ x, y }, attributes) => ({
    flops: 1.5 * size(y) * taps(attributes),
    bytes: 8 * (size(x) + size(y)),
  }),
  terms: (_, attributes) => taps(attributes),
  // y is drawn from few values, as x is, so that pixels equal their maximum, some of them twice
  cases: maxCases.map((c) => {
    const y = pooled(c.shapes.x, c.attributes);
    return {
      ...c,
      shapes: { x: c.shapes.x, y, d_y: y },
      data: { x: { kind: "mask", share: 0.4 }, y: { kind: "mask", share: 0.9 } },
    };
  }),
  reference: ({ x, y, d_y }, shapes, attributes) => {
    const d_x = like(x, x.length);
    const found = new Uint8Array(y.length);
    eachTap(shapes.x, attributes, (pixel, window, channels) => {
      for (let c = 0; c < channels; c++) {
        if (found[window + c] === 1 || !holds(x[pixel + c], y[window + c])) continue;
        found[window + c] = 1;
        d_x[pixel + c] += d_y[window + c];
      }
    });
    return { d_x };
  },
});

/** Whether x is the maximum of its window; NaN is. */
function holds(x: number, highest: number): boolean {
  return x === highest || (Number.isNaN(x) && Number.isNaN(highest));
}

/** y = mean of each window. x [V,H,W,C] -> y [V, `size`, C]. */
export const poolAverage: Kernel<typeof shaders.pool_average, PoolAverageAttributes> = kernel({
  shader: shaders.pool_average,
  axes: { x: "V, IN_H, IN_W, C" },
  shapes: ({ x }, attributes) => ({ y: pooled(x, attributes) }),
  params: ({ x }, attributes) => ({ ...geometry(x, attributes), ...counted(x, attributes) }),
  grid: ({ views, out_h, out_w, channels }, { WG, STEP }) =>
    foldGrid(views * out_h * Math.ceil((out_w * Math.ceil(channels / STEP)) / WG)),
  cost: ({ x }, attributes) => {
    const n = size(pooled(x, attributes));
    return { flops: n * taps(attributes), bytes: 4 * (size(x) + n) };
  },
  terms: (_, attributes) => taps(attributes),
  cases: withGradient(averageCases, { wrt: ["x"], linear: true }),
  reference: ({ x }, shapes, attributes) => {
    const y = like(x, size(pooled(shapes.x, attributes)));
    eachTap(shapes.x, attributes, (pixel, window, channels) => {
      for (let c = 0; c < channels; c++) y[window + c] += x[pixel + c];
    });
    divide(y, shapes.x, attributes);
    return { y };
  },
});

/**
 * d_x = sum of d_y / n over the windows that contain a pixel. d_y [V, `size`, C] -> d_x [V, `from`,
 * C].
 */
export const poolAverageGrad: Kernel<typeof shaders.pool_average_grad, PoolAverageGradAttributes> =
  kernel({
    shader: shaders.pool_average_grad,
    axes: { d_y: "V, OUT_H, OUT_W, C" },
    shapes: ({ d_y }, attributes) => ({ d_x: image(d_y, attributes) }),
    params: ({ d_y }, attributes) => {
      const x = image(d_y, attributes);
      return { ...geometry(x, attributes), ...counted(x, attributes) };
    },
    grid: ({ views, in_h, in_w, channels }, { WG, STEP }) =>
      foldGrid(views * in_h * Math.ceil((in_w * Math.ceil(channels / STEP)) / WG)),
    cost: ({ d_y }, attributes) => ({
      flops: 2 * size(d_y) * taps(attributes),
      bytes: 4 * (size(d_y) + size(image(d_y, attributes))),
    }),
    terms: (_, attributes) => 2 * taps(attributes),
    cases: averageCases.map((c) => ({
      name: c.name,
      shapes: { d_y: pooled(c.shapes.x, c.attributes) },
      attributes: { ...c.attributes, from: [c.shapes.x[1], c.shapes.x[2]] as const },
    })),
    reference: ({ d_y }, shapes, attributes) => {
      const x = image(shapes.d_y, attributes);
      const d_x = like(d_y, size(x));
      const shares = d_y.slice() as typeof d_y;
      divide(shares, x, attributes);
      eachTap(x, attributes, (pixel, window, channels) => {
        for (let c = 0; c < channels; c++) d_x[pixel + c] += shares[window + c];
      });
      return { d_x };
    },
  });

/** The shape of x, derived from the shape of d_y. */
function image(d_y: Shape, attributes: PoolAverageGradAttributes): Shape {
  const x = [d_y[0], ...attributes.from, d_y[3]];
  expectShape({ d_y }, pooled(x, attributes));
  return x;
}

/**
 * Calls back with the first channel of each pixel under a tap and of its window; the taps of a
 * window come in order.
 */
function eachTap(
  [views, height, width, channels]: Shape,
  { window, stride, dilation, padding, size: [rows, columns] }: PoolAttributes,
  tap: (pixel: number, window: number, channels: number) => void,
): void {
  for (let view = 0; view < views; view++) {
    for (let row = 0; row < rows; row++) {
      for (let col = 0; col < columns; col++) {
        const to = ((view * rows + row) * columns + col) * channels;
        for (let i = 0; i < window[0]; i++) {
          const r = row * stride[0] + i * dilation[0] - padding[0];
          if (r < 0 || r >= height) continue;
          for (let j = 0; j < window[1]; j++) {
            const s = col * stride[1] + j * dilation[1] - padding[2];
            if (s < 0 || s >= width) continue;
            tap(((view * height + r) * width + s) * channels, to, channels);
          }
        }
      }
    }
  }
}

/** Divides each window's values by its number of counted taps. */
function divide(values: NumberArray, x: Shape, attributes: PoolAverageAttributes): void {
  const {
    window,
    stride,
    dilation,
    padding,
    size: [rows, columns],
  } = attributes;
  const { row_begin, row_end, col_begin, col_end } = counted(x, attributes);
  const inside = (
    start: number,
    count: number,
    step: number,
    begin: number,
    end: number,
  ): number => {
    let n = 0;
    for (let i = 0; i < count; i++) if (start + i * step >= begin && start + i * step < end) n++;
    return n;
  };
  const channels = x[3];
  for (let pixel = 0; pixel < values.length / Math.max(channels, 1); pixel++) {
    const row = Math.floor(pixel / columns) % rows;
    const [top, left] = [row * stride[0] - padding[0], (pixel % columns) * stride[1] - padding[2]];
    const n =
      inside(top, window[0], dilation[0], row_begin, row_end) *
      inside(left, window[1], dilation[1], col_begin, col_end);
    for (let c = 0; c < channels; c++) values[pixel * channels + c] /= Math.max(n, 1);
  }
}
