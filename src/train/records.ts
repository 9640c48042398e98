// metrics.jsonl: one line of JSON for each step of a run, in order, none twice.
import { z } from "zod";
import { openToAppend } from "../formats/append_file.ts";
import { readBytesIfThere, writeFileAtomically } from "../formats/atomic_file.ts";
import { balanceSchema, type Balance } from "./balance.ts";
import { validationSchema, type Validation } from "./validation.ts";

const count = z.number().int().nonnegative();
const recordSchema = z.object({
  step: count.positive(),
  loss: z.number(),
  terms: z.record(z.string(), z.number()),
  learning_rate: z.number(),
  gradient_norm: z.number(),
  valid_pixels: count,
  time_ms: z.number(),
  wait_ms: z.number().optional(),
  loss_scale: z.number().optional(),
  skipped: z.literal(true).optional(),
  balance: balanceSchema.optional(),
  validation: validationSchema.optional(),
});

/** One step as `metrics.jsonl` keeps it. */
export interface StepRecord {
  readonly step: number;
  readonly loss: number;
  /** Terms of the loss before weighting. */
  readonly terms: Readonly<Record<string, number>>;
  readonly learning_rate: number;
  readonly gradient_norm: number;
  readonly valid_pixels: number;
  readonly time_ms: number;
  /**
   * The part of `time_ms` in which the step waited for its data, while the GPU may have been at work
   * on the step before; absent in earlier records.
   */
  readonly wait_ms?: number | undefined;
  /** The scale of its loss, under `precision: f16`. */
  readonly loss_scale?: number | undefined;
  /** Its gradients overflowed: it changed no parameter. */
  readonly skipped?: true | undefined;
  /** The terms of the loss as they were measured before this step, if they were. */
  readonly balance?: Balance | undefined;
  /** The student after this step on held-out moments, if it was validated. */
  readonly validation?: Validation | undefined;
}

/** An open metrics.jsonl. */
export interface Records {
  /** All records so far. */
  readonly records: readonly StepRecord[];
  /** Adds a line; returns false, without adding one, if the step already has a line. */
  readonly add: (record: StepRecord) => Promise<boolean>;
  /** Returns once every line is on the disk. */
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Opens the file for a run that continues after `fromStep` (0: a new one, whose file begins empty).
 * It keeps the records up to that step and drops the rest, by one atomic write. Throws InputError
 * if it cannot be read or written; `onMessage` receives a line about earlier steps without a
 * record.
 */
export async function openRecords(
  file: string,
  fromStep: number,
  onMessage: (message: string) => void,
): Promise<Records> {
  const bytes = fromStep > 0 ? await readBytesIfThere(file) : null;
  const text = bytes === null ? "" : Buffer.from(bytes).toString("utf8");
  const records = recordsIn(text, fromStep);
  if (records.length < fromStep) {
    const present = new Set(records.map(({ step }) => step));
    let first = 1;
    while (present.has(first)) first++;
    onMessage(
      `${file}: has no readable record of ${fromStep - records.length} steps up to ${fromStep} ` +
        `(the first: ${first}); the run continues without them`,
    );
  }
  const kept = encode(...records);
  await writeFileAtomically(file, kept);
  const appended = await openToAppend(file, kept.length);
  return {
    records,
    add: async (record) => {
      if (record.step <= (records.at(-1)?.step ?? 0)) return false;
      await appended.append(encode(record));
      records.push(record);
      return true;
    },
    sync: appended.sync,
    close: appended.close,
  };
}

/**
 * The records of steps up to `fromStep` in order, one of each; lines that are not records are left
 * out.
 */
function recordsIn(text: string, fromStep: number): StepRecord[] {
  const bySteps = new Map<number, StepRecord>();
  for (const line of text.split("\n")) {
    const record = parseRecord(line);
    if (record === null || record.step > fromStep || bySteps.has(record.step)) continue;
    bySteps.set(record.step, record);
  }
  return [...bySteps.values()].sort((a, b) => a.step - b.step);
}

function parseRecord(line: string): StepRecord | null {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : null;
  } catch {
    return null; // A line cut short by a crash, or written by hand.
  }
}

function encode(...records: readonly StepRecord[]): Uint8Array {
  const text = records.map((record) => `${JSON.stringify(record)}\n`).join("");
  return new TextEncoder().encode(text);
}
