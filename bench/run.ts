// Times the cases of bench/kernels/*.bench.ts: `npm run bench -- [PART OF A NAME …] [--json]`.
// No time without a check: each case is compared with its reference first, one too large for plain
// loops by the kernel's own cases, and shows its error instead of a time when it is wrong (exit code
// 3). GPU time by timestamps where the adapter has them, wall time otherwise; cases take turns,
// medians are shown.
import { readdirSync } from "node:fs";
import { openGpu, type Gpu } from "../src/gpu/device.ts";
import { encodePass } from "../src/gpu/encode.ts";
import { hasTimestamps, timePasses } from "../src/gpu/timestamps.ts";
import { checkCase } from "../src/kernels/check.ts";
import type { AnyKernel } from "../src/kernels/kernel.ts";
import { caseInputs } from "../src/kernels/random_inputs.ts";
import { prepareKernel, type PreparedKernel } from "../src/kernels/run.ts";
import { chooseVariant } from "../src/kernels/variant.ts";
import { InputError } from "../src/tensor/error.ts";
import type { BenchCase } from "./bench_case.ts";

const ROUNDS = 15;
// The reference of a larger case takes minutes in plain loops.
const CHECKED_FLOPS = 2e8;

interface Row {
  readonly case: string;
  readonly kernel: string;
  readonly time_ms: number | null;
  readonly gflops: number | null;
  readonly gbytes: number | null;
  /** What was compared with the reference: this case, or the kernel's own ones. */
  readonly checked: "case" | "kernel";
  /** What is wrong with the output; empty where all is well. */
  readonly error: string;
}

async function main(): Promise<void> {
  const json = process.argv.includes("--json");
  const parts = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
  const gpu = await openGpu({ validation: false });
  const say = json ? console.error : console.log;
  say(`${gpu.facts.name} (${gpu.facts.driver})${gpu.facts.software ? ", a software adapter" : ""}`);
  const cases = (await benchCases()).filter(
    ({ name, kernel }) =>
      parts.length === 0 || parts.some((part) => `${kernel.shader.name} ${name}`.includes(part)),
  );
  if (cases.length === 0) throw new InputError(`no case has ${parts.join(" or ")} in its name`);
  const rows = await timeCases(gpu, cases);
  const { name: adapter, driver } = gpu.facts;
  if (json) console.log(JSON.stringify({ adapter, driver, rows }, null, 2));
  else for (const row of rows) say(format(row));
  if (rows.some(({ error }) => error !== "")) process.exitCode = 3;
  gpu.close();
}

async function benchCases(): Promise<BenchCase[]> {
  const files = readdirSync(new URL("./kernels/", import.meta.url)).filter((f) =>
    f.endsWith(".bench.ts"),
  );
  const all: BenchCase[] = [];
  for (const file of files.toSorted()) {
    const { cases } = (await import(`./kernels/${file}`)) as { cases: readonly BenchCase[] };
    all.push(...cases);
  }
  return all;
}

/** A case ready to be timed, or what is wrong with its output. */
interface PreparedCase extends Pick<Row, "checked" | "error"> {
  readonly problem: BenchCase;
  readonly run: PreparedKernel | null;
}

/** Picks the variant of this adapter, checks it and, where it is right, prepares the dispatch. */
async function prepareCase(gpu: Gpu, given: BenchCase): Promise<PreparedCase> {
  const kernel = chooseVariant(given.kernel, gpu.facts, given.shapes, given.attributes);
  const problem = { ...given, kernel };
  const { shapes, attributes } = problem;
  const checked = kernel.cost(shapes, attributes).flops <= CHECKED_FLOPS ? "case" : "kernel";
  const error =
    checked === "case"
      ? (await checkCase(gpu, kernel, problem)).message
      : await checkKernel(gpu, kernel);
  if (error !== "") return { problem, run: null, checked, error };
  const inputs = caseInputs(kernel, problem);
  const run = await prepareKernel(gpu, kernel, inputs, shapes, attributes);
  return { problem, run, checked, error };
}

/** The first fault that the kernel's own cases show, or that none of them runs here; else "". */
async function checkKernel(gpu: Gpu, kernel: AnyKernel): Promise<string> {
  const cases = kernel.cases.filter(
    ({ shapes, attributes }) => kernel.offered?.(gpu.facts, shapes, attributes) ?? true,
  );
  if (cases.length === 0) return `${kernel.shader.name}: no case of its own runs on this adapter`;
  for (const problem of cases) {
    const { message } = await checkCase(gpu, kernel, problem);
    if (message !== "") return message;
  }
  return "";
}

/**
 * Prepares every case, then times them in turn, round after round, so that drift meets all alike.
 */
async function timeCases(gpu: Gpu, cases: readonly BenchCase[]): Promise<Row[]> {
  const prepared: PreparedCase[] = [];
  for (const given of cases) prepared.push(await prepareCase(gpu, given));
  const times_ms = prepared.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, { run }] of prepared.entries()) {
      if (run === null) continue;
      const time_ms = await timeOnce(gpu, run);
      if (round > 0) times_ms[i].push(time_ms); // the first round compiles
    }
  }
  return prepared.map(({ problem, run, checked, error }, i) => {
    run?.destroy();
    const { kernel, name, shapes, attributes } = problem;
    const row = { case: name, kernel: kernel.shader.name, checked, error };
    if (run === null) return { ...row, time_ms: null, gflops: null, gbytes: null };
    const time_ms = median(times_ms[i]);
    const { flops, bytes } = kernel.cost(shapes, attributes);
    const rate = (amount: number): number => amount / time_ms / 1e6;
    return { ...row, time_ms, gflops: rate(flops), gbytes: rate(bytes) };
  });
}

async function timeOnce(gpu: Gpu, { dispatch }: PreparedKernel): Promise<number> {
  if (hasTimestamps(gpu)) return (await timePasses(gpu, [[dispatch]]))[0];
  const encoder = gpu.device.createCommandEncoder();
  encodePass(encoder, "bench", [dispatch]);
  const started = performance.now();
  gpu.device.queue.submit([encoder.finish()]);
  await gpu.device.queue.onSubmittedWorkDone();
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
}

function format(row: Row): string {
  const name = `${row.kernel.padEnd(28)} ${row.case.padEnd(40)}`;
  if (row.time_ms === null) return `${name} WRONG: ${row.error}`;
  const number = (value: number, unit: string): string =>
    `${value.toPrecision(3).padStart(8)} ${unit}`;
  return `${name} ${number(row.time_ms, "ms")} ${number(row.gflops!, "GFLOP/s")} ${number(row.gbytes!, "GB/s")}`;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
