// Opens a data source by its name (source_spec.ts).
import { builtinRig, type RigBody } from "./builtin_rig.ts";
import type { DataSource, Split } from "./data_source.ts";
import { ddad } from "./ddad.ts";
import { depthCacheFolder } from "./depth_cache.ts";
import { folder } from "./folder.ts";
import type { BadSamples } from "./loader.ts";
import { nuscenes } from "./nuscenes/nuscenes.ts";
import type { TableProgress } from "./nuscenes/tables.ts";
import { cached } from "./sample_cache.ts";
import { parseSource } from "./source_spec.ts";
import { checkOptions } from "../tensor/options.ts";

/** How to open a data source; seed, moments, beams and body concern the built-in rig alone. */
export interface OpenOptions {
  readonly split: Split;
  /** Seed of the built-in rig's streets (default 0). */
  readonly seed?: number;
  /** Moments of the built-in rig in each split (default 48 and 12). */
  readonly moments?: { readonly [split in Split]: number };
  /** Beams of the built-in rig's LiDAR and the part of its vehicle in view (default 32 and none). */
  readonly beams?: number;
  readonly body?: RigBody;
  /**
   * Whether a moment with a missing file makes opening fail (default), or is left for the loader to
   * skip.
   */
  readonly badSamples?: BadSamples;
  /** Most bytes of samples that are kept in memory (default: as `cached` has it). */
  readonly limit_bytes?: number | undefined;
  /** Told the progress of reading large tables. */
  readonly onProgress?: TableProgress;
}

const SPLITS = ["train", "held-out"] as const satisfies readonly Split[];
const OPTIONS = {
  seed: "number",
  moments: "any",
  beams: "number",
  body: ["none", "car"],
  badSamples: ["stop", "skip"],
  limit_bytes: "any",
  onProgress: "function",
} as const satisfies Record<Exclude<keyof OpenOptions, "split">, unknown>;

const MOMENTS: { readonly [split in Split]: number } = { train: 48, "held-out": 12 };

/**
 * The data source of `spec`, which keeps samples in memory up to a limit.
 *
 * Throws InputError for an unknown kind, an unknown option and a fault of the source itself; if bad
 * samples are skipped, the fault of a moment is thrown when that moment is read.
 */
export async function openData(spec: string, options: OpenOptions): Promise<DataSource> {
  checkOptions("openData", options, { split: SPLITS }, OPTIONS);
  if (options.moments !== undefined) {
    checkOptions("openData: moments", options.moments, { train: "number", "held-out": "number" });
  }
  const {
    split,
    seed = 0,
    moments = MOMENTS,
    beams,
    body,
    badSamples = "stop",
    onProgress,
  } = options;
  const keep = (source: DataSource): DataSource => cached(source, options.limit_bytes);
  const source = parseSource(spec);
  if (source === null) {
    return keep(builtinRig({ split, seed, moments: moments[split], beams, body }));
  }
  const { kind, path, version, choice, rule } = source;
  const common = { split, choice, rule, badSamples, cache: depthCacheFolder() };
  switch (kind) {
    case "ddad":
      return keep(await ddad(path, split, badSamples, common));
    case "nuscenes":
      return keep(await nuscenes(path, { ...common, version, onProgress }));
    case "folder":
      return keep(await folder(path, split, badSamples));
  }
}
