// The built-in rig as the page uses it.
import { builtinRig } from "../data/builtin_rig.ts";
import type { DataSource, Split } from "../data/data_source.ts";
import { cached } from "../data/sample_cache.ts";
import type { TrainConfig } from "../train/config.ts";

/** The built-in rig of a configuration; its moments stay in memory once they are rendered. */
export function rigSource({ seed, rig }: TrainConfig, split: Split): DataSource {
  const { train_moments, held_out_moments, beams, body } = rig;
  const moments = split === "train" ? train_moments : held_out_moments;
  return cached(builtinRig({ split, seed, moments, beams, body }));
}
