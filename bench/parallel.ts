// Training in several processes beside one process with all their rigs, in one job:
// `mpirun -n 2 npx tsx bench/parallel.ts [HxW] [STUDENT] [ROUNDS] [STEPS]`. Each round times both one
// after the other; while rank 0 works alone, the others wait. Moments are loaded before. The losses of
// the first step are compared.
import { parseSize } from "../src/data/camera.ts";
import { loader } from "../src/data/loader.ts";
import { openGpu } from "../src/gpu/node_device.ts";
import { initialStore } from "../src/graph/cpu_store.ts";
import type { Exchange } from "../src/graph/exchange.ts";
import { estimate, median, type Estimate } from "../src/measure/statistics.ts";
import { resolveConfig, type TrainConfig } from "../src/train/config.ts";
import { samplesOf } from "../src/train/loading/rank_samples.ts";
import { trainingNetwork } from "../src/train/network.ts";
import { joinJob } from "../src/train/parallel/job.ts";
import { launchOf } from "../src/train/parallel/launch.ts";
import { stepScalars } from "../src/train/schedule.ts";
import { openSession } from "../src/train/session.ts";
import { openRunTeacher, openTrainingSource } from "../src/train/source.ts";
import { stepInputs } from "../src/train/step.ts";

const [size = "64x128", student = "nano", rounds = "9", steps = "3"] = process.argv.slice(2);
const launch = launchOf(process.env);
if (launch === null) throw new Error("start it with mpirun -n 2");
const job = await joinJob(launch);
const { rank, ranks } = job;
const gpu = await openGpu({ validation: false });

/** Runs steps on fixed inputs; with several processes all call it together. */
async function runner(
  rigs: number,
  exchange?: Exchange,
): Promise<{ readonly loss: number; readonly time_ms: () => Promise<number> }> {
  const config: TrainConfig = resolveConfig(
    {
      student,
      size: parseSize(size),
      teacher: { kind: "builtin" },
      rigs_per_step: rigs,
      rig: { train_moments: 4 },
    },
    "bench",
  );
  const source = await openTrainingSource(config, "train", {});
  const context = { gpu: () => gpu, source, onMessage: console.error, module: "base" } as const;
  const teacher = await openRunTeacher(config, context);
  const network = trainingNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: source.protocol.cap_m,
    teacher: teacher?.parts ?? null,
  });
  const all = loader(source, { seed: 0, size: config.size, augment: true, badSamples: "stop" });
  const samples = exchange ? samplesOf(all, config, { rank, ranks }) : all;
  const inputs = await stepInputs({ teacher, config }, samples, 0);
  const values = initialStore(network.g, 0);
  const { plan } = await openSession(gpu, network, values, new Map(), exchange);
  const step = async (): Promise<number> =>
    (await plan.run(inputs, stepScalars(config, 100)))["loss"][0];
  const loss = await step();
  const time_ms = async (): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < Number(steps); i++) await step();
    return (performance.now() - start) / Number(steps);
  };
  return { loss, time_ms };
}

const alone = rank === 0 ? await runner(ranks) : null;
let exchange_ms = 0;
/** The time of a transfer of this process, waiting for the others included. */
const timed =
  <T>(work: (values: Float32Array) => Promise<T>) =>
  async (values: Float32Array): Promise<T> => {
    const start = performance.now();
    const result = await work(values);
    exchange_ms += performance.now() - start;
    return result;
  };
const { mean, gather } = job;
const exchange = { ranks, begin: async () => {}, mean: timed(mean), gather: timed(gather) };
const together = await runner(1, exchange);
const meet = async (): Promise<unknown> => await job.gather(new Float32Array(1));
const times = { alone: [] as number[], together: [] as number[], exchange: [] as number[] };
for (let round = 0; round < Number(rounds); round++) {
  await meet();
  if (alone !== null) times.alone.push(await alone.time_ms());
  await meet();
  exchange_ms = 0;
  times.together.push(await together.time_ms());
  times.exchange.push(exchange_ms / Number(steps));
}
const text = ({ median: middle, low, high }: Estimate): string =>
  `${middle.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
if (alone !== null) {
  if (Math.abs(together.loss / alone.loss - 1) > 1e-4) {
    throw new Error(`the losses differ: ${together.loss} and ${alone.loss}`);
  }
  const ratios = times.alone.map((time_ms, i) => time_ms / times.together[i]);
  console.log(
    [
      `${student} at ${size} on ${gpu.facts.name}, ${rounds} rounds of ${steps} steps of ${ranks} rigs`,
      `1 process:   median ${median(times.alone).toFixed(0)} ms, least ${Math.min(...times.alone).toFixed(0)} ms`,
      `${ranks} processes: median ${median(times.together).toFixed(0)} ms, least ${Math.min(...times.together).toFixed(0)} ms, ` +
        `of which ${median(times.exchange).toFixed(0)} ms in transfers and waiting`,
      `time of 1 process divided by that of ${ranks}: ${text(estimate(ratios))}`,
    ].join("\n"),
  );
}
gpu.close();
await job.close();
process.exit();
