// Adaptive average pooling of a feature to a grid of tokens, weighted by a mask, and the gradient.
import { withGradient, type Problem } from "../engine/problem.ts";
import { like, type NumberArray } from "../tensor/array.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import { expectShape } from "../engine/expect_shape.ts";
import { foldGrid, kernel, type Kernel } from "../engine/kernel.ts";
import { mapping, onSoftware } from "../engine/mapping.ts";
import { readsAsQuads } from "./row_slice.ts";
import { shaders } from "./shaders.gen.ts";

/** Tokens per view along height and width. */
export interface MaskedPoolAttributes {
  readonly grid: readonly [number, number];
}
/** Sizes of an image and of its grid. */
type Sides = { height: number; width: number; features: number; grid_h: number; grid_w: number };

const cases: Problem<"x" | "mask", MaskedPoolAttributes>[] = (
  [
    ["sides that divide", [2, 12, 20, 32], [6, 10], 0.8],
    ["cells that overlap", [2, 7, 11, 5], [3, 4], 0.6],
    ["fours in cells that overlap", [2, 7, 11, 12], [3, 4], 0.6],
    ["one token", [1, 5, 3, 7], [1, 1], 0.5],
    ["more tokens than pixels", [1, 2, 3, 9], [4, 5], 0.7],
    ["nothing let through", [1, 4, 6, 3], [2, 3], 0],
    ["a workgroup and one", [1, 5, 13, 1], [5, 13], 1],
  ] as const
).map(([name, x, grid, share]) => ({
  name,
  shapes: { x, mask: [...x.slice(0, -1), 1] },
  attributes: { grid },
  data: { mask: { kind: "mask", share } },
}));

/**
 * Mean of x over each cell, weighted by mask; 0 where the weights sum to 0. x [V, H, W, E], mask
 * [V, H, W, 1] -> tokens, weight.
 */
export const maskedPool: Kernel<typeof shaders.masked_pool, MaskedPoolAttributes> = kernel({
  shader: shaders.masked_pool,
  axes: { x: "V, H, W, E", mask: "V, H, W, 1" },
  shapes: ({ x, mask }, { grid: [grid_h, grid_w] }) => {
    if (x.length !== 4) throw new Error(`x${formatShape(x)} must be [V, H, W, E]`);
    expectShape({ mask }, [...x.slice(0, -1), 1]);
    if (!(grid_h > 0 && grid_w > 0)) throw new Error(`a grid of ${grid_h} x ${grid_w} tokens`);
    const tokens = grid_h * grid_w;
    return { tokens: [x[0], tokens, x[3]], weight: [x[0], tokens] };
  },
  params: ({ x }, attributes) => ({
    n: x[0] * attributes.grid[0] * attributes.grid[1] * x[3],
    ...sides(x, x[3], attributes),
  }),
  grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / WG)),
  // per element: a multiply-add and a sum; x once
  cost: ({ x }) => ({ flops: 3 * size(x), bytes: 4 * size(x) }),
  terms: ({ x }, { grid: [h, w] }) => Math.ceil(x[1] / h + 1) * Math.ceil(x[2] / w + 1),
  cases: withGradient(cases, { wrt: ["x"], linear: true }),
  reference: ({ x, mask }, shapes, attributes) => {
    const at = sides(shapes.x, shapes.x[3], attributes);
    const views = shapes.x[0];
    const cells = views * at.grid_h * at.grid_w;
    const [tokens, weight] = [like(x, cells * at.features), like(x, cells)];
    eachPixelOfCell(views, at, (token, pixel) => {
      weight[token] += mask[pixel];
      for (let e = 0; e < at.features; e++) {
        tokens[token * at.features + e] += mask[pixel] * x[pixel * at.features + e];
      }
    });
    for (let i = 0; i < tokens.length; i++) {
      const total = weight[Math.floor(i / at.features)];
      tokens[i] = total <= 0 ? 0 : tokens[i] / total;
    }
    return { tokens, weight };
  },
  variants: () => [maskedPoolVec4],
});

/** As `maskedPool`, four features per load: where their number is a multiple of four. */
export const maskedPoolVec4: Kernel<typeof shaders.masked_pool_vec4, MaskedPoolAttributes> =
  mapping(maskedPool, {
    shader: shaders.masked_pool_vec4,
    grid: ({ n }, { WG }) => foldGrid(Math.ceil(n / 4 / WG)),
    runs: (_, { x }) => readsAsQuads(0, x.at(-1) ?? 0, 4),
  });

/**
 * d_x = mask sum_l d_tokens_l / weight_l. mask [V, H, W, 1], weight [V, L], d_tokens [V, L, E] ->
 * d_x [V, H, W, E].
 */
export const maskedPoolGrad: Kernel<typeof shaders.masked_pool_grad, MaskedPoolAttributes> = kernel(
  {
    shader: shaders.masked_pool_grad,
    axes: { mask: "V, H, W, 1", weight: "V, h w", d_tokens: "V, h w, E" },
    shapes: ({ mask, weight, d_tokens }, { grid: [grid_h, grid_w] }) => {
      const [views = 0, height = 0, width = 0] = mask;
      const features = d_tokens[2] ?? 0;
      expectShape({ mask }, [views, height, width, 1]);
      expectShape({ weight }, [views, grid_h * grid_w]);
      expectShape({ d_tokens }, [views, grid_h * grid_w, features]);
      return { d_x: [views, height, width, features] };
    },
    params: ({ mask, d_tokens }, attributes) => ({
      pixels: size(mask),
      ...sides(mask, d_tokens[2], attributes),
    }),
    grid: ({ pixels }, { WG, LANES }) => foldGrid(Math.ceil((pixels * LANES) / WG)),
    // per element: a quotient (4), a sum and a product; d_x once
    cost: ({ mask, d_tokens }) => ({
      flops: 6 * size(mask) * d_tokens[2],
      bytes: 4 * size(mask) * (1 + d_tokens[2]),
    }),
    cases: cases.map((c) => {
      const [views, , , features] = c.shapes.x as readonly [number, number, number, number];
      const tokens = c.attributes.grid[0] * c.attributes.grid[1];
      return {
        ...c,
        shapes: {
          mask: c.shapes.mask,
          weight: [views, tokens],
          d_tokens: [views, tokens, features],
        },
        data: { ...c.data, weight: { kind: "uniform", low: -1, high: 9 } as const },
      };
    }),
    reference: ({ mask, weight, d_tokens }, shapes, attributes) => {
      const at = sides(shapes.mask, shapes.d_tokens[2], attributes);
      const d_x: NumberArray = like(mask, mask.length * at.features);
      eachPixelOfCell(shapes.mask[0], at, (token, pixel) => {
        if (weight[token] <= 0) return;
        const share = mask[pixel] / weight[token];
        for (let e = 0; e < at.features; e++) {
          d_x[pixel * at.features + e] += share * d_tokens[token * at.features + e];
        }
      });
      return { d_x: d_x as typeof mask };
    },
    variants: () => [maskedPoolGradRows],
  },
);

/** The same with one invocation per pixel, for software adapters: features in fours. */
export const maskedPoolGradRows: Kernel<
  typeof shaders.masked_pool_grad_rows,
  MaskedPoolAttributes
> = mapping(maskedPoolGrad, {
  shader: shaders.masked_pool_grad_rows,
  grid: ({ pixels }, { WG }) => foldGrid(Math.ceil(pixels / WG)),
  runs: (_, { d_tokens }) => readsAsQuads(0, d_tokens.at(-1) ?? 0, 4),
  suits: onSoftware,
});

function sides(pixels: Shape, features: number, { grid }: MaskedPoolAttributes): Sides {
  const [, height = 0, width = 0] = pixels;
  return { height, width, features, grid_h: grid[0], grid_w: grid[1] };
}

/**
 * Calls back for every pixel of every cell: rows floor(i H / h) to ceil((i + 1) H / h) - 1, and
 * columns likewise.
 */
export function eachPixelOfCell(
  views: number,
  { height, width, grid_h, grid_w }: Sides,
  visit: (token: number, pixel: number) => void,
): void {
  for (let token = 0; token < views * grid_h * grid_w; token++) {
    const j = token % grid_w;
    const i = Math.floor(token / grid_w) % grid_h;
    const view = Math.floor(token / grid_w / grid_h);
    const bottom = Math.ceil(((i + 1) * height) / grid_h);
    const right = Math.ceil(((j + 1) * width) / grid_w);
    for (let row = Math.floor((i * height) / grid_h); row < bottom; row++) {
      for (let col = Math.floor((j * width) / grid_w); col < right; col++) {
        visit(token, (view * height + row) * width + col);
      }
    }
  }
}
