// The data that a configuration names.
import type { DataSource, Split } from "../data/data_source.ts";
import { openData } from "../data/open_data.ts";
import type { TrainConfig } from "./config.ts";

/** Opens one split of the configuration's data; throws InputError for what is wrong with it. */
export async function openSource(config: TrainConfig, split: Split): Promise<DataSource> {
  const { train_moments, held_out_moments } = config.rig;
  const moments = { train: train_moments, "held-out": held_out_moments };
  return await openData(config.data, { split, seed: config.seed, moments });
}
