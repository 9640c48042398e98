// Time and memory of one image through Depth Anything Small with random weights, or through the weights
// of a path: `npx tsx bench/depth_anything.ts [HxW] [RUNS] [WEIGHTS]`. The map is compared with the f64
// path at a small size before anything is printed. PyTorch's side: bench/rivals/depth_anything.py.
import type { ImageSize } from "../src/data/camera.ts";
import { openGpu } from "../src/gpu/node_device.ts";
import { hasTimestamps, timePasses } from "../src/gpu/timestamps.ts";
import { runOnCpu } from "../src/graph/cpu.ts";
import { initialStore } from "../src/graph/cpu_store.ts";
import { compile, type Plan } from "../src/graph/plan.ts";
import { createStore } from "../src/graph/store.ts";
import { kernelTotals } from "../src/measure/kernel_totals.ts";
import { foundationNetwork, type FoundationNetwork } from "../src/teacher/foundation/network.ts";
import { foundationWeights, readFoundationWeights } from "../src/teacher/foundation/weights.ts";
import { relativeError } from "../test/teacher/foundation/fixture.ts";
import { randomFiles, SMALL, uniform } from "../test/teacher/foundation/random_weights.ts";

const MIB = 2 ** 20;
const CHECKED: ImageSize = { height: 28, width: 42 };
const MOST_ERROR = 1e-4;
const SHOWN_KERNELS = 6;

const [sides = "518x924", runs = "3", path] = process.argv.slice(2);
const [height, width] = sides.split("x").map(Number);
const gpu = await openGpu({ validation: false });
const weights =
  path === undefined
    ? foundationWeights(randomFiles(SMALL, "original", { version: "v2" }, Float32Array.of(8)))
    : await readFoundationWeights(path);
const pixels = (size: ImageSize): Float32Array =>
  uniform("pixels", 3 * size.height * size.width).map((value) => 2 * value);

async function withPlan<T>(
  size: ImageSize,
  work: (plan: Plan, network: FoundationNetwork) => Promise<T>,
): Promise<T> {
  const network = foundationNetwork(weights, size, "size");
  const store = createStore(gpu, network.g, initialStore(network.g, 0));
  try {
    const plan = await compile(gpu, network.g, { outputs: { map: network.map } }, store);
    try {
      return await work(plan, network);
    } finally {
      plan.destroy();
    }
  } finally {
    store.destroy();
  }
}

interface Measured {
  /** Shortest wall time and processor time of a run, in seconds. */
  readonly wall_s: number;
  readonly cpu_s: number;
  readonly device_bytes: number;
  readonly arena_bytes: number;
  readonly peak_rss_bytes: number;
  readonly kernels: readonly string[];
}

async function measured(size: ImageSize): Promise<Measured> {
  return await withPlan(size, async (plan) => {
    const image = pixels(size);
    const times: { wall_s: number; cpu_s: number }[] = [];
    // The first run compiles.
    for (let run = 0; run <= Number(runs); run++) {
      const start_ms = performance.now();
      const before = process.cpuUsage();
      await plan.run({ image });
      const { user, system } = process.cpuUsage(before);
      const wall_s = (performance.now() - start_ms) / 1000;
      if (run > 0) times.push({ wall_s, cpu_s: (user + system) / 1e6 });
    }
    const { maxRSS } = process.resourceUsage();
    const { peak_bytes, arena_bytes } = plan.summary;
    return {
      wall_s: Math.min(...times.map(({ wall_s }) => wall_s)),
      cpu_s: Math.min(...times.map(({ cpu_s }) => cpu_s)),
      device_bytes: peak_bytes,
      arena_bytes: arena_bytes.reduce((sum, bytes) => sum + bytes, 0),
      peak_rss_bytes: 1024 * maxRSS,
      kernels: await kernelLines(plan),
    };
  });
}

/** The kernels that take most of the time, each dispatch timed once in its own pass. */
async function kernelLines(plan: Plan): Promise<string[]> {
  if (!hasTimestamps(gpu)) return [];
  const times_ms = await timePasses(
    gpu,
    plan.dispatches.map(({ dispatch }) => [dispatch]),
  );
  const whole_ms = times_ms.reduce((sum, time) => sum + time, 0);
  return kernelTotals(plan.dispatches, times_ms)
    .slice(0, SHOWN_KERNELS)
    .map(({ kernel, dispatches, time_ms, flops }) => {
      const rate = (flops / time_ms / 1e6).toFixed(1);
      const share = ((100 * time_ms) / whole_ms).toFixed(1);
      return `| ${kernel} | ${dispatches} | ${time_ms.toFixed(0)} | ${share} | ${rate} |`;
    });
}

const result = await measured({ height, width });
const error = await withPlan(CHECKED, async (plan, { g, map }) => {
  const image = pixels(CHECKED);
  const got = await plan.run({ image });
  const want = runOnCpu(g, { outputs: { map } }, initialStore(g, 0), { image });
  return relativeError(got["map"], want["map"]);
});
if (!(error < MOST_ERROR)) throw new Error(`the map is ${error} off the f64 path`);

const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
const rows = [
  `${gpu.facts.name}, ${new Date().toISOString().slice(0, 10)}, ${path ?? "random weights of Small"}`,
  `one image of ${height}x${width}, best of ${runs}: ${result.wall_s.toFixed(2)} s, ` +
    `${result.cpu_s.toFixed(2)} s of processor time`,
  `on the device ${mib(result.device_bytes)} MiB, of which intermediates ${mib(result.arena_bytes)} MiB; ` +
    `peak of the process ${mib(result.peak_rss_bytes)} MiB`,
  `the map at ${CHECKED.height}x${CHECKED.width} is ${error.toExponential(1)} off the f64 path`,
  "",
  "| kernel | dispatches | GPU time, ms | % | GFLOP/s |",
  "| --- | ---: | ---: | ---: | ---: |",
  ...result.kernels,
];
for (const row of rows) console.log(row);
gpu.close();
