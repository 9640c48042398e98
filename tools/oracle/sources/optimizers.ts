// Optimisers (keras, pytorch, tfjs-optim): Adam, with decoupled weight decay or none, as the
// engine's adamw takes it.
import { matmul } from "../../../src/graph/ops/gemm.ts";
import { adamw, gradNorm } from "../../../src/graph/ops/adamw.ts";
import { sigmoid } from "../../../src/graph/ops/activation.ts";
import { multiply } from "../../../src/graph/ops/arithmetic.ts";
import { reduce } from "../../../src/graph/ops/reduce.ts";
import { unary } from "../../../src/graph/ops/unary.ts";
import { given as initialized } from "../../../src/graph/initializers.ts";
import { graph, type Graph } from "../../../src/graph/graph.ts";
import type { Value } from "../../../src/graph/value.ts";
import { InputError } from "../../../src/tensor/error.ts";
import { flagOf, listOf, numberOf } from "../attributes.ts";
import { clause, floats, knows, type Offer, type Steps } from "../offer.ts";
import type { VectorCase, VectorTensor } from "../vectors.ts";

const adam = clause("optimizer Adam or AdamW", ({ record }) =>
  ["Adam", "AdamW"].includes(String(record["optimizer"])),
);
const plain = clause("no amsgrad", (given) => !flagOf(given, "amsgrad", false));
const decoupled = clause(
  "weight decay of AdamW only",
  ({ record, attributes }) => record["optimizer"] === "AdamW" || !attributes["weight_decay"],
);

interface Settings {
  /**
   * Keras adds epsilon to the root of the raw second moment, the paper to that of the corrected
   * one.
   */
  readonly rawRoot: boolean;
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decay: number;
}

/** A graph that trains by `loss` of its parameters. */
function trained(
  g: Graph,
  loss: Value,
  { rawRoot, rate, beta1, beta2, epsilon, decay }: Settings,
): Pick<Steps, "graph" | "request" | "scalars"> {
  const gradients = g.gradients(loss);
  const norm = gradNorm(g.arena("gradients"), { max_norm: 1e30 });
  adamw(g, norm, { beta1, beta2, epsilon, weight_decay: decay });
  return {
    graph: g,
    request: { outputs: { loss }, gradients },
    scalars: (step) => {
      const [first, second] = [1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step)];
      return rawRoot
        ? { learning_rate: rate, correction1: first / Math.sqrt(second), correction2: 1 }
        : { learning_rate: rate, correction1: first, correction2: second };
    },
  };
}

function input({ inputs, file, id }: VectorCase, name: string): VectorTensor {
  const tensor = inputs.find((one) => one?.name === name);
  if (tensor === undefined || tensor === null)
    throw new InputError(`${file}: ${id}: lacks ${name}`);
  return tensor;
}

function parameter(g: Graph, { name, shape, values }: VectorTensor): Value {
  return g.parameter(name, shape, initialized(Float32Array.from(values)));
}

function row(tensor: VectorTensor, k: number): VectorTensor {
  const [, n = 1] = tensor.shape;
  const values = tensor.values.subarray(k * n, (k + 1) * n);
  return { ...tensor, name: `${tensor.name}[${k}]`, shape: [n], values };
}

/** Keras: gradients are given; row k of the output is x after step k, counted from 0. */
export const kerasOptimizer: Offer = {
  clauses: [
    floats(),
    adam,
    plain,
    decoupled,
    knows("learning_rate", "weight_decay", "beta_1", "beta_2", "epsilon", "amsgrad"),
  ],
  steps: (given) => {
    const x = input(given, "x");
    const g = graph();
    // the gradient of <x, gradient> by x
    const gradient = g.input("gradient", x.shape);
    const loss = reduce(multiply(parameter(g, x), gradient), "sum");
    const settings = {
      rawRoot: true,
      rate: numberOf(given, "learning_rate", 1e-3),
      beta1: numberOf(given, "beta_1", 0.9),
      beta2: numberOf(given, "beta_2", 0.999),
      epsilon: numberOf(given, "epsilon", 1e-7),
      decay: numberOf(given, "weight_decay", 0),
    };
    const first = input(given, "grad_step_0").values;
    const later = given.inputs.find((one) => one?.name === "grad_steps_1_to_4")?.values ?? first;
    const after = given.outputs[0]!;
    const rows = after.shape.length === 2 ? after.shape[0] : 1;
    return {
      ...trained(g, loss, settings),
      inputs: (step) => ({ gradient: step === 1 ? first : later }),
      parameters: { x: x.values },
      wants: Array.from({ length: rows }, (_, k) => ({
        step: k + 1,
        parameter: "x",
        want: after.shape.length === 2 ? row(after, k) : after,
      })),
    };
  },
};

/** tfjs: loss = sum x^2. */
export const tfjsOptimizer: Offer = {
  clauses: [floats(), adam, plain, decoupled, knows("lr", "beta1", "beta2", "eps")],
  steps: (given) => {
    const x = input(given, "x");
    const g = graph();
    const loss = reduce(unary(parameter(g, x), "square"), "sum");
    const settings = {
      rawRoot: false,
      rate: numberOf(given, "lr", 1e-3),
      beta1: numberOf(given, "beta1", 0.9),
      beta2: numberOf(given, "beta2", 0.999),
      epsilon: numberOf(given, "eps", 1e-7),
      decay: 0,
    };
    const wants = given.outputs.flatMap((want) => {
      const step = Number(/^x_after_step_(\d+)$/.exec(want?.name ?? "")?.[1]);
      return want === null || Number.isNaN(step) ? [] : [{ step, parameter: "x", want }];
    });
    return {
      ...trained(g, loss, settings),
      inputs: () => ({}),
      parameters: { x: x.values },
      wants,
    };
  },
};

/** PyTorch: two linear layers with sigmoids, loss = sum of the outputs, 1001 steps. */
export const pytorchOptimizer: Offer = {
  clauses: [
    floats(),
    adam,
    plain,
    decoupled,
    knows("lr", "betas", "eps", "weight_decay", "amsgrad", "note"),
  ],
  steps: (given) => {
    const g = graph();
    const names = ["0.weight", "0.bias", "2.weight", "2.bias"] as const;
    const [w0, b0, w2, b2] = names.map((name) => parameter(g, input(given, name)));
    const data = input(given, "x");
    const layer = (x: Value, w: Value, b: Value): Value =>
      sigmoid(matmul(x, w, { transposeB: true, bias: b }));
    const y = layer(layer(g.input("x", data.shape), w0, b0), w2, b2);
    const [beta1, beta2] = listOf(given, "betas") ?? [0.9, 0.999];
    const settings = {
      rawRoot: false,
      rate: numberOf(given, "lr", 1e-3),
      beta1: beta1,
      beta2: beta2,
      epsilon: numberOf(given, "eps", 1e-8),
      decay: numberOf(given, "weight_decay", 0),
    };
    const wants = given.expected.map((want) => {
      const [name, iteration] = want.name.split("@iteration");
      return { step: Number(iteration) + 1, parameter: name, want };
    });
    return {
      ...trained(g, reduce(y, "sum"), settings),
      inputs: () => ({ x: data.values }),
      parameters: Object.fromEntries(names.map((name) => [name, input(given, name).values])),
      wants,
    };
  },
};
