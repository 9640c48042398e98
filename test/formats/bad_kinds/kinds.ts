// The kinds of fault that a file from outside can have, and what a format says to each of them.
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { makePipe } from "../../support/special_files.ts";

/** Every kind of fault; each format has an outcome for each. */
export const KINDS = [
  "truncated",
  "empty",
  "missing",
  "a directory in its place",
  "a FIFO in its place",
  "a link that leaves the root",
  "a path that leaves the root",
  "wrong dtype",
  "wrong shape",
  "Fortran order",
  "big-endian",
  "NaN",
  "unknown name",
  "a key twice",
  "a size that overflows",
  "a byte order mark",
  "deep nesting",
  "an integer beyond 2^53",
  "a string for a number",
] as const;

/** A kind of fault. */
export type Kind = (typeof KINDS)[number];

/** One copy of a good data set, and the file in it that a row is about. */
export interface Place {
  readonly root: string;
  readonly file: string;
}

/** Makes the fault in a copy. */
export type Damage = (place: Place) => void | Promise<void>;

/** The answer of a reader to a kind of fault. */
export type Outcome =
  | { readonly refused: RegExp; readonly damage: Damage }
  /** It is no fault: the file is read, to the same value. */
  | { readonly read: Damage }
  /** It does not apply, for this reason. */
  | { readonly none: string };

/** A format with its outcomes. */
export interface FormatRow {
  readonly name: string;
  /** The modules of src that read it. */
  readonly readers: readonly string[];
  /** Writes a good data set below `root` and returns the file of this format in it. */
  readonly write: (root: string) => string | Promise<string>;
  /** Arguments of a command that reads the file and needs no device, or the reader itself. */
  readonly read:
    | { readonly command: (place: Place) => readonly string[] }
    | { readonly by: (place: Place) => Promise<unknown> };
  /** The text that every error has; the name of the file unless given. */
  readonly named?: string;
  readonly kinds: Readonly<Record<Kind, Outcome>>;
}

/** A fault that is refused with a message like `refused`. */
export function refused(message: RegExp, damage: Damage): Outcome {
  return { refused: message, damage };
}

/** A change that is no fault. */
export function read(damage: Damage): Outcome {
  return { read: damage };
}

/** A fault that the format cannot have. */
export function none(why: string): Outcome {
  return { none: why };
}

/** Replaces a part of a text file, which must be there. */
export function swap(from: string | RegExp, to: string): Damage {
  return ({ file }) => {
    const before = readFileSync(file, "utf8");
    const after = before.replace(from, to);
    if (after === before) throw new Error(`${file}: ${String(from)} is not in it`);
    writeFileSync(file, after);
  };
}

/** Writes other bytes. */
export function put(bytes: string | Uint8Array | (() => Uint8Array | Promise<Uint8Array>)): Damage {
  return async ({ file }) => {
    writeFileSync(file, typeof bytes === "function" ? await bytes() : bytes);
  };
}

/** Writes what `change` makes of the bytes. */
export function edit(change: (bytes: Buffer) => Uint8Array | Promise<Uint8Array>): Damage {
  return async ({ file }) => {
    writeFileSync(file, await change(readFileSync(file)));
  };
}

/** Puts a byte order mark before the file. */
export const withMark: Damage = edit((bytes: Buffer) =>
  Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
);

const half: Damage = ({ file }) => truncateSync(file, Math.floor(readFileSync(file).length / 2));

/** Moves the file to a folder beside the root and links to it. */
const leave: Damage = ({ root, file }) => {
  const outside = join(dirname(root), `outside-${process.pid}`);
  mkdirSync(outside, { recursive: true });
  const target = join(outside, "file");
  if (existsSync(target)) rmSync(target);
  renameSync(file, target);
  symlinkSync(target, file);
};

type FileKind =
  | "truncated"
  | "empty"
  | "missing"
  | "a directory in its place"
  | "a FIFO in its place"
  | "a link that leaves the root";

/** The kinds that every file of a data set can have; the messages of truncated and empty files differ. */
export function fileKinds(
  truncated: RegExp,
  empty: RegExp,
  missing: RegExp = /cannot read: no such file/,
): Readonly<Record<FileKind, Outcome>> {
  const replaced =
    (make: (file: string) => void): Damage =>
    ({ file }) => {
      rmSync(file);
      make(file);
    };
  return {
    truncated: refused(truncated, half),
    empty: refused(empty, put("")),
    missing: refused(missing, ({ file }) => rmSync(file)),
    "a directory in its place": refused(/folder|regular file/, replaced(mkdirSync)),
    "a FIFO in its place": refused(/regular file/, replaced(makePipe)),
    "a link that leaves the root": refused(/a link leads out of/, leave),
  };
}

/** A file that the user names may be a link to any place. */
export const USER_NAMED: Outcome = none("the user names the file itself, which may lie anywhere");
/** A file that names no other file. */
export const NO_PATH: Outcome = none("it names no file");
/** JSON and YAML have no arrays in memory. */
export const NO_ARRAY: Pick<Record<Kind, Outcome>, "Fortran order" | "big-endian"> = {
  "Fortran order": none("it is text"),
  "big-endian": none("it is text"),
};
/** A format whose numbers are integers. */
export const NO_NAN: Outcome = none("its numbers are whole: there is no NaN");
