// Training with LiDAR on a share of the moments: the others keep their images but have no depth to
// learn from. The truth for evaluation is unchanged.
import { sha256 } from "../formats/sha256.ts";
import { InputError } from "../tensor/error.ts";
import type { DataSource } from "./data_source.ts";
import { identityKey, type MomentIdentity } from "./moment_identity.ts";
import type { RigSample } from "./rig_sample.ts";

/** The choice of the moments that keep their LiDAR. */
export interface LidarShare {
  /** Share of the moments, above 0 and at most 1. */
  readonly share: number;
  readonly seed: number;
}

// Files are opened in parallel; a moment has about six.
const AT_ONCE = 8;

/**
 * Indices of the moments that keep their LiDAR, ascending. `keys` identify the moments
 * (`identityKey` of their ids); null is a moment that cannot be read, which keeps none. The moments
 * of a smaller share are among those of a larger one, and there is at least one.
 */
export function labelledMoments(
  keys: readonly (string | null)[],
  { share, seed }: LidarShare,
): number[] {
  const ranked = keys
    .flatMap((key, index) => (key === null ? [] : [{ index, rank: rankOf(key, seed) }]))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.index - b.index));
  const kept = Math.max(1, Math.round(share * ranked.length));
  return ranked
    .slice(0, kept)
    .map(({ index }) => index)
    .toSorted((a, b) => a - b);
}

function rankOf(key: string, seed: number): string {
  return sha256(`lidar ${seed} ${key}`);
}

/**
 * The source with LiDAR on only a share of its moments; the source itself if the share is 1.
 * Reads the identity of every moment.
 */
export async function withLidarShare(source: DataSource, choice: LidarShare): Promise<DataSource> {
  if (choice.share === 1) return source;
  const keys: (string | null)[] = [];
  for (let first = 0; first < source.count; first += AT_ONCE) {
    const length = Math.min(AT_ONCE, source.count - first);
    const indices = Array.from({ length }, (_, i) => first + i);
    keys.push(...(await Promise.all(indices.map(async (index) => await keyOf(source, index)))));
  }
  const labelled = labelledMoments(keys, choice);
  const isLabelled = new Set(labelled);
  return {
    ...source,
    labelled,
    sample: async (index, size) => {
      const sample = await source.sample(index, size);
      return isLabelled.has(index) ? sample : withoutLidar(sample);
    },
    describe: () => `${source.describe()}, LiDAR on ${labelled.length} of ${source.count} moments`,
  };
}

async function keyOf(source: DataSource, index: number): Promise<string | null> {
  let identity: MomentIdentity;
  try {
    identity = await source.identify(index);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return null;
  }
  return identityKey(identity.id);
}

function withoutLidar(sample: RigSample): RigSample {
  return { ...sample, sparse_depth_m: new Float32Array(sample.sparse_depth_m.length) };
}
