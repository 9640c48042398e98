// Times the cases of bench/kernels/*.bench.ts: `npm run bench -- [PART OF A NAME …] [--json]`.
// Each case is compared with its reference first and shows its error instead of a time when it is
// wrong. GPU time by timestamps where the adapter has them, wall time otherwise; cases take turns,
// medians are shown.
import { readdirSync } from "node:fs";
import { openGpu, type Gpu } from "../src/gpu/device.ts";
import { encodePass } from "../src/gpu/encode.ts";
import { hasTimestamps, timePasses } from "../src/gpu/timestamps.ts";
import { checkCase } from "../src/kernels/check.ts";
import { caseInputs } from "../src/kernels/random_inputs.ts";
import { prepareKernel, type PreparedKernel } from "../src/kernels/run.ts";
import { chooseVariant } from "../src/kernels/variant.ts";
import type { BenchCase } from "./bench_case.ts";

const ROUNDS = 15;
// References of very large cases take minutes in plain loops; those kernels are checked on their
// own cases.
const CHECKED_FLOPS = 2e8;

interface Row {
  readonly case: string;
  readonly kernel: string;
  readonly time_ms: number | null;
  readonly gflops: number | null;
  readonly gbytes: number | null;
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
  const rows = await timeCases(gpu, cases);
  if (json)
    console.log(
      JSON.stringify({ adapter: gpu.facts.name, driver: gpu.facts.driver, rows }, null, 2),
    );
  else for (const row of rows) say(format(row));
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

/**
 * Prepares every case, then times them in turn, round after round, so that drift meets all alike.
 */
async function timeCases(gpu: Gpu, cases: readonly BenchCase[]): Promise<Row[]> {
  const prepared: {
    readonly problem: BenchCase;
    readonly run: PreparedKernel | null;
    readonly error: string;
  }[] = [];
  for (const given of cases) {
    const kernel = chooseVariant(given.kernel, gpu.facts, given.shapes, given.attributes);
    const problem = { ...given, kernel };
    const { flops } = kernel.cost(problem.shapes, problem.attributes);
    const { message } =
      flops <= CHECKED_FLOPS ? await checkCase(gpu, kernel, problem) : { message: "" };
    const inputs = caseInputs(kernel, problem);
    const run =
      message === ""
        ? await prepareKernel(gpu, kernel, inputs, problem.shapes, problem.attributes)
        : null;
    prepared.push({ problem, run, error: message });
  }
  const times_ms = prepared.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, { run }] of prepared.entries()) {
      if (run === null) continue;
      const time_ms = await timeOnce(gpu, run);
      if (round > 0) times_ms[i].push(time_ms); // the first round compiles
    }
  }
  return prepared.map(({ problem, run, error }, i) => {
    const { kernel, name, shapes, attributes } = problem;
    run?.destroy();
    if (run === null) {
      return {
        case: name,
        kernel: kernel.shader.name,
        time_ms: null,
        gflops: null,
        gbytes: null,
        error,
      };
    }
    const time_ms = median(times_ms[i]);
    const { flops, bytes } = kernel.cost(shapes, attributes);
    const rate = (amount: number): number => amount / time_ms / 1e6;
    return {
      case: name,
      kernel: kernel.shader.name,
      time_ms,
      gflops: rate(flops),
      gbytes: rate(bytes),
      error,
    };
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

await main();
