// The ceilings of an adapter for commands: taken from a cache, or measured if unknown.
import { rm } from "node:fs/promises";
import { systemReason } from "../formats/atomic_file.ts";
import type { Gpu } from "../gpu/device.ts";
import { mergeCache, readCache, type Warn } from "./cache_file.ts";
import {
  ceilingsFile,
  ceilingsTimeout_s,
  measureCeilings,
  raisedCeilings,
  readCeilings,
  writeCeilings,
  type Ceilings,
  type CeilingsTime,
  type MeasuredCeilings,
} from "./ceilings.ts";
import { cachedFile } from "./environment.ts";

/** A device to measure, and where to report it. */
interface CeilingsRun {
  readonly gpu: Gpu;
  readonly output: {
    readonly say: (line: string) => void;
    readonly warn: Warn;
    readonly progress: (line: string, milestone: boolean) => void;
  };
}

// Shorter measurement when ceilings are needed on the way to another result.
const FIRST_LOOK: CeilingsTime = { times: 1, timeout_s: 40 };

/**
 * The ceilings of the adapter; if unknown, they are measured briefly, because the user waits for
 * another result. `hint` follows the line that announces this.
 */
export async function knownCeilings(
  run: CeilingsRun,
  quantum_ns: number,
  signal?: AbortSignal,
  hint = "",
): Promise<Ceilings> {
  const known = await keptCeilings(run);
  return known ?? (await newCeilings(run, quantum_ns, { ...FIRST_LOOK, signal }, hint)).kept;
}

/** The ceilings measured earlier; null if there are none. */
export async function keptCeilings({ gpu, output }: CeilingsRun): Promise<Ceilings | null> {
  return await readCache(cachedFile(ceilingsFile, gpu.facts), readCeilings, output.warn);
}

/** Removes the stored ceilings, with a warning if that fails. */
export async function forgetCeilings({ gpu, output }: CeilingsRun): Promise<void> {
  const file = cachedFile(ceilingsFile, gpu.facts);
  if (file === null) return;
  try {
    await rm(file, { force: true });
  } catch (error) {
    output.warn(`${file}: cannot remove: ${systemReason(error)}`);
  }
}

function ceilingsTimeText({ facts }: Gpu, { times, timeout_s }: CeilingsTime): string {
  const each = timeout_s ?? ceilingsTimeout_s(facts);
  return `at most ${Math.round(times * each)} s`;
}

/** Measures the ceilings and merges them into the file of the highest values ever reached. */
export async function newCeilings(
  { gpu, output }: CeilingsRun,
  quantum_ns: number,
  time: CeilingsTime,
  hint = "",
): Promise<{ readonly measured: readonly MeasuredCeilings[]; readonly kept: Ceilings }> {
  const file = cachedFile(ceilingsFile, gpu.facts);
  // A broken file is reported before anything is measured.
  await readCache(file, readCeilings, output.warn);
  const progress = (line: string): void => output.progress(line, false);
  output.progress(
    `measuring the ceilings of this adapter, ${ceilingsTimeText(gpu, time)}${hint}`,
    true,
  );
  const measured = await measureCeilings(gpu, quantum_ns, time, progress);
  const merge = (known: Ceilings | null): Ceilings =>
    [...(known === null ? [] : [known]), ...measured.map(({ ceilings }) => ceilings)].reduce(
      raisedCeilings,
    );
  const access = { read: readCeilings, write: writeCeilings, merge };
  const { value: kept, keptIn } = await mergeCache(file, access, output.warn);
  output.say(`ceilings measured${keptIn === null ? "" : `, kept in ${keptIn}`}`);
  const [{ figures }] = measured;
  const unsettled = Math.max(...measured.map((one) => one.unsettled.length));
  if (unsettled > 0) {
    output.say(
      `${unsettled} of ${figures} figures had not settled when the time was up: ` +
        `"ringdepth profile ceilings" may raise them`,
    );
  }
  return { measured, kept };
}
