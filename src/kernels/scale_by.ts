// Multiplies a tensor by a step scalar (a loss weight that the host changes from step to step).
import { like } from "../tensor/array.ts";
import { formatShape, size } from "../tensor/shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { shaders } from "./shaders.gen.ts";

/** The position of the factor among the 64 step scalars. */
export interface ScaleByAttributes {
  readonly slot: number;
}

const SCALARS = 64;

/** y = scalars[slot] x. x [any], scalars [64] -> y of x's shape. */
export const scaleBy: Kernel<typeof shaders.scale_by, ScaleByAttributes> = kernel({
  shader: shaders.scale_by,
  shapes: ({ x, scalars }, { slot }) => {
    if (size(scalars) !== SCALARS || !Number.isInteger(slot) || slot < 0 || slot >= SCALARS) {
      throw new Error(
        `scale_by: slot ${slot} of scalars ${formatShape(scalars)}, expected 0 to 63 of [64]`,
      );
    }
    return { y: x };
  },
  params: ({ x }, { slot }) => ({ n: size(x), slot }),
  grid: ({ n }, { WG, STEP }) => foldGrid(Math.ceil(n / (WG * STEP))),
  cost: ({ x }) => ({ flops: size(x), bytes: 8 * size(x) }),
  cases: [
    { name: "first slot", shapes: { x: [3, 7, 61], scalars: [SCALARS] }, attributes: { slot: 0 } },
    {
      name: "last slot, a scalar",
      shapes: { x: [], scalars: [SCALARS] },
      attributes: { slot: 63 },
    },
    {
      name: "a slot inside, prime",
      shapes: { x: [3019], scalars: [SCALARS] },
      attributes: { slot: 6 },
    },
    {
      name: "a workgroup less one",
      shapes: { x: [1023], scalars: [SCALARS] },
      attributes: { slot: 9 },
    },
    { name: "empty", shapes: { x: [0], scalars: [SCALARS] }, attributes: { slot: 1 } },
  ],
  reference: ({ x, scalars }, _, { slot }) => {
    const y = like(x, x.length);
    const factor = scalars[slot];
    for (let i = 0; i < x.length; i++) y[i] = factor * x[i];
    return { y };
  },
});
