// A folder with its parents. Node's own `recursive` option never returns if the system answers
// ENOENT below an existing folder, as /proc does.
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Creates `folder` and its missing parents; throws the file system's errors. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await stat(folder)).isDirectory()) return;
    const parent = dirname(folder);
    if (code !== "ENOENT" || parent === folder) throw error;
    await makeFolder(parent);
    // Another process may have made it meanwhile.
    await mkdir(folder).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== "EEXIST") throw again;
    });
  }
}
