// The run folder (DESIGN section 8): where everything of a run is written, and what a resumed run
// keeps of it.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openEventLog, type EventLog } from "../formats/events.ts";
import { InputError } from "../tensor/error.ts";
import { latestCheckpoint } from "./checkpoint.ts";

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
}

/** The files of a run. */
export interface RunFolder {
  readonly path: string;
  readonly config: string;
  readonly student: string;
  readonly checkpoints: string;
  readonly depth: string;
  readonly report: string;
  /** The measured choices of mappings that the run goes by. */
  readonly tuning: string;
  /** Records so far: those of a resumed run before it went on, then each one added. */
  readonly records: readonly StepRecord[];
  /** Adds a step to metrics.jsonl and the TensorBoard events. */
  readonly add: (record: StepRecord) => void;
  readonly events: EventLog;
  /** Writes what is still in memory. */
  readonly flush: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Paths of a run folder, whether or not they exist. */
export function runPaths(path: string): Pick<
  RunFolder,
  "path" | "config" | "student" | "checkpoints" | "depth" | "report" | "tuning"
> & {
  readonly metrics: string;
  readonly events_file: string;
} {
  return {
    path,
    config: join(path, "config.yaml"),
    student: join(path, "student.safetensors"),
    checkpoints: join(path, "checkpoints"),
    depth: join(path, "depth"),
    report: join(path, "report.html"),
    tuning: join(path, "tuning.json"),
    metrics: join(path, "metrics.jsonl"),
    events_file: join(path, "events.out.tfevents.ringdepth"),
  };
}

/**
 * Opens a run folder at step `fromStep`: a new run begins with an empty one, a resumed run keeps
 * what it wrote up to that step. Throws InputError when a new run would write over the checkpoints
 * of another, and where the folder cannot be made.
 */
export async function openRunFolder(
  path: string,
  fromStep: number,
  resume: boolean,
): Promise<RunFolder> {
  const paths = runPaths(path);
  // A run that ended before its first checkpoint left nothing worth keeping.
  if (!resume && (await latestCheckpoint(paths.checkpoints)) !== null) {
    throw new InputError(
      `${path} holds a run already: choose another --out, or go on with it by --resume`,
    );
  }
  for (const folder of [paths.checkpoints, paths.depth]) {
    await mkdir(folder, { recursive: true }).catch((error: Error) => {
      throw new InputError(`${folder}: cannot make the folder: ${error.message}`);
    });
  }
  await removeLeftovers(path);
  await removeLeftovers(paths.checkpoints);
  const records = resume ? await keptRecords(paths.metrics, fromStep) : [];
  await writeFile(paths.metrics, lines(records));
  const events = openEventLog(paths.events_file, fromStep + 1);
  let pending: StepRecord[] = [];
  const flush = async (): Promise<void> => {
    const text = lines(pending);
    pending = [];
    if (text !== "") await writeFile(paths.metrics, text, { flag: "a" });
  };
  return {
    ...paths,
    records,
    events,
    add: (record) => {
      records.push(record);
      pending.push(record);
      events.scalar("loss/total", record.loss, record.step);
      for (const [term, value] of Object.entries(record.terms)) {
        events.scalar(`loss/${term}`, value, record.step);
      }
      events.scalar("learning_rate", record.learning_rate, record.step);
      events.scalar("gradient_norm", record.gradient_norm, record.step);
    },
    flush,
    close: async () => {
      await flush();
      events.close();
    },
  };
}

function lines(records: readonly StepRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}

/** The records up to a step; a last line cut short by a crash is dropped. */
async function keptRecords(file: string, fromStep: number): Promise<StepRecord[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const kept: StepRecord[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      const record = JSON.parse(line) as StepRecord;
      if (record.step <= fromStep) kept.push(record);
    } catch {
      break;
    }
  }
  return kept;
}

/** Temporary files that a killed run left behind. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith(".tmp")) await rm(join(folder, name));
  }
}
