// What lies in a folder of data, by names as people compare them: what systems and tools leave
// behind is not there, and names are in one Unicode normalisation.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemReason } from "../formats/atomic_file.ts";
import { InputError } from "../tensor/error.ts";

/** An entry of a folder; links are followed. */
export interface Entry {
  /** As the file system writes it. */
  readonly name: string;
  /** The name in NFC: two of these are equal where a person reads the same. */
  readonly key: string;
  readonly isFolder: boolean;
  /** A link that leads nowhere. */
  readonly isBroken: boolean;
}

// Left behind by file managers, NAS, archives and notebooks, beside all that begins with a dot.
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
  "desktop.ini",
  "ehthumbs.db",
  "icon\r",
  "lost+found",
  "system volume information",
  "thumbs.db",
]);

/** Whether a name belongs to a hidden file or a tool's leftover: never data. */
function isToolName(name: string): boolean {
  return name.startsWith(".") || TOOL_NAMES.has(name.toLowerCase());
}

/** A name as it is compared: equal where a person reads the same. */
export function nameKey(name: string): string {
  return name.normalize("NFC");
}

/** As `nameKey`, and without regard to case: for saying that only one name can be meant. */
export function looseKey(name: string): string {
  return name.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}

/**
 * The entries of `folder` in the order of their keys. Throws InputError where it cannot be listed,
 * and for two entries whose names differ in Unicode normalisation only.
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
      `${join(folder, twice.key)}: two entries of this name, in two Unicode normalisations; rename one`,
    );
  }
  return sorted;
}
