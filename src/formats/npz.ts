// numpy's .npz archives: a zip of .npy members, stored (savez) or deflated (savez_compressed).
// Members are read on request, so that one that is not a plain array does not prevent reading the
// others.
import { InputError } from "../tensor/error.ts";
import { readNpy, type NpyArray } from "./npy.ts";
import { openZip } from "./zip.ts";

/** An open .npz archive. */
export interface Npz {
  /** Names of the saved arrays (`arr_0` for those without a name), in the archive's order. */
  readonly names: readonly string[];
  /** Whether a member has this name, with or without its ending. */
  readonly has: (name: string) => boolean;
  /**
   * The array of a name; throws `InputError` naming file and member if it is missing, damaged,
   * appears twice, unpacks to too much or is not a plain array.
   */
  readonly read: (name: string) => NpyArray;
}

const SUFFIX = ".npy";

/** Opens a .npz file; throws `InputError` naming `file` if it is not an archive. */
export function openNpz(bytes: Uint8Array, file: string): Npz {
  const archive = openZip(bytes, file);
  const members = new Set(archive.names);
  const names = archive.names
    .filter((member) => member.endsWith(SUFFIX))
    .map((member) => member.slice(0, -SUFFIX.length));
  // Numpy too takes the bare name first.
  const memberOf = (name: string): string | undefined =>
    [name, `${name}${SUFFIX}`].find((member) => members.has(member));
  return {
    names,
    has: (name) => memberOf(name) !== undefined,
    read: (name) => {
      const member = memberOf(name);
      if (member === undefined) {
        const there = names.length === 0 ? "no array" : names.slice(0, 10).join(", ");
        throw new InputError(`${file}: no array ${JSON.stringify(name)}; the archive has ${there}`);
      }
      return readNpy(archive.read(member), `${file}: member ${JSON.stringify(member)}`);
    },
  };
}

/**
 * The array `name` of a .npz file; if the archive has no such member, its first plain array.
 * Throws `InputError` naming file and member.
 */
export function readNpz(bytes: Uint8Array, file: string, name: string): NpyArray {
  const { names, has, read } = openNpz(bytes, file);
  let fault: unknown;
  for (const other of has(name) ? [] : names) {
    try {
      return read(other);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      fault ??= error;
    }
  }
  if (fault !== undefined) throw fault;
  return read(name);
}
