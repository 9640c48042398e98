// What processes exchange, with the calls of MPI played by this process.
import { expect, test } from "vitest";
import { jobOf, type Job } from "../../../src/train/parallel/job.ts";
import { launchOf } from "../../../src/train/parallel/launch.ts";
import type { Mpi } from "../../../src/train/parallel/mpi.ts";

/**
 * Jobs of processes that come to every call together. A call of all processes is done at once by the
 * first that asks, which is why each says at its barrier what it will ask for.
 */
function jobs(ranks: number): Job[] {
  const arrived = Array.from({ length: ranks }, () => 0);
  const sent = Array.from<Float32Array | Uint8Array>({ length: ranks });
  const calls: string[] = [];
  const mpi = (rank: number): Mpi => ({
    rank,
    ranks,
    barrier: () => {
      arrived[rank]++;
      return () => Math.min(...arrived) >= arrived[rank];
    },
    exchange: (own) => {
      calls.push(`exchange ${rank}`);
      sent[rank] = own;
      const part = own.length / ranks;
      const all = new Float32Array(own.length);
      wholes.forEach((whole, from) => {
        const padded = new Float32Array(own.length);
        padded.set(whole);
        all.set(padded.subarray(rank * part, (rank + 1) * part), from * part);
      });
      return all;
    },
    gather: (own) => {
      const all = new Float32Array(ranks * own.length);
      parts.forEach((part, from) => all.set(part(own, from, rank), from * own.length));
      return all;
    },
    broadcast: () => {},
    finalize: () => calls.push(`finalize ${rank}`),
    abort: () => {},
  });
  const wholes = Array.from({ length: ranks }, (_, rank) => list(rank));
  const parts = wholes.map(() => (own: Float32Array, from: number, rank: number): Float32Array => {
    if (from === rank) return own;
    // The part of the mean that the other process has made.
    const first = from * own.length;
    return Float32Array.from(own, (_, i) => meanAt(wholes, first + i));
  });
  return Array.from({ length: ranks }, (_, rank) => jobOf(mpi(rank), rank));
}

const LENGTH = 7;

function list(rank: number): Float32Array {
  return Float32Array.from({ length: LENGTH }, (_, i) => Math.fround((rank + 1) * 0.1 * (i + 1)));
}

function meanAt(lists: readonly Float32Array[], i: number): number {
  return i >= LENGTH ? 0 : lists.reduce((sum, one) => sum + one[i], 0) / lists.length;
}

test.each([2, 3, 8])(
  "the mean of %i lists is added in f64 and in the order of ranks",
  async (n) => {
    const all = await Promise.all(jobs(n).map(async (job) => await job.mean(list(job.rank))));
    const lists = all.map((_, rank) => list(rank));
    const wanted = Float32Array.from({ length: LENGTH }, (_, i) => meanAt(lists, i));
    for (const mean of all) expect(mean).toEqual(wanted);
  },
);

test("nobody goes on before all have come", async () => {
  const [one, two] = jobs(2);
  let isClosed = false;
  const closed = one.close().then(() => {
    isClosed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isClosed).toBe(false);
  await Promise.all([two.close(), closed]);
  expect(isClosed).toBe(true);
});

test("the launch is read from what Open MPI, MPICH and Slurm set", () => {
  const open = {
    OMPI_COMM_WORLD_SIZE: "4",
    OMPI_COMM_WORLD_RANK: "3",
    OMPI_COMM_WORLD_LOCAL_RANK: "1",
    PMIX_RANK: "3",
  };
  expect(launchOf(open)).toEqual({ rank: 3, ranks: 4, local_rank: 1, family: "openmpi" });
  const mpich = { PMI_SIZE: "2", PMI_RANK: "1", MPI_LOCALRANKID: "0" };
  expect(launchOf(mpich)).toEqual({ rank: 1, ranks: 2, local_rank: 0, family: "mpich" });
  const slurm = { PMIX_RANK: "5", SLURM_NTASKS: "8", SLURM_LOCALID: "2" };
  expect(launchOf(slurm)).toEqual({ rank: 5, ranks: 8, local_rank: 2, family: "openmpi" });
});

test("a process that no launcher started, or only one, is alone", () => {
  expect(launchOf({})).toBeNull();
  // A batch job of Slurm that did not start this process by srun.
  expect(launchOf({ SLURM_NTASKS: "8" })).toBeNull();
  expect(launchOf({ OMPI_COMM_WORLD_SIZE: "1", OMPI_COMM_WORLD_RANK: "0" })).toBeNull();
});
