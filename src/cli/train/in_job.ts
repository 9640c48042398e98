// A command that mpirun may start in several processes: rank 0 speaks for all of them, and an error
// of one ends them all.
import { setTimeout } from "node:timers/promises";
import type { Job } from "../../train/parallel/job.ts";
import { launchOf } from "../../train/parallel/launch.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { reportError } from "../terminal/report_error.ts";
import type { Surroundings, TextStream } from "../terminal/surroundings.ts";

// All processes may find one error. Rank 0 prints it, and the launcher ends the others meanwhile.
const LATER_MS = 3000;

/** The surroundings and the job of one process. */
export interface OwnPart {
  /** Silent unless the process is rank 0. */
  readonly surroundings: Surroundings;
  /** Null where no launcher started several processes. */
  readonly job: Job | null;
  /** Prints a line that only this process knows. */
  readonly warn: (line: string) => void;
}

/**
 * Runs `work` as part of the job of this process, if it has one, and leaves the job. An error ends
 * all processes with its exit code. Throws InputError where the job cannot be joined.
 */
export async function inJob(
  surroundings: Surroundings,
  work: (part: OwnPart) => Promise<void>,
): Promise<void> {
  const launch = launchOf(process.env);
  if (launch === null) {
    await work({ surroundings, job: null, warn: () => {} });
    return;
  }
  const { rank } = launch;
  const later = async (): Promise<void> => {
    if (rank === 0) return;
    // Without a line: rank 0 has said why the job ends.
    process.on("SIGTERM", () => process.exit(EXIT.SIGTERM));
    await setTimeout(LATER_MS);
  };
  const stderr = rank === 0 ? surroundings.stderr : named(surroundings.stderr, rank);
  let job: Job;
  try {
    const { joinJob } = await import("../../train/parallel/job.ts");
    job = await joinJob(launch);
  } catch (error) {
    await later();
    throw error;
  }
  try {
    await work({
      surroundings: rank === 0 ? surroundings : { ...surroundings, stdout: SILENT, stderr: SILENT },
      job,
      warn: (line) => stderr.write(`ringdepth: ${line}\n`),
    });
    await job.close();
  } catch (error) {
    await later();
    const exitCode = reportError(error, stderr);
    await surroundings.stderr.flush?.();
    job.abort(exitCode === EXIT.fine ? EXIT.wrong : exitCode);
    throw error;
  }
}

const SILENT: TextStream = { write: () => true };

/** A stream whose lines say which process they are from. */
function named(stream: TextStream, rank: number): TextStream {
  return {
    ...stream,
    write: (text) => stream.write(text.replace(/^ringdepth: /, `ringdepth: rank ${rank}: `)),
  };
}
