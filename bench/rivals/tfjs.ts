// Compares our kernels with TensorFlow.js on WebGPU: `npx tsx bench/rivals/tfjs.ts --rounds 7
// --json`. Same device, same random numbers; results are compared first, then both sides are timed
// interleaved and medians are shown. Exit code 1 if a ratio is below the required one, 3 if results
// differ.
import { parseArgs } from "node:util";
import { openGpu } from "../../src/gpu/device.ts";
import { InputError } from "../../src/tensor/error.ts";
import { comparisons, type Comparison } from "./comparisons.ts";
import { loadTfjs, TFJS_VERSION } from "./tfjs_backend.ts";

// Largest |ours - theirs| / max |theirs|: sums of 512 to 23,040 products in f32, in two orders.
const SAME = 1e-4;

interface Row {
  readonly name: string;
  readonly difference: number;
  readonly ours_ms: number;
  readonly tfjs_ms: number;
  readonly ours_gflops: number;
  readonly tfjs_gflops: number;
  readonly ratio: number;
  readonly required_ratio: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      rounds: { type: "string", default: "7" },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new InputError(`--rounds ${values.rounds}: give a whole number from 1 on`);
  }
  const gpu = await openGpu({ validation: false });
  const problems = await comparisons(gpu, await loadTfjs(gpu));
  const differences: number[] = [];
  for (const problem of problems) differences.push(await compareResults(problem));
  const times = await takeTurns(problems, rounds);
  const rows = problems.map((problem, i) => toRow(problem, differences[i], times[i]));
  gpu.check();
  const { name, driver } = gpu.facts;
  if (values.json) {
    console.log(
      JSON.stringify({ adapter: name, driver, tfjs: TFJS_VERSION, rounds, rows }, null, 2),
    );
  } else {
    console.log(`${name}, ${driver}; tfjs-backend-webgpu ${TFJS_VERSION}; medians of ${rounds}`);
    for (const line of table(rows)) console.log(line);
  }
  gpu.close();
  if (rows.some((row) => !(row.difference <= SAME))) return 3;
  return rows.some((row) => row.ratio < row.required_ratio) ? 1 : 0;
}

/** Largest difference between the two results, as a share of the largest number of theirs. */
async function compareResults({ ours, rival }: Comparison): Promise<number> {
  const [a, b] = [await ours.result(), await rival.result()];
  if (a.length !== b.length) return Infinity;
  let [worst, scale] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const error = Math.abs(a[i] - b[i]);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
    scale = Math.max(scale, Math.abs(b[i]));
  }
  return worst / Math.max(scale, 1e-30);
}

interface Times {
  readonly ours: number[];
  readonly rival: number[];
}

/**
 * Times every problem once per round, with each side first in every other round; an extra first
 * round compiles.
 */
async function takeTurns(problems: readonly Comparison[], rounds: number): Promise<Times[]> {
  const times = problems.map((): Times => ({ ours: [], rival: [] }));
  for (let round = 0; round <= rounds; round++) {
    for (const [i, problem] of problems.entries()) {
      const sides = ["ours", "rival"] as const;
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const started = performance.now();
        await problem[side].run();
        if (round > 0) times[i][side].push(performance.now() - started);
      }
    }
  }
  return times;
}

function toRow(problem: Comparison, difference: number, times: Times): Row {
  const [ours_ms, tfjs_ms] = [median(times.ours), median(times.rival)];
  return {
    name: problem.name,
    difference,
    ours_ms,
    tfjs_ms,
    ours_gflops: problem.flops / ours_ms / 1e6,
    tfjs_gflops: problem.flops / tfjs_ms / 1e6,
    ratio: tfjs_ms / ours_ms,
    required_ratio: problem.required_ratio,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
}

function table(rows: readonly Row[]): string[] {
  const head = [
    "",
    "ours ms",
    "tfjs ms",
    "ours GFLOP/s",
    "tfjs",
    "ratio",
    "needed",
    "difference",
    "",
  ];
  const cells = rows.map((row) => [
    row.name,
    row.ours_ms.toFixed(1),
    row.tfjs_ms.toFixed(1),
    row.ours_gflops.toFixed(1),
    row.tfjs_gflops.toFixed(1),
    `${row.ratio.toFixed(1)}x`,
    `${row.required_ratio}x`,
    row.difference.toExponential(1),
    verdict(row),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...cells].map((line) => line[i].length)));
  return [head, ...cells].map((line) =>
    line
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd(),
  );
}

function verdict({ difference, ratio, required_ratio }: Row): string {
  if (!(difference <= SAME)) return "RESULTS DIFFER";
  return ratio < required_ratio ? "too slow" : "";
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
