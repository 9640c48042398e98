// Affine-invariant normalisation: removes scale and shift from a foundation model's depth. Also
// reduces its maps to the size of the student's output.
import type { ImageSize } from "../data/camera.ts";

/**
 * The quantity that a map is linear in: depth or its logarithm (larger is farther), or disparity
 * (larger is nearer).
 */
export type RelativeKind = "depth" | "log_depth" | "disparity";

const LOW_SHARE = 0.02;
const HIGH_SHARE = 0.98;

/**
 * Normalises one view to [0, 1] by its 2nd and 98th percentiles and orients it so that it ascends
 * with distance. map [h, w], usable [h, w] -> [h, w]. The percentiles are those of the usable
 * pixels (1 in `usable`; left out: all): the vehicle's own body, nearer than everything else, would leave the
 * world a few bins. A map without contrast there, or without usable pixels, becomes 0.5 everywhere.
 */
export function normalizeRelative(
  map: Float32Array,
  kind: RelativeKind,
  usable?: Uint8Array,
): Float32Array {
  const sorted = map.filter((_, pixel) => usable === undefined || usable[pixel] === 1).toSorted();
  const low = percentile(sorted, LOW_SHARE);
  const high = percentile(sorted, HIGH_SHARE);
  if (!(high > low)) return new Float32Array(map.length).fill(0.5);
  return map.map((value) => {
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return kind === "disparity" ? 1 - share : share;
  });
}

/** Linear interpolation between order statistics. */
function percentile(sorted: Float32Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/**
 * Mean of a map over the source pixels of each target pixel, at least one each. map [from], usable
 * [from] -> [to]. Where some of them are usable it is the mean of those, so that the rim of the
 * vehicle's own body does not mix with the world behind.
 */
export function areaAverage(
  map: Float32Array,
  from: ImageSize,
  to: ImageSize,
  usable?: Uint8Array,
): Float32Array {
  const result = new Float32Array(to.height * to.width);
  for (let row = 0; row < to.height; row++) {
    const [top, bottom] = sourceRange(row, to.height, from.height);
    for (let column = 0; column < to.width; column++) {
      const [left, right] = sourceRange(column, to.width, from.width);
      let [sum, seen, count] = [0, 0, 0];
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const pixel = y * from.width + x;
          sum += map[pixel];
          if (usable?.[pixel] !== 1) continue;
          seen += map[pixel];
          count++;
        }
      }
      const mean = count > 0 ? seen / count : sum / ((bottom - top) * (right - left));
      result[row * to.width + column] = mean;
    }
  }
  return result;
}

/**
 * The usable pixels of a view at another size: 1 where a source pixel of it is usable. usable
 * [from] -> [to].
 */
export function usableAt(usable: Uint8Array, from: ImageSize, to: ImageSize): Uint8Array {
  const flags = areaAverage(Float32Array.from(usable), from, to);
  return Uint8Array.from(flags, (flag) => (flag > 0 ? 1 : 0));
}

/** Source pixels [start, end) of target pixel `at`. */
function sourceRange(at: number, target: number, source: number): [number, number] {
  const start = Math.floor((at * source) / target);
  return [start, Math.max(start + 1, Math.floor(((at + 1) * source) / target))];
}
