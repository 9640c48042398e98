// The problems compared with TensorFlow.js: both solve each one on the same device with the same
// random numbers.
import type { Gpu } from "../../src/gpu/device.ts";
import { encodePass } from "../../src/gpu/encode.ts";
import { backward } from "../../src/graph/backward.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { matmul } from "../../src/graph/ops/gemm.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { hashText } from "../../src/tensor/random.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import type { Tfjs, TfTensor } from "./tfjs_backend.ts";

/** One side of a comparison. */
export interface Contender {
  /** Does the work once and waits until the GPU is done. */
  readonly run: () => Promise<void>;
  /** The result of one run. */
  readonly result: () => Promise<Float32Array>;
}

/** One problem, both sides, and the required speed-up of ours. */
export interface Comparison {
  readonly name: string;
  readonly flops: number;
  readonly required_ratio: number;
  readonly ours: Contender;
  readonly rival: Contender;
}

type Inputs = Readonly<Record<string, Float32Array>>;

const random = (name: string, shape: Shape): Float32Array =>
  draw(shape, { kind: "normal" }, hashText(`rivals/${name}`));

/**
 * All problems: a product of matrices and a convolution with both gradients each, and depth from
 * bins.
 */
export async function comparisons(gpu: Gpu, tfjs: Tfjs): Promise<Comparison[]> {
  return [
    ...(await products(gpu, tfjs)),
    ...(await convolutions(gpu, tfjs)),
    await depthFromBins(gpu, tfjs),
  ];
}

async function products(gpu: Gpu, tfjs: Tfjs): Promise<Comparison[]> {
  const n = 512;
  const shape = [n, n];
  const inputs = { a: random("a", shape), b: random("b", shape), d_y: random("d_y", shape) };
  const build =
    (of: "y" | "a" | "b") =>
    (g: Graph): Value => {
      const [a, b, d_y] = [g.input("a", shape), g.input("b", shape), g.input("d_y", shape)];
      const y = matmul(a, b);
      return of === "y" ? y : gradient(g, y, d_y, of === "a" ? a : b);
    };
  const { tf } = tfjs;
  const [a, b, d_y] = [
    tf.tensor(inputs.a, shape),
    tf.tensor(inputs.b, shape),
    tf.tensor(inputs.d_y, shape),
  ];
  const rows: [string, Contender, () => TfTensor][] = [
    ["GEMM 512", await engine(gpu, build("y"), inputs), () => tf.matMul(a, b, false, false)],
    ["GEMM 512, d_a", await engine(gpu, build("a"), inputs), () => tf.matMul(d_y, b, false, true)],
    ["GEMM 512, d_b", await engine(gpu, build("b"), inputs), () => tf.matMul(a, d_y, true, false)],
  ];
  return rows.map(([name, ours, make]) => ({
    name,
    flops: 2 * n ** 3,
    required_ratio: 2,
    ours,
    rival: rival(tfjs, make),
  }));
}

async function convolutions(gpu: Gpu, tfjs: Tfjs): Promise<Comparison[]> {
  const image = [6, 48, 80, 64];
  const ohwi = [64, 3, 3, 64];
  const hwio = [3, 3, 64, 64];
  const inputs = {
    x: random("x", image),
    weight: random("weight", ohwi),
    d_y: random("d_y of conv", image),
  };
  const build =
    (of: "y" | "x" | "weight") =>
    (g: Graph): Value => {
      const [x, weight, d_y] = [
        g.input("x", image),
        g.input("weight", ohwi),
        g.input("d_y", image),
      ];
      const y = conv2d(x, weight, null, { pad: 1 });
      return of === "y" ? y : gradient(g, y, d_y, of === "x" ? x : weight);
    };
  const { tf } = tfjs;
  const x = tf.tensor(inputs.x, image);
  const filter = tf.tensor(outputsLast(inputs.weight, 64), hwio);
  const dy = tf.tensor(inputs.d_y, image);
  const how = { strides: [1, 1], pad: "same", dataFormat: "NHWC", dilations: [1, 1] };
  // the kernel that its own gradient of conv2d calls
  const kernel = (
    name: string,
    operands: Readonly<Record<string, TfTensor>>,
    attributes: Readonly<Record<string, unknown>> = {},
  ): TfTensor => tf.engine().runKernel(name, operands, { ...how, ...attributes });
  const forward = (): TfTensor => kernel("Conv2D", { x, filter });
  const byInput = (): TfTensor =>
    kernel("Conv2DBackpropInput", { dy, filter }, { inputShape: image });
  const byFilter = (): TfTensor => kernel("Conv2DBackpropFilter", { x, dy }, { filterShape: hwio });
  const name = "conv 3x3 64->64 at 6x48x80";
  const rows: [string, Contender, Contender][] = [
    [name, await engine(gpu, build("y"), inputs), rival(tfjs, forward)],
    [`${name}, d_x`, await engine(gpu, build("x"), inputs), rival(tfjs, byInput)],
    [
      `${name}, d_weight`,
      reordered(await engine(gpu, build("weight"), inputs), (values) => outputsLast(values, 64)),
      rival(tfjs, byFilter),
    ],
  ];
  const flops = 2 * 6 * 48 * 80 * 64 * 64 * 9;
  return rows.map(([row, ours, other]) => ({
    name: row,
    flops,
    required_ratio: 2,
    ours,
    rival: other,
  }));
}

async function depthFromBins(gpu: Gpu, tfjs: Tfjs): Promise<Comparison> {
  const [image, bins] = [
    [6, 48, 80, 128],
    [1, 1, 1, 128],
  ];
  const inputs = { logits: random("logits", image), centers: random("centers", bins) };
  const { tf } = tfjs;
  const [logits, centers] = [tf.tensor(inputs.logits, image), tf.tensor(inputs.centers, bins)];
  const build = (g: Graph): Value => binDecode(g.input("logits", image), g.input("centers", bins));
  return {
    name: "softmax + expectation over 128 bins",
    // per bin an exponential (8), a difference, two multiply-adds, three comparisons
    flops: 16 * inputs.logits.length,
    required_ratio: 4,
    ours: await engine(gpu, build, inputs),
    rival: rival(tfjs, () => tf.sum(tf.mul(tf.softmax(logits), centers), -1)),
  };
}

function gradient(g: Graph, y: Value, d_y: Value, wrt: Value): Value {
  return backward(g, [[y, d_y]], [wrt]).get(wrt)!;
}

/** Our side: a graph compiled once, its dispatches replayed. */
async function engine(gpu: Gpu, build: (g: Graph) => Value, inputs: Inputs): Promise<Contender> {
  const g = graph();
  const output = build(g);
  const plan = await compile(
    gpu,
    g,
    { outputs: { output } },
    createStore(gpu, g, initialStore(g, 1)),
  );
  const used = Object.fromEntries(g.inputs.map(({ name }) => [name, inputs[name]]));
  const dispatches = plan.dispatches.map(({ dispatch }) => dispatch);
  return {
    run: async () => {
      const encoder = gpu.device.createCommandEncoder();
      encodePass(encoder, "ours", dispatches);
      gpu.device.queue.submit([encoder.finish()]);
      await gpu.device.queue.onSubmittedWorkDone();
    },
    result: async () => (await plan.run(used))["output"],
  };
}

/** Their side: the call as a user makes it, its intermediate tensors freed. */
function rival({ tf, finish }: Tfjs, make: () => TfTensor): Contender {
  return {
    run: async () => {
      const made = tf.tidy(make);
      await finish();
      made.dispose();
    },
    result: async () => {
      const made = tf.tidy(make);
      const values = await made.data();
      made.dispose();
      return Float32Array.from(values);
    },
  };
}

function reordered(contender: Contender, order: (values: Float32Array) => Float32Array): Contender {
  return { ...contender, result: async () => order(await contender.result()) };
}

/** OHWI to HWIO: the first axis, of `outputs`, becomes the last. */
function outputsLast(values: Float32Array, outputs: number): Float32Array {
  const inner = values.length / outputs;
  return values.map((_, i) => values[(i % outputs) * inner + Math.floor(i / outputs)]);
}
