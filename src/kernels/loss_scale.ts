// The scale of the loss under f16: divided out of the gradients' norm, halved after an overflow,
// doubled after a while without one.
import { expectShape } from "../engine/expect_shape.ts";
import { kernel, type Kernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { shaders } from "./shaders.gen.ts";

/** Gradients are clipped to `max_norm`, 0 for none; the scale doubles after `growth` steps. */
export interface LossScaleAttributes {
  readonly max_norm: number;
  readonly growth: number;
}

const { MOST } = shaders.loss_scale.constants;

const problem = (
  name: string,
  [norm, scale, steps]: readonly [norm: readonly number[], scale: number, steps: number],
  max_norm: number,
): Problem<"norm" | "scale" | "steps", LossScaleAttributes> => ({
  name,
  shapes: { norm: [4], scale: [1], steps: [1] },
  attributes: { max_norm, growth: 3 },
  data: {
    norm: { kind: "given", values: Float32Array.from(norm) },
    scale: { kind: "constant", value: scale },
    steps: { kind: "constant", value: steps },
  },
});

/**
 * norm = (|S g|, 1, finite, 0) without clipping -> (|g|, clip / S, finite, 0), so that the update
 * sees plain gradients; S halves where they are not finite and doubles after `growth` finite steps.
 * norm [4], scale [1], steps [1] -> the same, and used [1] = S before. Source: Micikevicius et al.
 * 2018, section 3.2.
 */
export const lossScale: Kernel<typeof shaders.loss_scale, LossScaleAttributes> = kernel({
  shader: shaders.loss_scale,
  axes: { norm: "4", scale: "1", steps: "1" },
  shapes: ({ norm, scale, steps }, { max_norm, growth }) => {
    expectShape({ norm }, [4]);
    expectShape({ scale, steps }, [1]);
    if (!(max_norm >= 0)) throw new Error(`max_norm is ${max_norm}, expected 0 or more`);
    if (!(growth >= 1)) throw new Error(`growth is ${growth}, expected 1 step or more`);
    return { used: [1] };
  },
  params: (_, { max_norm, growth }) => ({ max_norm, growth }),
  grid: () => [1, 1, 1],
  cost: () => ({ flops: 16, bytes: 36 }),
  cases: [
    problem("clipped", [[4096, 1, 1, 0], 1024, 0], 2),
    problem("not clipped, and the scale grows", [[512, 1, 1, 0], 1024, 2], 2),
    problem("no limit", [[512, 1, 1, 0], 1024, 1], 0),
    problem("the largest scale stays", [[512, 1, 1, 0], MOST, 2], 2),
    problem("an overflow halves the scale", [[0, 0, 0, 0], 1024, 2], 2),
    problem("the smallest scale stays", [[0, 0, 0, 0], 1, 0], 2),
  ],
  reference,
});

function reference<T extends NumberArray>(
  { norm, scale, steps }: Record<"norm" | "scale" | "steps", T>,
  _: unknown,
  { max_norm, growth }: LossScaleAttributes,
): Record<"norm" | "scale" | "steps" | "used", T> {
  const changed = { norm: norm.slice() as T, scale: like(norm, 1), steps: like(norm, 1) };
  const used = scale.slice() as T;
  const [now] = scale;
  if (norm[2] < 0.5) {
    changed.scale[0] = Math.max(now / 2, 1);
    return { ...changed, used };
  }
  const length = norm[0] / now;
  changed.norm[0] = length;
  changed.norm[1] = (max_norm > 0 && length > max_norm ? max_norm / length : 1) / now;
  const grows = steps[0] + 1 >= growth;
  changed.scale[0] = grows ? Math.min(2 * now, MOST) : now;
  changed.steps[0] = grows ? 0 : steps[0] + 1;
  return { ...changed, used };
}
