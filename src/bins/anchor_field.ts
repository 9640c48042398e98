// A smooth correction of one view: ln factors on the nodes of a small grid over rows, columns and the
// logarithm of the predicted depth, trilinear between nodes. Depth is an axis as well as place, so
// that a near object and the ground behind it may have different factors (a bilateral grid: Chen,
// Paris and Durand 2007). The fit is one small system of normal equations per round.
import { solvePositive } from "./anchor_solve.ts";
import { huberWeight, robustDeviation } from "./anchor_scale.ts";

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
  /** `[ROWS, COLUMNS, DEPTHS]`. */
  readonly values: Float64Array;
}

const ROWS = 4;
const COLUMNS = 5;
const DEPTHS = 4;
const NODES = ROWS * COLUMNS * DEPTHS;
const CORNERS = 8;
/** Largest distance in the order of nodes between two corners of one cell. */
const BAND = COLUMNS * DEPTHS + DEPTHS + 1;
/** Weight of the squared difference of neighbouring nodes; a point weighs 1. */
const SMOOTHNESS = 0.03;
/** Weight of the squared distance of a node from the scale of its view. */
const RIDGE = 0.002;
/** Rounds of reweighting. */
const ROUNDS = 2;

/**
 * Fits a field to log residuals r_i at pixels u_i: the node values a that minimise
 * sum_i w_i (f(u_i) - r_i)^2 + smoothness sum (a_j - a_k)^2 + ridge sum (a_j - log_scale)^2
 * over points, neighbouring nodes and nodes, with Huber's weights w of the round before.
 */
export function fitField(
  view: ViewDepth,
  pixels: Uint32Array,
  residuals: Float64Array,
  log_scale: number,
): Field {
  const { depth_m } = view;
  const field = emptyField(view, pixels, log_scale);
  const nodes = new Uint32Array(CORNERS * pixels.length);
  const shares = new Float64Array(CORNERS * pixels.length);
  pixels.forEach((pixel, i) => {
    cornersOf(field, pixel, depth_m[pixel], CORNERS * i, nodes, shares);
  });
  for (let round = 0; round < ROUNDS; round++) {
    const errors = residuals.map((residual, i) => {
      let sum = 0;
      for (let c = CORNERS * i; c < CORNERS * (i + 1); c++)
        sum += shares[c] * field.values[nodes[c]];
      return residual - sum;
    });
    const deviation = robustDeviation(errors);
    const matrix = PRIOR.slice();
    const right = new Float64Array(NODES).fill(RIDGE * log_scale);
    residuals.forEach((residual, i) => {
      const weight = huberWeight(errors[i], deviation);
      for (let a = CORNERS * i; a < CORNERS * (i + 1); a++) {
        const share = weight * shares[a];
        right[nodes[a]] += share * residual;
        // Nodes ascend with the corner, and the lower triangle is all that the solver reads.
        for (let b = CORNERS * i; b <= a; b++) {
          matrix[nodes[a] * NODES + nodes[b]] += share * shares[b];
        }
      }
    });
    field.values.set(solvePositive(matrix, right, BAND));
  }
  return field;
}

/** Multiplies every depth of a view by the factor of its pixel, in place. */
export function multiplyByField(field: Field, { depth_m, height, width }: ViewDepth): void {
  const { values, row_step, column_step, log_near, log_step } = field;
  // Values of one row of pixels: [COLUMNS, DEPTHS].
  const blended = new Float64Array(COLUMNS * DEPTHS);
  // The cell of each column of pixels, and the place in it.
  const lefts = Uint8Array.from({ length: width }, (_, column) =>
    Math.min(Math.floor(column * column_step), COLUMNS - 2),
  );
  const fractions = Float64Array.from(lefts, (left, column) => column * column_step - left);
  for (let row = 0; row < height; row++) {
    const y = row * row_step;
    const top = Math.min(Math.floor(y), ROWS - 2);
    for (let i = 0; i < blended.length; i++) {
      const upper = values[top * blended.length + i];
      blended[i] = upper + (y - top) * (values[(top + 1) * blended.length + i] - upper);
    }
    for (let column = 0; column < width; column++) {
      const pixel = row * width + column;
      const z = depthPlace(depth_m[pixel], log_near, log_step);
      const near = z < DEPTHS - 2 ? Math.trunc(z) : DEPTHS - 2;
      const i = lefts[column] * DEPTHS + near;
      const first = blended[i] + (z - near) * (blended[i + 1] - blended[i]);
      const j = i + DEPTHS;
      const second = blended[j] + (z - near) * (blended[j + 1] - blended[j]);
      depth_m[pixel] *= Math.exp(first + fractions[column] * (second - first));
    }
  }
}

/** A field without variation whose depths reach from the nearest to the farthest anchor. */
function emptyField(
  { depth_m, height, width }: ViewDepth,
  pixels: Uint32Array,
  log_scale: number,
): Field {
  let [near_m, far_m] = [Infinity, 0];
  for (const pixel of pixels) {
    near_m = Math.min(near_m, depth_m[pixel]);
    far_m = Math.max(far_m, depth_m[pixel]);
  }
  // Anchors at one depth share one node: the range only has to be above 0.
  const log_range = Math.max(Math.log(far_m / near_m), 1e-3);
  return {
    width,
    row_step: (ROWS - 1) / Math.max(1, height - 1),
    column_step: (COLUMNS - 1) / Math.max(1, width - 1),
    log_near: Math.log(near_m),
    log_step: (DEPTHS - 1) / log_range,
    values: new Float64Array(NODES).fill(log_scale),
  };
}

/** Place of a depth among the nodes; beyond the outer ones the border value holds. */
function depthPlace(depth_m: number, log_near: number, log_step: number): number {
  const place = (Math.log(depth_m) - log_near) * log_step;
  if (place < 0) return 0;
  return place < DEPTHS - 1 ? place : DEPTHS - 1;
}

/** The eight nodes around a pixel with their trilinear shares, which add up to 1. */
function cornersOf(
  { width, row_step, column_step, log_near, log_step }: Field,
  pixel: number,
  depth_m: number,
  start: number,
  nodes: Uint32Array,
  shares: Float64Array,
): void {
  const row = Math.floor(pixel / width);
  const y = row * row_step;
  const x = (pixel - row * width) * column_step;
  const z = depthPlace(depth_m, log_near, log_step);
  const top = Math.min(Math.floor(y), ROWS - 2);
  const left = Math.min(Math.floor(x), COLUMNS - 2);
  const near = Math.min(Math.floor(z), DEPTHS - 2);
  let corner = start;
  for (let down = 0; down < 2; down++) {
    const row_share = shareOf(y - top, down);
    for (let right = 0; right < 2; right++) {
      const share = row_share * shareOf(x - left, right);
      const node = nodeAt(top + down, left + right, near);
      nodes[corner] = node;
      shares[corner++] = share * shareOf(z - near, 0);
      nodes[corner] = node + 1;
      shares[corner++] = share * shareOf(z - near, 1);
    }
  }
}

function shareOf(fraction: number, upper: number): number {
  return upper === 1 ? fraction : 1 - fraction;
}

function nodeAt(row: number, column: number, depth: number): number {
  return (row * COLUMNS + column) * DEPTHS + depth;
}

/** The part of the normal equations that no point changes: smoothness and ridge, `[NODES, NODES]`. */
const PRIOR: Float64Array = priorMatrix();

function priorMatrix(): Float64Array {
  const matrix = new Float64Array(NODES * NODES);
  const pair = (a: number, b: number): void => {
    matrix[a * NODES + a] += SMOOTHNESS;
    matrix[b * NODES + b] += SMOOTHNESS;
    matrix[a * NODES + b] -= SMOOTHNESS;
    matrix[b * NODES + a] -= SMOOTHNESS;
  };
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      for (let depth = 0; depth < DEPTHS; depth++) {
        const node = nodeAt(row, column, depth);
        matrix[node * NODES + node] += RIDGE;
        if (row + 1 < ROWS) pair(node, nodeAt(row + 1, column, depth));
        if (column + 1 < COLUMNS) pair(node, nodeAt(row, column + 1, depth));
        if (depth + 1 < DEPTHS) pair(node, nodeAt(row, column, depth + 1));
      }
    }
  }
  return matrix;
}
