// Cross-view consistency: whether two ring neighbours predict the same depth for the same points.
// It needs predictions and calibration but no ground truth, so a consistently wrong depth scores
// well here.
import { project, ringPairs, unproject, type Camera } from "../data/camera.ts";
import { compose, inverse, mover } from "../data/pose.ts";
import { InputError } from "../tensor/error.ts";
import { checkDepths } from "./checked_depth.ts";
import { bilinearAt, viewOf, type DepthMap } from "./sample_depth.ts";

/** Disagreement of two views over the pixels of the first that land inside the second. */
export interface Disagreement {
  /** Mean of |neighbour's depth - own depth|, in metres. */
  readonly metres: number;
  /** The same, with each difference divided by the own depth. */
  readonly relative: number;
}

/** Disagreement as camera `from` sees it, its neighbour `to` read at the same points. */
export interface PairConsistency extends Disagreement {
  readonly from: string;
  readonly to: string;
  /** Pixels of `from` that land in `to`, over all moments. */
  readonly pixels: number;
}

/** Consistency of a rig: by ordered pair of ring neighbours, and the mean over the pairs. */
export interface RigConsistency {
  /** Pairs that overlap at all, each in both directions. */
  readonly pairs: readonly PairConsistency[];
  /** Absent if no pair overlaps. */
  readonly all?: Disagreement;
}

/** Collects the consistency of moments. */
export interface ConsistencyMeter {
  /**
   * Counts one moment: predicted depth `[V, H, W]` in metres of the cameras, in ring order with
   * intrinsics at H x W. Pixels whose `counts` `[V, H, W]` is 0 are neither compared nor compared
   * with. Throws InputError for an array that does not fit, WrongDepthError for a depth that is not a
   * distance.
   */
  add(depth_m: Float32Array | Float64Array, cameras: readonly Camera[], counts?: Uint8Array): void;
  result(): RigConsistency;
}

/**
 * A meter of consistency in the depth form of CVCDepth, over the ring pairs in both directions.
 *
 * For a pixel u of A: X = D_A(u) K_A⁻¹ ũ, moved to B and projected to u'; the neighbour's point
 * D_B(u') K_B⁻¹ ũ' moved back to A has the depth Z; the pixel counts |Z - D_A(u)| if X is in front
 * of B and u' inside its image. D_B is read bilinearly. Means are per moment, then over moments,
 * then over pairs. There is no occlusion test: points that only A sees past an edge count as
 * disagreement.
 */
export function consistencyMeter(): ConsistencyMeter {
  const sums = new Map<
    string,
    { from: string; to: string; moments: Disagreement[]; pixels: number }
  >();
  return {
    add(depth_m, cameras, counts) {
      const maps = checkedMaps(depth_m, cameras).map((map, view) => {
        const plane = map.height * map.width;
        return { ...map, counts: counts?.subarray(view * plane, (view + 1) * plane) };
      });
      for (const [v, w] of ringPairs(cameras.length)) {
        for (const [a, b] of [
          [v, w],
          [w, v],
        ] as const) {
          const [from, to] = [cameras[a], cameras[b]];
          const found = disagreement(maps[a], from, maps[b], to);
          if (!found) continue;
          const key = JSON.stringify([from.name, to.name]);
          const sum = sums.get(key) ?? { from: from.name, to: to.name, moments: [], pixels: 0 };
          sum.moments.push(found);
          sum.pixels += found.pixels;
          sums.set(key, sum);
        }
      }
    },
    result() {
      const pairs = [...sums.values()].map(({ moments, ...pair }) => ({
        ...pair,
        ...mean(moments),
      }));
      return pairs.length > 0 ? { pairs, all: mean(pairs) } : { pairs };
    },
  };
}

/** A predicted map, and 0 where it does not count. */
interface CountedMap extends DepthMap {
  readonly counts: Uint8Array | undefined;
}

/** Disagreement of view A with its neighbour B; `undefined` if no pixel of A lands in B. */
function disagreement(
  mapA: CountedMap,
  a: Camera,
  mapB: CountedMap,
  b: Camera,
): (Disagreement & { pixels: number }) | undefined {
  const toB = compose(inverse(b), a);
  const moveToB = mover(toB);
  const moveToA = mover(inverse(toB));
  let pixels = 0;
  let metres = 0;
  let relative = 0;
  for (let row = 0; row < a.height; row++) {
    for (let column = 0; column < a.width; column++) {
      if (mapA.counts?.[row * a.width + column] === 0) continue;
      const own = mapA.depth_m[row * a.width + column];
      const [u, v, z] = project(b, moveToB(unproject(a, column, row, own)));
      const inside = u >= 0 && u <= b.width - 1 && v >= 0 && v <= b.height - 1;
      if (!(z > 0) || !inside) continue;
      if (mapB.counts?.[Math.round(v) * b.width + Math.round(u)] === 0) continue;
      const told = moveToA(unproject(b, u, v, bilinearAt(mapB, u, v)))[2];
      pixels++;
      metres += Math.abs(told - own);
      relative += Math.abs(told - own) / own;
    }
  }
  if (pixels === 0) return undefined;
  return { metres: metres / pixels, relative: relative / pixels, pixels };
}

function checkedMaps(depth_m: Float32Array | Float64Array, cameras: readonly Camera[]): DepthMap[] {
  const pixels = cameras.reduce((total, { height, width }) => total + height * width, 0);
  const uniform = cameras.every((camera) => camera.height === cameras[0].height);
  if (depth_m.length !== pixels || !uniform) {
    throw new InputError(
      `consistency: prediction has ${depth_m.length} elements; ${cameras.length} cameras of one ` +
        `size have ${pixels} pixels`,
    );
  }
  const names = cameras.map(({ name }) => name);
  if (cameras.length > 0) checkDepths(depth_m, cameras[0], names, "consistency");
  return cameras.map((camera, view) => viewOf(depth_m, camera, view));
}

function mean(list: readonly Disagreement[]): Disagreement {
  let metres = 0;
  let relative = 0;
  for (const one of list) {
    metres += one.metres / list.length;
    relative += one.relative / list.length;
  }
  return { metres, relative };
}
