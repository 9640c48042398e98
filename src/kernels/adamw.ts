// One step of Adam with decoupled weight decay over the flat arena of all parameters: one dispatch.
import { size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { shaders } from "./shaders.gen.ts";

/**
 * Decay rates of both moments, the number added to the root, and the weight decay of blocks whose
 * factor is 1.
 */
export interface AdamwSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weight_decay: number;
}
/**
 * The positions of the learning rate and the bias corrections 1 / (1 - beta^t) among the 64 step
 * scalars.
 */
export interface AdamwAttributes extends AdamwSettings {
  readonly slots: {
    readonly learning_rate: number;
    readonly correction1: number;
    readonly correction2: number;
  };
}

/** Floats that share a decay factor: the alignment of the arena. */
export const DECAY_BLOCK: number = shaders.adamw.constants.BLOCK;

/**
 * The vectors of four parameters per invocation: as many as leave enough invocations to fill an
 * adapter.
 */
export function vectorsPerInvocation({ parameters }: { readonly parameters: Shape }): {
  readonly STEP: number;
} {
  const most = size(parameters) / (4 * FILLED);
  return { STEP: [8, 4, 2].find((count) => count <= most) ?? 1 };
}
const FILLED = 2 ** 15;

const attributes: AdamwAttributes = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weight_decay: 0.01,
  slots: { learning_rate: 0, correction1: 6, correction2: 63 },
};
type Input =
  | "scalars"
  | "gradients"
  | "decay"
  | "norm"
  | "parameters"
  | "first_moments"
  | "second_moments";
const problem = (name: string, n: number, norm: number): Problem<Input, AdamwAttributes> => ({
  name,
  shapes: {
    scalars: [64],
    gradients: [n],
    decay: [n / DECAY_BLOCK],
    norm: [4],
    parameters: [n],
    first_moments: [n],
    second_moments: [n],
  },
  attributes,
  data: {
    scalars: { kind: "uniform", low: 0.5, high: 2 },
    decay: { kind: "mask", share: 0.5 },
    norm: { kind: "constant", value: norm },
    second_moments: { kind: "uniform", low: 0, high: 2 },
  },
});

/**
 * m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, p -= rate (c1 m / (sqrt(c2 v) + epsilon) +
 * weight_decay decay p), with g the clipped gradient; nothing changes where norm says not finite. An
 * element whose p, m or v is not finite stays as it is, and norm[3] becomes 1; so it does where one
 * of the three is not finite after the step. parameters, gradients, moments [n], decay [n / 64],
 * norm [4] of `gradNorm`, scalars [64]. Source: Loshchilov and Hutter 2019, algorithm 2.
 */
export const adamw: Kernel<typeof shaders.adamw, AdamwAttributes> = kernel({
  shader: shaders.adamw,
  axes: {
    gradients: "n",
    decay: "n / 64",
    norm: "4",
    parameters: "n",
    first_moments: "n",
    second_moments: "n",
  },
  shapes: (inputs, { slots }) => {
    const { scalars, parameters, gradients, first_moments, second_moments, decay, norm } = inputs;
    expectShape({ gradients, first_moments, second_moments }, parameters, "parameters");
    expectShape({ decay }, [size(parameters) / DECAY_BLOCK]);
    expectShape({ norm }, [4]);
    expectShape({ scalars }, [64]);
    for (const [name, slot] of Object.entries(slots)) {
      if (!(Number.isInteger(slot) && slot >= 0 && slot < 64)) {
        throw new Error(`the slot of ${name} is ${slot}, expected 0 to 63`);
      }
    }
    return {};
  },
  params: ({ parameters }, { slots, beta1, beta2, epsilon, weight_decay }) => ({
    n: size(parameters),
    rest1: 1 - beta1,
    rest2: 1 - beta2,
    epsilon,
    weight_decay,
    rate_slot: slots.learning_rate,
    first_slot: slots.correction1,
    second_slot: slots.correction2,
  }),
  tuneRule: vectorsPerInvocation,
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / 4 / (WG * STEP))),
  // 16 operations with a root and a quotient (4 each); four arenas read, three written
  cost: ({ parameters }) => ({ flops: 22 * size(parameters), bytes: 28 * size(parameters) }),
  cases: [
    problem("a clipped step", 3008, 0.8),
    problem("one block", 64, 1),
    problem("a workgroup and a block", 1088, 1),
    problem("no parameter", 0, 1),
    problem("gradients not finite: skipped", 128, 0),
  ],
  reference: (inputs, _, { slots, beta1, beta2, epsilon, weight_decay }) => {
    const { scalars, gradients, decay } = inputs;
    const parameters = inputs.parameters.slice() as typeof inputs.parameters;
    const first_moments = inputs.first_moments.slice() as typeof parameters;
    const second_moments = inputs.second_moments.slice() as typeof parameters;
    const norm = inputs.norm.slice() as typeof parameters;
    const changed = { norm, parameters, first_moments, second_moments };
    if (norm[2] < 0.5) return changed;
    const rate = scalars[slots.learning_rate];
    const [c1, c2] = [scalars[slots.correction1], scalars[slots.correction2]];
    const isUsable = (i: number): boolean =>
      [parameters[i], first_moments[i], second_moments[i]].every(Number.isFinite);
    for (let i = 0; i < parameters.length; i++) {
      if (!isUsable(i)) {
        norm[3] = 1;
        continue;
      }
      const g = norm[1] * gradients[i];
      const m = beta1 * first_moments[i] + (1 - beta1) * g;
      const v = beta2 * second_moments[i] + (1 - beta2) * g * g;
      const shrink = weight_decay * decay[Math.floor(i / DECAY_BLOCK)] * parameters[i];
      first_moments[i] = m;
      second_moments[i] = v;
      parameters[i] -= rate * ((c1 * m) / (Math.sqrt(c2 * v) + epsilon) + shrink);
      if (!isUsable(i)) norm[3] = 1;
    }
    return changed;
  },
});
