// The time of `predict --anchor` beside that of the prediction itself: `npx tsx bench/anchor.ts
// [ROUNDS]`. Both are taken in every round, on one moment of the built-in rig with 200 points per
// view. The anchored depth must be nearer to the true depth than the prediction; test/bins/anchor.test.ts
// compares it with its definition.
import { builtinRig } from "../src/data/builtin_rig.ts";
import { openGpu } from "../src/gpu/node_device.ts";
import { initialStore } from "../src/graph/cpu_store.ts";
import { createStore } from "../src/graph/store.ts";
import { estimate, type Estimate } from "../src/measure/statistics.ts";
import { anchored } from "../src/train/anchored.ts";
import { resolveConfig } from "../src/train/config.ts";
import { predictionNetwork } from "../src/train/network.ts";
import { createPredictor } from "../src/train/predictor.ts";
import { originOf } from "../src/train/student_origin.ts";

const POINTS = 200;
const SIZES = [
  { height: 64, width: 128 },
  { height: 96, width: 160 },
];
const rounds = Number(process.argv[2] ?? 15);
const gpu = await openGpu({ validation: false });
const now_ms = (): number => performance.now();
const text = ({ median, low, high }: Estimate, digits: number): string =>
  `${median.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;

async function row(size: (typeof SIZES)[number]): Promise<string> {
  const config = resolveConfig({ size }, "bench");
  const source = builtinRig({ split: "train", seed: 0, moments: 1 });
  const sample = await source.sample(0, size);
  const { protocol } = source;
  const shape = { views: source.cameras.length, size, depth_max_m: protocol.cap_m };
  const { g } = predictionNetwork(config, shape);
  const store = createStore(gpu, g, initialStore(g, 0));
  const student = { config, depth_max_m: protocol.cap_m, steps: 0, origin: await originOf(source) };
  const predictor = await createPredictor(gpu, student, source, store);
  try {
    const predicted_m = await predictor.predict(sample);
    const { views, depth_m: fixed_m } = anchored(sample, predicted_m, protocol, POINTS);
    if (views.some(({ kind }) => kind !== "smooth")) throw new Error("a view has too few points");
    const error = (depth_m: Float32Array): number =>
      sample.sparse_depth_m.reduce(
        (sum, true_m, i) => sum + (true_m > 0 ? Math.abs(depth_m[i] / true_m - 1) : 0),
        0,
      );
    if (!(error(fixed_m) < error(predicted_m))) throw new Error("anchored depth is no nearer");
    const times: { predict_ms: number; anchor_ms: number }[] = [];
    for (let round = -2; round < rounds; round++) {
      const start = now_ms();
      const depth_m = await predictor.predict(sample);
      const middle = now_ms();
      anchored(sample, depth_m, protocol, POINTS);
      const end = now_ms();
      // The first rounds compile both sides.
      if (round >= 0) times.push({ predict_ms: middle - start, anchor_ms: end - middle });
    }
    const cells = [
      text(estimate(times.map(({ predict_ms }) => predict_ms)), 1),
      text(estimate(times.map(({ anchor_ms }) => anchor_ms)), 2),
      text(estimate(times.map(({ predict_ms, anchor_ms }) => (100 * anchor_ms) / predict_ms)), 1),
    ];
    return `| nano ${size.height}x${size.width} | ${cells.join(" | ")} |`;
  } finally {
    predictor.destroy();
    store.destroy();
  }
}

console.log(
  `${gpu.facts.name}, ${new Date().toISOString().slice(0, 10)}, ${rounds} rounds, ${POINTS} points per view`,
);
console.log("| student | prediction, ms | anchoring, ms | anchoring, % of the prediction |");
console.log("| --- | ---: | ---: | ---: |");
for (const size of SIZES) console.log(await row(size));
gpu.close();
