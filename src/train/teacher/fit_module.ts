// The module that a student's run fits for itself, in a run folder of its own.
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { readBytes } from "../../formats/atomic_file.ts";
import { LIMITS } from "../../formats/limits.ts";
import { makeOutFolder } from "../../formats/own_files.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import { checkpointsIn } from "../checkpoint.ts";
import { resolveConfig, type TrainConfig } from "../config.ts";
import { formatConfig, parseConfigFile } from "../config/text.ts";
import { withoutPlaces } from "../resume.ts";
import { runPaths } from "../run_folder.ts";
import { train, type TrainingRun } from "../trainer.ts";
import { fitTarget, moduleConfig } from "./fit.ts";

/** A run that fits a module for a student. */
export interface ModuleRun extends Pick<
  TrainingRun,
  "gpu" | "reopen" | "source" | "prefetch" | "signal" | "onStart" | "onStep" | "onMessage"
> {
  /** The configuration of the student. */
  readonly config: TrainConfig;
  readonly base: Teacher;
  /** Path of the module's own run folder. */
  readonly out: string;
}

/** A signal stopped the fit; its checkpoint is on the disk. */
export class FitInterruptedError extends Error {
  override readonly name = "FitInterruptedError";
  /** Steps done. */
  readonly done: number;
  /** Steps in all. */
  readonly steps: number;

  constructor(done: number, steps: number) {
    super(`stopped after step ${done} of ${steps} of the teacher's module`);
    this.done = done;
    this.steps = steps;
  }
}

/**
 * Fits the module of a student's teacher and returns the path of its file. A finished module of the
 * same configuration is left as it is, and an unfinished one is continued. Throws what `train`
 * throws, and FitInterruptedError if the signal comes first.
 */
export async function fitModule(run: ModuleRun): Promise<string> {
  const { base, out, config: ofStudent, ...rest } = run;
  const config = moduleConfig(ofStudent);
  const paths = runPaths(out);
  const isSame = await holds(paths.config, config);
  if (isSame && existsSync(paths.teacher)) return paths.teacher;
  const resume = isSame && (await checkpointsIn(paths.checkpoints)).length > 0;
  await makeOutFolder(dirname(out), true);
  const how = { config, teacher: base, target: fitTarget(base), out, resume, replace: !resume };
  const trained = await train({ ...rest, ...how });
  await trained.close();
  if (trained.interrupted) throw new FitInterruptedError(trained.steps, config.steps);
  return paths.teacher;
}

/** Whether a run folder was made with the same configuration. */
async function holds(file: string, config: TrainConfig): Promise<boolean> {
  if (!existsSync(file)) return false;
  const stored = resolveConfig(
    parseConfigFile(await readBytes(file, LIMITS.yaml_bytes), file),
    file,
  );
  return formatConfig(withoutPlaces(stored)) === formatConfig(withoutPlaces(config));
}
