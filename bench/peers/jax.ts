// jax-js on WebGPU, its functions compiled by its own jit. Declares only what the bench calls;
// jax-js is Eric Zhang's, under the MIT licence. An array is consumed by the call that takes it;
// `.ref` keeps it.
import type { Gpu } from "../../src/gpu/device.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { ORDERS, inverse, permuted, type Contender, type HostTensor } from "./contender.ts";
import { load } from "./install.ts";
import {
  ADAM,
  COMPARED_STEPS,
  EPSILON,
  HEADS,
  LAYERS,
  TOKEN_WIDTH,
  VIEWS,
  type Op,
  type PeerCase,
  type ProblemOf,
} from "./problems.ts";

interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  readonly dispose: () => void;
  readonly data: () => Promise<Float32Array>;
  readonly mul: (other: JaxArray | number) => JaxArray;
  readonly add: (other: JaxArray | number) => JaxArray;
  readonly sub: (other: JaxArray | number) => JaxArray;
  readonly div: (other: JaxArray | number) => JaxArray;
  readonly reshape: (shape: Shape) => JaxArray;
}
type JaxFunction = (...inputs: JaxArray[]) => JaxArray;
type JaxFunctions = (...inputs: JaxArray[]) => JaxArray[];
interface Jax {
  readonly init: (device: string) => Promise<string[]>;
  readonly defaultDevice: (device: string) => string;
  readonly jit: (f: JaxFunctions) => JaxFunctions;
  readonly vjp: (
    f: JaxFunction,
    inputs: readonly JaxArray[],
  ) => [JaxArray, (d_y: JaxArray) => JaxArray[]];
  readonly valueAndGrad: (
    f: JaxFunction,
    options: { readonly argnums: readonly number[] },
  ) => (...inputs: JaxArray[]) => [JaxArray, JaxArray[]];
  readonly blockUntilReady: (arrays: readonly JaxArray[]) => Promise<unknown>;
  readonly numpy: {
    readonly array: (values: Float32Array, options: { readonly shape: Shape }) => JaxArray;
    readonly matmul: (a: JaxArray, b: JaxArray) => JaxArray;
    readonly matrixTranspose: (a: JaxArray) => JaxArray;
    readonly sum: (x: JaxArray, axis: number, options: { readonly keepdims: boolean }) => JaxArray;
    readonly mean: (
      x: JaxArray,
      axis?: number,
      options?: { readonly keepdims: boolean },
    ) => JaxArray;
    readonly square: (x: JaxArray) => JaxArray;
    readonly sqrt: (x: JaxArray) => JaxArray;
  };
  readonly nn: {
    readonly relu: (x: JaxArray) => JaxArray;
    readonly softmax: (x: JaxArray, axis: number) => JaxArray;
    readonly gelu: (x: JaxArray, options: { readonly approximate: boolean }) => JaxArray;
  };
  readonly lax: {
    readonly convGeneralDilated: (
      x: JaxArray,
      weight: JaxArray,
      strides: readonly number[],
      padding: readonly (readonly [number, number])[],
    ) => JaxArray;
  };
}
type Inputs = PeerCase["inputs"];
type Finish = (arrays: readonly JaxArray[]) => Promise<void>;

/** A function of arrays, its inputs, and the way back to our layout for each result. */
interface Solution {
  readonly f: JaxFunctions;
  readonly inputs: readonly HostTensor[];
  readonly orders?: readonly (readonly number[])[];
}

/** Loads it; it takes the device that `navigator.gpu` offers, which is that of `gpu`. */
export async function jax(gpu: Gpu): Promise<(peer: PeerCase) => Promise<Contender>> {
  const api = load("@jax-js/jax") as Jax;
  // it waits for an empty read instead of the queue
  const finish: Finish = async (arrays) => {
    await gpu.settled(api.blockUntilReady(arrays));
  };
  if (!(await api.init("webgpu")).includes("webgpu")) throw new Error("it found no WebGPU");
  api.defaultDevice("webgpu");
  return async ({ problem, inputs }) => {
    if (problem.op === "step") return step(api, finish, inputs);
    const prepare = FUNCTIONS[problem.op] as
      | ((jx: Jax, from: Inputs, problem: unknown) => Solution)
      | null;
    if (prepare === null) throw new Error(`it has no ${problem.op}`);
    const solution = prepare(api, inputs, problem);
    const f = api.jit(solution.f);
    const arrays = solution.inputs.map((one) => arrayOf(api, one));
    const once = (): JaxArray[] => f(...arrays.map((one) => one.ref));
    return await Promise.resolve({
      run: async () => {
        const made = once();
        await finish(made);
        for (const one of made) one.dispose();
      },
      results: async () => {
        const results: Float32Array[] = [];
        for (const [i, one] of once().entries()) {
          const order = solution.orders?.[i];
          const host = { shape: one.shape, data: new Float32Array() };
          const read = { ...host, data: Float32Array.from(await one.data()) };
          results.push((order === undefined ? read : permuted(read, order)).data);
        }
        return results;
      },
    });
  };
}

type Functions = {
  readonly [K in Exclude<Op, "step">]:
    | ((jx: Jax, from: Inputs, problem: ProblemOf<K>) => Solution)
    | null;
};

const FUNCTIONS: Functions = {
  matmul: (jx, { a, b, d_y }, { gradient }) => {
    const f: JaxFunction = (a1, b1) => jx.numpy.matmul(a1, b1);
    return differentiable(jx, f, [a, b], gradient ? d_y : null);
  },
  conv: (jx, { x, weight, d_y }, { kernel, stride, part }) => {
    const image = permuted(x, ORDERS.channelsFirst);
    const filter = permuted(weight, ORDERS.outputsInputs);
    const d_image = permuted(d_y, ORDERS.channelsFirst);
    const conv: JaxFunction = (x1, w1) => convolved(jx, x1, w1, kernel, stride);
    const back = [inverse(ORDERS.channelsFirst)];
    switch (part) {
      case "y":
        return { f: (x1, w1) => [conv(x1, w1)], inputs: [image, filter], orders: back };
      case "d_x":
        return {
          f: (x1, w1, d1) => derivatives(jx, (x2) => conv(x2, w1), [x1], d1),
          inputs: [image, filter, d_image],
          orders: back,
        };
      default:
        return {
          f: (x1, w1, d1) => derivatives(jx, (w2) => conv(x1, w2), [w1], d1),
          inputs: [image, filter, d_image],
          orders: [inverse(ORDERS.outputsInputs)],
        };
    }
  },
  softmax: (jx, { logits }) => ({ f: (x) => [jx.nn.softmax(x, -1)], inputs: [logits] }),
  expectation: (jx, { logits, centers, d_y }, { gradient }) => {
    const f: JaxFunction = (x, c) => depthOf(jx, x, c);
    return differentiable(jx, f, [logits, centers], gradient ? d_y : null);
  },
  attention: (jx, inputs, { gradient }) => {
    const [q, k, v, d_y] = ["q", "k", "v", "d_y"].map((name) => {
      const { data, shape } = inputs[name];
      const heads = { data, shape: [VIEWS, shape[1], HEADS, TOKEN_WIDTH / HEADS] };
      return permuted(heads, ORDERS.headsFirst);
    });
    // its own dotProductAttention needs iterators that Node has from version 22 on
    const f: JaxFunction = (q1, k1, v1) => {
      const products = jx.numpy.matmul(q1, jx.numpy.matrixTranspose(k1));
      return jx.numpy.matmul(jx.nn.softmax(products.mul((TOKEN_WIDTH / HEADS) ** -0.5), -1), v1);
    };
    const solution = differentiable(jx, f, [q, k, v], gradient ? d_y : null);
    const back = ORDERS.headsFirst; // undoes itself
    return { ...solution, orders: [back, back, back] };
  },
  layer_norm: (jx, { x, gamma, beta, d_y }, { gradient }) => {
    const keep = { keepdims: true };
    const f: JaxFunction = (x1, gamma1, beta1) => {
      const centered = x1.ref.sub(jx.numpy.mean(x1, -1, keep));
      const variance = jx.numpy.mean(jx.numpy.square(centered.ref), -1, keep);
      return centered
        .div(jx.numpy.sqrt(variance.add(EPSILON)))
        .mul(gamma1)
        .add(beta1);
    };
    return differentiable(jx, f, [x, gamma, beta], gradient ? d_y : null);
  },
  gelu: (jx, { x }) => ({ f: (x1) => [jx.nn.gelu(x1, { approximate: false })], inputs: [x] }),
  upsample: null,
};

function differentiable(
  jx: Jax,
  f: JaxFunction,
  inputs: readonly HostTensor[],
  d_y: HostTensor | null,
): Solution {
  if (d_y === null) return { f: (...given) => [f(...given)], inputs };
  return {
    f: (...given) => derivatives(jx, f, given.slice(0, -1), given.at(-1)!),
    inputs: [...inputs, d_y],
  };
}

function derivatives(
  jx: Jax,
  f: JaxFunction,
  inputs: readonly JaxArray[],
  d_y: JaxArray,
): JaxArray[] {
  const [y, pullBack] = jx.vjp(f, inputs);
  y.dispose();
  return pullBack(d_y);
}

function convolved(
  jx: Jax,
  x: JaxArray,
  weight: JaxArray,
  kernel: number,
  stride: number,
): JaxArray {
  const pad = (kernel - 1) / 2;
  const padding = [
    [pad, pad],
    [pad, pad],
  ] as const;
  return jx.lax.convGeneralDilated(x, weight, [stride, stride], padding);
}

function depthOf(jx: Jax, logits: JaxArray, centers: JaxArray): JaxArray {
  return jx.numpy.sum(jx.nn.softmax(logits, -1).mul(centers), -1, { keepdims: true });
}

function arrayOf(jx: Jax, { data, shape }: HostTensor): JaxArray {
  return jx.numpy.array(data, { shape });
}

function step(jx: Jax, finish: Finish, inputs: Inputs): Contender {
  const count = 2 * LAYERS.length;
  // bins along the last axis of [V, C, H, W] would need a transposition: they stay the second
  const given = [
    permuted(inputs["images"], ORDERS.channelsFirst),
    permuted(inputs["target"], ORDERS.channelsFirst),
    permuted(inputs["centers"], ORDERS.channelsFirst),
  ].map((one) => arrayOf(jx, one));
  const loss: JaxFunction = (...all) => {
    const trained = all.slice(0, count);
    const [images, target, centers] = all.slice(count);
    let x = images;
    for (const [i, { kernel, stride, outputs }] of LAYERS.entries()) {
      const bias = trained[2 * i + 1].reshape([1, outputs, 1, 1]);
      x = convolved(jx, x, trained[2 * i], kernel, stride).add(bias);
      if (i < LAYERS.length - 1) x = jx.nn.relu(x);
    }
    const weighted = jx.nn.softmax(x, 1).mul(centers);
    const depth = jx.numpy.sum(weighted, 1, { keepdims: true });
    return jx.numpy.mean(jx.numpy.square(depth.sub(target)));
  };
  const { rate, beta1, beta2, epsilon } = ADAM;
  const argnums = Array.from({ length: count }, (_, i) => i);
  const stepped = jx.jit((...all) => {
    const [trained, first, second] = [0, 1, 2].map((i) => all.slice(i * count, (i + 1) * count));
    const [correction1, correction2, ...rest] = all.slice(3 * count);
    const [cost, gradients] = jx.valueAndGrad(loss, { argnums })(
      ...trained.map((one) => one.ref),
      ...rest,
    );
    const m = first.map((one, i) => one.mul(beta1).add(gradients[i].ref.mul(1 - beta1)));
    const v = second.map((one, i) =>
      one.mul(beta2).add(jx.numpy.square(gradients[i]).mul(1 - beta2)),
    );
    const next = trained.map((one, i) => {
      const root = jx.numpy.sqrt(v[i].ref.mul(correction2.ref)).add(epsilon);
      return one.sub(m[i].ref.mul(correction1.ref).mul(rate).div(root));
    });
    return [cost, ...next, ...m, ...v];
  });
  const weights = LAYERS.flatMap(({ name }) => [
    permuted(inputs[`${name}.weight`], ORDERS.outputsInputs),
    inputs[`${name}.bias`],
  ]);
  const zeros = weights.map(({ data, shape }) => ({ data: new Float32Array(data.length), shape }));
  const start = (): JaxArray[] => [...weights, ...zeros, ...zeros].map((one) => arrayOf(jx, one));
  let state = start();
  let steps = 0;
  const once = (): JaxArray => {
    steps++;
    const corrections = [beta1, beta2].map((beta) =>
      arrayOf(jx, { data: Float32Array.of(1 / (1 - beta ** steps)), shape: [] }),
    );
    const [cost, ...next] = stepped(...state, ...corrections, ...given.map((one) => one.ref));
    state = next;
    return cost;
  };
  return {
    run: async () => {
      const cost = once();
      await finish([cost, ...state]);
      cost.dispose();
    },
    results: async () => {
      for (const one of state) one.dispose();
      [state, steps] = [start(), 0];
      const losses: number[] = [];
      for (let t = 1; t <= COMPARED_STEPS; t++) losses.push((await once().data())[0]);
      return [Float32Array.from(losses)];
    },
  };
}
