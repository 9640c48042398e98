// The autotuner's results on one adapter and driver, as a file that people can read, share and
// delete; a run folder keeps the part that the run uses.
import { dirname } from "node:path";
import { z } from "zod";
import { readBytesIfThere, writeFileAtomically } from "../formats/atomic_file.ts";
import { parseJson } from "../formats/json.ts";
import { LIMITS } from "../formats/limits.ts";
import { makeFolder } from "../formats/make_folder.ts";
import type { AdapterFacts } from "../gpu/device.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import { kernels } from "../kernels/kernels.ts";
import { shaderText } from "../engine/shader_text.ts";
import type { Choice, Tuning } from "../engine/tuning.ts";
import { InputError } from "../tensor/error.ts";
import { mergeCache, type Merged, type Warn } from "../measure/cache_file.ts";
import { adapterFile } from "../measure/environment.ts";
import { shaderHash } from "../measure/shader_hash.ts";
import type { Estimate } from "../measure/statistics.ts";

const VERSION = 1;

/** The result for one problem. */
export interface TuningEntry extends Choice {
  /** Its key, see `problemKey`. */
  readonly problem: string;
  /**
   * Why this kernel runs: it is faster than the rule's; or the rule's kernel stays, because none is
   * faster, or because the whole step was not shown to be no slower with the faster one.
   */
  readonly reason: "faster" | "rule" | "no gain in the step";
  /** Change of time of the best candidate against the rule; null if none had a better time. */
  readonly change: Estimate | null;
  readonly pairs: number;
  readonly date: string;
  /** Hashes of the shaders that were measured, by name. */
  readonly shaders: Readonly<Record<string, string>>;
}

/** A whole step with its choices against the step by the rules, interleaved. */
export interface TunedStep {
  readonly name: string;
  readonly date: string;
  readonly choices: number;
  readonly change: Estimate;
  readonly pairs: number;
}

/** The file of one adapter and driver. */
export interface TuningFile {
  readonly version: typeof VERSION;
  readonly adapter: string;
  readonly driver: string;
  readonly steps: readonly TunedStep[];
  readonly entries: readonly TuningEntry[];
}

const estimateSchema: z.ZodType<Estimate> = z.strictObject({
  median: z.number(),
  low: z.number(),
  high: z.number(),
});
const entrySchema: z.ZodType<TuningEntry> = z.strictObject({
  problem: z.string().min(1),
  rule: z.string(),
  rule_constants: z.record(z.string(), z.int().nonnegative()).optional(),
  kernel: z.string(),
  constants: z.record(z.string(), z.int().nonnegative()),
  reason: z.enum(["faster", "rule", "no gain in the step"]),
  change: estimateSchema.nullable(),
  pairs: z.int().nonnegative(),
  date: z.iso.datetime(),
  shaders: z.record(z.string(), z.string()),
});
const stepSchema: z.ZodType<TunedStep> = z.strictObject({
  name: z.string().min(1),
  date: z.iso.datetime(),
  choices: z.int().nonnegative(),
  change: estimateSchema,
  pairs: z.int().nonnegative(),
});
const schema: z.ZodType<TuningFile> = z.strictObject({
  version: z.literal(VERSION),
  adapter: z.string(),
  driver: z.string(),
  steps: z.array(stepSchema).readonly(),
  entries: z.array(entrySchema).readonly(),
});

/** The tuning file of an adapter and driver within the folder of caches. */
export function tuningPath(folder: string, facts: Pick<AdapterFacts, "name" | "driver">): string {
  return adapterFile(folder, "tuning", facts);
}

/** A file of an adapter that holds nothing yet. */
export function emptyTuning({ name, driver }: Pick<AdapterFacts, "name" | "driver">): TuningFile {
  return { version: VERSION, adapter: name, driver, steps: [], entries: [] };
}

/** Reads a tuning file; null if there is none. Throws InputError if it is damaged or cannot be read. */
export async function readTuning(file: string): Promise<TuningFile | null> {
  const bytes = await readBytesIfThere(file, LIMITS.json_bytes);
  return bytes === null ? null : parseTuning(bytes, file);
}

/** A tuning file from its bytes; throws InputError naming `file` if it is damaged. */
export function parseTuning(bytes: Uint8Array, file: string): TuningFile {
  const advice = "you may delete it and run ringdepth tune again";
  let value: unknown;
  try {
    value = parseJson(bytes, file);
  } catch (error) {
    throw new InputError(`${(error as Error).message}; ${advice}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new InputError(
    `${file}: not a tuning file of this version (${path.join(".")}: ${message}); ${advice}`,
  );
}

/**
 * Writes a tuning file atomically; throws InputError for content that `readTuning` would refuse.
 */
export async function writeTuning(file: string, tuning: TuningFile): Promise<void> {
  const text = `${JSON.stringify(tuning, null, 2)}\n`;
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw new InputError(`${file}: not written: ${path.join(".")}: ${message}`);
  }
  await makeFolder(dirname(file));
  await writeFileAtomically(file, Buffer.from(text));
}

/** New results replace the known ones of the same problems and steps. */
export function mergeTuning(
  known: TuningFile,
  { steps, entries }: Pick<TuningFile, "steps" | "entries">,
): TuningFile {
  return {
    ...known,
    steps: merged(known.steps, steps, ({ name }) => name),
    entries: merged(known.entries, entries, ({ problem }) => problem),
  };
}

/** Merges new results into the file of an adapter; see `mergeCache`. */
export async function keepTuning(
  file: string | null,
  facts: Pick<AdapterFacts, "name" | "driver">,
  found: Pick<TuningFile, "steps" | "entries">,
  warn: Warn,
): Promise<Merged<TuningFile>> {
  const merge = (known: TuningFile | null): TuningFile =>
    mergeTuning(known ?? emptyTuning(facts), found);
  return await mergeCache(file, { read: readTuning, write: writeTuning, merge }, warn);
}

/** The union of both lists in order of name; for equal names, the later entry. */
function merged<T>(before: readonly T[], after: readonly T[], nameOf: (one: T) => string): T[] {
  const all = new Map([...before, ...after].map((one) => [nameOf(one), one]));
  return [...all].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/**
 * The choices of a file for the engine: those that differ from the rule and whose shaders still
 * have the measured texts.
 */
export function choicesOf({ entries }: Pick<TuningFile, "entries">): Tuning {
  const current = entries.filter(
    ({ reason, rule, kernel, shaders }) =>
      reason === "faster" && [rule, kernel].every((name) => shaders[name] === currentHash(name)),
  );
  return new Map(current.map((entry) => [entry.problem, entry]));
}

/** Hashes of shaders by name, as entries keep them. */
export function hashesOf(list: readonly AnyKernel[]): Record<string, string> {
  return Object.fromEntries(
    list.map(({ shader }) => [shader.name, shaderHash(shaderText(shader))]),
  );
}

/** The hash of the shader that the engine runs under a name; undefined if there is none. */
function currentHash(name: string): string | undefined {
  const found = kernels.find(({ shader }) => shader.name === name);
  return found === undefined ? undefined : shaderHash(shaderText(found.shader));
}
