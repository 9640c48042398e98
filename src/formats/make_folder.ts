// A folder with its parents. Node's own `recursive` never returns where the system answers ENOENT
// below a folder that is there, as /proc does.
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Makes `folder` and its parents where they are missing; throws what the file system throws. */
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
