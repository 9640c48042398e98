// The processes of a job as the training sees them. Nobody waits in a blocking call: a process first
// polls until all have come to the same place, so that one that is still at work has the processor,
// signals are heard, and the call that follows lasts as long as its transfer.
import { setImmediate, setTimeout } from "node:timers/promises";
import { meanOf } from "../../graph/exchange.ts";
import type { Launch } from "./launch.ts";
import { openMpi, type Mpi } from "./mpi.ts";

/** A process among others that do the same, in the same order. */
export interface Job {
  readonly rank: number;
  readonly ranks: number;
  /** Its place among the processes of its machine. */
  readonly local_rank: number;
  /**
   * The mean of equally long lists, each sum in f64 and in the order of the ranks: the same bits at
   * every process and each time, whatever the library and the network between them.
   */
  readonly mean: (values: Float32Array) => Promise<Float32Array>;
  /** The lists of all processes in the order of their ranks. */
  readonly gather: (values: Float32Array) => Promise<readonly Float32Array[]>;
  /** The bytes that process 0 gives; the others give null. */
  readonly broadcast: (bytes: Uint8Array | null) => Promise<Uint8Array>;
  /** Waits for all others, and leaves the job. */
  readonly close: () => Promise<void>;
  /** Ends all processes at once. */
  readonly abort: (exitCode: number) => void;
}

/** Joins the job of a launch. Throws InputError as `openMpi` does. */
export async function joinJob(launch: Launch): Promise<Job> {
  return jobOf(await openMpi(launch), launch.local_rank);
}

// Processes that are almost together need no timer.
const SPIN_MS = 1;
const PAUSE_MS = 1;

/** The job that a set of MPI's calls gives. */
export function jobOf(mpi: Mpi, local_rank: number): Job {
  const { rank, ranks } = mpi;
  let before: Promise<unknown> = Promise.resolve();
  /** Does `work` once all processes have come to it; one after the other. */
  const together = async <T>(work: () => T): Promise<T> => {
    const done = before.then(async () => {
      await all(mpi.barrier());
      return work();
    });
    before = done.catch(() => {});
    return await done;
  };
  return {
    rank,
    ranks,
    local_rank,
    mean: async (values) => await together(() => meanInParts(mpi, values)),
    gather: async (values) =>
      await together(() => partsOf(mpi.gather(values), values.length, ranks)),
    broadcast: async (bytes) =>
      await together(() => {
        const length = Float64Array.of(bytes?.length ?? 0);
        mpi.broadcast(new Uint8Array(length.buffer));
        const copy = bytes ?? new Uint8Array(length[0]);
        mpi.broadcast(copy);
        return copy;
      }),
    close: async () => await together(() => mpi.finalize()),
    abort: (exitCode) => mpi.abort(exitCode),
  };
}

/** Each process adds one part of the lists, and all of them share the results. */
function meanInParts({ ranks, exchange, gather }: Mpi, values: Float32Array): Float32Array {
  const part = Math.ceil(values.length / ranks);
  const sent = new Float32Array(ranks * part);
  sent.set(values);
  const mean = meanOf(partsOf(exchange(sent), part, ranks));
  return gather(mean).subarray(0, values.length);
}

function partsOf(whole: Float32Array, part: number, ranks: number): Float32Array[] {
  return Array.from({ length: ranks }, (_, r) => whole.subarray(r * part, (r + 1) * part));
}

async function all(have: () => boolean): Promise<void> {
  const begun = performance.now();
  while (!have()) {
    if (performance.now() - begun < SPIN_MS) await setImmediate();
    else await setTimeout(PAUSE_MS);
  }
}
