// Memory and time of a training step with and without recomputation, and whether both give the same
// bits: `npx tsx bench/recompute.ts [STUDENT] [HxW] [PAIRS] [f32|f16]`. The steps are interleaved; the
// time is that of the processor on a software adapter, else the time on the wall, the least of each
// and the median of the ratios.
import { openGpu } from "../src/gpu/node_device.ts";
import { initialStore } from "../src/graph/cpu_store.ts";
import { draw } from "../src/kernels/check/random_inputs.ts";
import { METRIC_PARTS } from "../src/teacher/metric_maps.ts";
import { resolveConfig } from "../src/train/config.ts";
import { trainingNetwork } from "../src/train/network.ts";
import { stepScalars } from "../src/train/schedule.ts";
import { openSession, type Session } from "../src/train/session.ts";

const VIEWS = 6;
const DEPTH_MAX_M = 80;

const [student = "nano", text = "96x160", pairs = "12", precision = "f32"] = process.argv.slice(2);
const [height, width] = text.split("x").map(Number);
const size = { height, width };
const gpu = await openGpu({ validation: false });

/** A step, and the time of one run in milliseconds. */
interface Step {
  readonly session: Session;
  readonly run: () => Promise<number>;
}

async function open(recompute: boolean): Promise<Step> {
  const config = resolveConfig({ student, size, recompute, precision }, "bench");
  const shape = { views: VIEWS, size, depth_max_m: DEPTH_MAX_M, teacher: METRIC_PARTS };
  const network = trainingNetwork(config, shape);
  const inputs = Object.fromEntries(
    network.g.inputs.map(({ name, shape: axes }, i) => [
      name,
      draw(axes, { kind: "uniform", low: 0.2, high: 0.8 }, i),
    ]),
  );
  const session = await openSession(gpu, network, initialStore(network.g, 0), new Map());
  const scalars = stepScalars(config, 1);
  const now_ms = (): number => {
    if (!gpu.facts.software) return performance.now();
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const run = async (): Promise<number> => {
    const began_ms = now_ms();
    await session.plan.run(inputs, scalars);
    return now_ms() - began_ms;
  };
  return { session, run };
}

const steps = [await open(false), await open(true)];
const times_ms: number[][] = [[], []];
for (const { run } of steps) await run();
for (let pair = 0; pair < Number(pairs); pair++) {
  const order = pair % 2 === 0 ? [0, 1] : [1, 0];
  for (const i of order) times_ms[i].push(await steps[i].run());
}
const ratios = times_ms[1].map((time, i) => time / times_ms[0][i]).toSorted((a, b) => a - b);
const stores = await Promise.all(steps.map(async ({ session }) => await session.store.read()));
const [a, b] = stores.map(({ arenas }) => Buffer.from(arenas.parameters.buffer));
steps.forEach(({ session }, i) => {
  const { dispatches, arena_bytes, peak_bytes } = session.plan.summary;
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const arenas = arena_bytes.reduce((sum, one) => sum + one, 0);
  console.log(
    `${i === 0 ? "kept      " : "recomputed"}  ${dispatches} dispatches  intermediates ${mib(arenas)} MiB  ` +
      `all buffers of the plan ${mib(peak_bytes)} MiB  ${Math.min(...times_ms[i]).toFixed(1)} ms`,
  );
});
const least = Math.min(...times_ms[1]) / Math.min(...times_ms[0]);
console.log(
  `${student} ${text} ${precision}: time, ratio of the least ${least.toFixed(3)}, median of the ratios ` +
    `${ratios[Math.floor(ratios.length / 2)].toFixed(3)}; ${a.equals(b) ? "the same bits" : "OTHER BITS"}`,
);
for (const { session } of steps) session.close();
process.exit(0);
