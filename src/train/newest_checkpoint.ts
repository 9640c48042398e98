// Where a run resumes: its newest readable checkpoint, even if later ones are damaged.
import type { CpuStore } from "../graph/cpu_store.ts";
import { InputError } from "../tensor/error.ts";
import {
  checkpointsIn,
  openCheckpoint,
  type CheckpointInfo,
  type CheckpointName,
  type OpenCheckpoint,
} from "./checkpoint.ts";
import { requireSameRun, type ComparedRun } from "./resume.ts";
import { runPaths } from "./run_folder.ts";

/** A run to resume. */
export interface ResumedRun extends ComparedRun {
  readonly onMessage?: (message: string) => void;
}

/**
 * Loads the newest readable checkpoint into `values` and returns its metadata; `onMessage` receives
 * a line about each damaged one. Throws InputError if there is none, or if it belongs to another
 * run.
 */
export async function loadNewest(run: ResumedRun, values: CpuStore): Promise<CheckpointInfo> {
  const { checkpoints } = runPaths(run.out);
  const names = await checkpointsIn(checkpoints);
  if (names.length === 0) {
    throw new InputError(
      `${run.out}: no checkpoint to resume from; start the run without --resume`,
    );
  }
  for (const name of names) {
    const checkpoint = await openIntact(name, run.onMessage);
    if (checkpoint === null) continue;
    requireSameRun(run, checkpoint, checkpoint.file);
    checkpoint.load(values);
    return checkpoint;
  }
  throw new InputError(
    `${run.out}: no checkpoint of ${names.length} can be read; start a new run with another --out`,
  );
}

/** A checkpoint, or null if it is damaged or does not match its name. */
async function openIntact(
  { file, step }: CheckpointName,
  onMessage: ResumedRun["onMessage"],
): Promise<OpenCheckpoint | null> {
  try {
    const checkpoint = await openCheckpoint(file);
    if (checkpoint.step === step) return checkpoint;
    onMessage?.(`${file}: is the checkpoint of step ${checkpoint.step}; it is not used`);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    onMessage?.(`${error.message}; it is not used`);
  }
  return null;
}
