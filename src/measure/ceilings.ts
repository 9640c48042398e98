// The measured maxima of an adapter: bandwidth by working-set size, arithmetic, and the time of a
// dispatch that does nothing. Kept in one file per adapter, with its date.
import { dirname } from "node:path";
import { z } from "zod";
import { readBytesIfThere, writeFileAtomically } from "../formats/atomic_file.ts";
import { parseJson } from "../formats/json.ts";
import { LIMITS } from "../formats/limits.ts";
import { makeFolder } from "../formats/make_folder.ts";
import type { AdapterFacts, Gpu } from "../gpu/device.ts";
import { openOneWorker } from "../gpu/one_worker.ts";
import {
  ceilingCopy,
  ceilingFma,
  ceilingFmaF16,
  ceilingRead,
  ceilingTriad,
} from "../kernels/ceiling.ts";
import { InputError } from "../tensor/error.ts";
import { bestRates, type BestRates, type RoundSettings } from "./best_rates.ts";
import { ceilingTensors, type CeilingTensors } from "./ceiling_dispatch.ts";
import {
  accessFigure,
  FIGURE,
  prepareForms,
  prepareLaunch,
  workingSets,
  type Access,
} from "./ceiling_forms.ts";
import { adapterFile } from "./environment.ts";
import { InterruptedError } from "./measure.ts";
import { watchOthers } from "./other_load.ts";
import { isRunnable, makeChecker } from "./problems.ts";

const VERSION = 4;
// Per figure and round; few with all workers where a single worker is more likely to be
// undisturbed.
const [SAMPLES, FEW_SAMPLES] = [10, 2];
// Other programs on the processor do not disturb a GPU.
const HARDWARE: RoundSettings = {
  rounds: 5,
  within: 0.02,
  timeout_s: 20,
  watch: () => () => false,
};
// Cores are shared with everything else that runs, under a hypervisor even with invisible work:
// each core is fast for milliseconds and slow for seconds, and its clock changes by the minute.
const MOST_OTHERS = 0.15;
const SOFTWARE: RoundSettings = {
  rounds: 20,
  within: 0.03,
  timeout_s: 240,
  watch: () => {
    const others = watchOthers();
    return () => others() > MOST_OTHERS;
  },
};

/** Bandwidths at one working-set size, each the best over the ways to divide the memory. */
export interface Bandwidth {
  readonly working_set_bytes: number;
  readonly copy_gbytes: number;
  readonly read_gbytes: number;
  readonly triad_gbytes: number;
}

/** The ceilings of one adapter; GB/s are 1e9 bytes per second, read and written alike. */
export interface Ceilings {
  readonly version: typeof VERSION;
  readonly date: string;
  readonly adapter: string;
  readonly driver: string;
  /** Smallest working set first. */
  readonly bandwidth: readonly Bandwidth[];
  /** In single precision. */
  readonly gflops: number;
  /** In half precision; null if the adapter lacks it. */
  readonly f16_gflops: number | null;
  readonly empty_dispatch_us: number;
}

const bandwidthSchema: z.ZodType<Bandwidth> = z.strictObject({
  working_set_bytes: z.int().positive(),
  copy_gbytes: z.number().positive(),
  read_gbytes: z.number().positive(),
  triad_gbytes: z.number().positive(),
});
const versioned = z.looseObject({ version: z.int() });
const schema: z.ZodType<Ceilings> = z.strictObject({
  version: z.literal(VERSION),
  date: z.iso.datetime(),
  adapter: z.string(),
  driver: z.string(),
  bandwidth: z.array(bandwidthSchema).min(1).readonly(),
  gflops: z.number().positive(),
  f16_gflops: z.number().positive().nullable(),
  empty_dispatch_us: z.number().nonnegative(),
});

/** Ceilings just measured. */
export interface MeasuredCeilings {
  readonly ceilings: Ceilings;
  /** The number of figures, and those that were still rising when the time was up. */
  readonly figures: number;
  readonly unsettled: readonly string[];
}

/** Options for measuring ceilings. */
export interface CeilingsTime {
  /** The number of measurements, interleaved round by round. */
  readonly times: number;
  /** Maximum time of each measurement; by default what the adapter needs. */
  readonly timeout_s?: number | undefined;
  /** Once aborted, measuring throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Measures all ceilings and reports its progress to `progress`. On Mesa's software adapter a rate
 * is the higher of two: the rate of all workers, and the rate of one worker times their number,
 * because on a shared machine it may take minutes until two cores are undisturbed at once
 * (bench/README.md). Throws if a ceiling kernel is wrong.
 */
export async function measureCeilings(
  gpu: Gpu,
  quantum_ns: number,
  { times, timeout_s, signal }: CeilingsTime,
  progress: (line: string) => void,
): Promise<MeasuredCeilings[]> {
  await checkCeilings(gpu);
  const usual = gpu.facts.software ? SOFTWARE : HARDWARE;
  const proceed = (): void => {
    if (signal?.aborted === true) throw new InterruptedError("interrupted");
  };
  const settings = { ...usual, timeout_s: timeout_s ?? usual.timeout_s, proceed };
  const all = await measuredRates(gpu, quantum_ns, settings, times, progress);
  return all.map(({ rates, unsettled }) => ({
    ceilings: ceilingsOf(gpu, rates),
    figures: rates.size,
    unsettled,
  }));
}

/** The longest time that an adapter's ceilings take by default. */
export function ceilingsTimeout_s({ software }: Pick<AdapterFacts, "software">): number {
  return (software ? SOFTWARE : HARDWARE).timeout_s;
}

async function measuredRates(
  gpu: Gpu,
  quantum_ns: number,
  settings: RoundSettings,
  times: number,
  progress: (line: string) => void,
): Promise<BestRates[]> {
  const one = await openOneWorker(gpu);
  const open: CeilingTensors[] = [];
  const tensorsOf = (device: Gpu): CeilingTensors => {
    const tensors = ceilingTensors(device, workingSets(device).at(-1)!);
    open.push(tensors);
    return tensors;
  };
  try {
    const all = { quantum_ns, samples: SAMPLES };
    const tensors = tensorsOf(gpu);
    const forms = [await prepareLaunch(tensors, all)];
    if (one === null) {
      forms.push(...(await prepareForms(tensors, { ...all, workers: 1 })));
    } else {
      const few = { quantum_ns, samples: FEW_SAMPLES };
      forms.push(...(await prepareForms(tensors, { ...few, workers: 1 })));
      const { workers } = one;
      forms.push(...(await prepareForms(tensorsOf(one.gpu), { ...all, workers })));
    }
    return await bestRates(forms, settings, times, progress);
  } finally {
    for (const { destroy } of open) destroy();
    one?.gpu.close();
  }
}

function ceilingsOf(gpu: Gpu, rates: ReadonlyMap<string, number>): Ceilings {
  const gbytes = (access: Access, bytes: number): number =>
    rates.get(accessFigure(access, bytes))! / 1e6;
  const f16 = rates.get(FIGURE.f16);
  return {
    version: VERSION,
    date: new Date().toISOString(),
    adapter: gpu.facts.name,
    driver: gpu.facts.driver,
    bandwidth: workingSets(gpu).map((bytes) => ({
      working_set_bytes: bytes,
      copy_gbytes: gbytes("copy", bytes),
      read_gbytes: gbytes("read", bytes),
      triad_gbytes: gbytes("triad", bytes),
    })),
    gflops: rates.get(FIGURE.f32)! / 1e6,
    f16_gflops: f16 === undefined ? null : f16 / 1e6,
    empty_dispatch_us: 1000 / rates.get(FIGURE.launch)!,
  };
}

/**
 * The ceilings of one adapter from two measurements: the higher rate of each figure and the shorter
 * time of the empty dispatch, because other work on the machine can only lower the results.
 */
export function raisedCeilings(before: Ceilings, after: Ceilings): Ceilings {
  const f16 = [before.f16_gflops, after.f16_gflops].filter((rate) => rate !== null);
  return {
    ...after,
    bandwidth: after.bandwidth.map((now) => {
      const then = before.bandwidth.find(
        ({ working_set_bytes }) => working_set_bytes === now.working_set_bytes,
      );
      if (then === undefined) return now;
      return {
        working_set_bytes: now.working_set_bytes,
        copy_gbytes: Math.max(then.copy_gbytes, now.copy_gbytes),
        read_gbytes: Math.max(then.read_gbytes, now.read_gbytes),
        triad_gbytes: Math.max(then.triad_gbytes, now.triad_gbytes),
      };
    }),
    gflops: Math.max(before.gflops, after.gflops),
    f16_gflops: f16.length === 0 ? null : Math.max(...f16),
    empty_dispatch_us: Math.min(before.empty_dispatch_us, after.empty_dispatch_us),
  };
}

/** The file of the ceilings of an adapter and driver within the folder of caches. */
export function ceilingsFile(folder: string, facts: Pick<AdapterFacts, "name" | "driver">): string {
  return adapterFile(folder, "ceilings", facts);
}

/** Writes ceilings where `readCeilings` finds them; throws InputError for those it would refuse. */
export async function writeCeilings(file: string, ceilings: Ceilings): Promise<void> {
  const text = `${JSON.stringify(ceilings, null, 2)}\n`;
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) {
    const [{ path }] = parsed.error.issues;
    throw new InputError(`${file}: the clock gave no ceiling for ${path.join(".")}`);
  }
  await makeFolder(dirname(file));
  await writeFileAtomically(file, Buffer.from(text));
}

/**
 * Reads ceilings measured earlier; null if there are none, or none of this version. Throws
 * InputError if the file is damaged or cannot be read.
 */
export async function readCeilings(file: string): Promise<Ceilings | null> {
  const bytes = await readBytesIfThere(file, LIMITS.json_bytes);
  if (bytes === null) return null;
  try {
    const value = parseJson(bytes, file);
    return versioned.parse(value).version === VERSION ? schema.parse(value) : null;
  } catch {
    throw new InputError(
      `${file}: not a file of ceilings; measure them again with "ringdepth profile ceilings --anew"`,
    );
  }
}

async function checkCeilings(gpu: Gpu): Promise<void> {
  const checker = makeChecker(gpu);
  for (const kernel of [ceilingCopy, ceilingRead, ceilingTriad, ceilingFma, ceilingFmaF16]) {
    const problem = kernel.cases[1];
    if (!isRunnable(gpu, kernel, problem)) continue;
    const { error } = await checker.check(kernel, problem);
    if (error !== "") throw new Error(`cannot measure ceilings with a wrong kernel: ${error}`);
  }
}
