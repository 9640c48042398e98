// Optimisers by their options: the update that they add to a graph, and the step scalars that it
// reads.
import { InputError } from "../../tensor/error.ts";
import { checkChoice, checkOptions } from "../../tensor/options.ts";
import { adamw } from "../ops/adamw.ts";
import { sgd } from "../ops/sgd.ts";
import type { Graph, Value } from "../value.ts";

/** AdamW: decay rates 0.9 and 0.999, epsilon 1e-8 and weight decay 0.01 by default. */
export interface AdamwOptions {
  readonly kind: "adamw";
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weight_decay?: number;
}

/** Gradient descent: momentum 0, not Nesterov's, and no weight decay by default. */
export interface SgdOptions {
  readonly kind: "sgd";
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weight_decay?: number;
}

/** An optimiser with its numbers. */
export type OptimizerOptions = AdamwOptions | SgdOptions;

/** An optimiser as `trainer` uses it. */
export interface Optimizer {
  /** Adds the update of all parameters to the graph. */
  readonly update: (g: Graph, norm: Value) => void;
  /** The step scalars of a step, counted from 0, beside the learning rate. */
  readonly scalars: (step: number) => Record<string, number>;
}

const KINDS = ["adamw", "sgd"] as const;
const DECAYED = { weight_decay: "number" } as const;

/** The optimiser of some options; throws InputError for options that it does not have. */
export function optimizerOf(options: OptimizerOptions): Optimizer {
  if (typeof options !== "object" || options === null) {
    throw new InputError(`optimizer: expected { kind: "adamw" } or { kind: "sgd" } with options`);
  }
  checkChoice("optimizer", "kind", options.kind, KINDS);
  if (options.kind === "sgd") {
    const rules = { momentum: "number", nesterov: "flag", ...DECAYED } as const;
    checkOptions("optimizer sgd", options, { kind: KINDS }, rules);
    const { momentum = 0, nesterov = false, weight_decay = 0 } = options;
    return {
      update: (g, norm) => sgd(g, norm, { momentum, nesterov, weight_decay }),
      scalars: () => ({}),
    };
  }
  const rules = { beta1: "number", beta2: "number", epsilon: "number", ...DECAYED } as const;
  checkOptions("optimizer adamw", options, { kind: KINDS }, rules);
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01 } = options;
  for (const [name, beta] of Object.entries({ beta1, beta2 })) {
    if (beta >= 0 && beta < 1) continue;
    throw new InputError(`optimizer adamw: ${name} is ${beta}; expected 0 to below 1`);
  }
  return {
    update: (g, norm) => adamw(g, norm, { beta1, beta2, epsilon, weight_decay }),
    // in f64: in f32, 1 - beta2^t would lose digits in the first steps
    scalars: (step) => ({
      correction1: 1 / (1 - beta1 ** (step + 1)),
      correction2: 1 / (1 - beta2 ** (step + 1)),
    }),
  };
}
