// Times the cases of bench/kernels/*.bench.ts: `npm run bench -- [PART OF A NAME …] [--json]`.
// A case that is wrong shows its error instead of a time (exit code 3). What is measured and how is
// in src/profile/; `ringdepth profile` says more of each kernel.
import { readdirSync } from "node:fs";
import { openGpu, type Gpu } from "../src/gpu/device.ts";
import { timerQuantum_ns } from "../src/gpu/timestamps.ts";
import { chooseVariant } from "../src/kernels/variant.ts";
import { prepareBench, type MeasureSettings } from "../src/profile/measure.ts";
import { profileTargets } from "../src/profile/run_profile.ts";
import { median } from "../src/profile/statistics.ts";
import { InputError } from "../src/tensor/error.ts";
import type { BenchCase } from "./bench_case.ts";

const SETTINGS: MeasureSettings = { time_s: 0.2, min_samples: 15, noise: 0.02, timeout_s: 1 };

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

/** Times every case with the variant of this adapter, hot, as `ringdepth profile --hot` does. */
async function timeCases(gpu: Gpu, cases: readonly BenchCase[]): Promise<Row[]> {
  const targets = cases.map((problem) => {
    const { kernel, shapes, attributes } = problem;
    return { kernel: chooseVariant(kernel, gpu.facts, shapes, attributes), fault: "", problem };
  });
  const bench = await prepareBench(gpu, await timerQuantum_ns(gpu), SETTINGS, false);
  const rows = await profileTargets(bench, targets, true, () => undefined);
  return rows.map(({ kernel, case: name, checked, error, hot, flops, bytes }) => {
    const row = { case: name, kernel, checked, error };
    if (hot === null) return { ...row, time_ms: null, gflops: null, gbytes: null };
    const time_ms = median(hot.samples_ms);
    return { ...row, time_ms, gflops: flops / time_ms / 1e6, gbytes: bytes / time_ms / 1e6 };
  });
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
