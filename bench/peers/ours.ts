// ringdepth's side: a graph compiled once, its prebuilt dispatches replayed in one submit.
import type { Gpu } from "../../src/gpu/device.ts";
import { encodePass } from "../../src/gpu/encode.ts";
import { backward } from "../../src/graph/backward.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { gelu, relu } from "../../src/graph/ops/activation.ts";
import { adamw, gradNorm } from "../../src/graph/ops/adamw.ts";
import { subtract } from "../../src/graph/ops/arithmetic.ts";
import { attention } from "../../src/graph/ops/attention.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { matmul } from "../../src/graph/ops/gemm.ts";
import { layerNorm } from "../../src/graph/ops/norm.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { resizeBilinear } from "../../src/graph/ops/resize.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import { unary } from "../../src/graph/ops/unary.ts";
import { compile, type Plan } from "../../src/graph/plan.ts";
import type { Request } from "../../src/graph/request.ts";
import { createStore, type GpuStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import type { Cost } from "../../src/engine/kernel.ts";
import type { Contender } from "./contender.ts";
import {
  ADAM,
  COMPARED_STEPS,
  EPSILON,
  HEADS,
  LAYERS,
  type PeerCase,
  type Problem,
} from "./problems.ts";

/** Our side, with the cost of its dispatches. */
export interface OurContender extends Contender {
  readonly costs: readonly Cost[];
  readonly destroy: () => void;
}

type Inputs = PeerCase["inputs"];

/** Our solution of a problem. */
export async function ours(gpu: Gpu, { problem, inputs }: PeerCase): Promise<OurContender> {
  return problem.op === "step" ? await step(gpu, inputs) : await single(gpu, problem, inputs);
}

/** The results of a problem that is one function or its gradients. */
function build(g: Graph, problem: Problem, inputs: Inputs): Value[] {
  const at = (name: string): Value => g.input(name, inputs[name].shape);
  const gradients = (y: Value, wrt: readonly Value[]): Value[] => {
    const found = backward(g, [[y, at("d_y")]], wrt);
    return wrt.map((one) => found.get(one)!);
  };
  switch (problem.op) {
    case "matmul": {
      const [a, b] = [at("a"), at("b")];
      const y = matmul(a, b);
      return problem.gradient ? gradients(y, [a, b]) : [y];
    }
    case "conv": {
      const [x, weight] = [at("x"), at("weight")];
      const { kernel, stride, part } = problem;
      const y = conv2d(x, weight, null, { pad: (kernel - 1) / 2, stride });
      return part === "y" ? [y] : gradients(y, [part === "d_x" ? x : weight]);
    }
    case "softmax":
      return [softmaxBins(at("logits"))];
    case "expectation": {
      const [logits, centers] = [at("logits"), at("centers")];
      const y = binDecode(logits, centers);
      return problem.gradient ? gradients(y, [logits, centers]) : [y];
    }
    case "attention": {
      const [q, k, v] = [at("q"), at("k"), at("v")];
      const y = attention(q, k, v, { heads: HEADS });
      return problem.gradient ? gradients(y, [q, k, v]) : [y];
    }
    case "layer_norm": {
      const [x, gamma, beta] = [at("x"), at("gamma"), at("beta")];
      const y = layerNorm(x, gamma, beta, { epsilon: EPSILON });
      return problem.gradient ? gradients(y, [x, gamma, beta]) : [y];
    }
    case "gelu":
      return [gelu(at("x"))];
    case "upsample": {
      const x = at("x");
      return [resizeBilinear(x, [2 * x.shape[1], 2 * x.shape[2]], "half_pixel")];
    }
    default:
      throw new Error(`${problem.op} is no single function`);
  }
}

async function single(gpu: Gpu, problem: Problem, inputs: Inputs): Promise<OurContender> {
  const g = graph();
  const results = build(g, problem, inputs);
  const outputs = Object.fromEntries(results.map((value, i) => [`output${i}`, value]));
  const { plan, store } = await planned(gpu, g, { outputs });
  const used = Object.fromEntries(g.inputs.map(({ name }) => [name, inputs[name].data]));
  return contender(gpu, plan, store, async () => {
    const values = await plan.run(used);
    return results.map((_, i) => values[`output${i}`]);
  });
}

async function step(gpu: Gpu, inputs: Inputs): Promise<OurContender> {
  const g = graph();
  const at = (name: string): Value => g.input(name, inputs[name].shape);
  const trained = (name: string): Value =>
    g.parameter(name, inputs[name].shape, () => inputs[name].data, false);
  let x = at("images");
  for (const [i, { name, kernel, stride }] of LAYERS.entries()) {
    x = conv2d(x, trained(`${name}.weight`), trained(`${name}.bias`), {
      pad: (kernel - 1) / 2,
      stride,
    });
    if (i < LAYERS.length - 1) x = relu(x);
  }
  const depth = binDecode(x, at("centers"));
  const loss = reduce(unary(subtract(depth, at("target")), "square"), "mean");
  const gradients = g.gradients(loss);
  const norm = gradNorm(g.arena("gradients"), { max_norm: 1e30 });
  const { beta1, beta2, epsilon, rate } = ADAM;
  adamw(g, norm, { beta1, beta2, epsilon, weight_decay: 0 });
  const { plan, store } = await planned(gpu, g, { outputs: { loss }, gradients });
  const first = initialStore(g, 1);
  const used = Object.fromEntries(g.inputs.map(({ name }) => [name, inputs[name].data]));
  return contender(gpu, plan, store, async () => {
    store.write(first);
    const losses: number[] = [];
    for (let t = 1; t <= COMPARED_STEPS; t++) {
      const scalars = {
        learning_rate: rate,
        correction1: 1 / (1 - beta1 ** t),
        correction2: 1 / (1 - beta2 ** t),
      };
      const { loss: values } = await plan.run(used, scalars);
      losses.push(values[0]);
    }
    return [Float32Array.from(losses)];
  });
}

interface Planned {
  readonly plan: Plan;
  readonly store: GpuStore;
}

async function planned(gpu: Gpu, g: Graph, request: Request): Promise<Planned> {
  const store = createStore(gpu, g, initialStore(g, 1));
  return { plan: await compile(gpu, g, request, store), store };
}

function contender(
  gpu: Gpu,
  plan: Plan,
  store: GpuStore,
  results: Contender["results"],
): OurContender {
  const dispatches = plan.dispatches.map(({ dispatch }) => dispatch);
  return {
    costs: plan.dispatches.map(({ cost }) => cost),
    run: async () => {
      const encoder = gpu.device.createCommandEncoder();
      encodePass(encoder, "ours", dispatches);
      gpu.device.queue.submit([encoder.finish()]);
      await gpu.device.queue.onSubmittedWorkDone();
    },
    results,
    destroy: () => {
      plan.destroy();
      store.destroy();
    },
  };
}
