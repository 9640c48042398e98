// The moments that a student was trained on, compact enough for its file: 16 bytes per moment, half
// of a hash of its id and half of one of its content. An evaluation checks whether its own are
// among them.
import type { DataSource } from "../data/data_source.ts";
import { labelledMoments } from "../data/lidar_share.ts";
import { identityKey, type MomentIdentity } from "../data/moment_identity.ts";
import { indicesBefore } from "../data/order.ts";
import { InputError } from "../tensor/error.ts";

/** A moment of training: 64 bits of hash each of its id and of its content, in hexadecimal. */
export interface TrainingMoment {
  readonly id: string;
  readonly content: string;
}

const HASH_BYTES = 8;
const RECORD_BYTES = 2 * HASH_BYTES;
// Files are opened in parallel; a moment has about six.
const AT_ONCE = 8;

/** Every moment of `source` in its order; one that cannot be read is known by its place alone. */
export async function recordMoments(source: DataSource): Promise<TrainingMoment[]> {
  const moments: TrainingMoment[] = [];
  for (let first = 0; first < source.count; first += AT_ONCE) {
    const indices = Array.from(
      { length: Math.min(AT_ONCE, source.count - first) },
      (_, i) => first + i,
    );
    moments.push(...(await Promise.all(indices.map(async (index) => await record(source, index)))));
  }
  return moments;
}

async function record(source: DataSource, index: number): Promise<TrainingMoment> {
  const identity = await identityOrNull(source, index);
  const { id, content } = identity ?? { id: String(index), content: `unreadable ${index}` };
  return { id: identityKey(id), content: identityKey(content) };
}

async function identityOrNull(source: DataSource, index: number): Promise<MomentIdentity | null> {
  try {
    return await source.identify(index);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return null;
  }
}

/** Moments as text for the metadata of a file. */
export function formatMoments(moments: readonly TrainingMoment[]): string {
  const hex = moments.map(({ id, content }) => id + content).join("");
  const bytes = (hex.match(/../g) ?? []).map((pair) => String.fromCharCode(parseInt(pair, 16)));
  return btoa(bytes.join(""));
}

/** Reads the output of `formatMoments`; throws InputError naming `file` if it is something else. */
export function parseMoments(text: string, file: string): TrainingMoment[] {
  const bytes = decodedBase64(text);
  if (bytes === null || bytes.length % RECORD_BYTES !== 0) {
    throw new InputError(`${file}: metadata training_moments is not a list of hashes`);
  }
  return Array.from({ length: bytes.length / RECORD_BYTES }, (_, i) => {
    const one = bytes.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES);
    const hex = Array.from(one, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return { id: hex.slice(0, 2 * HASH_BYTES), content: hex.slice(2 * HASH_BYTES) };
  });
}

/** The bytes of a text; null for one that encoding them again would not give. */
function decodedBase64(text: string): Uint8Array | null {
  try {
    const bytes = atob(text);
    return btoa(bytes) === text ? Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

/** A student's training progress, which determines the moments that its steps saw. */
export interface TrainingProgress {
  /** Steps times the moments per step. */
  readonly steps: number;
  readonly seed: number;
  /** If samples may be skipped, others take their places, and all moments count as seen. */
  readonly maySkip: boolean;
  /** Share of the moments with LiDAR, and of the steps that train on one. */
  readonly lidar: { readonly share: number; readonly steps: number };
}

/**
 * The ids of the samples of `source` that the first `steps` steps were trained on: those whose
 * images are the same, whatever their ids and wherever they lie.
 */
export async function trainedIds(
  source: DataSource,
  moments: readonly TrainingMoment[],
  { steps, seed, maySkip, lidar }: TrainingProgress,
): Promise<Set<string>> {
  const keys = moments.map(({ id }) => id);
  const labels = {
    labelled: labelledMoments(keys, { share: lidar.share, seed }),
    steps: lidar.steps,
  };
  const seen = maySkip
    ? moments
    : [...indicesBefore(steps, moments.length, seed, labels)].map((index) => moments[index]);
  const contents = new Set(seen.map(({ content }) => content));
  const ids = new Set<string>();
  for (let index = 0; index < source.count; index++) {
    const identity = await identityOrNull(source, index);
    if (identity !== null && contents.has(identityKey(identity.content))) ids.add(identity.id);
  }
  return ids;
}
