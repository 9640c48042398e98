// Which tokens of two neighbouring views can show the same place, from calibration alone: the
// weights of the relation `overlap`, computed on the host. src/distill/README.md has the definition.
import { project, ringPairs, unproject, type Camera } from "../data/camera.ts";
import { compose, inverse, mover } from "../data/pose.ts";

/** The name of the input that holds the weights of the relation `overlap`. */
export const OVERLAP_WEIGHTS = "overlap_weights";

/** The weights of the relation `overlap` as an input of a step; none for any other relation. */
export function overlapInput(
  {
    relation,
    relation_grid,
  }: { readonly relation: string; readonly relation_grid: readonly [number, number] },
  cameras: readonly Camera[],
): Record<string, Float32Array> {
  if (relation !== "overlap") return {};
  return { [OVERLAP_WEIGHTS]: overlapWeights(cameras, relation_grid) };
}

/** The z-depths at which the ray of a token is followed into the neighbour's image. */
const DISTANCES_M: readonly number[] = [2, 4, 8, 16, 32, 64];
/** Beyond this distance, in tokens of the neighbour, two tokens share nothing. */
const REACH = 2;

/**
 * Weights of the entries of all relations `[pairs, L, L]`, tokens counted row by row: how closely
 * the ray of each token passes the other, averaged over both directions, with mean 1 over each pair
 * that shares anything and 0 over any other.
 */
export function overlapWeights(
  cameras: readonly Camera[],
  grid: readonly [number, number],
): Float32Array {
  const tokens = grid[0] * grid[1];
  const pairs = ringPairs(cameras.length);
  const weights = new Float32Array(pairs.length * tokens * tokens);
  pairs.forEach(([v, w], pair) => {
    const entries = new Float64Array(tokens * tokens);
    eachShared(cameras[v], cameras[w], grid, (i, j, share) => (entries[i * tokens + j] += share));
    eachShared(cameras[w], cameras[v], grid, (j, i, share) => (entries[i * tokens + j] += share));
    const sum = entries.reduce((total, entry) => total + entry, 0);
    const scale = sum > 0 ? entries.length / sum : 0;
    weights.set(
      entries.map((entry) => entry * scale),
      pair * entries.length,
    );
  });
  return weights;
}

/**
 * Calls back with tokens i of `from` and j of `to` and exp(-d^2 / 2), d the distance in tokens from
 * the centre of j to where a point on the ray of i appears; once for each distance of the point.
 */
function eachShared(
  from: Camera,
  to: Camera,
  [rows, columns]: readonly [number, number],
  visit: (i: number, j: number, share: number) => void,
): void {
  const move = mover(compose(inverse(to), from));
  for (let i = 0; i < rows * columns; i++) {
    const u = (((i % columns) + 0.5) * from.width) / columns - 0.5;
    const v = ((Math.floor(i / columns) + 0.5) * from.height) / rows - 0.5;
    for (const depth_m of DISTANCES_M) {
      const [x, y, ahead_m] = project(to, move(unproject(from, u, v, depth_m)));
      if (ahead_m <= 0) continue;
      const column = ((x + 0.5) * columns) / to.width - 0.5;
      const row = ((y + 0.5) * rows) / to.height - 0.5;
      for (const r of tokensNear(row, rows)) {
        for (const c of tokensNear(column, columns)) {
          const squared = (row - r) ** 2 + (column - c) ** 2;
          if (squared <= REACH ** 2) visit(i, r * columns + c, Math.exp(-squared / 2));
        }
      }
    }
  }
}

/** The tokens along one axis within reach of a place. */
function tokensNear(place: number, count: number): number[] {
  const first = Math.max(Math.ceil(place - REACH), 0);
  const last = Math.min(Math.floor(place + REACH), count - 1);
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => first + i);
}
