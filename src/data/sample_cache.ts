// Keeps samples in memory, so that an epoch decodes or renders only the samples that did not fit.
import type { ImageSize } from "./camera.ts";
import type { DataSource } from "./data_source.ts";
import type { RigSample } from "./rig_sample.ts";

// About 500 samples at 96x160: enough for the small sets that fit, a limit for those that do not.
const LIMIT_BYTES = 2 ** 30;

/**
 * The same source, which keeps samples until they fill `limit_bytes`. No sample is evicted: epochs
 * visit every sample once, so the first ones are as good as any. Samples are shared, not copied.
 */
export function cached(source: DataSource, limit_bytes: number = LIMIT_BYTES): DataSource {
  const kept = new Map<string, RigSample>();
  let used_bytes = 0;
  const keyOf = (index: number, { height, width }: ImageSize): string =>
    `${index} ${height}x${width}`;
  const isKept = (index: number, size: ImageSize): boolean => kept.has(keyOf(index, size));
  const sample = async (index: number, size: ImageSize): Promise<RigSample> => {
    const key = keyOf(index, size);
    const found = kept.get(key);
    if (found) return found;
    const fresh = await source.sample(index, size);
    const bytes = sampleBytes(fresh);
    if (!kept.has(key) && used_bytes + bytes <= limit_bytes) {
      kept.set(key, fresh);
      used_bytes += bytes;
    }
    return fresh;
  };
  return { ...source, sample, isKept };
}

function sampleBytes(sample: RigSample): number {
  const truth = sample.groundTruth.map(({ pixels, depth_m }) => [pixels, depth_m]);
  const { images, usable, sparse_depth_m, dense_depth_m } = sample;
  const arrays = [images, usable, sparse_depth_m, dense_depth_m, ...truth.flat()];
  return arrays.reduce((total, array) => total + (array?.byteLength ?? 0), 0);
}
