// The ceilings of an adapter as commands need them: kept in a cache, measured where they are not known.
import { rm } from "node:fs/promises";
import { systemReason } from "../../formats/atomic_file.ts";
import type { Gpu } from "../../gpu/device.ts";
import { mergeCache, readCache } from "../../measure/cache_file.ts";
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
} from "../../measure/ceilings.ts";
import { cachedFile } from "../../measure/environment.ts";
import type { Output } from "./output.ts";

/** A device to measure, and where to say so. */
interface CeilingsRun {
  readonly gpu: Gpu;
  readonly output: Output;
}

// Shorter measurement when ceilings are needed on the way to another result.
const FIRST_LOOK: CeilingsTime = { times: 1, timeout_s: 40 };

/**
 * The ceilings of the adapter, measured for a short while where they are not known, since somebody
 * waits for another result.
 */
export async function knownCeilings(
  run: CeilingsRun,
  quantum_ns: number,
  signal?: AbortSignal,
): Promise<Ceilings> {
  const file = cachedFile(ceilingsFile, run.gpu.facts);
  const known = await readCache(file, readCeilings, run.output.warn);
  return known ?? (await newCeilings(run, quantum_ns, { ...FIRST_LOOK, signal })).kept;
}

/** Removes the ceilings that are kept, and says so where that fails. */
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

/** Measures the ceilings and merges them into the file that keeps the most ever reached. */
export async function newCeilings(
  { gpu, output }: CeilingsRun,
  quantum_ns: number,
  time: CeilingsTime,
): Promise<{ readonly measured: readonly MeasuredCeilings[]; readonly kept: Ceilings }> {
  const file = cachedFile(ceilingsFile, gpu.facts);
  // What is wrong with the file shows before anything is measured.
  await readCache(file, readCeilings, output.warn);
  const progress = (line: string): void => output.progress(line, false);
  output.progress(`measuring the ceilings of this adapter, ${ceilingsTimeText(gpu, time)}`, true);
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
