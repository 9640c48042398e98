// Files that a command is asked to write: what keeps them from being written is found before
// anything is measured, and what keeps one from being written in the end loses none of the others.
import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { systemReason } from "../../formats/atomic_file.ts";
import { InputError } from "../../tensor/error.ts";

/** A file that an option names; left out where the option was not given. */
export interface NamedFile {
  /** As it is typed, with its value where that is not the path. */
  readonly option: string;
  readonly path: string | undefined;
  /** The command makes the folder, and its parents, where they are missing. */
  readonly makesFolder?: boolean;
  /** It is a folder, in which the command makes files. */
  readonly isFolder?: boolean;
}

/**
 * Throws InputError where an output cannot be written, or is the file of another option: `inputs`
 * are read. Leaves no file behind, and the one that is there as it is.
 */
export function checkOutputs(
  outputs: readonly NamedFile[],
  inputs: readonly NamedFile[] = [],
): void {
  const taken = new Map<string, string>();
  for (const { option, path } of inputs) if (path !== undefined) taken.set(resolve(path), option);
  for (const output of outputs) {
    const { option, path } = output;
    if (path === undefined) continue;
    const other = taken.get(resolve(path));
    if (other !== undefined) {
      throw new InputError(`${option} ${path}: ${other} names the same file; choose another name`);
    }
    taken.set(resolve(path), option);
    checkOutput(output, path);
  }
}

function checkOutput({ option, makesFolder, isFolder }: NamedFile, path: string): void {
  const refuse = (why: string): never => {
    throw new InputError(`${option} ${path}: cannot write: ${why}`);
  };
  try {
    const there = kindOf(path);
    if (isFolder === true) {
      if (there === "file" || there === "other") refuse("it is not a folder");
      probe(there === "folder" ? path : nearestFolder(dirname(path)), "ringdepth");
      return;
    }
    if (there === "folder") refuse("it is a folder");
    // A rename would put a file in the place of a device or a pipe.
    if (there === "other") refuse("it is not a regular file");
    const folder = dirname(path);
    probe(makesFolder === true ? nearestFolder(folder) : folder, basename(path));
  } catch (error) {
    if (error instanceof InputError) throw error;
    refuse(systemReason(error));
  }
}

function kindOf(path: string): "none" | "file" | "folder" | "other" {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return "none";
  if (found.isFile()) return "file";
  return found.isDirectory() ? "folder" : "other";
}

/** The folder, or the nearest one above it that is there. */
function nearestFolder(folder: string): string {
  const above = dirname(folder);
  return kindOf(folder) === "none" && above !== folder ? nearestFolder(above) : folder;
}

/** Writes a file beside the one that will be written, and removes it; throws what that throws. */
function probe(folder: string, name: string): void {
  const file = join(folder, `${name}.${process.pid}-probe.tmp`);
  const fd = openSync(file, "wx");
  try {
    writeSync(fd, "probe");
  } finally {
    closeSync(fd);
    rmSync(file, { force: true });
  }
}

/** Carries out each write, whatever became of those before it; then throws the first error. */
export async function writeAll(...writes: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const write of writes) {
    try {
      await write();
    } catch (error) {
      errors.push(error);
    }
  }
  const ours = errors.find((error) => !(error instanceof InputError));
  if (ours !== undefined) throw ours;
  if (errors.length > 0) {
    throw new InputError(errors.map((error) => (error as InputError).message).join("; "));
  }
}
