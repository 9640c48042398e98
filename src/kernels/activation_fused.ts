// The activations that fused kernels apply, and the gradient of one together with that of the bias
// before it. The plan makes it from the gradient of an activation and a sum over pixels.
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { like } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { activationGrad } from "./activation.ts";
import { quads } from "./row_slice.ts";
import { shaders } from "./shaders.gen.ts";

/** The activations that fused kernels apply, by their KIND. */
export const FUSED_ACTIVATIONS = ["none", "relu", "elu", "softplus", "gelu"] as const;

/** An activation in a fused kernel, with the scale of elu below 0. */
export interface FusedActivation {
  readonly kind: (typeof FUSED_ACTIVATIONS)[number];
  readonly alpha: number;
}

/** The override that selects an activation. */
export function fusedKind({ kind }: FusedActivation): { readonly KIND: number } {
  return { KIND: FUSED_ACTIVATIONS.indexOf(kind) };
}

/** An activation with a gradient, and the rows that each sum adds. */
export interface ActivationFusedAttributes {
  readonly activation: FusedActivation & {
    readonly kind: Exclude<FusedActivation["kind"], "none">;
  };
  readonly slab: number;
}

const relu = { kind: "relu", alpha: 0 } as const;
const elu = { kind: "elu", alpha: 1 } as const;
const softplus = { kind: "softplus", alpha: 0 } as const;
const gelu = { kind: "gelu", alpha: 0 } as const;
const wide = { kind: "normal", deviation: 2 } as const;
const atZero = { kind: "mask", share: 0.5 } as const;
const cases: readonly Problem<"x" | "d_y", ActivationFusedAttributes>[] = (
  [
    ["a prime of rows", [67, 24], relu, 13, wide],
    ["four axes", [2, 3, 5, 8], gelu, 7, wide],
    ["one slice", [33, 4], elu, 33, wide],
    ["one row", [1, 12], softplus, 64, wide],
    ["no rows", [0, 8], relu, 64, wide],
    ["many workgroups", [389, 16], elu, 3, wide],
    ["zeros and ones", [6, 8], relu, 4, atZero],
  ] as const
).map(([name, x, activation, slab, numbers]) => ({
  name,
  shapes: { x, d_y: x },
  attributes: { activation, slab },
  data: { x: numbers },
}));

/**
 * d_x = d_y f'(x), and its sums over slices of rows. x, d_y [R.., C] -> d_x as x, slab_sums
 * [ceil(R / slab), C]; throws unless C is a multiple of 4.
 */
export const activationFusedGrad: Kernel<
  typeof shaders.activation_fused_grad,
  ActivationFusedAttributes
> = kernel({
  shader: shaders.activation_fused_grad,
  shapes: ({ x, d_y }, { slab }) => {
    expectShape({ d_y }, x, "x");
    quads("the channels", x.at(-1) ?? 0);
    return { d_x: x, slab_sums: [slabsOf(x, slab), x.at(-1) ?? 0] };
  },
  params: ({ x }, { activation, slab }) => ({
    rows: rowsOf(x),
    quads: quads("the channels", x.at(-1) ?? 0),
    slab,
    slabs: slabsOf(x, slab),
    alpha: activation.alpha,
  }),
  overrides: (_, { activation }) => fusedKind(activation),
  grid: ({ slabs, quads: width }, { WG }) => foldGrid(Math.ceil((slabs * width) / WG)),
  cost: ({ x }) => ({ flops: 10 * size(x), bytes: 12 * size(x) }),
  terms: (_, { slab }) => slab,
  cases,
  reference: ({ x, d_y }, shapes, { activation, slab }) => {
    const { d_x } = activationGrad.reference({ x, d_y }, shapes, activation);
    const channels = shapes.x.at(-1)!;
    const slab_sums = like(x, slabsOf(shapes.x, slab) * channels);
    for (let i = 0; i < d_x.length; i++) {
      const row = Math.floor(i / channels);
      slab_sums[Math.floor(row / slab) * channels + (i % channels)] += d_x[i];
    }
    return { d_x, slab_sums };
  },
});

function rowsOf(x: Shape): number {
  return size(x.slice(0, -1));
}

/** An empty sum must still write its zeros: at least one slice. */
function slabsOf(x: Shape, slab: number): number {
  return Math.max(1, Math.ceil(rowsOf(x) / slab));
}
