// Lists a folder of data: leaves out the leftovers of systems and tools, and brings names into one
// Unicode normalisation.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemReason } from "../formats/atomic_file.ts";
import { nameKey } from "../formats/name_key.ts";
import { InputError } from "../tensor/error.ts";

/** An entry of a folder; links are followed. */
export interface Entry {
  /** The name as the file system has it. */
  readonly name: string;
  /** The name in NFC: names that look the same are equal. */
  readonly key: string;
  readonly isFolder: boolean;
  /** A link that leads nowhere. */
  readonly isBroken: boolean;
}

// Leftovers of file managers, NAS systems, archives and notebooks; names that begin with a dot are
// left out too.
const TOOL_NAMES = new Set([
  "$recycle.bin",
  "#recycle",
  "#snapshot",
  "@eadir",
  "@recently-snapshot",
  "@recycle",
  "@tmp",
  "__macosx",
  "__pycache__",
  "_vti_cnf",
  "cvs",
  "desktop.ini",
  "ehthumbs.db",
  "icon\r",
  "lost+found",
  "system volume information",
  "thumbs.db",
]);

// Copies that editors, merges and downloads leave: a~, #a#, ~$a, a.bak, a.swp, a.part.
const LEFTOVER = /~$|^#.*#$|^~\$|\.(?:bak|backup|crdownload|orig|part|partial|rej|sw[nop]|te?mp)$/i;

/** Whether a name belongs to a hidden file or a tool's leftover: never data. */
function isToolName(name: string): boolean {
  return name.startsWith(".") || TOOL_NAMES.has(name.toLowerCase()) || LEFTOVER.test(name);
}

/**
 * The entries of `folder` in the order of their keys. Throws InputError if it cannot be listed, or
 * if two names differ only in Unicode normalisation.
 */
export async function listFolder(folder: string): Promise<Entry[]> {
  let found;
  try {
    found = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new InputError(`${folder}: cannot list: ${systemReason(error)}`);
  }
  const entries: Entry[] = [];
  for (const entry of found) {
    const { name } = entry;
    if (isToolName(name)) continue;
    let [isFolder, isBroken] = [entry.isDirectory(), false];
    if (entry.isSymbolicLink()) {
      const target = await stat(join(folder, name)).catch(() => null);
      [isFolder, isBroken] = [target?.isDirectory() === true, target === null];
    }
    entries.push({ name, key: nameKey(name), isFolder, isBroken });
  }
  const sorted = entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const twice = sorted.find(({ key }, i) => i > 0 && sorted[i - 1].key === key);
  if (twice) {
    throw new InputError(
      `${join(folder, twice.key)}: two entries have this name in different Unicode normalisations; rename one`,
    );
  }
  return sorted;
}
