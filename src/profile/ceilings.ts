// What an adapter reaches at most, measured: bandwidth by working-set size, arithmetic, and the time
// of a dispatch that does nothing. Kept in a file per adapter, with its date.
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { writeFileAtomically } from "../formats/atomic_file.ts";
import type { AdapterFacts, Gpu } from "../gpu/device.ts";
import { ceilingCopy, ceilingFma, ceilingRead, ceilingTriad } from "../kernels/ceiling.ts";
import type { AnyKernel } from "../kernels/kernel.ts";
import { prepareKernel } from "../kernels/run.ts";
import { InputError } from "../tensor/error.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { adapterFile } from "./environment.ts";
import { measureHot, prepareBench, type Bench, type MeasureSettings } from "./measure.ts";
import { makeChecker } from "./problems.ts";

const VERSION = 1;
const MIB = 2 ** 20;
// From what lies in the last-level cache to what does not.
const HARDWARE_MIB = [2, 8, 32, 128, 512];
const SOFTWARE_MIB = [1, 8, 64];
const SETTINGS: MeasureSettings = { time_s: 0.1, min_samples: 15, noise: 0.02, timeout_s: 0.6 };
const FMA_LOOPS = 256;
// Other work on the machine comes and goes: what it disturbs in one round it may leave alone in
// another.
const ROUNDS = 2;

/** Bandwidths at one working-set size, each the best of the ways to share out the memory. */
export interface Bandwidth {
  readonly working_set_bytes: number;
  readonly copy_gbytes: number;
  readonly read_gbytes: number;
  readonly triad_gbytes: number;
}

/** The ceilings of one adapter; GB/s are 1e9 bytes a second, read and written alike. */
export interface Ceilings {
  readonly version: typeof VERSION;
  readonly date: string;
  readonly adapter: string;
  readonly driver: string;
  /** Smallest working set first. */
  readonly bandwidth: readonly Bandwidth[];
  readonly gflops: number;
  readonly empty_dispatch_us: number;
}

const bandwidthSchema: z.ZodType<Bandwidth> = z.strictObject({
  working_set_bytes: z.int().positive(),
  copy_gbytes: z.number().positive(),
  read_gbytes: z.number().positive(),
  triad_gbytes: z.number().positive(),
});
const schema: z.ZodType<Ceilings> = z.strictObject({
  version: z.literal(VERSION),
  date: z.iso.datetime(),
  adapter: z.string(),
  driver: z.string(),
  bandwidth: z.array(bandwidthSchema).min(1).readonly(),
  gflops: z.number().positive(),
  empty_dispatch_us: z.number().nonnegative(),
});

/** Measures all ceilings, telling `progress` what is next; throws where a ceiling kernel is wrong. */
export async function measureCeilings(
  gpu: Gpu,
  quantum_ns: number,
  progress: (line: string) => void,
): Promise<Ceilings> {
  await checkCeilings(gpu);
  const bench = await prepareBench(gpu, quantum_ns, SETTINGS, false);
  const bandwidth = (gpu.facts.software ? SOFTWARE_MIB : HARDWARE_MIB).map(
    (mebibytes): Bandwidth => ({
      working_set_bytes: mebibytes * MIB,
      copy_gbytes: 0,
      read_gbytes: 0,
      triad_gbytes: 0,
    }),
  );
  const invocations = [gpu.facts.software ? 2 ** 14 : 2 ** 20];
  const fma = { loops: FMA_LOOPS };
  let fma_ms = Infinity;
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [i, known] of bandwidth.entries()) {
      progress(`ceilings: round ${round}/${ROUNDS}, ${known.working_set_bytes / MIB} MiB`);
      bandwidth[i] = await raised(bench, known);
    }
    progress(`ceilings: round ${round}/${ROUNDS}, arithmetic`);
    fma_ms = Math.min(fma_ms, await timeOf(bench, ceilingFma, { x: invocations }, fma));
  }
  return {
    version: VERSION,
    date: new Date().toISOString(),
    adapter: gpu.facts.name,
    driver: gpu.facts.driver,
    bandwidth,
    gflops: ceilingFma.cost({ x: invocations }, fma).flops / fma_ms / 1e6,
    empty_dispatch_us: 1000 * (await emptyDispatch_ms(bench)),
  };
}

/** The file of the ceilings of an adapter and driver within the folder of caches. */
export function ceilingsFile(folder: string, facts: Pick<AdapterFacts, "name" | "driver">): string {
  return adapterFile(folder, "ceilings", facts);
}

/** Writes ceilings where `readCeilings` finds them. */
export async function writeCeilings(file: string, ceilings: Ceilings): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const text = `${JSON.stringify(ceilings, null, 2)}\n`;
  await writeFileAtomically(file, Buffer.from(text));
}

/**
 * Reads ceilings measured before; null where there are none. Throws InputError where the file is
 * damaged or of another version.
 */
export async function readCeilings(file: string): Promise<Ceilings | null> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new InputError(
      `${file}: not the ceilings of this version; measure them anew by "ringdepth profile ceilings"`,
    );
  }
}

async function checkCeilings(gpu: Gpu): Promise<void> {
  const checker = makeChecker(gpu);
  for (const kernel of [ceilingCopy, ceilingRead, ceilingTriad, ceilingFma]) {
    const { error } = await checker.check(kernel, kernel.cases[1]);
    if (error !== "") throw new Error(`no ceilings without a right kernel: ${error}`);
  }
}

/** Bandwidths measured once more, where that is more than was known. */
async function raised(bench: Bench, known: Bandwidth): Promise<Bandwidth> {
  const { working_set_bytes, copy_gbytes, read_gbytes, triad_gbytes } = known;
  const rate = async (
    kernel: AnyKernel,
    inputs: readonly string[],
    parts: number,
  ): Promise<number> =>
    await bestRate(bench, kernel, inputs, 16 * Math.floor(working_set_bytes / parts / 16));
  return {
    working_set_bytes,
    copy_gbytes: Math.max(copy_gbytes, await rate(ceilingCopy, ["x"], 2)),
    read_gbytes: Math.max(read_gbytes, await rate(ceilingRead, ["x"], 1)),
    triad_gbytes: Math.max(triad_gbytes, await rate(ceilingTriad, ["a", "b"], 3)),
  };
}

/** GB/s of a streaming kernel on inputs of `bytes` each, the best of both ways to share them out. */
async function bestRate(
  bench: Bench,
  kernel: AnyKernel,
  inputs: readonly string[],
  bytes: number,
): Promise<number> {
  const shapes = Object.fromEntries(inputs.map((name) => [name, [bytes / 4]]));
  let best = 0;
  for (const runs of [false, true]) {
    const time_ms = await timeOf(bench, kernel, shapes, { runs });
    best = Math.max(best, kernel.cost(shapes, { runs }).bytes / time_ms / 1e6);
  }
  return best;
}

async function emptyDispatch_ms(bench: Bench): Promise<number> {
  const x = new Float32Array(4);
  const kernel = await prepareKernel(bench.gpu, ceilingCopy, { x }, { x: [4] }, { runs: false });
  try {
    return least((await measureHot(bench, kernel)).samples_ms);
  } finally {
    kernel.destroy();
  }
}

async function timeOf(
  bench: Bench,
  kernel: AnyKernel,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
): Promise<number> {
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, varied(size(shape))]),
  );
  const prepared = await prepareKernel(bench.gpu, kernel, inputs, shapes, attributes);
  try {
    return least((await measureHot(bench, prepared)).samples_ms);
  } finally {
    prepared.destroy();
  }
}

/** A ceiling is what the adapter reaches at its best: other work on the machine only adds time. */
function least(samples_ms: readonly number[]): number {
  return Math.min(...samples_ms);
}

/** Numbers in [0, 1) without a pattern; drawing as many at random would take seconds. */
function varied(count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (Math.imul(i, 0x9e3779b1) >>> 8) / 2 ** 24;
  return values;
}
