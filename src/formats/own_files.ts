// A small list in a folder names the files that ringdepth wrote there. Only those are ever replaced
// or removed: a file that someone else put there, or changed since, stays and is named in an error.
//
//   FOLDER/.ringdepth-files.json   {"files": {"front.npy": ["<sha256 of its bytes>"], "log": null}}
//
// null marks a file that grows or is written often; it is identified by its name alone.
import { createHash } from "node:crypto";
import { lstat, mkdir, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError } from "../tensor/error.ts";
import { readBytes, systemReason, writeFileAtomically } from "./atomic_file.ts";
import { waitForLock } from "./lock_file.ts";
import { makeFolder } from "./make_folder.ts";

/** Name of the list in its folder. */
export const OWN_FILES = ".ringdepth-files.json";

/** A file about to be written: with its bytes, or by its name alone if it grows. */
export interface OwnFile {
  /** One component of a path, no folder in it. */
  readonly name: string;
  readonly bytes?: Uint8Array;
}

// Longest wait for another command to write its list, which takes milliseconds.
const WAIT_MS = 10_000;
const LIST_LIMIT_BYTES = 64 * 2 ** 20;

/**
 * Creates `folder` and its parents. With `isNamedByUser` (a folder named on the command line) it
 * may be a link to a folder; otherwise a link is refused, because it would lead writes elsewhere.
 * Throws InputError if it cannot be created.
 */
export async function makeOutFolder(folder: string, isNamedByUser: boolean): Promise<void> {
  try {
    await makeFolder(isNamedByUser ? folder : dirname(folder));
    if (isNamedByUser) return;
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    const found = await lstat(folder);
    if (found.isDirectory()) return;
    const what = found.isSymbolicLink() ? "a link" : "a file";
    throw new InputError(`${folder}: is ${what}, not a folder; move it or choose another --out`);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${folder}: cannot make the folder: ${systemReason(error)}`);
  }
}

/**
 * Claims the names of `files` in `folder`, before any of them is written: afterwards all of them
 * may be replaced. Throws InputError, and changes nothing, if a file with such a name was not
 * written by ringdepth or was changed since, or another process holds the list.
 */
export async function claimFiles(folder: string, files: readonly OwnFile[]): Promise<void> {
  for (const { name } of files) {
    if (name === OWN_FILES || name !== basename(name)) {
      throw new Error(`claimFiles: ${name} is no name of a file in a folder`);
    }
  }
  // Two commands may write into one folder at once: neither may lose the names of the other.
  const lock = await waitForLock(join(folder, `${OWN_FILES}.lock`), folder, WAIT_MS);
  try {
    await addToList(folder, files);
  } finally {
    await lock.release();
  }
}

async function addToList(folder: string, files: readonly OwnFile[]): Promise<void> {
  const own = await readOwn(folder);
  for (const { name } of files) await checkReplaceable(folder, name, own);
  for (const { name, bytes } of files) {
    // The old digest stays next to the new one: a crash leaves either version, and both are ours.
    const before = own.get(name);
    if (bytes === undefined) own.set(name, null);
    else if (before !== null) own.set(name, [...(before ?? []).slice(-1), digest(bytes)]);
  }
  const text = JSON.stringify({ files: Object.fromEntries(own) });
  await writeFileAtomically(join(folder, OWN_FILES), new TextEncoder().encode(`${text}\n`));
}

/** Claims the files and writes each of them in one piece; throws as `claimFiles` does. */
export async function writeOwnFiles(
  folder: string,
  files: readonly Required<OwnFile>[],
): Promise<void> {
  await claimFiles(folder, files);
  for (const { name, bytes } of files) await writeFileAtomically(join(folder, name), bytes);
}

/**
 * Names of the temporary files that a killed write left in `folder`: those of files that are on the
 * list, or of the list itself. Other files that end in .tmp are not ours.
 */
export async function ownLeftovers(folder: string): Promise<string[]> {
  const own = await readOwn(folder);
  const names = await readdir(folder).catch((): string[] => []);
  return names.filter((name) => {
    const file = /^(.+)\.\d+-\d+\.tmp$/.exec(name)?.[1];
    return file !== undefined && (file === OWN_FILES || own.has(file));
  });
}

/** Whether `name` in `folder` is on the list of what ringdepth wrote there. */
export async function isOwnFile(folder: string, name: string): Promise<boolean> {
  return (await readOwn(folder)).has(name);
}

type Digests = readonly string[] | null;

async function checkReplaceable(
  folder: string,
  name: string,
  own: ReadonlyMap<string, Digests>,
): Promise<void> {
  const file = join(folder, name);
  const found = await lstat(file).catch(() => null);
  if (found === null) return;
  const digests = own.get(name);
  const stays = "it stays as it is: move it or choose another --out";
  if (digests === undefined || !found.isFile()) {
    throw new InputError(`${file}: was not written by ringdepth; ${stays}`);
  }
  if (digests !== null && !digests.includes(digest(await readBytes(file)))) {
    throw new InputError(`${file}: was changed since ringdepth wrote it; ${stays}`);
  }
}

/** The list of a folder; empty if there is none. Another file with its name is never replaced. */
async function readOwn(folder: string): Promise<Map<string, Digests>> {
  const file = join(folder, OWN_FILES);
  if ((await lstat(file).catch(() => null)) === null) return new Map();
  const text = Buffer.from(await readBytes(file, LIST_LIMIT_BYTES)).toString("utf8");
  const own = parseOwn(text);
  if (own === null)
    throw new InputError(`${file}: is not a list of files by ringdepth; move it away`);
  return own;
}

function parseOwn(text: string): Map<string, Digests> | null {
  try {
    const { files } = JSON.parse(text) as { files: unknown };
    if (typeof files !== "object" || files === null || Array.isArray(files)) return null;
    const entries = Object.entries(files as Record<string, unknown>);
    const isDigests = (value: unknown): value is Digests =>
      value === null || (Array.isArray(value) && value.every((item) => typeof item === "string"));
    return entries.every(([, value]) => isDigests(value))
      ? new Map(entries as [string, Digests][])
      : null;
  } catch {
    return null;
  }
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
