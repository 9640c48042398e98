// One step of gradient descent with momentum over the flat arena of all parameters: one dispatch.
import { size } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { DECAY_BLOCK, vectorsPerInvocation } from "./adamw.ts";
import { shaders } from "./shaders.gen.ts";

/**
 * The share of the last step that is kept, whether the gradient is taken ahead of it (Nesterov), and
 * the weight decay of blocks whose factor is 1.
 */
export interface SgdSettings {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weight_decay: number;
}
/** The position of the learning rate among the 64 step scalars. */
export interface SgdAttributes extends SgdSettings {
  readonly slots: { readonly learning_rate: number };
}

type Input = "scalars" | "gradients" | "decay" | "norm" | "parameters" | "first_moments";
const problem = (
  name: string,
  n: number,
  norm: number,
  nesterov = false,
): Problem<Input, SgdAttributes> => ({
  name,
  shapes: {
    scalars: [64],
    gradients: [n],
    decay: [n / DECAY_BLOCK],
    norm: [4],
    parameters: [n],
    first_moments: [n],
  },
  attributes: { momentum: 0.9, nesterov, weight_decay: 0.01, slots: { learning_rate: 6 } },
  data: {
    scalars: { kind: "uniform", low: 0.5, high: 2 },
    decay: { kind: "mask", share: 0.5 },
    norm: { kind: "constant", value: norm },
  },
});

/**
 * d = clipped g + weight_decay decay p, v = momentum v + d, p -= rate v, or rate (d + momentum v)
 * with `nesterov`; nothing changes where norm says not finite. An element whose p or v is not finite
 * stays as it is, and norm[3] becomes 1; so it does where one of them is not finite after the step.
 * parameters, gradients, first_moments (v) [n], decay [n / 64], norm [4] of `gradNorm`, scalars [64].
 * Source: Sutskever et al. 2013, equations 1 to 4.
 */
export const sgd: Kernel<typeof shaders.sgd, SgdAttributes> = kernel({
  shader: shaders.sgd,
  axes: { gradients: "n", decay: "n / 64", norm: "4", parameters: "n", first_moments: "n" },
  shapes: (inputs, { slots: { learning_rate } }) => {
    const { scalars, parameters, gradients, first_moments, decay, norm } = inputs;
    expectShape({ gradients, first_moments }, parameters, "parameters");
    expectShape({ decay }, [size(parameters) / DECAY_BLOCK]);
    expectShape({ norm }, [4]);
    expectShape({ scalars }, [64]);
    if (!(Number.isInteger(learning_rate) && learning_rate >= 0 && learning_rate < 64)) {
      throw new Error(`the slot of learning_rate is ${learning_rate}, expected 0 to 63`);
    }
    return {};
  },
  params: ({ parameters }, { momentum, nesterov, weight_decay, slots }) => ({
    n: size(parameters),
    momentum,
    weight_decay,
    nesterov: Number(nesterov),
    rate_slot: slots.learning_rate,
  }),
  tuneRule: vectorsPerInvocation,
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / 4 / (WG * STEP))),
  // nine operations; three arenas read, two written
  cost: ({ parameters }) => ({ flops: 9 * size(parameters), bytes: 20 * size(parameters) }),
  cases: [
    problem("a clipped step", 3008, 0.8),
    problem("a clipped step ahead", 3008, 0.8, true),
    problem("one block", 64, 1),
    problem("a workgroup and a block", 1088, 1, true),
    problem("no parameter", 0, 1),
    problem("gradients not finite: skipped", 128, 0),
  ],
  reference: (inputs, _, { momentum, nesterov, weight_decay, slots }) => {
    const { scalars, gradients, decay } = inputs;
    const parameters = inputs.parameters.slice() as typeof inputs.parameters;
    const first_moments = inputs.first_moments.slice() as typeof parameters;
    const norm = inputs.norm.slice() as typeof parameters;
    const changed = { norm, parameters, first_moments };
    if (norm[2] < 0.5) return changed;
    const rate = scalars[slots.learning_rate];
    const isUsable = (i: number): boolean =>
      Number.isFinite(parameters[i]) && Number.isFinite(first_moments[i]);
    for (let i = 0; i < parameters.length; i++) {
      if (!isUsable(i)) {
        norm[3] = 1;
        continue;
      }
      const shrink = weight_decay * decay[Math.floor(i / DECAY_BLOCK)] * parameters[i];
      const d = norm[1] * gradients[i] + shrink;
      const v = momentum * first_moments[i] + d;
      first_moments[i] = v;
      parameters[i] -= rate * (nesterov ? d + momentum * v : v);
      if (!isUsable(i)) norm[3] = 1;
    }
    return changed;
  },
});
