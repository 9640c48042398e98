// A profile as a file: one JSON with its environment and every raw sample, so that a later version
// can evaluate it again.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readBytes, systemReason, writeFileAtomically } from "../formats/atomic_file.ts";
import { parseJson } from "../formats/json.ts";
import { LIMITS } from "../formats/limits.ts";
import { makeFolder } from "../formats/make_folder.ts";
import { InputError } from "../tensor/error.ts";
import { environmentSchema, incomparable, type Environment } from "./environment.ts";
import type { Timing } from "./measure.ts";
import { compareSamples, type Comparison } from "./statistics.ts";

const VERSION = 1;

/** One kernel and problem of a profile. */
export interface ProfileRow {
  readonly kernel: string;
  readonly case: string;
  /** Hash of the shader's text. */
  readonly shader_hash: string;
  /**
   * The cases that were compared with a reference: this problem, or the kernel's own; none if there
   * is no reference.
   */
  readonly checked: "case" | "kernel" | "none";
  /** The fault of the output; a row with an error has no times. */
  readonly error: string;
  /** Flops and bytes are both 0 if they are not known. */
  readonly flops: number;
  readonly bytes: number;
  readonly cold: Timing | null;
  readonly hot: Timing | null;
}

/** A whole profile. */
export interface SavedRun {
  readonly version: typeof VERSION;
  readonly date: string;
  readonly environment: Environment;
  readonly rows: readonly ProfileRow[];
}

const timingSchema: z.ZodType<Timing> = z.strictObject({
  samples_ms: z.array(z.number().nonnegative()).min(1).readonly(),
  batch: z.int().positive(),
  converged: z.boolean(),
  trusted: z.boolean(),
});
const rowSchema: z.ZodType<ProfileRow> = z.strictObject({
  kernel: z.string(),
  case: z.string(),
  shader_hash: z.string(),
  checked: z.enum(["case", "kernel", "none"]),
  error: z.string(),
  flops: z.number().nonnegative(),
  bytes: z.number().nonnegative(),
  cold: timingSchema.nullable(),
  hot: timingSchema.nullable(),
});
const schema: z.ZodType<SavedRun> = z.strictObject({
  version: z.literal(VERSION),
  date: z.iso.datetime(),
  environment: environmentSchema,
  rows: z.array(rowSchema).readonly(),
});

/** The version of the file, for its writers. */
export const SAVED_RUN_VERSION: typeof VERSION = VERSION;

/** The result of comparing a row of one profile with that of another. */
export interface RowComparison {
  readonly kernel: string;
  readonly case: string;
  /** The state of the caches that the comparison uses. */
  readonly caches: "cold" | "hot";
  /**
   * NEW: not in the profile before; MISSING: not in the one after; WRONG: one of the two has no
   * time; UNTRUSTED: too short.
   */
  readonly verdict: Comparison["verdict"] | "NEW" | "MISSING" | "WRONG" | "UNTRUSTED";
  readonly change: Comparison["change"] | null;
  readonly further_samples: number | null;
}

/**
 * Writes a profile as `name` into a folder. Throws InputError if that fails, or if `readRun` would
 * refuse the profile.
 */
export async function saveRun(folder: string, name: string, run: SavedRun): Promise<string> {
  const file = savedFile(folder, name);
  const text = `${JSON.stringify(run)}\n`;
  parseRun(Buffer.from(text), file);
  try {
    await makeFolder(folder);
  } catch (error) {
    throw new InputError(`${folder}: cannot make the folder: ${systemReason(error)}`);
  }
  await writeFileAtomically(file, Buffer.from(text));
  return file;
}

/** Reads the profile `name`; throws InputError if it is missing, damaged or of another version. */
export async function readRun(folder: string, name: string): Promise<SavedRun> {
  const file = savedFile(folder, name);
  const names = await savedNames(folder);
  if (!names.includes(name)) {
    const there = names.length === 0 ? "none is saved" : `the saved ones are ${names.join(", ")}`;
    throw new InputError(`${file}: no such saved profile; ${there}`);
  }
  return parseRun(await readBytes(file, LIMITS.json_bytes), file);
}

/** The names of the profiles in a folder, in order. */
export async function savedNames(folder: string): Promise<string[]> {
  const files = await readdir(folder).catch((): string[] => []);
  return files
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .toSorted();
}

/**
 * Compares each row of `after` with that of the same kernel and case in `before`: cold times if
 * both have them, else hot ones. Throws InputError if adapter, driver or clock differ.
 */
export function compareRuns(before: SavedRun, after: SavedRun, threshold: number): RowComparison[] {
  const why = incomparable(before.environment, after.environment);
  if (why !== "") throw new InputError(`profiles of different adapters are not compared: ${why}`);
  const known = new Map(before.rows.map((row) => [`${row.kernel}\n${row.case}`, row]));
  return after.rows.map((row) =>
    compareRow(known.get(`${row.kernel}\n${row.case}`), row, threshold),
  );
}

/** The `wanted` rows of `before` that `after` lacks. */
export function missingRows(
  before: SavedRun,
  after: SavedRun,
  wanted: (row: ProfileRow) => boolean = () => true,
): RowComparison[] {
  const there = new Set(after.rows.map((row) => `${row.kernel}\n${row.case}`));
  return before.rows
    .filter((row) => !there.has(`${row.kernel}\n${row.case}`) && wanted(row))
    .map((row) => ({
      kernel: row.kernel,
      case: row.case,
      caches: row.cold === null ? "hot" : "cold",
      verdict: "MISSING",
      change: null,
      further_samples: null,
    }));
}

function compareRow(
  before: ProfileRow | undefined,
  after: ProfileRow,
  threshold: number,
): RowComparison {
  const caches = before?.cold && after.cold ? "cold" : "hot";
  const row = { kernel: after.kernel, case: after.case, caches } as const;
  const without = { change: null, further_samples: null };
  if (before === undefined) return { ...row, ...without, verdict: "NEW" };
  const [a, b] = [before[caches], after[caches]];
  if (a === null || b === null) return { ...row, ...without, verdict: "WRONG" };
  // Times of 0 have no ratio; earlier versions may have saved some.
  const isTold = [a, b].every(({ samples_ms, trusted }) => trusted && Math.min(...samples_ms) > 0);
  if (!isTold) return { ...row, ...without, verdict: "UNTRUSTED" };
  return { ...row, ...compareSamples(a.samples_ms, b.samples_ms, threshold) };
}

/** The file of a saved profile; throws InputError for an invalid name. */
export function savedFile(folder: string, name: string): string {
  if (!/^[\w.-]+$/.test(name) || name.startsWith(".")) {
    throw new InputError(
      `profile ${JSON.stringify(name)}: a name may have letters, digits, _ . and -`,
    );
  }
  return join(folder, `${name}.json`);
}

/** A saved profile from the bytes of its file; throws InputError naming `file` and the field. */
export function parseRun(bytes: Uint8Array, file: string): SavedRun {
  const value = parseJson(bytes, file);
  const { version } = (value ?? {}) as { readonly version?: unknown };
  if (version !== VERSION) {
    const found = typeof version === "number" ? `version ${version}` : "no version number";
    throw new InputError(`${file}: ${found}, this program reads version ${VERSION}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new InputError(`${file}: ${path.join(".")}: ${message}`);
}
