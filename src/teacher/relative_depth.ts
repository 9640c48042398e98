// Affine-invariant normalisation: removes scale and shift from a foundation model's depth. Also
// reduces its maps to the size of the student's output.
import type { ImageSize } from "../data/camera.ts";

/** Whether larger numbers of a map are farther ("depth") or nearer ("disparity"). */
export type RelativeKind = "depth" | "disparity";

const LOW_SHARE = 0.02;
const HIGH_SHARE = 0.98;

/**
 * Normalises one view to [0, 1] by its 2nd and 98th percentiles and orients it so that it ascends
 * with distance. map [h, w] -> [h, w]; a map without contrast becomes 0.5 everywhere.
 */
export function normalizeRelative(map: Float32Array, kind: RelativeKind): Float32Array {
  const sorted = map.toSorted();
  const low = percentile(sorted, LOW_SHARE);
  const high = percentile(sorted, HIGH_SHARE);
  if (!(high > low)) return new Float32Array(map.length).fill(0.5);
  return map.map((value) => {
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return kind === "depth" ? share : 1 - share;
  });
}

/** Linear interpolation between order statistics. */
function percentile(sorted: Float32Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/** Mean of a map over the source pixels of each target pixel (at least one). map [from] -> [to]. */
export function areaAverage(map: Float32Array, from: ImageSize, to: ImageSize): Float32Array {
  const result = new Float32Array(to.height * to.width);
  for (let row = 0; row < to.height; row++) {
    const [top, bottom] = sourceRange(row, to.height, from.height);
    for (let column = 0; column < to.width; column++) {
      const [left, right] = sourceRange(column, to.width, from.width);
      let sum = 0;
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) sum += map[y * from.width + x];
      }
      result[row * to.width + column] = sum / ((bottom - top) * (right - left));
    }
  }
  return result;
}

/** Source pixels [start, end) of target pixel `at`. */
function sourceRange(at: number, target: number, source: number): [number, number] {
  const start = Math.floor((at * source) / target);
  return [start, Math.max(start + 1, Math.floor(((at + 1) * source) / target))];
}
