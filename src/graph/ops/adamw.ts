// The update of all parameters: norm of the gradients, then one dispatch of AdamW over the flat
// arenas.
import {
  adamw as adamwKernel,
  DECAY_BLOCK,
  type AdamwAttributes,
  type AdamwSettings,
} from "../../kernels/adamw.ts";
import {
  gradNorm as gradNormKernel,
  gradNormFinish,
  type GradNormAttributes,
} from "../../kernels/grad_norm.ts";
import { apply, kernelOp } from "../apply.ts";
import { arenaLayout } from "../layout.ts";
import { checkOptions } from "../../tensor/options.ts";
import type { Graph, Op, Value } from "../value.ts";

/** The ops of this family, by name. Neither is differentiated: they end a step. */
export const adamwOps: {
  readonly grad_norm: Op<GradNormAttributes, "gradients">;
  readonly adamw: Op<
    AdamwAttributes,
    "scalars" | "gradients" | "decay" | "norm" | "parameters" | "first_moments" | "second_moments"
  >;
} = {
  grad_norm: {
    name: "grad_norm",
    inputs: ["gradients"],
    outputs: ["norm"],
    shapes: () => [[4]],
    lower: ({ inputs: { gradients }, outputs: [norm], attributes, temporary, call }) => {
      const { partials: shape } = gradNormKernel.shapes({ gradients: gradients.shape }, undefined);
      const partials = temporary("partials", shape);
      call(gradNormKernel, { gradients, partials }, undefined);
      call(gradNormFinish, { partials, norm }, attributes);
    },
    gradient: null,
  },
  adamw: kernelOp(
    "adamw",
    adamwKernel,
    ["scalars", "gradients", "decay", "norm", "parameters", "first_moments", "second_moments"],
    [],
    null,
  ),
};

/**
 * Norm of a flat arena of gradients -> [4] = (norm, factor that clips it to max_norm, 1 if all are
 * finite, 0). Once `adamw` ran, the last is 1 where a parameter or a moment is not finite.
 */
export function gradNorm(gradients: Value, attributes: GradNormAttributes): Value {
  checkOptions("gradNorm", attributes, { max_norm: "number" });
  return apply(adamwOps.grad_norm, { gradients }, attributes)[0];
}

/**
 * Updates every parameter of the graph with its gradient, clipped and checked by `norm` of
 * `gradNorm`. Reads the step scalars `learning_rate`, `correction1` and `correction2` = 1 / (1 -
 * beta^t). Weight decay applies only to parameters declared with it. Source: Loshchilov and Hutter
 * 2019 (arXiv:1711.05101), algorithm 2.
 */
export function adamw(g: Graph, norm: Value, settings: AdamwSettings): void {
  const known = { beta1: "number", beta2: "number", epsilon: "number" } as const;
  checkOptions("adamw", settings, { ...known, weight_decay: "number" });
  const decay = decayFactors(g);
  const slots = {
    learning_rate: g.scalar("learning_rate"),
    correction1: g.scalar("correction1"),
    correction2: g.scalar("correction2"),
  };
  const scalars = g.scalars();
  const gradients = g.arena("gradients");
  const parameters = g.arena("parameters");
  const first_moments = g.arena("first_moments");
  const second_moments = g.arena("second_moments");
  apply(
    adamwOps.adamw,
    { scalars, gradients, decay, norm, parameters, first_moments, second_moments },
    { ...settings, slots },
  );
}

/**
 * A constant of the graph, [blocks]: 1 for each block of 64 floats of the parameter arena that
 * decays, else 0.
 */
export function decayFactors(g: Graph): Value {
  const layout = arenaLayout(g.parameters);
  const blocks = new Float32Array(layout.floats / DECAY_BLOCK);
  for (const { name, source } of g.parameters) {
    if (source.kind !== "parameter" || !source.decays) continue;
    const { offset, size } = layout.byName.get(name)!;
    blocks.fill(1, offset / DECAY_BLOCK, Math.ceil((offset + size) / DECAY_BLOCK));
  }
  return g.constant("decay", [blocks.length], blocks);
}
