// Whether verdicts can be trusted: `npx tsx bench/verdicts.ts [RUNS]`. A kernel is timed
// interleaved with itself and with a copy slowed by a loop, 1 % by count and 5 % calibrated, and
// the verdicts are counted. Exits with 1 if the kernel compared with itself is FAST or SLOW, 5 %
// more is SLOW in fewer than 19 of 20, 1 % more is FAST, or a calibration misses its change.
import { openGpu } from "../src/gpu/node_device.ts";
import { timerQuantum_ns } from "../src/gpu/timestamps.ts";
import { ceilingFma } from "../src/kernels/ceiling.ts";
import { prepareKernel, type PreparedKernel } from "../src/engine/run.ts";
import { measurePair, prepareBench, type MeasureSettings } from "../src/measure/measure.ts";
import { median, type Comparison, type Estimate } from "../src/measure/statistics.ts";

// The settings of `ringdepth profile --ab`.
const SETTINGS: MeasureSettings = { time_s: 0.5, min_samples: 100, noise: 0.01, timeout_s: 8 };
const CALIBRATION: MeasureSettings = { time_s: 1, min_samples: 300, noise: 1e-3, timeout_s: 40 };
const THRESHOLD = 0.03;
// One more loop is 0.25 %. About four milliseconds on a software adapter with two cores: the two
// times of a pair then mostly see the same state of a shared machine (16 ms: three times the
// noise).
const LOOPS = 400;
const TRIES = 4;

/** A change of time to be told, and how near a calibration must come to it; null for none. */
interface Change {
  readonly wanted: number;
  readonly within: number | null;
}
const CHANGES: readonly Change[] = [
  { wanted: 0, within: null },
  // As many loops more as make it by count: smaller than what a busy machine lets be read.
  { wanted: 0.01, within: null },
  { wanted: 0.05, within: 0.005 },
];

const runs = Number(process.argv[2] ?? 20);
const gpu = await openGpu({ validation: true });
const quantum_ns = await timerQuantum_ns(gpu);
const invocations = gpu.facts.software ? 2 ** 10 : 2 ** 20;
const percent = (value: number): string => (100 * value).toFixed(2);
const interval = ({ median: center, low, high }: Estimate): string =>
  `${percent(center)} % [${percent(low)}, ${percent(high)}]`;

async function fma(loops: number): Promise<PreparedKernel> {
  const x = new Float32Array(invocations).fill(0.1);
  return await prepareKernel(gpu, ceilingFma, { x }, { x: [invocations] }, { loops });
}

async function compare(settings: MeasureSettings, other: PreparedKernel): Promise<Comparison> {
  const bench = await prepareBench(gpu, quantum_ns, settings, false);
  return (await measurePair(bench, [first, other], THRESHOLD)).comparison;
}

/** The kernel slowed by as many loops as make the change, measured for long. */
async function slowed({ wanted, within }: Change): Promise<PreparedKernel> {
  if (within === null) return await fma(Math.round(LOOPS * (1 + wanted)));
  let loops = LOOPS * (1 + wanted);
  for (let tried = 1; ; tried++) {
    const kernel = await fma(Math.round(loops));
    const { change } = await compare(CALIBRATION, kernel);
    const noise = (change.high - change.low) / 2;
    const added = Math.round(loops) - LOOPS;
    console.log(
      `${added} loops on ${LOOPS} read as ${interval(change)}, ${percent(wanted)} % wanted`,
    );
    if (noise <= within && Math.abs(change.median - wanted) <= within) return kernel;
    if (tried === TRIES) {
      console.log(`not calibrated to ${percent(wanted)} +- ${percent(within)} %`);
      process.exitCode = 1;
      return kernel;
    }
    kernel.destroy();
    // Where other work makes the reading worthless, it is taken again.
    if (noise <= within) loops += LOOPS * (wanted - change.median);
  }
}

/** Verdicts on a change; prints their row and says whether they are as they must be. */
function judge({ wanted }: Change, found: readonly Comparison[]): boolean {
  const count = (verdict: Comparison["verdict"]): number =>
    found.filter((comparison) => comparison.verdict === verdict).length;
  const read = found.map(({ change }) => change.median);
  const half = median(found.map(({ change }) => (change.high - change.low) / 2));
  const counts = (["SAME", "FAST", "SLOW", "AMBIGUOUS"] as const).map(count);
  const name = wanted === 0 ? "none" : `${100 * wanted} %`;
  const range = `${percent(Math.min(...read))} to ${percent(Math.max(...read))} %`;
  console.log(`| ${[name, ...counts, range, `${percent(half)} %`].join(" | ")} |`);
  if (wanted === 0) return count("FAST") + count("SLOW") === 0;
  return wanted < THRESHOLD ? count("FAST") === 0 : count("SLOW") >= 0.95 * runs;
}

console.log(`${gpu.facts.name}, ${new Date().toISOString().slice(0, 10)}, ${runs} runs each`);
const first = await fma(LOOPS);
const others: PreparedKernel[] = [];
for (const change of CHANGES) others.push(await slowed(change));
const found: Comparison[][] = CHANGES.map(() => []);
// One run of each change after the other: what the machine does in between meets all alike.
for (let run = 0; run < runs; run++) {
  for (const [i, other] of others.entries()) found[i].push(await compare(SETTINGS, other));
}
console.log("| more work | SAME | FAST | SLOW | AMBIGUOUS | read as | half an interval |");
console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
const right = CHANGES.map((change, i) => judge(change, found[i]));
if (right.includes(false)) process.exitCode = 1;
for (const kernel of [first, ...others]) kernel.destroy();
gpu.close();
