// TensorFlow.js on WebGPU. Declares only what the bench calls; TensorFlow.js is Google's, under
// Apache-2.0.
import type { Gpu } from "../../src/gpu/device.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { ORDERS, inverse, permuted, type Contender, type HostTensor } from "./contender.ts";
import { load } from "./install.ts";
import { ADAM, COMPARED_STEPS, EPSILON, HEADS, LAYERS, TOKEN_WIDTH, VIEWS } from "./problems.ts";
import type { Op, PeerCase, ProblemOf } from "./problems.ts";

interface TfTensor {
  readonly shape: number[];
  readonly data: () => Promise<Float32Array>;
  readonly dispose: () => void;
  readonly add: (other: TfTensor | number) => TfTensor;
  readonly sub: (other: TfTensor | number) => TfTensor;
  readonly mul: (other: TfTensor | number) => TfTensor;
  readonly relu: () => TfTensor;
  readonly square: () => TfTensor;
  readonly rsqrt: () => TfTensor;
  readonly mean: (axis?: number, keep?: boolean) => TfTensor;
  readonly sum: (axis?: number, keep?: boolean) => TfTensor;
  readonly softmax: () => TfTensor;
  readonly erf: () => TfTensor;
}
interface TfVariable extends TfTensor {
  readonly assign: (values: TfTensor) => void;
}
interface TfOptimizer {
  readonly minimize: (loss: () => TfTensor, returnCost: boolean, list: TfVariable[]) => TfTensor;
  readonly dispose: () => void;
}
interface Tf {
  readonly tensor: (values: Float32Array, shape: Shape) => TfTensor;
  readonly variable: (initial: TfTensor) => TfVariable;
  readonly tidy: <T>(make: () => T) => T;
  readonly dispose: (tensors: readonly TfTensor[]) => void;
  readonly matMul: (a: TfTensor, b: TfTensor, transposeA?: boolean, b2?: boolean) => TfTensor;
  readonly conv2d: (
    x: TfTensor,
    filter: TfTensor,
    stride: number,
    pad: number,
    layout: "NHWC",
    dilation: number,
    rounding: "floor",
  ) => TfTensor;
  readonly grads: (
    f: (...inputs: TfTensor[]) => TfTensor,
  ) => (inputs: readonly TfTensor[], d_y: TfTensor) => TfTensor[];
  readonly moments: (
    x: TfTensor,
    axis: number,
    keep: boolean,
  ) => Record<"mean" | "variance", TfTensor>;
  readonly image: {
    readonly resizeBilinear: (
      x: TfTensor,
      size: readonly [number, number],
      corners: boolean,
      halfPixels: boolean,
    ) => TfTensor;
  };
  readonly train: {
    readonly adam: (rate: number, beta1: number, beta2: number, epsilon: number) => TfOptimizer;
  };
  readonly engine: () => {
    readonly runKernel: (
      name: string,
      inputs: Readonly<Record<string, TfTensor>>,
      attributes: Readonly<Record<string, unknown>>,
    ) => TfTensor;
  };
  readonly setBackend: (name: string) => Promise<boolean>;
  readonly backend: () => {
    readonly commandEncoder: GPUCommandEncoder | null;
    readonly endComputePassEncoder: () => void;
    readonly submitQueue: () => void;
  };
}
type Make = () => TfTensor[];
type Inputs = PeerCase["inputs"];

const HEAD_WIDTH = TOKEN_WIDTH / HEADS;

/** Loads it on the device of `gpu`; the returned function prepares its solution of a problem. */
export async function tfjs(gpu: Gpu): Promise<(peer: PeerCase) => Promise<Contender>> {
  const tf = load("@tensorflow/tfjs") as Tf;
  load("@tensorflow/tfjs-backend-webgpu"); // registers itself as "webgpu"
  if (!(await tf.setBackend("webgpu"))) throw new Error("it did not take its WebGPU backend");
  const finish = async (): Promise<void> => {
    const backend = tf.backend();
    backend.endComputePassEncoder();
    if (backend.commandEncoder !== null) backend.submitQueue();
    await gpu.device.queue.onSubmittedWorkDone();
  };
  return async ({ problem, inputs }) => {
    if (problem.op === "step") return step(tf, finish, inputs);
    const prepare = FUNCTIONS[problem.op] as (tf: Tf, inputs: Inputs, problem: unknown) => Solution;
    const { make, order = (one) => one } = prepare(tf, inputs, problem);
    return await Promise.resolve({
      run: async () => {
        const made = tf.tidy(make);
        await finish();
        tf.dispose(made);
      },
      results: async () => {
        const made = tf.tidy(make);
        const values = await Promise.all(made.map(async (one) => await read(one)));
        tf.dispose(made);
        return values.map((one) => order(one).data);
      },
    });
  };
}

interface Solution {
  readonly make: Make;
  /** Brings a result into our layout. */
  readonly order?: (result: HostTensor) => HostTensor;
}

async function read(tensor: TfTensor): Promise<HostTensor> {
  return { shape: tensor.shape, data: Float32Array.from(await tensor.data()) };
}

type Functions = {
  readonly [K in Exclude<Op, "step">]: (tf: Tf, inputs: Inputs, problem: ProblemOf<K>) => Solution;
};

const FUNCTIONS: Functions = {
  matmul: (tf, inputs, { gradient }) => {
    const [a, b, d_y] = tensors(tf, inputs, ["a", "b", "d_y"]);
    return {
      // the products that its own gradient of matMul computes
      make: () =>
        gradient
          ? [tf.matMul(d_y, b, false, true), tf.matMul(a, d_y, true, false)]
          : [tf.matMul(a, b)],
    };
  },
  conv: (tf, inputs, { kernel: side, stride, part }) => {
    const [x, dy] = tensors(tf, inputs, ["x", "d_y"]);
    const filter = tensorOf(tf, permuted(inputs["weight"], ORDERS.inputsOutputs));
    const how = {
      strides: [stride, stride],
      pad: (side - 1) / 2,
      dimRoundingMode: "floor",
      dataFormat: "NHWC",
      dilations: [1, 1],
    };
    // the kernels that its own gradient of conv2d calls
    const kernel = (
      name: string,
      operands: Record<string, TfTensor>,
      extra: object,
    ): TfTensor[] => [tf.engine().runKernel(name, operands, { ...how, ...extra })];
    const parts: Record<typeof part, Make> = {
      y: () => kernel("Conv2D", { x, filter }, {}),
      d_x: () => kernel("Conv2DBackpropInput", { dy, filter }, { inputShape: x.shape }),
      d_weight: () => kernel("Conv2DBackpropFilter", { x, dy }, { filterShape: filter.shape }),
    };
    const order = (one: HostTensor): HostTensor => permuted(one, inverse(ORDERS.inputsOutputs));
    return { make: parts[part], ...(part === "d_weight" ? { order } : {}) };
  },
  softmax: (tf, inputs) => {
    const [logits] = tensors(tf, inputs, ["logits"]);
    return { make: () => [logits.softmax()] };
  },
  expectation: (tf, inputs, { gradient }) => {
    const [logits, centers, d_y] = tensors(tf, inputs, ["logits", "centers", "d_y"]);
    return differentiable(tf, depthOf, [logits, centers], gradient ? d_y : null);
  },
  attention: (tf, inputs, { gradient }) => {
    const [q, k, v, d_y] = ["q", "k", "v", "d_y"].map((name) => {
      const { data, shape } = inputs[name];
      const heads = { data, shape: [VIEWS, shape[1], HEADS, HEAD_WIDTH] };
      return tensorOf(tf, permuted(heads, ORDERS.headsFirst));
    });
    const attend = (q1: TfTensor, k1: TfTensor, v1: TfTensor): TfTensor =>
      tf.matMul(
        tf
          .matMul(q1, k1, false, true)
          .mul(HEAD_WIDTH ** -0.5)
          .softmax(),
        v1,
      );
    const solution = differentiable(tf, attend, [q, k, v], gradient ? d_y : null);
    return { ...solution, order: (one) => permuted(one, ORDERS.headsFirst) };
  },
  layer_norm: (tf, inputs, { gradient }) => {
    const [x, gamma, beta, d_y] = tensors(tf, inputs, ["x", "gamma", "beta", "d_y"]);
    const normed = (x1: TfTensor, gamma1: TfTensor, beta1: TfTensor): TfTensor => {
      const { mean, variance } = tf.moments(x1, -1, true);
      return x1.sub(mean).mul(variance.add(EPSILON).rsqrt()).mul(gamma1).add(beta1);
    };
    return differentiable(tf, normed, [x, gamma, beta], gradient ? d_y : null);
  },
  gelu: (tf, inputs) => {
    const [x] = tensors(tf, inputs, ["x"]);
    return { make: () => [x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1))] };
  },
  upsample: (tf, inputs) => {
    const [x] = tensors(tf, inputs, ["x"]);
    const size = [2 * x.shape[1], 2 * x.shape[2]] as const;
    return { make: () => [tf.image.resizeBilinear(x, size, false, true)] };
  },
};

function depthOf(logits: TfTensor, centers: TfTensor): TfTensor {
  return logits.softmax().mul(centers).sum(-1, true);
}

/** A function of tensors, or with `d_y` its derivatives. */
function differentiable(
  tf: Tf,
  f: (...inputs: TfTensor[]) => TfTensor,
  inputs: readonly TfTensor[],
  d_y: TfTensor | null,
): Solution {
  return { make: () => (d_y === null ? [f(...inputs)] : tf.grads(f)(inputs, d_y)) };
}

function tensorOf(tf: Tf, { data, shape }: HostTensor): TfTensor {
  return tf.tensor(data, shape);
}

function tensors(tf: Tf, inputs: Inputs, names: readonly string[]): TfTensor[] {
  return names.map((name) => tensorOf(tf, inputs[name]));
}

function step(tf: Tf, finish: () => Promise<void>, inputs: Inputs): Contender {
  const [images, target, centers] = tensors(tf, inputs, ["images", "target", "centers"]);
  const first = LAYERS.flatMap(({ name }) => [
    tensorOf(tf, permuted(inputs[`${name}.weight`], ORDERS.inputsOutputs)),
    tensorOf(tf, inputs[`${name}.bias`]),
  ]);
  const trained = first.map((one) => tf.variable(one));
  const loss = (): TfTensor => {
    let x = images;
    for (const [i, { kernel, stride }] of LAYERS.entries()) {
      const [filter, bias] = [trained[2 * i], trained[2 * i + 1]];
      x = tf.conv2d(x, filter, stride, (kernel - 1) / 2, "NHWC", 1, "floor").add(bias);
      if (i < LAYERS.length - 1) x = x.relu();
    }
    return depthOf(x, centers).sub(target).square().mean();
  };
  const adam = (): TfOptimizer => tf.train.adam(ADAM.rate, ADAM.beta1, ADAM.beta2, ADAM.epsilon);
  let optimizer = adam();
  const once = (): TfTensor => optimizer.minimize(loss, true, trained);
  return {
    run: async () => {
      const cost = once();
      await finish();
      cost.dispose();
    },
    results: async () => {
      for (const [i, variable] of trained.entries()) variable.assign(first[i]);
      optimizer.dispose();
      optimizer = adam();
      const losses: number[] = [];
      for (let t = 1; t <= COMPARED_STEPS; t++) {
        const cost = once();
        losses.push((await cost.data())[0]);
        cost.dispose();
      }
      return [Float32Array.from(losses)];
    },
  };
}
