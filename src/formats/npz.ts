// numpy's .npz archives: a zip of .npy members, stored (savez) or deflated (savez_compressed).
import { InputError } from "../tensor/error.ts";
import { readNpy, type NpyArray } from "./npy.ts";
import { readZip } from "./zip.ts";

const SUFFIX = ".npy";

/**
 * The arrays of a .npz file by the names they were saved under (`arr_0` where they had none);
 * throws `InputError` naming `file` and the member that is wrong.
 */
export function readNpz(bytes: Uint8Array, file: string): Map<string, NpyArray> {
  const arrays = new Map<string, NpyArray>();
  for (const [member, content] of readZip(bytes, file)) {
    if (!member.endsWith(SUFFIX)) {
      throw new InputError(`${file}: member ${JSON.stringify(member)} is not a .npy array`);
    }
    const array = readNpy(content, `${file}: member ${JSON.stringify(member)}`);
    arrays.set(member.slice(0, -SUFFIX.length), array);
  }
  return arrays;
}
