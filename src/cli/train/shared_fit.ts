// The module of a fitted teacher in a job: rank 0 fits it, and the others wait for its path.
import type { Job } from "../../train/parallel/job.ts";
import { messageBytes, messageOf } from "../../train/parallel/commands.ts";
import { FitInterruptedError } from "../../train/teacher/fit_module.ts";

/** The module that rank 0 fitted for all: its path, or null if the fit was stopped. */
interface FitEnd {
  readonly path: string | null;
}

/** At rank 0, or alone: fits with `fit`, and tells the others where the module is. */
export async function sharedFit(job: Job | null, fit: () => Promise<string>): Promise<string> {
  if (job === null) return await fit();
  const tell = async (end: FitEnd): Promise<void> => {
    await job.broadcast(messageBytes(end));
  };
  try {
    const path = await fit();
    await tell({ path });
    return path;
  } catch (error) {
    if (error instanceof FitInterruptedError) await tell({ path: null });
    throw error;
  }
}

/** At the other processes: the path, once the module is there. */
export async function receivedPath(job: Job): Promise<string> {
  const { path } = messageOf(await job.broadcast(null)) as FitEnd;
  if (path === null) throw new FitInterruptedError(0, 0);
  return path;
}
