// `ringdepth train` of a tiny run in a separate process, to be killed or signalled.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkpointsIn, openCheckpoint } from "../../src/train/checkpoint.ts";
import { runPaths } from "../../src/train/run_folder.ts";
import { faultsOfRun } from "./paper_run.ts";

const PROGRAM = fileURLToPath(new URL("../ringdepth.js", import.meta.url));
const CHILD_STEPS = 60;
const CONFIG = `
rig: { train_moments: 2, held_out_moments: 1 }
size: { height: 32, width: 32 }
steps: ${CHILD_STEPS}
checkpoint_every: 5
head: { kind: softmax_bins, bins: 8 }
loss: { ckd: false, relation: none }
teacher: { kind: none }
`;

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** From its start to its end. */
  readonly time_ms: number;
}

/** A process at work. */
export interface ChildRun {
  readonly process: ChildProcess;
  readonly ended: Promise<Ending>;
}

/** Starts the run, or resumes it if it has a checkpoint. */
export async function startChild(root: string, out: string): Promise<ChildRun> {
  const config = join(root, "tiny.yaml");
  if (!existsSync(config)) writeFileSync(config, CONFIG);
  const resume = (await checkpointsIn(runPaths(out).checkpoints)).length > 0;
  const how = resume ? ["--resume"] : ["--config", config, "--no-tune"];
  const began_ms = performance.now();
  const child = spawn(process.execPath, [PROGRAM, "train", ...how, "--out", out], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise<Ending>((resolve) => {
    child.on("close", (code, signal) => {
      resolve({ code, signal, stderr, time_ms: performance.now() - began_ms });
    });
  });
  return { process: child, ended };
}

/** The checkpoints of a run that cannot be read, in words. */
export async function unreadable(out: string): Promise<string[]> {
  const faults: string[] = [];
  for (const { file } of await checkpointsIn(runPaths(out).checkpoints)) {
    await openCheckpoint(file).catch((error: Error) => faults.push(error.message));
  }
  return faults;
}

/** Resumes a run to its end; returns its differences from the uninterrupted one, in words. */
export async function finish(root: string, out: string, unbroken: Buffer): Promise<string[]> {
  const ending = await (await startChild(root, out)).ended;
  return faultsOfEnded(out, ending, unbroken);
}

/** The faults of a run that ended by itself, in words. */
export function faultsOfEnded(out: string, { code, stderr }: Ending, unbroken: Buffer): string[] {
  if (code !== 0) return [`it ended with ${code}: ${stderr.trim()}`];
  const same = studentBytes(out).equals(unbroken);
  return [...(same ? [] : ["other bits than the unbroken run"]), ...faultsOfRun(out, CHILD_STEPS)];
}

function studentBytes(out: string): Buffer {
  return readFileSync(runPaths(out).student);
}

/** An uninterrupted run: its student and its duration. */
export async function unbrokenChild(root: string): Promise<{ student: Buffer; time_ms: number }> {
  const out = join(root, "unbroken");
  const { code, stderr, time_ms } = await (await startChild(root, out)).ended;
  if (code !== 0) throw new Error(`the unbroken run ended with ${code}: ${stderr}`);
  return { student: studentBytes(out), time_ms };
}
