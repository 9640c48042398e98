// Gradient of conv2d with respect to its weight, summed in slices of pixels: eight mappings of one
// function. column_sum adds up the slices.
import { like, type NumberArray } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { conv2dGeometries } from "./conv2d_cases.ts";
import {
  conv2dGradWeightTile,
  conv2dOutputSize,
  conv2dParams,
  conv2dProducts,
  isDepthwise,
  rowsPerSlab,
  type Conv2dGradWeightAttributes,
  type Conv2dParams,
} from "./conv2d_geometry.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Grid, type Kernel } from "../../engine/kernel.ts";
import type { Problem } from "../../engine/problem.ts";
import { F16_TERMS, fitMatrices, mapping, onSoftware } from "../../engine/mapping.ts";
import { inSubgroups } from "../../engine/subgroups.ts";
import { bandRows, FEW, foursOf, speeds, stripRows } from "./conv2d_grad_weight_tiles.ts";
import { shaders } from "../shaders.gen.ts";

type Input = "x" | "d_y";
type Shapes = Readonly<Record<Input, Shape>>;
type SlabParams = Conv2dParams & { readonly slab_rows: number; readonly slabs: number };

const cases: readonly Problem<Input, Conv2dGradWeightAttributes>[] = [
  ...conv2dGeometries.map(({ name, shapes: { x, weight }, attributes }) => {
    const kernelSize: [number, number] = [weight[1], weight[2]];
    const out = conv2dOutputSize([x[1], x[2]], kernelSize, attributes);
    return {
      name,
      shapes: { x, d_y: [x[0], ...out, weight[0]] },
      attributes: { ...attributes, kernel: kernelSize },
    };
  }),
  {
    name: "many slabs, the last one shorter",
    shapes: { x: [2, 29, 34, 3], d_y: [2, 29, 34, 2] },
    attributes: {
      stride: [1, 1],
      padding: [1, 1, 1, 1],
      dilation: [1, 1],
      groups: 1,
      kernel: [3, 3],
    },
  },
  {
    name: "fours, rows of 7, every side padded differently, rows apart, groups",
    shapes: { x: [2, 8, 6, 16], d_y: [2, 4, 7, 40] },
    attributes: {
      stride: [2, 1],
      padding: [2, 1, 1, 2],
      dilation: [2, 1],
      groups: 2,
      kernel: [3, 3],
    },
  },
  {
    name: "fours, a tile of 16 channels, rows apart",
    shapes: { x: [1, 11, 13, 32], d_y: [1, 7, 13, 16] },
    attributes: {
      stride: [1, 1],
      padding: [0, 0, 1, 1],
      dilation: [2, 1],
      groups: 1,
      kernel: [3, 3],
    },
  },
  {
    name: "a group per channel, slices, the last one shorter",
    shapes: { x: [2, 29, 34, 7], d_y: [2, 29, 34, 7] },
    attributes: {
      stride: [1, 1],
      padding: [1, 1, 1, 1],
      dilation: [1, 1],
      groups: 7,
      kernel: [3, 3],
    },
  },
  {
    name: "fours, one pixel, the kernel 1 high",
    shapes: { x: [1, 1, 3, 4], d_y: [1, 1, 1, 4] },
    attributes: {
      stride: [1, 1],
      padding: [0, 0, 0, 0],
      dilation: [1, 1],
      groups: 1,
      kernel: [1, 3],
    },
  },
  {
    name: "fours, a tile and a vector, slices, the last one shorter",
    shapes: { x: [2, 13, 34, 36], d_y: [2, 13, 34, 20] },
    attributes: {
      stride: [1, 1],
      padding: [1, 1, 1, 1],
      dilation: [1, 1],
      groups: 1,
      kernel: [3, 3],
    },
  },
  {
    name: "3x3 from groups of three channels, views of five rows, every side padded differently",
    shapes: { x: [3, 5, 7, 6], d_y: [3, 5, 8, 24] },
    attributes: {
      stride: [1, 1],
      padding: [2, 0, 1, 2],
      dilation: [1, 1],
      groups: 2,
      kernel: [3, 3],
    },
  },
  {
    name: "3x3 of one row, not padded, 9 channels to 20",
    shapes: { x: [2, 3, 11, 9], d_y: [2, 1, 9, 20] },
    attributes: {
      stride: [1, 1],
      padding: [0, 0, 0, 0],
      dilation: [1, 1],
      groups: 1,
      kernel: [3, 3],
    },
  },
  {
    name: "fours, a wide tile and a vector, 1x1 of stride 2",
    shapes: { x: [1, 5, 9, 68], d_y: [1, 3, 5, 36] },
    attributes: {
      stride: [2, 2],
      padding: [0, 0, 0, 0],
      dilation: [1, 1],
      groups: 1,
      kernel: [1, 1],
    },
  },
  {
    name: "fours to one channel, rows of 5",
    shapes: { x: [2, 3, 5, 36], d_y: [2, 3, 5, 1] },
    attributes: {
      stride: [1, 1],
      padding: [0, 0, 0, 0],
      dilation: [1, 1],
      groups: 1,
      kernel: [1, 1],
    },
  },
  {
    name: "fours to five channels, strides, groups, many slices",
    shapes: { x: [2, 40, 30, 8], d_y: [2, 20, 15, 10] },
    attributes: {
      stride: [2, 2],
      padding: [1, 0, 0, 1],
      dilation: [1, 1],
      groups: 2,
      kernel: [3, 2],
    },
  },
  {
    name: "fours, no views",
    shapes: { x: [0, 4, 4, 4], d_y: [0, 4, 4, 4] },
    attributes: {
      stride: [1, 1],
      padding: [1, 1, 1, 1],
      dilation: [1, 1],
      groups: 1,
      kernel: [3, 3],
    },
  },
];

/**
 * The numbers of the convolution whose gradient is wanted, and its slices of pixels; throws if the
 * shapes contradict each other.
 */
function paramsOf({ x, d_y }: Shapes, attributes: Conv2dGradWeightAttributes): SlabParams {
  const group_c = (x[3] ?? 0) / attributes.groups;
  const p = conv2dParams(x, [d_y[3] ?? 0, ...attributes.kernel, group_c], attributes);
  expectShape({ d_y }, [p.views, p.out_h, p.out_w, p.out_c]);
  const rows = p.views * p.out_h;
  const slab_rows = rowsPerSlab(rows, p.out_w, p.out_c * p.kernel_h * p.kernel_w * p.group_c);
  return { ...p, slab_rows, slabs: Math.max(1, Math.ceil(rows / slab_rows)) };
}

/** Workgroups for tiles of `channels` x `terms` of each slice, group by group. */
function tiles(p: SlabParams, channels: number, terms: number): Grid {
  return [
    Math.ceil((p.kernel_h * p.kernel_w * p.group_c) / terms),
    Math.ceil(p.group_o / channels) * (p.out_c / p.group_o),
    p.slabs,
  ];
}

/**
 * Gradient of conv2d with respect to its weight, one sum per slice of pixels, in tiles in workgroup
 * memory. x [V, H, W, C], d_y [V, OH, OW, O] -> partials [slabs, O, KH, KW, C/groups]; the slices
 * are fixed by the shapes.
 */
export const conv2dGradWeight: Kernel<
  typeof shaders.conv2d_grad_weight,
  Conv2dGradWeightAttributes
> = kernel({
  shader: shaders.conv2d_grad_weight,
  axes: { x: "V, H, W, C", d_y: "V, OH, OW, O" },
  shapes: (shapes, attributes) => {
    const p = paramsOf(shapes, attributes);
    return { partials: [p.slabs, p.out_c, p.kernel_h, p.kernel_w, p.group_c] };
  },
  params: paramsOf,
  // per term, a product and a sum; x, d_y and partials cross the bus once
  cost: (shapes, attributes) => {
    const p = paramsOf(shapes, attributes);
    const partials = p.slabs * p.out_c * p.kernel_h * p.kernel_w * p.group_c;
    return {
      flops: 2 * conv2dProducts(p),
      bytes: 4 * (size(shapes.x) + size(shapes.d_y) + partials),
    };
  },
  terms: (shapes, attributes) => {
    const { slab_rows, out_w } = paramsOf(shapes, attributes);
    return slab_rows * out_w;
  },
  cases,
  reference,
  tuneRule: (shapes, attributes) => {
    const { group_o, group_c, kernel_h, kernel_w } = paramsOf(shapes, attributes);
    return conv2dGradWeightTile(group_o, kernel_h * kernel_w * group_c);
  },
  grid: (params, { SIDE, TM, TN }) => tiles(params, SIDE * TM, SIDE * TN),
  variants: () => [
    conv2dGradWeightDepthwise,
    conv2dGradWeightFew,
    conv2dGradWeightBand,
    conv2dGradWeightStrip,
    conv2dGradWeightVec4,
    conv2dGradWeightSubgroup,
    conv2dGradWeightRegister,
    conv2dGradWeightMatrix,
  ],
});

/**
 * As `conv2dGradWeight`, with one subgroup of 8 lanes per workgroup and tiles of 4 channels: for
 * software adapters and few channels of y, such as one.
 */
export const conv2dGradWeightFew: Kernel<
  typeof shaders.conv2d_grad_weight_few,
  Conv2dGradWeightAttributes
> = mapping(conv2dGradWeight, {
  shader: shaders.conv2d_grad_weight_few,
  grid: (params, { LANES }) => tiles(params, FEW.channels, FEW.terms * LANES),
  runs: (facts, shapes, attributes) => speeds(facts, paramsOf(shapes, attributes)).few > 0,
  suits: (facts, shapes, attributes) => {
    const { few, band, strip, fours, plain } = speeds(facts, paramsOf(shapes, attributes));
    return facts.software && few >= Math.max(band, strip, fours, plain);
  },
});

/**
 * As `conv2dGradWeight`, with one subgroup of 8 lanes per workgroup and several rows of y at once,
 * for 3x3 weights of stride 1: for software adapters.
 */
export const conv2dGradWeightBand: Kernel<
  typeof shaders.conv2d_grad_weight_band,
  Conv2dGradWeightAttributes
> = mapping(conv2dGradWeight, {
  shader: shaders.conv2d_grad_weight_band,
  tuneRule: (shapes, attributes) => ({ ROWS: bandRows(paramsOf(shapes, attributes)) }),
  grid: (p, { LANES, ROWS }) => [
    Math.ceil(p.group_c / LANES),
    Math.ceil(p.group_o / (32 / ROWS)) * (p.out_c / p.group_o),
    p.slabs,
  ],
  runs: (facts, shapes, attributes) => speeds(facts, paramsOf(shapes, attributes)).band > 0,
  suits: (facts, shapes, attributes) => {
    const { band, strip, fours, plain } = speeds(facts, paramsOf(shapes, attributes));
    return facts.software && band >= Math.max(strip, fours, plain);
  },
});

/**
 * As `conv2dGradWeight`, with one subgroup of 4, 8 or 16 lanes per workgroup and loads of
 * four numbers, for kernels 3 wide that skip no column: for software adapters.
 */
export const conv2dGradWeightStrip: Kernel<
  typeof shaders.conv2d_grad_weight_strip,
  Conv2dGradWeightAttributes
> = mapping(conv2dGradWeight, {
  shader: shaders.conv2d_grad_weight_strip,
  tuneRule: (shapes, attributes) => ({ ROWS: stripRows(paramsOf(shapes, attributes)) }),
  grid: (p, { LANES, ROWS }) => [
    Math.ceil((p.kernel_h * p.group_c) / (4 * LANES)),
    Math.ceil(p.group_o / ROWS) * (p.out_c / p.group_o),
    p.slabs,
  ],
  runs: (facts, shapes, attributes) => speeds(facts, paramsOf(shapes, attributes)).strip > 0,
  suits: (facts, shapes, attributes) => {
    const { strip, fours, plain } = speeds(facts, paramsOf(shapes, attributes));
    return facts.software && strip >= Math.max(fours, plain);
  },
});

/**
 * As `conv2dGradWeight`, with one subgroup of 4, 8 or 16 lanes per workgroup and loads of
 * four numbers: for software adapters and problems that fill its wide tiles.
 */
export const conv2dGradWeightVec4: Kernel<
  typeof shaders.conv2d_grad_weight_vec4,
  Conv2dGradWeightAttributes
> = mapping(conv2dGradWeight, {
  shader: shaders.conv2d_grad_weight_vec4,
  tuneRule: (shapes, attributes) => foursOf(paramsOf(shapes, attributes)).constants,
  grid: (params, { LANES, ROWS, VECTORS }) => tiles(params, ROWS, 4 * VECTORS * LANES),
  runs: (facts, shapes, attributes) => speeds(facts, paramsOf(shapes, attributes)).fours > 0,
  suits: (facts, shapes, attributes) => {
    const { fours, plain } = speeds(facts, paramsOf(shapes, attributes));
    return facts.software && fours >= plain;
  },
});

/** As `conv2dGradWeight`, with one subgroup per workgroup: for software adapters. */
export const conv2dGradWeightSubgroup: Kernel<
  typeof shaders.conv2d_grad_weight_subgroup,
  Conv2dGradWeightAttributes
> = mapping(conv2dGradWeight, {
  shader: shaders.conv2d_grad_weight_subgroup,
  grid: (params, { LANES, ROWS }) => tiles(params, ROWS, 4 * LANES),
  runs: inSubgroups,
  suits: onSoftware,
});

/** As `conv2dGradWeight`, using only registers: for other software adapters. */
export const conv2dGradWeightRegister: Kernel<
  typeof shaders.conv2d_grad_weight_register,
  Conv2dGradWeightAttributes
> = mapping(conv2dGradWeight, {
  shader: shaders.conv2d_grad_weight_register,
  grid: (params, { WG, ROWS }) => tiles(params, ROWS, 4 * WG),
  suits: onSoftware,
});

/** As `conv2dGradWeight`, for convolutions where each output channel sees one input channel. */
export const conv2dGradWeightDepthwise: Kernel<
  typeof shaders.conv2d_grad_weight_depthwise,
  Conv2dGradWeightAttributes
> = mapping(conv2dGradWeight, {
  shader: shaders.conv2d_grad_weight_depthwise,
  grid: ({ slabs, out_c, kernel_h, kernel_w }, { WG }) =>
    foldGrid(Math.ceil((slabs * out_c * kernel_h * kernel_w) / WG)),
  runs: (_, shapes, attributes) => isDepthwise(paramsOf(shapes, attributes)),
});

/** As `conv2dGradWeight`, on the matrix units of subgroups, with operands rounded to f16. */
export const conv2dGradWeightMatrix: Kernel<
  typeof shaders.conv2d_grad_weight_matrix,
  Conv2dGradWeightAttributes
> = mapping(conv2dGradWeight, {
  shader: shaders.conv2d_grad_weight_matrix,
  terms: (shapes, attributes) => conv2dGradWeight.terms!(shapes, attributes) + F16_TERMS,
  grid: (params, { DOWN, ACROSS, TM, TN, MATRIX_M, MATRIX_N }) =>
    tiles(params, DOWN * TM * MATRIX_M, ACROSS * TN * MATRIX_N),
  fit: fitMatrices,
  operands: "f16",
});

function reference<T extends NumberArray>(
  { x, d_y }: Record<Input, T>,
  shapes: Shapes,
  attributes: Conv2dGradWeightAttributes,
): { partials: T } {
  const p = paramsOf(shapes, attributes);
  const { in_h, in_w, in_c, out_w, out_c, kernel_h, kernel_w, group_c, group_o } = p;
  const slab_size = out_c * kernel_h * kernel_w * group_c;
  const partials = like(x, p.slabs * slab_size);
  let at = 0; // offset in d_y
  for (let row = 0; row < p.views * p.out_h; row++) {
    const view = Math.floor(row / p.out_h);
    const slab = Math.floor(row / p.slab_rows) * slab_size;
    const top = (row % p.out_h) * p.stride_h - p.pad_top;
    for (let j = 0; j < out_w; j++) {
      const left = j * p.stride_w - p.pad_left;
      for (let o = 0; o < out_c; o++) {
        const first_c = Math.floor(o / group_o) * group_c;
        const gradient = d_y[at++];
        for (let a = 0; a < kernel_h; a++) {
          const h = top + a * p.dilation_h;
          if (h < 0 || h >= in_h) continue;
          for (let b = 0; b < kernel_w; b++) {
            const w = left + b * p.dilation_w;
            if (w < 0 || w >= in_w) continue;
            const seen = ((view * in_h + h) * in_w + w) * in_c + first_c;
            const tap = slab + ((o * kernel_h + a) * kernel_w + b) * group_c;
            for (let c = 0; c < group_c; c++) partials[tap + c] += gradient * x[seen + c];
          }
        }
      }
    }
  }
  return { partials };
}
