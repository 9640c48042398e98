// The convolutions of a student's training step, layer by layer, as graphs compile them:
// `npx tsx bench/layers.ts [STUDENT] [HxW] [ROUNDS]`, six views. GPU time of all dispatches of a
// convolution or of one of its gradients, the least of all rounds, which are interleaved; arithmetic
// as that of the direct sum, whatever runs; its share of the f32 ceiling, of each and of all. The
// ceiling is that of `ringdepth profile ceilings`, which must have run before.
import { apply } from "../src/graph/apply.ts";
import { initialStore } from "../src/graph/cpu_store.ts";
import { graph } from "../src/graph/graph.ts";
import { inputNames } from "../src/graph/named_inputs.ts";
import { compile, type Plan } from "../src/graph/plan.ts";
import { createStore } from "../src/graph/store.ts";
import type { Node } from "../src/graph/value.ts";
import { openGpu } from "../src/gpu/node_device.ts";
import { draw } from "../src/kernels/check/random_inputs.ts";
import {
  conv2dParams,
  conv2dProducts,
  type Conv2dAttributes,
} from "../src/kernels/convolution/conv2d_geometry.ts";
import { keptCeilings } from "../src/measure/known_ceilings.ts";
import { soundPasses } from "../src/measure/sound_passes.ts";
import { METRIC_PARTS } from "../src/teacher/metric_maps.ts";
import { formatShape, type Shape } from "../src/tensor/shape.ts";
import { resolveConfig } from "../src/train/config.ts";
import { trainingNetwork } from "../src/train/network.ts";

const VIEWS = 6;
const DEPTH_MAX_M = 80;
/** Time that one sample of a layer takes at least: a shared core is fast for milliseconds only. */
const LEAST_MS = 1;

const [student = "nano", text = "96x160", rounds = "8"] = process.argv.slice(2);
const [height, width] = text.split("x").map(Number);
const size = { height, width };
const gpu = await openGpu({ validation: false });
const output = { say: console.log, warn: console.error, progress: () => {} };
const ceilings = await keptCeilings({ gpu, output });
if (ceilings === null) throw new Error("no ceilings: run `npx ringdepth profile ceilings` first");

/** A convolution or one of its gradients, and how often a step computes it. */
interface Layer {
  readonly name: string;
  readonly op: string;
  readonly size: string;
  readonly kernels: string;
  readonly flops: number;
  readonly plan: Plan;
  readonly repeats: number;
  count: number;
  least_ms: number;
}

/** The shapes of the image and the weight of a convolution or of one of its gradients. */
function shapesOf({ op, inputs, outputs }: Node): readonly [x: Shape, weight: Shape] {
  const shapes: Record<string, Shape> = {};
  inputNames(op).forEach((name, i) => (shapes[name] = inputs[i]?.shape ?? [0]));
  if (op.name === "conv2d_grad_input") return [outputs[0].shape, shapes["weight"]];
  return [shapes["x"], op.name === "conv2d" ? shapes["weight"] : outputs[0].shape];
}

/** A graph of that node alone, on random numbers. */
async function layerOf(node: Node): Promise<Layer> {
  const { op, inputs, attributes } = node;
  const g = graph();
  const given = inputNames(op).map((name, i) => {
    const value = inputs[i];
    return [name, value === null ? null : g.input(name, value.shape)] as const;
  });
  const [y] = apply(op, Object.fromEntries(given), attributes);
  const plan = await compile(gpu, g, { outputs: { y } }, createStore(gpu, g, initialStore(g, 1)));
  const numbers = g.inputs.map(({ name, shape }, i) => {
    const kind = { kind: "normal", mean: 0, deviation: 1 } as const;
    return [name, draw(shape, kind, i)] as const;
  });
  await plan.run(Object.fromEntries(numbers));
  const [x, weight] = shapesOf(node);
  const p = conv2dParams(x, weight, attributes as Conv2dAttributes);
  const own = plan.dispatches.map(({ dispatch }) => dispatch);
  const [once_ms] = await soundPasses(gpu, [own]);
  return {
    name: `${formatShape(x)} ${formatShape(weight)} stride ${p.stride_h}`,
    op: op.name,
    size: `${p.kernel_h}x${p.kernel_w}`,
    kernels: [...new Set(plan.dispatches.map(({ kernel }) => kernel))].join(", "),
    flops: 2 * conv2dProducts(p),
    plan,
    repeats: Math.ceil(LEAST_MS / once_ms),
    count: 1,
    least_ms: Infinity,
  };
}

const config = resolveConfig({ student, size }, "bench");
const shape = { views: VIEWS, size, depth_max_m: DEPTH_MAX_M, teacher: METRIC_PARTS };
const { g } = trainingNetwork(config, shape);
const layers = new Map<string, Layer>();
for (const node of g.nodes.filter(({ op }) => /^conv2d(?:_grad_\w+)?$/.test(op.name))) {
  const shapes = node.inputs.map((value) => value?.shape ?? null);
  const key = JSON.stringify([node.op.name, shapes, node.attributes]);
  const known = layers.get(key);
  if (known === undefined) layers.set(key, await layerOf(node));
  else known.count++;
}
const all = [...layers.values()];
for (let round = 0; round < Number(rounds); round++) {
  for (const layer of all) {
    const own = layer.plan.dispatches.map(({ dispatch }) => dispatch);
    const [time_ms] = await soundPasses(gpu, [
      Array.from({ length: layer.repeats }, () => own).flat(),
    ]);
    layer.least_ms = Math.min(layer.least_ms, time_ms / layer.repeats);
  }
}

/** The rate of some layers and its share of the ceiling. */
function rateOf(some: readonly Layer[]): string {
  const flops = some.reduce((sum, layer) => sum + layer.count * layer.flops, 0);
  const time_ms = some.reduce((sum, layer) => sum + layer.count * layer.least_ms, 0);
  const gflops = flops / time_ms / 1e6;
  const share = ((100 * gflops) / ceilings!.gflops).toFixed(0);
  return `${(flops / 1e6).toFixed(0).padStart(5)} MFLOP ${time_ms.toFixed(2).padStart(6)} ms ${gflops.toFixed(1).padStart(6)} GFLOP/s ${share.padStart(3)} %`;
}
console.log(`${student} at ${VIEWS}x${text}, ${gpu.facts.driver}, least of ${rounds} rounds`);
console.log(`ceiling of f32 ${ceilings.gflops.toFixed(0)} GFLOP/s (${ceilings.date.slice(0, 10)})`);
for (const op of new Set(all.map((layer) => layer.op))) {
  const some = all.filter((layer) => layer.op === op);
  console.log(`${op.padEnd(18)} ${rateOf(some)}`);
  for (const layer of some.toSorted((a, b) => b.count * b.flops - a.count * a.flops)) {
    console.log(`  ${layer.count} x ${layer.name.padEnd(34)} ${rateOf([layer])}  ${layer.kernels}`);
  }
}
for (const weight of new Set(all.map((layer) => layer.size))) {
  console.log(`${weight.padEnd(18)} ${rateOf(all.filter((layer) => layer.size === weight))}`);
}
console.log(`${"all".padEnd(18)} ${rateOf(all)}`);
for (const { plan } of all) plan.destroy();
gpu.close();
