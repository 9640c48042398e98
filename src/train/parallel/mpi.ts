// The calls of MPI that a job needs, from the library of the system. The C interface differs between
// its two families in the type and the values of handles.
import type koffi from "koffi";
import { InputError } from "../../tensor/error.ts";
import type { Launch } from "./launch.ts";

/** The calls; each throws if MPI reports an error. Long ones block this thread. */
export interface Mpi {
  readonly rank: number;
  readonly ranks: number;
  /** Begins to wait for all processes; the returned function says whether they have all come. */
  readonly barrier: () => () => boolean;
  /** Part r of `sent` goes to process r; part r of the result came from it. Parts are equally long. */
  readonly exchange: (sent: Float32Array) => Float32Array;
  /** The lists of all processes one behind the other. */
  readonly gather: (own: Float32Array) => Float32Array;
  /** Fills `bytes` everywhere with those of process 0. */
  readonly broadcast: (bytes: Uint8Array) => void;
  readonly finalize: () => void;
  /** Ends all processes of the job. */
  readonly abort: (code: number) => void;
}

/** Where MPI's library is if it is none of the usual ones. */
const LIBRARY_VARIABLE = "RINGDEPTH_MPI";

const NAMES: Readonly<Record<Launch["family"], readonly string[]>> = {
  openmpi: ["libmpi.so.40", "libmpi.40.dylib", "libmpi.so"],
  mpich: ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib", "libmpich.so"],
};

// mpi.h of MPICH and of every library with its binary interface.
const MPICH = { world: 0x44000000, float: 0x4c00040a, byte: 0x4c00010d } as const;
const THREAD_FUNNELED = 1;
// An MPI_Status takes 20 to 24 bytes, a handle at most 8.
const STATUS_BYTES = 64;

/**
 * Joins the job. Throws InputError without koffi, without a library, or where the library is not
 * that of the launcher.
 */
export async function openMpi(launch: Launch): Promise<Mpi> {
  const { load } = await loadKoffi(launch);
  const library = openLibrary(load, launch);
  const symbol = (name: string): unknown => {
    try {
      return library.symbol(name);
    } catch {
      return undefined;
    }
  };
  const isOpen = symbol("ompi_mpi_comm_world") !== undefined;
  const handle = isOpen ? "void *" : "int";
  const world = isOpen ? symbol("ompi_mpi_comm_world") : MPICH.world;
  const float = isOpen ? symbol("ompi_mpi_float") : MPICH.float;
  const byte = isOpen ? symbol("ompi_mpi_byte") : MPICH.byte;
  const define = (
    name: string,
    ...parameters: readonly string[]
  ): ((...given: unknown[]) => void) => {
    const call = library.func(name, "int", [...parameters]);
    return (...given) => {
      const code: unknown = call(...given);
      if (code !== 0) throw new Error(`${name} failed with code ${String(code)}`);
    };
  };
  const data = ["void *", "int", handle] as const;
  const init = define("MPI_Init_thread", "void *", "void *", "int", "void *");
  const commSize = define("MPI_Comm_size", handle, "void *");
  const commRank = define("MPI_Comm_rank", handle, "void *");
  const ibarrier = define("MPI_Ibarrier", handle, "void *");
  const test = define("MPI_Test", "void *", "void *", "void *");
  const alltoall = define("MPI_Alltoall", ...data, ...data, handle);
  const allgather = define("MPI_Allgather", ...data, ...data, handle);
  const bcast = define("MPI_Bcast", ...data, "int", handle);
  const finalize = define("MPI_Finalize");
  const abort = define("MPI_Abort", handle, "int");

  const number = new Int32Array(1);
  init(null, null, THREAD_FUNNELED, number);
  commSize(world, number);
  const [ranks] = number;
  commRank(world, number);
  const [rank] = number;
  if (ranks !== launch.ranks) {
    finalize();
    throw new InputError(
      `the MPI library sees ${ranks} processes and the launcher started ${launch.ranks}: they are not of ` +
        `one installation; set ${LIBRARY_VARIABLE} to the library of the launcher`,
    );
  }
  return {
    rank,
    ranks,
    barrier: () => {
      const request = new BigInt64Array(1);
      const status = new Uint8Array(STATUS_BYTES);
      ibarrier(world, request);
      return () => {
        test(request, number, status);
        return number[0] !== 0;
      };
    },
    exchange: (sent) => {
      const received = new Float32Array(sent.length);
      const count = sent.length / ranks;
      alltoall(sent, count, float, received, count, float, world);
      return received;
    },
    gather: (own) => {
      const all = new Float32Array(ranks * own.length);
      allgather(own, own.length, float, all, own.length, float, world);
      return all;
    },
    broadcast: (bytes) => bcast(bytes, bytes.length, byte, 0, world),
    finalize: () => finalize(),
    abort: (code) => abort(world, code),
  };
}

function started({ rank, ranks }: Launch): string {
  return `started as rank ${rank} of ${ranks} processes`;
}

type Koffi = Pick<typeof koffi, "load">;

async function loadKoffi(launch: Launch): Promise<Koffi> {
  try {
    return (await import("koffi")).default;
  } catch (error) {
    throw new InputError(
      `${started(launch)}, but the package koffi, which calls MPI, cannot be loaded: ` +
        `install it with npm install koffi, or start one process`,
      { cause: error },
    );
  }
}

function openLibrary(load: Koffi["load"], launch: Launch): ReturnType<Koffi["load"]> {
  const own = process.env[LIBRARY_VARIABLE] ?? "";
  const names = own === "" ? NAMES[launch.family] : [own];
  for (const name of names) {
    try {
      // Open MPI loads parts of itself later, which look its symbols up.
      return load(name, { global: true });
    } catch {
      // The next name may be the one of this system.
    }
  }
  throw new InputError(
    `${started(launch)}, but no MPI library can be loaded (${names.join(", ")}): ` +
      `install the one of the launcher, or set ${LIBRARY_VARIABLE} to its file`,
  );
}
