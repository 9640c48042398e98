// cell.json: the result of a cell, or the reason for its failure. It is written last and in one piece, with a
// checksum: a cell that has one is finished.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { METRIC_NAMES, type DepthMetrics } from "../evaluate/metrics.ts";
import { readBytes, writeFileAtomically } from "../formats/atomic_file.ts";
import { parseJson } from "../formats/json.ts";
import { claimFiles } from "../formats/own_files.ts";
import { InputError } from "../tensor/error.ts";

/** The name of the file in the folder of a cell. */
export const CELL_FILE = "cell.json";

/** The evaluation of a trained student. */
export interface CellResult {
  readonly metrics: DepthMetrics;
  /** AbsRel with each image multiplied by the ratio of its medians: the error of shape alone. */
  readonly median_scaled_abs_rel: number;
  /** Relative disagreement of ring neighbours; null where no views overlap. */
  readonly disagreement: number | null;
  readonly moments: number;
  /** Evaluated moments that the student was trained on; null if unknown. */
  readonly trained_on: number | null;
  /** Broken samples left out, of training and evaluation. */
  readonly skipped_samples: number;
  readonly adapter: string;
  readonly date: string;
  /** Wall time of training and evaluation in the process that finished the cell. */
  readonly time_s: number;
}

/** A failed cell: its reason in one line, and whether its input was wrong. */
export interface CellFailure {
  readonly reason: string;
  readonly wrong_input: boolean;
  readonly date: string;
}

/** The content of cell.json; one of `result` and `failure` is null. */
export interface CellRecord {
  /** The configuration as YAML. */
  readonly config: string;
  readonly result: CellResult | null;
  readonly failure: CellFailure | null;
}

const count = z.number().int().nonnegative();
const metrics: z.ZodType<DepthMetrics> = z.strictObject({
  ...(Object.fromEntries(METRIC_NAMES.map((name) => [name, z.number()])) as Record<
    (typeof METRIC_NAMES)[number],
    z.ZodNumber
  >),
  silog: z.number(),
});
const resultSchema: z.ZodType<CellResult> = z.strictObject({
  metrics,
  median_scaled_abs_rel: z.number(),
  disagreement: z.number().nullable(),
  moments: count,
  trained_on: count.nullable(),
  skipped_samples: count,
  adapter: z.string(),
  date: z.string(),
  time_s: z.number().nonnegative(),
});
const failureSchema: z.ZodType<CellFailure> = z.strictObject({
  reason: z.string(),
  wrong_input: z.boolean(),
  date: z.string(),
});
const recordSchema: z.ZodType<CellRecord> = z
  .strictObject({
    config: z.string(),
    result: resultSchema.nullable(),
    failure: failureSchema.nullable(),
  })
  .refine(({ result, failure }) => (result === null) !== (failure === null));
const fileSchema = z.strictObject({
  format: z.literal("ringdepth cell 1"),
  checksum: z.string(),
  content: z.unknown(),
});

/** Writes the record of a cell into its folder, in place of an earlier one. */
export async function writeCell(folder: string, content: CellRecord): Promise<void> {
  await claimFiles(folder, [{ name: CELL_FILE }]);
  const file = { format: "ringdepth cell 1", checksum: checksum(content), content };
  const text = `${JSON.stringify(file, null, 2)}\n`;
  await writeFileAtomically(join(folder, CELL_FILE), new TextEncoder().encode(text));
}

/**
 * The record in the folder of a cell, null without one. Throws InputError naming the file if it
 * is damaged or is not a record.
 */
export async function readCell(folder: string): Promise<CellRecord | null> {
  const file = join(folder, CELL_FILE);
  if (!existsSync(file)) return null;
  const parsed = fileSchema.safeParse(parseJson(await readBytes(file), file));
  if (!parsed.success) throw new InputError(`${file}: is not the result of a cell of an ablation`);
  const { content, checksum: stored } = parsed.data;
  if (stored !== checksum(content)) {
    throw new InputError(`${file}: is damaged: its checksum does not match its content`);
  }
  const record = recordSchema.safeParse(content);
  if (!record.success) {
    throw new InputError(`${file}: another version of ringdepth wrote it: its fields differ`);
  }
  return record.data;
}

function checksum(content: unknown): string {
  return `sha256-${createHash("sha256").update(JSON.stringify(content)).digest("hex")}`;
}
