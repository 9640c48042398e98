// Whether verdicts can be trusted: `npx tsx bench/verdicts.ts [RUNS]`. Arithmetic in registers is
// timed in turn with itself and with 1 % and 5 % more of it, and the verdicts are counted. Exits
// with 1 where a kernel against itself is FAST or SLOW, 5 % more is SLOW in fewer than 19 of 20, or
// 1 % more is FAST.
import { openGpu } from "../src/gpu/device.ts";
import { timerQuantum_ns } from "../src/gpu/timestamps.ts";
import { ceilingFma } from "../src/kernels/ceiling.ts";
import { prepareKernel, type PreparedKernel } from "../src/kernels/run.ts";
import { measurePair, prepareBench, type PairTiming } from "../src/profile/measure.ts";

const SETTINGS = { time_s: 0.1, min_samples: 100, noise: 0.01, timeout_s: 8 };
const THRESHOLD = 0.03;
const LOOPS = 2000;
const CHANGES = [0, 0.01, 0.05];

const runs = Number(process.argv[2] ?? 20);
const gpu = await openGpu({ validation: true });
const invocations = gpu.facts.software ? 2 ** 13 : 2 ** 20;
const bench = await prepareBench(gpu, await timerQuantum_ns(gpu), SETTINGS, false);

async function fma(loops: number): Promise<PreparedKernel> {
  const x = new Float32Array(invocations).fill(0.1);
  return await prepareKernel(gpu, ceilingFma, { x }, { x: [invocations] }, { loops });
}

console.log(`${gpu.facts.name}, ${new Date().toISOString().slice(0, 10)}, ${runs} runs each`);
const first = await fma(LOOPS);
for (const change of CHANGES) {
  const second = await fma(Math.round(LOOPS * (1 + change)));
  const timings: PairTiming[] = [];
  for (let run = 0; run < runs; run++) {
    timings.push(await measurePair(bench, [first, second], THRESHOLD));
  }
  second.destroy();
  const count = (verdict: string): number =>
    timings.filter(({ comparison }) => comparison.verdict === verdict).length;
  const medians = timings.map(({ comparison }) => 100 * comparison.change.median);
  const [low, high] = [Math.min(...medians), Math.max(...medians)].map((p) => p.toFixed(2));
  const verdicts = ["SAME", "FAST", "SLOW", "AMBIGUOUS"].map((v) => `${v} ${count(v)}`).join("  ");
  console.log(`${(100 * change).toFixed(0)} % more work: ${verdicts}  read as ${low} to ${high} %`);
  const wrong =
    (change === 0 && count("FAST") + count("SLOW") > 0) ||
    (change === 0.01 && count("FAST") > 0) ||
    (change === 0.05 && count("SLOW") < 0.95 * runs);
  if (wrong) process.exitCode = 1;
}
first.destroy();
gpu.close();
