// Fitting a teacher: the run that trains the binning module of a frozen model on LiDAR.
import type { Teacher } from "../../teacher/teacher.ts";
import { resolveConfig, type TrainConfig } from "../config.ts";
import type { PrefetchOptions } from "../loading/moment_loading.ts";
import { usesFoundation } from "../source.ts";
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
    teacher: { ...teacher, kind: "fitted", module: null, cache: null, ...OWN_HEAD },
    loss: { ...loss, ckd: false, relation: "none" },
  };
}

// The module is the one that others share.
const OWN_HEAD = { shared: false, shared_head: "frozen", shared_network: null } as const;

/** How moments of the run are loaded ahead: threads open the base for themselves, but no network. */
export function fitPrefetch(config: TrainConfig): PrefetchOptions {
  return { withTeacher: !usesFoundation(config) };
}

/** The network that the run trains: the module, whose file names the base. */
export function fitTarget(base: Teacher): TrainingTarget {
  return { model: MODULE, kind: "teacher", about: { base: base.name } };
}

/**
 * The configuration of the module that a student's run fits for itself. It depends on the data, the
 * seed, the size and the bins of the student, and on `teacher.fit_steps`; the student's network,
 * losses and optimiser do not matter, so that all rows of an ablation share one module.
 */
export function moduleConfig(config: TrainConfig): TrainConfig {
  const { data, rig, lidar, size, seed, head, steps, teacher, augmentation, bad_samples } = config;
  const { path, base, weights, preparation, side, fit_steps } = teacher;
  const given = {
    data,
    rig,
    lidar,
    size,
    seed,
    augmentation,
    bad_samples,
    head: { ...head, kind: "metric_bins" },
    steps: fit_steps ?? Math.ceil(steps / 2),
    teacher: { path, base, weights, preparation, side },
  };
  return fitConfig(resolveConfig(given, "the module of the teacher"));
}
