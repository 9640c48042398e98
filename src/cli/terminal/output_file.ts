// Files that a command should write: obstacles are found before anything is measured, and a failure
// to write one file does not lose the others.
import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { systemReason } from "../../formats/atomic_file.ts";
import { InputError } from "../../tensor/error.ts";

/** A file that an option names; left out where the option was not given. */
export interface NamedFile {
  /** The option as typed, with its value if that is not the path. */
  readonly option: string;
  readonly path: string | undefined;
  /** The command creates the folder and its parents if they are missing. */
  readonly makesFolder?: boolean;
  /** It is a folder in which the command creates files. */
  readonly isFolder?: boolean;
}

/**
 * Throws InputError if an output cannot be written or is the file of another option; `inputs` are
 * files to be read. Leaves no file behind and changes none.
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
    // A rename would replace a device or a pipe with a file.
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

/** The folder, or its nearest existing parent. */
function nearestFolder(folder: string): string {
  const above = dirname(folder);
  return kindOf(folder) === "none" && above !== folder ? nearestFolder(above) : folder;
}

/** Writes and removes a file next to the one that will be written; throws any error of that. */
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

/** Runs each write, even after an earlier one failed; then throws the first error. */
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
