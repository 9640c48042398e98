// What mpirun or srun told a process about the job that it belongs to.

/** The place of a process in its job. */
export interface Launch {
  readonly rank: number;
  /** Processes of the job. */
  readonly ranks: number;
  /** Its place among the processes of its machine. */
  readonly local_rank: number;
  /** The family of the launcher, which has a library of its own. */
  readonly family: "openmpi" | "mpich";
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The launch of this process; null where no launcher started it, or only one process. */
export function launchOf(env: Environment): Launch | null {
  const count = (...names: readonly string[]): number | null => {
    const text = names.map((name) => env[name]).find((one) => one !== undefined);
    return text === undefined || !/^\d+$/.test(text) ? null : Number(text);
  };
  // srun with PMIx gives the size of the job under its own name alone.
  const isPmix = env["PMIX_RANK"] !== undefined;
  const ranks =
    count("OMPI_COMM_WORLD_SIZE", "PMI_SIZE") ?? (isPmix ? count("SLURM_NTASKS") : null);
  const rank = count("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK");
  if (ranks === null || rank === null || ranks < 2) return null;
  const local_rank =
    count("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID") ?? rank;
  const isOpen = env["OMPI_COMM_WORLD_SIZE"] !== undefined || isPmix;
  return { rank, ranks, local_rank, family: isOpen ? "openmpi" : "mpich" };
}
