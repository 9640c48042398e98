// Fitting a teacher: the run that trains the binning module of a frozen model on LiDAR.
import type { Teacher } from "../../teacher/teacher.ts";
import type { TrainConfig } from "../config.ts";
import type { TrainingTarget } from "../trainer.ts";
import { MODULE } from "./module_network.ts";

/**
 * The configuration of the run: the base takes the place of a teacher, and the loss has no teacher
 * term.
 */
export function fitConfig(config: TrainConfig): TrainConfig {
  const { teacher, loss } = config;
  return {
    ...config,
    teacher: { ...teacher, kind: "fitted", module: null, cache: null },
    loss: { ...loss, ckd: false, relation: "none" },
  };
}

/** The network that the run trains: the module, whose file names the base. */
export function fitTarget(base: Teacher): TrainingTarget {
  return { model: MODULE, kind: "teacher", about: { base: base.name } };
}
