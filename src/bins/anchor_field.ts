// A smooth correction of one view: ln factors on the nodes of a small grid over columns, rows and the
// logarithm of the predicted depth, trilinear between nodes. Depth is an axis as well as place, so
// that a near object and the ground behind it may have different factors (a bilateral grid: Chen,
// Paris and Durand 2007). anchor_fit.ts fits it.
import { expAt, expPlace, logOfBits } from "./anchor_tables.ts";
import { doubles } from "./doubles.ts";

/** The predicted depth `[H, W]` of one view in metres. */
export interface ViewDepth {
  readonly depth_m: Float32Array;
  readonly height: number;
  readonly width: number;
}

/** ln factors on the nodes of the grid, and how pixels map to it. */
export interface Field {
  readonly width: number;
  /** Nodes per pixel, along rows and columns. */
  readonly row_step: number;
  readonly column_step: number;
  /** Logarithm of the depth of the first node, and nodes per unit of it. */
  readonly log_near: number;
  readonly log_step: number;
  /** `[COLUMNS, ROWS, DEPTHS]`: the longest axis outermost, for the narrowest band of the fit. */
  readonly values: readonly number[];
}

/** Nodes along each axis. */
export const COLUMNS = 5;
export const ROWS = 4;
export const DEPTHS = 4;
/** Nodes of one column of the grid. */
export const SLICE: number = ROWS * DEPTHS;
export const NODES: number = COLUMNS * SLICE;

/** A field without variation whose depths reach from the nearest to the farthest of some pixels. */
export function evenField(
  { depth_m, height, width }: ViewDepth,
  pixels: Uint32Array,
  log_scale: number,
): Field {
  let [near_m, far_m] = [Infinity, 0];
  for (const pixel of pixels) {
    near_m = Math.min(near_m, depth_m[pixel]);
    far_m = Math.max(far_m, depth_m[pixel]);
  }
  // Pixels at one depth share one node: the range only has to be above 0.
  const log_range = Math.max(Math.log(far_m / near_m), 1e-3);
  return {
    width,
    row_step: (ROWS - 1) / Math.max(1, height - 1),
    column_step: (COLUMNS - 1) / Math.max(1, width - 1),
    log_near: Math.log(near_m),
    log_step: (DEPTHS - 1) / log_range,
    values: doubles(NODES, () => log_scale),
  };
}

/**
 * Multiplies every depth of a view by the factor of its pixel, in place, and returns whether all
 * products are distances: finite and above 0. Factors of nodes are kept within e^-16 and e^16.
 */
export function multiplyByField(field: Field, { depth_m, height, width }: ViewDepth): boolean {
  let areDistances = true;
  const { row_step, column_step, log_near, log_step } = field;
  const bits = new Int32Array(depth_m.buffer, depth_m.byteOffset, depth_m.length);
  const places = doubles(NODES, (i) => expPlace(field.values[i]));
  const values = doubles(COLUMNS * DEPTHS, () => 0);
  const lines = doubles(LINES, () => 0);
  for (let row = 0; row < height; row++) {
    const y = row * row_step;
    const top = cellOf(y, ROWS);
    blendRows(places, top, y - top, values);
    // Cell by cell, so that a pixel loads few numbers.
    for (let left = 0; left < COLUMNS - 1; left++) {
      findLines(values, left * DEPTHS, lines);
      const first = row * width + firstColumn(left, column_step, width);
      const end = row * width + firstColumn(left + 1, column_step, width);
      let x = (first - row * width) * column_step - left;
      for (let pixel = first; pixel < end; pixel++, x += column_step) {
        const z = depthPlace((logOfBits(bits[pixel]) - log_near) * log_step);
        // The cell of depth without a branch, which would be guessed wrong where depths vary.
        const i = (z | 0) << 2;
        const value = lines[i] + x * lines[i + 1] + z * (lines[i + 2] + x * lines[i + 3]);
        const product_m = depth_m[pixel] * expAt(value);
        if (!(product_m > LEAST_M && product_m < MOST_M)) areDistances = false;
        depth_m[pixel] = product_m;
      }
    }
  }
  return areDistances;
}

/** The first column of pixels in a cell; the last cell has all that are left. */
function firstColumn(left: number, column_step: number, width: number): number {
  if (left === 0) return 0;
  return left < COLUMNS - 1 && column_step > 0
    ? Math.min(width, Math.ceil(left / column_step))
    : width;
}

/** A product between them is above 0 and finite as an f32 too. */
const LEAST_M = 1e-37;
const MOST_M = 1e38;

/**
 * Numbers of a cell over columns and depths: those of a + b x + z (c + d x), per cell of depth and for
 * the farthest depth.
 */
const LINES = 4 * DEPTHS;

/** Writes the values `[COLUMNS, DEPTHS]` at a place between two rows of nodes. */
function blendRows(places: readonly number[], top: number, share: number, values: number[]): void {
  for (let column = 0; column < COLUMNS; column++) {
    for (let depth = 0; depth < DEPTHS; depth++) {
      const upper = column * SLICE + top * DEPTHS + depth;
      const value = places[upper];
      values[column * DEPTHS + depth] = value + share * (places[upper + DEPTHS] - value);
    }
  }
}

/** Writes the numbers of each cell of depth beside a column of values that begins at `start`. */
function findLines(values: readonly number[], start: number, lines: number[]): void {
  for (let near = 0; near < DEPTHS; near++) {
    const far = Math.min(near + 1, DEPTHS - 1);
    const left = values[start + near];
    const slope = values[start + far] - left;
    const right = values[start + DEPTHS + near];
    const rightSlope = values[start + DEPTHS + far] - right;
    const first = left - near * slope;
    lines[4 * near] = first;
    lines[4 * near + 1] = right - near * rightSlope - first;
    lines[4 * near + 2] = slope;
    lines[4 * near + 3] = rightSlope - slope;
  }
}

/** The cell of a place among `nodes`, which lie at 0, 1, ...; the last node belongs to the last cell. */
export function cellOf(place: number, nodes: number): number {
  return place < nodes - 2 ? Math.trunc(place) : nodes - 2;
}

/** A place among the nodes of depth: beyond the outer ones the border value holds. */
export function depthPlace(place: number): number {
  if (place < 0) return 0;
  return place < DEPTHS - 1 ? place : DEPTHS - 1;
}
