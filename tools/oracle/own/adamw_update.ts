// The composite `adamw_update` of the source `own`: one step of the optimiser.
import { apply } from "../../../src/graph/apply.ts";
import { adamwOps, gradNorm } from "../../../src/graph/ops/adamw.ts";
import type { Value } from "../../../src/graph/value.ts";
import { DECAY_BLOCK } from "../../../src/kernels/adamw.ts";
import { InputError } from "../../../src/tensor/error.ts";
import { size } from "../../../src/tensor/shape.ts";
import type { Workbench } from "../workbench.ts";
import { number, whole } from "./attributes.ts";
import type { Composite } from "./own_op.ts";

interface Update {
  readonly learning_rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weight_decay: number;
  readonly step: number;
  readonly max_norm: number;
}

/** One step of the optimiser on one flat tensor. */
function adamwUpdate(bench: Workbench, attributes: Update): Record<string, Value> {
  const { learning_rate, step, max_norm, beta1, beta2 } = attributes;
  const gradients = bench.input(1);
  const parameters = bench.state(0);
  const n = size(parameters.shape);
  if (n % DECAY_BLOCK !== 0)
    throw new InputError(`adamw_update: ${n} numbers, expected a multiple of 64`);
  const [first_moments, second_moments] = [bench.state(2), bench.state(3)];
  for (const name of ["learning_rate", "correction1", "correction2"]) bench.graph.scalar(name);
  Object.assign(bench.stepScalars, {
    learning_rate,
    correction1: 1 / (1 - beta1 ** step),
    correction2: 1 / (1 - beta2 ** step),
  });
  const decay = bench.filled([n / DECAY_BLOCK], 1);
  const norm = gradNorm(gradients, { max_norm });
  const moments = { first_moments, second_moments };
  const inputs = { scalars: bench.graph.scalars(), gradients, decay, norm, parameters, ...moments };
  const slots = { learning_rate: 0, correction1: 1, correction2: 2 };
  apply(adamwOps.adamw, inputs, { ...attributes, slots });
  return { parameters, ...moments };
}

/** One step of AdamW on one flat tensor. */
export const ADAMW_UPDATE: Composite = {
  says:
    "one step of AdamW on one tensor: the gradient scaled to max_norm where it is longer, " +
    "then adamw",
  shapes:
    "parameters, gradients, first_moments, second_moments [n], n a multiple of 64 -> " +
    "parameters, first_moments, second_moments [n] afterwards",
  inputs: ["parameters", "gradients", "first_moments", "second_moments"],
  outputs: ["parameters", "first_moments", "second_moments"],
  attributes: {
    learning_rate: number(1e-3, "the rate of this step"),
    beta1: number(0.9, "decay of the first moment"),
    beta2: number(0.999, "decay of the second moment"),
    epsilon: number(1e-8, "beside the root"),
    weight_decay: number(0.01, "decoupled, times the rate"),
    step: whole(1, "t of the bias corrections, from 1"),
    max_norm: number(0, "length that a longer gradient is scaled to; 0: never"),
  },
  build: adamwUpdate,
};
