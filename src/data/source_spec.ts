// The text that names a data source: its kind, its folder, and after an @ the part of it to read.
//
//   rig | folder:PATH | ddad:PATH[@PART...] | nuscenes:PATH[@PART...]
//
// Parts are separated by colons, in any order:
//   v1.0-mini               the version of nuScenes; may be left out if PATH has only one
//   NAME or NAME,NAME       a split of the data set for training and evaluation, or one for each
//   FILE or FILE,FILE       the same as a list of samples in a text file, one per line
//   points=RULE             how true depth is made from LiDAR (projection.ts)
import { existsSync } from "node:fs";
import { readBytes } from "../formats/atomic_file.ts";
import { decodeText } from "../formats/text.ts";
import { InputError } from "../tensor/error.ts";
import type { Split } from "./data_source.ts";
import { PROJECTION_RULES, type ProjectionRule } from "./projection.ts";

/** The sources that `--data` takes, for help and errors. */
export const DATA_SOURCES = "rig, ddad:PATH, nuscenes:PATH or folder:PATH";

/** The kinds of source that are in a folder. */
export type FolderKind = "ddad" | "nuscenes" | "folder";

/** A source in a folder. */
export interface SourceSpec {
  readonly kind: FolderKind;
  readonly path: string;
  readonly version?: string;
  /** Split or list of samples, or two of them with a comma between. */
  readonly choice?: string;
  readonly rule?: ProjectionRule;
}

/** A line of a list of samples. */
export interface ListedSample {
  readonly id: string;
  /** File and line, for errors. */
  readonly where: string;
}

const LIST_LIMIT_BYTES = 64 * 2 ** 20;

/**
 * The parts of a source's text, null for `rig`. Throws InputError for an unknown kind, a missing path,
 * and a part that is unknown or there twice.
 */
export function parseSource(text: string): SourceSpec | null {
  if (text === "rig") return null;
  const colon = text.indexOf(":");
  const [kind, rest] = [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
  if (rest === "" || (kind !== "ddad" && kind !== "nuscenes" && kind !== "folder")) {
    throw new InputError(`data ${JSON.stringify(text)}: expected ${DATA_SOURCES}`);
  }
  const at = kind === "folder" ? -1 : partsAt(rest);
  if (at < 0) return { kind, path: rest };
  const parts: { version?: string; choice?: string; rule?: ProjectionRule } = {};
  for (const part of rest.slice(at + 1).split(":")) {
    const key = keyOf(kind, part);
    if (parts[key] !== undefined) {
      throw new InputError(`data ${JSON.stringify(text)}: ${part}: a second ${key} after the @`);
    }
    if (key === "rule") parts.rule = ruleOf(part, text);
    else parts[key] = part;
  }
  return { kind, path: rest.slice(0, at), ...parts };
}

/** Where the parts of a source begin: an @ after a folder that exists, or else the last one. */
function partsAt(rest: string): number {
  if (existsSync(rest)) return -1;
  for (let at = rest.indexOf("@"); at >= 0; at = rest.indexOf("@", at + 1)) {
    if (at > 0 && existsSync(rest.slice(0, at))) return at;
  }
  return rest.lastIndexOf("@");
}

const RULE_PART = "points=";

function keyOf(kind: FolderKind, part: string): "version" | "choice" | "rule" {
  if (part.startsWith(RULE_PART)) return "rule";
  return kind === "nuscenes" && /^v\d+\.\d+-[\w-]+$/.test(part) ? "version" : "choice";
}

function ruleOf(part: string, text: string): ProjectionRule {
  const rule = PROJECTION_RULES.find((name) => name === part.slice(RULE_PART.length));
  if (rule !== undefined) return rule;
  throw new InputError(
    `data ${JSON.stringify(text)}: ${part}: expected points= and one of ${PROJECTION_RULES.join(", ")}`,
  );
}

/** The same source with its folder and its lists of samples where `place` says. */
export function withPlaces(text: string, place: (path: string) => string): string {
  const spec = parseSource(text);
  if (spec === null) return text;
  const { kind, path, version, choice, rule } = spec;
  const placed = choice
    ?.split(",")
    .map((name) => (isListFile(name) ? place(name) : name))
    .join(",");
  const parts = [version, placed, rule && `${RULE_PART}${rule}`].filter(
    (part) => part !== undefined,
  );
  return `${kind}:${place(path)}${parts.length === 0 ? "" : `@${parts.join(":")}`}`;
}

/**
 * The part of a choice for `split`; of one without a comma, the whole. Throws InputError, naming
 * `where`, for more than two and for an empty one.
 */
export function choiceFor(choice: string, split: Split, where: string): string {
  const names = choice.split(",");
  if (names.length > 2 || names.includes("")) {
    throw new InputError(
      `${where}: ${JSON.stringify(choice)}: expected a split or a list of samples, or two with a comma`,
    );
  }
  return names[split === "train" ? 0 : names.length - 1];
}

/** Whether a choice is a file with a list; names of splits have letters, digits, _ and - only. */
export function isListFile(choice: string): boolean {
  return !/^[\w-]+$/.test(choice);
}

/**
 * The samples of a list, one per line: its first word, as the lists of SurroundDepth and VFDepth are
 * read. Empty lines are skipped. Throws InputError, naming file and line, for a file that cannot be
 * read, an empty list and a sample that is there twice.
 */
export async function readSampleList(file: string): Promise<ListedSample[]> {
  const text = decodeText(await readBytes(file, LIST_LIMIT_BYTES), file);
  const lines = new Map<string, number>();
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    const [id = ""] = line.trim().split(/\s+/);
    if (id === "") continue;
    const before = lines.get(id);
    if (before !== undefined) {
      throw new InputError(`${file}: line ${index + 1}: ${id} is in line ${before} already`);
    }
    lines.set(id, index + 1);
  }
  if (lines.size === 0) throw new InputError(`${file}: the list has no sample`);
  return [...lines].map(([id, line]) => ({ id, where: `${file}: line ${line}` }));
}
