// Fits the smooth correction of one view to points: one small system of normal equations per round.
import {
  cellOf,
  COLUMNS,
  depthPlace,
  DEPTHS,
  evenField,
  NODES,
  ROWS,
  SLICE,
  type Field,
  type ViewDepth,
} from "./anchor_field.ts";
import { huberWeight, robustDeviation } from "./anchor_scale.ts";
import { solvePositive } from "./anchor_solve.ts";
import { doubles } from "./doubles.ts";

/**
 * The corners of a cell, counted from its first node. Bits 2, 1 and 0 of a corner's number say
 * whether it is the upper one along columns, rows and depths.
 */
const CORNERS = Uint8Array.from(
  { length: 8 },
  (_, corner) => (corner >> 2) * SLICE + ((corner >> 1) & 1) * DEPTHS + (corner & 1),
);
/** Largest distance in the order of nodes between two corners of one cell. */
const BAND = CORNERS[7];
/**
 * Along one axis a product of two shares is that of both lower corners, of one each, or of both upper
 * ones, so the 64 products of shares of a cell have 27 values.
 */
const PRODUCTS = 27;
/** The product of corners a and b, at 8 a + b. */
const PRODUCT_OF = Uint8Array.from({ length: 64 }, (_, pair) =>
  [2, 1, 0].reduce((place, bit) => 3 * place + ((pair >> bit) & 1) + ((pair >> (bit + 3)) & 1), 0),
);
/** Weight of the squared difference of neighbouring nodes; a point weighs 1. */
const SMOOTHNESS = 0.03;
/** Weight of the squared distance of a node from the scale of its view. */
const RIDGE = 0.002;

/**
 * Fits a field to log residuals r_i at pixels u_i: the node values a that minimise
 * sum_i w_i (f(u_i) - r_i)^2 + smoothness sum (a_j - a_k)^2 + ridge sum (a_j - log_scale)^2
 * over points, neighbouring nodes and nodes, with Huber's weights w of r_i - log_scale. Weights taken
 * again from the fitted field cost a second solution and change AbsRel by less than 1 %
 * (bench/README.md).
 */
export function fitField(
  view: ViewDepth,
  pixels: Uint32Array,
  residuals: Float64Array,
  log_scale: number,
): Field {
  const field = evenField(view, pixels, log_scale);
  const points = placesOf(field, view.depth_m, pixels);
  const errors = residuals.map((residual) => residual - log_scale);
  const deviation = robustDeviation(errors);
  const matrix = PRIOR.slice();
  const right = doubles(NODES, () => RIDGE * log_scale);
  const products = new Float64Array(NODES * PRODUCTS);
  for (let i = 0; i < residuals.length; i++)
    addPoint(points, i, huberWeight(errors[i], deviation), residuals[i], products, right);
  addProducts(products, points.cells, matrix);
  return { ...field, values: solvePositive(matrix, right, BAND) };
}

/** The places of points in the grid. */
interface Places {
  /** The first node of the cell of each point. */
  readonly cells: Uint8Array;
  /** The place in its cell along columns, rows and depths, `[points, 3]`. */
  readonly fractions: Float64Array;
}

function placesOf(
  { width, row_step, column_step, log_near, log_step }: Field,
  depth_m: Float32Array,
  pixels: Uint32Array,
): Places {
  const cells = new Uint8Array(pixels.length);
  const fractions = new Float64Array(3 * pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const row = Math.floor(pixels[i] / width);
    const x = (pixels[i] - row * width) * column_step;
    const y = row * row_step;
    const z = depthPlace((Math.log(depth_m[pixels[i]]) - log_near) * log_step);
    const [left, top, near] = [cellOf(x, COLUMNS), cellOf(y, ROWS), cellOf(z, DEPTHS)];
    cells[i] = nodeAt(left, top, near);
    fractions[3 * i] = x - left;
    fractions[3 * i + 1] = y - top;
    fractions[3 * i + 2] = z - near;
  }
  return { cells, fractions };
}

/** Adds a point to the products of shares of its cell and to the right-hand side. */
function addPoint(
  { cells, fractions }: Places,
  i: number,
  weight: number,
  residual: number,
  products: Float64Array,
  right: number[],
): void {
  const [x, y, z] = [fractions[3 * i], fractions[3 * i + 1], fractions[3 * i + 2]];
  const [near, between, far] = [shareProduct(0, z), shareProduct(1, z), shareProduct(2, z)];
  let place = cells[i] * PRODUCTS;
  for (let column = 0; column < 3; column++) {
    const along = weight * shareProduct(column, x);
    for (let row = 0; row < 3; row++) {
      const across = along * shareProduct(row, y);
      products[place++] += across * near;
      products[place++] += across * between;
      products[place++] += across * far;
    }
  }
  for (let corner = 0; corner < CORNERS.length; corner++)
    right[cells[i] + CORNERS[corner]] += weight * residual * cornerShare(corner, x, y, z);
}

/** The trilinear share of a corner. */
function cornerShare(corner: number, x: number, y: number, z: number): number {
  return (corner & 4 ? x : 1 - x) * (corner & 2 ? y : 1 - y) * (corner & 1 ? z : 1 - z);
}

/** The product of two shares along one axis, of which `upper` belong to the upper corner. */
function shareProduct(upper: number, fraction: number): number {
  const lower = 1 - fraction;
  if (upper === 0) return lower * lower;
  return upper === 1 ? lower * fraction : fraction * fraction;
}

/** Adds the products of the cells that have points to the lower band of the matrix. */
function addProducts(products: Float64Array, cells: Uint8Array, matrix: number[]): void {
  const isAdded = new Uint8Array(NODES);
  for (const cell of cells) {
    if (isAdded[cell] === 1) continue;
    isAdded[cell] = 1;
    for (let a = 0; a < CORNERS.length; a++) {
      const row = inBand(cell + CORNERS[a], cell);
      for (let b = 0; b <= a; b++)
        matrix[row + CORNERS[b]] += products[cell * PRODUCTS + PRODUCT_OF[8 * a + b]];
    }
  }
}

/** Where the lower band `[NODES, BAND + 1]` of a matrix has an entry. */
function inBand(row: number, column: number): number {
  return row * (BAND + 1) + BAND - row + column;
}

function nodeAt(column: number, row: number, depth: number): number {
  return column * SLICE + row * DEPTHS + depth;
}

/** The part of the normal equations that no point changes, smoothness and ridge, as a lower band. */
const PRIOR: readonly number[] = priorMatrix();

function priorMatrix(): number[] {
  const matrix = doubles(NODES * (BAND + 1), () => 0);
  const pair = (lower: number, upper: number): void => {
    matrix[inBand(lower, lower)] += SMOOTHNESS;
    matrix[inBand(upper, upper)] += SMOOTHNESS;
    matrix[inBand(upper, lower)] -= SMOOTHNESS;
  };
  for (let column = 0; column < COLUMNS; column++) {
    for (let row = 0; row < ROWS; row++) {
      for (let depth = 0; depth < DEPTHS; depth++) {
        const node = nodeAt(column, row, depth);
        matrix[inBand(node, node)] += RIDGE;
        if (column + 1 < COLUMNS) pair(node, nodeAt(column + 1, row, depth));
        if (row + 1 < ROWS) pair(node, nodeAt(column, row + 1, depth));
        if (depth + 1 < DEPTHS) pair(node, nodeAt(column, row, depth + 1));
      }
    }
  }
  return matrix;
}
