// The run folder: the place for everything that a run writes, who may write there, and what a
// resumed run keeps of it.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemReason } from "../formats/atomic_file.ts";
import { disk } from "../formats/disk.ts";
import { openEventLog } from "../formats/events.ts";
import { takeLock, type Lock } from "../formats/lock_file.ts";
import { claimFiles, makeOutFolder, OWN_FILES, ownLeftovers } from "../formats/own_files.ts";
import { InputError } from "../tensor/error.ts";
import { BEST_CHECKPOINT, checkpointsIn } from "./checkpoint.ts";
import { openRecords, type StepRecord } from "./records.ts";

export type { StepRecord } from "./records.ts";

/** The files of a run. */
export interface RunFolder {
  readonly path: string;
  readonly config: string;
  readonly student: string;
  /** The module of a fitted teacher, which `ringdepth teacher fit` writes instead of a student. */
  readonly teacher: string;
  readonly checkpoints: string;
  /** The checkpoint with the best validation, if there was one. */
  readonly best: string;
  readonly depth: string;
  readonly report: string;
  /** The measured choices of mappings that the run uses. */
  readonly tuning: string;
  /** Records so far: a resumed run's earlier ones, then each one added. */
  readonly records: readonly StepRecord[];
  /**
   * Adds a step to metrics.jsonl and the TensorBoard events; returns false, without adding
   * anything, if the step already has a record: a repeated step gives the same numbers.
   */
  readonly add: (record: StepRecord) => Promise<boolean>;
  /** Returns once every record is on the disk. */
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Paths of a run folder, whether or not they exist. */
export function runPaths(path: string): Pick<
  RunFolder,
  "path" | "config" | "student" | "teacher" | "checkpoints" | "best" | "depth" | "report" | "tuning"
> & {
  readonly metrics: string;
  readonly events_file: string;
  readonly lock: string;
} {
  return {
    path,
    config: join(path, "config.yaml"),
    student: join(path, "student.safetensors"),
    teacher: join(path, "teacher.safetensors"),
    checkpoints: join(path, "checkpoints"),
    best: join(path, "checkpoints", BEST_CHECKPOINT),
    depth: join(path, "depth"),
    report: join(path, "report.html"),
    tuning: join(path, "tuning.json"),
    metrics: join(path, "metrics.jsonl"),
    events_file: join(path, "events.out.tfevents.ringdepth"),
    lock: join(path, LOCK),
  };
}

const LOCK = "ringdepth.lock";
const FILES = [
  "config.yaml",
  "student.safetensors",
  "teacher.safetensors",
  "report.html",
  "tuning.json",
  "metrics.jsonl",
  "events.out.tfevents.ringdepth",
] as const;

/** The start of a run in its folder. */
export type Beginning = "new" | "resume" | "replace";

/**
 * Makes the run folder and locks it for this process. Throws LockedError, which names pid and host,
 * while another run is at work in it; InputError where a new run would write over another one or
 * over files that ringdepth did not write, if a run to resume does not exist, and if the folder
 * cannot be created. "replace" removes the run that is there.
 */
export async function claimRunFolder(path: string, beginning: Beginning): Promise<Lock> {
  const paths = runPaths(path);
  if (beginning === "resume" && !existsSync(path)) {
    throw new InputError(`${path}: no run to resume; start it without --resume`);
  }
  await makeOutFolder(path, true);
  const lock = await takeLock(paths.lock, `run folder ${path}`);
  try {
    if (beginning === "replace") await removeRun(path);
    if (beginning === "new") await requireNoRun(path);
    if (beginning !== "resume")
      await claimFiles(
        path,
        FILES.map((name) => ({ name })),
      );
    await makeOutFolder(paths.checkpoints, false);
    await makeOutFolder(paths.depth, false);
    await removeLeftovers(path);
    // A best student of a run that ended before its first checkpoint is nobody's best any more.
    if (beginning !== "resume") await removeMatching(paths.checkpoints, /^best\.safetensors$/);
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Opens the records of a locked run folder after step `fromStep`, and keeps those up to there; a
 * new run begins with none. `onMessage` is told of lost records.
 */
export async function openRunFolder(
  path: string,
  fromStep: number,
  onMessage: (message: string) => void = () => {},
): Promise<RunFolder> {
  const paths = runPaths(path);
  const metrics = await openRecords(paths.metrics, fromStep, onMessage);
  try {
    const events = await openEventLog(paths.events_file, fromStep + 1);
    const log = async (record: StepRecord): Promise<void> =>
      await events.scalars(scalarsOf(record), record.step);
    // A crash between the two files, or damage, may have cost the events some steps.
    for (const record of metrics.records) if (record.step > events.lastStep) await log(record);
    return {
      ...paths,
      records: metrics.records,
      add: async (record) => {
        if (!(await metrics.add(record))) return false;
        await log(record);
        return true;
      },
      sync: async () => {
        await metrics.sync();
        await events.sync();
      },
      close: async () => {
        await metrics.close();
        await events.close();
      },
    };
  } catch (error) {
    await metrics.close();
    throw error;
  }
}

function scalarsOf(record: StepRecord): Map<string, number> {
  return new Map([
    ["loss/total", record.loss],
    ...Object.entries(record.terms).map(([term, value]): [string, number] => [
      `loss/${term}`,
      value,
    ]),
    ["learning_rate", record.learning_rate],
    ["gradient_norm", record.gradient_norm],
    ...(record.wait_ms === undefined
      ? []
      : [["wait_share", record.wait_ms / Math.max(record.time_ms, record.wait_ms, 1e-9)] as const]),
    ...(record.validation === undefined
      ? []
      : [
          ["validation/abs_rel", record.validation.abs_rel] as const,
          ["validation/rmse", record.validation.rmse] as const,
          ["validation/a1", record.validation.a1] as const,
        ]),
  ]);
}

/**
 * Throws InputError if the folder holds a run already. One that ended before its first checkpoint
 * left nothing worth keeping.
 */
export async function requireNoRun(path: string): Promise<void> {
  const { checkpoints, student, teacher } = runPaths(path);
  const isTrained = [student, teacher].some((file) => existsSync(file));
  if ((await checkpointsIn(checkpoints)).length === 0 && !isTrained) return;
  throw new InputError(
    `${path} holds a run already: choose another --out, or continue it with --resume`,
  );
}

/** Removes what a run wrote; whatever else is in the folder stays. */
async function removeRun(path: string): Promise<void> {
  const { checkpoints, depth } = runPaths(path);
  const files = FILES.map((name) => join(path, name)).filter((file) => existsSync(file));
  for (const { file } of await checkpointsIn(checkpoints)) files.push(file);
  for (const file of files) await remove(file);
  // Pictures of a version that kept no list of its files, which the new ones could not replace.
  if (existsSync(depth) && !existsSync(join(depth, OWN_FILES))) {
    await removeMatching(depth, /^rig_.*\.png$/);
  }
}

/** Removes the temporary files of killed runs; nobody else writes here while the lock is held. */
async function removeLeftovers(path: string): Promise<void> {
  const { checkpoints, depth } = runPaths(path);
  for (const folder of [path, depth]) {
    for (const name of await ownLeftovers(folder)) await remove(join(folder, name));
  }
  await removeMatching(checkpoints, /^(step-\d+|best)\.safetensors\.\d+-\d+\.tmp$/);
  // Locks that were not yet taken: written to another file, then linked under their name.
  await removeMatching(path, /^ringdepth\.lock\.[0-9a-f-]{36}$/);
}

async function removeMatching(folder: string, pattern: RegExp): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new InputError(`${folder}: cannot read: ${systemReason(error)}`);
  });
  for (const name of names) if (pattern.test(name)) await remove(join(folder, name));
}

async function remove(file: string): Promise<void> {
  try {
    await disk().unlink(file);
  } catch (error) {
    throw new InputError(`${file}: cannot remove: ${systemReason(error)}`);
  }
}
