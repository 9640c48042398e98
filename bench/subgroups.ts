// The subgroup mappings beside the other mappings without barriers, at the adapter's own width:
// `npx tsx bench/subgroups.ts [ROUNDS] [PART OF A KERNEL'S NAME]`, on lavapipe with
// LP_NATIVE_VECTOR_WIDTH=128, 256 or 512 for subgroups of 4, 8 or 16. Outputs are compared with those of the first mapping before anything is
// timed. On a software adapter the time is that of the processor, of all threads, which other
// processes lengthen less than time on the wall.
import type { KernelProblem } from "../src/engine/kernel.ts";
import { canRun, exactMappings } from "../src/engine/mapping.ts";
import { prepareKernel, type PreparedKernel } from "../src/engine/run.ts";
import { subgroupWidth } from "../src/engine/subgroups.ts";
import { openGpu } from "../src/gpu/node_device.ts";
import { attention, attentionGradKv, attentionGradQ } from "../src/kernels/attention/attention.ts";
import { caseInputs } from "../src/kernels/check/random_inputs.ts";
import { conv2d } from "../src/kernels/convolution/conv2d.ts";
import { conv2dGradInput } from "../src/kernels/convolution/conv2d_grad_input.ts";
import { conv2dGradWeight } from "../src/kernels/convolution/conv2d_grad_weight.ts";
import {
  binHead,
  binHeadGradFeatures,
  binHeadGradWeight,
} from "../src/kernels/depth_bins/bin_head.ts";
import { activation, activationGrad } from "../src/kernels/activation.ts";
import { binPool } from "../src/kernels/depth_bins/bin_pool.ts";
import { softmaxBins } from "../src/kernels/depth_bins/softmax_bins.ts";
import { gemm } from "../src/kernels/gemm.ts";
import { layerNormGradInput, layerNormRows } from "../src/kernels/layer_norm.ts";
import { timeHot } from "../src/measure/clock.ts";

const LEAST_MS = 4;
/** A mapping that shares work among invocations by barriers, which software adapters run slowly. */
const WITH_BARRIERS = new Set<string>(
  [gemm, conv2d, conv2dGradInput, conv2dGradWeight, attention, attentionGradQ, attentionGradKv].map(
    ({ shader }) => shader.name,
  ),
);

/** The triad of a convolution of `size` x `size` and `channels` channels at [6, height, width]. */
function triad(height: number, width: number, channels: number, size = 3): KernelProblem[] {
  const map = [6, height, width, channels];
  const weight = [channels, size, size, channels];
  const padding = [0, 1, 2, 3].map(() => Math.floor(size / 2));
  const attributes = { stride: [1, 1], padding, dilation: [1, 1], groups: 1 };
  const name = `${size}x${size} 6x${height}x${width}x${channels}`;
  const sliced = { ...attributes, slices: 1, input: [height, width] };
  const bias = [0];
  return [
    { name, kernel: conv2d, shapes: { x: map, weight, bias }, attributes: sliced },
    { name, kernel: conv2dGradInput, shapes: { d_y: map, weight, bias }, attributes: sliced },
    {
      name,
      kernel: conv2dGradWeight,
      shapes: { x: map, d_y: map },
      attributes: { ...attributes, kernel: [size, size] },
    },
  ];
}

/** Attention of `tokens` tokens on themselves, and its gradients. */
function attentions(tokens: number, heads: number, width: number): KernelProblem[] {
  const x = [1, tokens, heads * width];
  const shapes = { q: x, k: x, v: x, mask: [0] };
  const saved = { ...shapes, stats: [1, heads, tokens, 2], d_y: x };
  const attributes = { heads, kv_heads: heads, scale: width ** -0.5, causal: false, softcap: 0 };
  const name = `attention of ${tokens} tokens, ${heads} heads of ${width}`;
  // as attention would have saved them, so that the gradients see probabilities
  const lse = Math.log(tokens) + 0.5;
  const data = { stats: { kind: "normal", mean: lse, deviation: 0.5 } } as const;
  return [
    { name, kernel: attention, shapes, attributes },
    { name, kernel: attentionGradQ, shapes: saved, attributes, data },
    { name, kernel: attentionGradKv, shapes: saved, attributes, data },
  ];
}

const product = { transpose_a: false, transpose_b: true, slices: 1 };
const head = {
  features: [6, 12, 20, 16],
  weight: [128, 1, 1, 16],
  bias: [128],
  centers: [6, 1, 1, 128],
};
const gradient = {
  name: "6x12x20x16 to 128 bins",
  shapes: { ...head, factors: [6, 12, 20, 8] },
  attributes: undefined,
};
const elements = { x: [6, 960, 512] };
const elementwise = (["gelu", "relu"] as const).flatMap((kind): KernelProblem[] => {
  const attributes = { kind, alpha: 0.2 };
  const shapes = { ...elements, d_y: elements.x };
  return [
    { name: kind, kernel: activation, shapes: elements, attributes },
    { name: kind, kernel: activationGrad, shapes, attributes },
  ];
});
const tokens = [6, 960, 128];
const epsilon = { epsilon: 1e-5 };
const norms: readonly KernelProblem[] = [
  {
    name: "layer norm of 128",
    kernel: layerNormRows,
    shapes: { x: tokens, gamma: [128], beta: [128] },
    attributes: epsilon,
  },
  {
    ...layerNormGradInput.cases[0],
    name: "layer norm of 128",
    kernel: layerNormGradInput,
    shapes: { d_y: tokens, x: tokens, gamma: [128], mean: [5760], variance: [5760] },
    attributes: epsilon,
  },
];
const problems: readonly KernelProblem[] = [
  {
    name: "360x256x256",
    kernel: gemm,
    shapes: { a: [360, 256], b: [256, 256], bias: [0] },
    attributes: product,
  },
  ...triad(12, 20, 64),
  ...triad(24, 40, 24),
  ...triad(6, 10, 96),
  ...triad(24, 40, 128, 1),
  ...attentions(120, 4, 32),
  ...attentions(480, 2, 64),
  ...attentions(2443, 1, 64).slice(0, 1),
  { ...gradient, kernel: binHead, shapes: { ...head, scale: [6] } },
  { ...gradient, kernel: binHeadGradFeatures },
  { ...gradient, kernel: binHeadGradWeight },
  ...elementwise,
  ...norms,
  ...[64, 128].map((bins): KernelProblem => {
    const logits = [6, 48, 80, bins];
    const attributes = { temperature: 1 };
    return {
      name: `softmax over ${bins} bins`,
      kernel: softmaxBins,
      shapes: { logits },
      attributes,
    };
  }),
  {
    ...binPool.cases[0],
    name: "bins of 6x48x80 pooled to 6x10 tokens, 64 bins",
    kernel: binPool,
    shapes: { rows: [6, 48, 80, 5], log_choose: [64, 2], mask: [6, 48, 80, 1] },
    attributes: { grid: [6, 10] },
  },
];

const rounds = Number(process.argv[2] ?? 15);
const part = process.argv[3] ?? "";
const gpu = await openGpu({ validation: false });

/** Time of one dispatch: of the processor on a software adapter, else of the GPU. */
async function time_ms(prepared: PreparedKernel, batch: number): Promise<number> {
  const start = process.cpuUsage();
  const gpu_ms = await timeHot(gpu, prepared, batch);
  const { user, system } = process.cpuUsage(start);
  return gpu.facts.software ? (user + system) / 1000 / batch : gpu_ms;
}

/** The line of a problem: the least time of each mapping. */
async function line(problem: KernelProblem): Promise<string> {
  const { name, kernel: base, shapes, attributes } = problem;
  const inputs = caseInputs(base, problem);
  const able = exactMappings(base).filter(
    (kernel) =>
      canRun(kernel, gpu.facts, shapes, attributes) &&
      !(gpu.facts.software && WITH_BARRIERS.has(kernel.shader.name)),
  );
  const timed: { name: string; prepared: PreparedKernel; batch: number; least_ms: number }[] = [];
  let first: Record<string, Float32Array> | undefined;
  for (const kernel of able) {
    const prepared = await prepareKernel(gpu, kernel, inputs, shapes, attributes);
    const outputs = await prepared.run();
    first ??= outputs;
    for (const [tensor, values] of Object.entries(outputs)) {
      const wanted = first[tensor];
      const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      if (!values.every((value, i) => Math.abs(value - wanted[i]) <= 1e-4 * scale)) {
        throw new Error(`${kernel.shader.name}, ${name}: ${tensor} differs`);
      }
    }
    const batch = Math.max(1, Math.ceil(LEAST_MS / (await timeHot(gpu, prepared, 1))));
    timed.push({ name: kernel.shader.name, prepared, batch, least_ms: Infinity });
  }
  for (let round = 0; round < rounds; round++) {
    for (const one of timed) {
      one.least_ms = Math.min(one.least_ms, await time_ms(one.prepared, one.batch));
    }
  }
  for (const { prepared } of timed) prepared.destroy();
  const subgroup = timed.find((one) => one.name.endsWith("_subgroup"));
  const cells = timed.map((one) => {
    const ratio = subgroup === undefined ? NaN : one.least_ms / subgroup.least_ms;
    return `${one.name} ${one.least_ms.toFixed(2)} ms (${ratio.toFixed(2)})`;
  });
  return `${name}: ${cells.join(", ")}`;
}

const { lanes, reason } = subgroupWidth(gpu.facts);
console.log(`${gpu.facts.driver}, subgroups of ${lanes} (${reason}), least of ${rounds} rounds`);
console.log("in brackets: the time in units of the subgroup mapping's");
for (const problem of problems.filter(({ kernel }) => kernel.shader.name.includes(part))) {
  console.log(await line(problem));
}
gpu.close();
