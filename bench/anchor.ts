// The time that `predict --anchor` adds to a prediction: `npx tsx bench/anchor.ts [ROUNDS]`. Every
// round predicts one moment of the built-in rig without anchors and with 200 points per view. The
// points are drawn while the GPU predicts; on a software adapter that takes time from it. So the table has
// the work after the prediction, and the whole of it: the difference of both predictions. The anchored depth must be nearer to the true depth than the prediction; test/bins/anchor.test.ts
// compares it with its definition.
import { builtinRig } from "../src/data/builtin_rig.ts";
import { openGpu } from "../src/gpu/node_device.ts";
import { initialStore } from "../src/graph/cpu_store.ts";
import { createStore } from "../src/graph/store.ts";
import { estimate, type Estimate } from "../src/measure/statistics.ts";
import { anchored, drawAnchors } from "../src/train/anchored.ts";
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
    const { views, depth_m: fixed_m } = anchored(
      sample,
      predicted_m,
      drawAnchors(sample, protocol, POINTS),
    );
    if (views.some(({ kind }) => kind !== "smooth")) throw new Error("a view has too few points");
    const error = (depth_m: Float32Array): number =>
      sample.sparse_depth_m.reduce(
        (sum, true_m, i) => sum + (true_m > 0 ? Math.abs(depth_m[i] / true_m - 1) : 0),
        0,
      );
    if (!(error(fixed_m) < error(predicted_m))) throw new Error("anchored depth is no nearer");
    const times: { alone_ms: number; after_ms: number; added_ms: number }[] = [];
    for (let round = -5; round < rounds; round++) {
      const start = now_ms();
      await predictor.predict(sample);
      const between = now_ms();
      const predicting = predictor.predict(sample);
      const drawn = drawAnchors(sample, protocol, POINTS);
      const depth_m = await predicting;
      const predicted = now_ms();
      anchored(sample, depth_m, drawn);
      const end = now_ms();
      const alone_ms = between - start;
      // The first rounds compile both sides.
      if (round >= 0)
        times.push({ alone_ms, after_ms: end - predicted, added_ms: end - between - alone_ms });
    }
    const share = (part: (time: (typeof times)[number]) => number): string =>
      text(estimate(times.map((time) => (100 * part(time)) / time.alone_ms)), 1);
    const cells = [
      text(estimate(times.map(({ alone_ms }) => alone_ms)), 1),
      text(estimate(times.map(({ after_ms }) => after_ms)), 2),
      share(({ after_ms }) => after_ms),
      text(estimate(times.map(({ added_ms }) => added_ms)), 2),
      share(({ added_ms }) => added_ms),
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
console.log("| student | prediction, ms | after it, ms | % of it | added, ms | % of it |");
console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
for (const size of SIZES) console.log(await row(size));
gpu.close();
