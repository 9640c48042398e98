// The samples of one process among those that train together.
import type { Loader } from "../../data/loader.ts";
import type { TrainConfig } from "../config.ts";
import { momentOfJob, type RankPlace } from "./step_moments.ts";

/** The samples that a process takes, by its own count of moments; all of them for one alone. */
export function samplesOf(
  all: Loader,
  { rigs_per_step }: Pick<TrainConfig, "rigs_per_step">,
  place: RankPlace,
): Loader {
  if (place.ranks === 1) return all;
  const numberOf = (moment: number): number => momentOfJob(moment, rigs_per_step, place);
  return {
    get skipped() {
      return all.skipped;
    },
    isLabelled: (moment) => all.isLabelled(numberOf(moment)),
    step: async (moment) => await all.step(numberOf(moment)),
    all: () => all.all(),
  };
}
