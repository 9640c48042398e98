// Gradient of conv2d with respect to its input: the mappings of one function. The transposed
// convolution is the same sum, with a bias.
import { MOST_DIFFERENCED, withGradient, type Problem } from "../../engine/problem.ts";
import { like, type NumberArray } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { conv2dGeometries } from "./conv2d_cases.ts";
import {
  conv2dGradInputTile,
  conv2dOutputSize,
  conv2dParams,
  conv2dProducts,
  expectBias,
  inFours,
  isDepthwise,
  isThreeWide,
  slicedShape,
  type Conv2dGradInputAttributes,
  type Conv2dParams,
  type Sliced,
} from "./conv2d_geometry.ts";
import { isInPasses, panelGrid, panelTile, walkOverGradient } from "./conv2d_panels.ts";
import { fastestTile, narrowTile, type TiledSum } from "./conv2d_tiles.ts";
import { expectShape } from "../../engine/expect_shape.ts";
import { foldGrid, kernel, type Grid, type Kernel } from "../../engine/kernel.ts";
import {
  F16_TERMS,
  fitMatrices,
  mapping,
  onSoftware,
  onSoftwareInFours,
} from "../../engine/mapping.ts";
import { inSubgroups, subgroupWidth } from "../../engine/subgroups.ts";
import { shaders } from "../shaders.gen.ts";

type Input = "d_y" | "weight" | "bias";
type Shapes = Readonly<Record<Input, Shape>>;

const { STRIP } = shaders.conv2d_grad_input_strip.constants;
const { PIXELS } = shaders.conv2d_grad_input_vec4.constants;
const FEW_CHANNELS = shaders.conv2d_grad_input_few.constants.CHANNELS;
/** In subgroups of another width than 8, fewer channels of a tap cost more with loads of four. */
const LEAST = 16;

// The gradients of conv2d's cases; a bias there has y's channels, here it has x's channels.
const cases: readonly Problem<Input, Conv2dGradInputAttributes & Sliced>[] = [
  ...conv2dGeometries.map(({ name, shapes: { x, weight, bias }, attributes }) => {
    const input: [number, number] = [x[1], x[2]];
    const out = conv2dOutputSize(input, [weight[1], weight[2]], attributes);
    return {
      name,
      shapes: {
        d_y: [x[0], ...out, weight[0]],
        weight,
        bias: size(bias) > 0 ? [x[3]] : [0],
      },
      attributes: { ...attributes, input, slices: 1 },
    };
  }),
  {
    name: "slices of a sum, the last one shorter, groups, stride 2, bias",
    shapes: { d_y: [2, 3, 4, 14], weight: [14, 3, 3, 9], bias: [18] },
    attributes: {
      stride: [2, 2],
      padding: [1, 1, 1, 1],
      dilation: [1, 1],
      groups: 2,
      input: [5, 8],
      slices: 3,
    },
  },
];

const plain = { stride: [1, 1], dilation: [1, 1], groups: 1, slices: 1 } as const;

// 3x3 weights, which another mapping keeps in private memory
const panels: readonly Problem<Input, Conv2dGradInputAttributes & Sliced>[] = [
  {
    name: "panels, two passes over channels, the last one shorter, bias",
    shapes: { d_y: [2, 3, 5, 36], weight: [36, 3, 3, 44], bias: [44] },
    attributes: { ...plain, padding: [1, 1, 1, 1], input: [3, 5] },
  },
  {
    name: "panels, a map that the rule gives them",
    shapes: { d_y: [3, 13, 21, 24], weight: [24, 3, 3, 24], bias: [0] },
    attributes: { ...plain, padding: [1, 1, 1, 1], input: [13, 21] },
  },
  {
    name: "panels, slices, the last one empty, bias",
    shapes: { d_y: [1, 3, 6, 16], weight: [16, 3, 3, 4], bias: [4] },
    attributes: { ...plain, padding: [0, 1, 2, 0], input: [4, 6], slices: 5 },
  },
  {
    name: "panels of stride 2, two passes over channels, the last one shorter, bias",
    shapes: { d_y: [2, 4, 5, 36], weight: [36, 3, 3, 44], bias: [44] },
    attributes: { ...plain, stride: [2, 2], padding: [1, 1, 1, 1], input: [7, 10] },
  },
  {
    name: "panels of stride 2, slices, the last one empty, every side padded differently, bias",
    shapes: { d_y: [1, 2, 2, 16], weight: [16, 3, 3, 4], bias: [4] },
    attributes: { ...plain, stride: [2, 2], padding: [2, 0, 0, 1], input: [4, 5], slices: 5 },
  },
];

// rows of d_x shorter and longer than strips, which the gradients of these do not see
const rowsOfStrips: readonly Problem<Input, Conv2dGradInputAttributes & Sliced>[] = [
  {
    name: "strip of 1, the map 3 wide",
    shapes: { d_y: [2, 1, 3, 16], weight: [16, 1, 3, 3], bias: [0] },
    attributes: { ...plain, padding: [0, 0, 2, 2], input: [1, 1] },
  },
  {
    name: "strip of 7, padded by as much as the kernel reaches, bias",
    shapes: { d_y: [1, 6, 9, 16], weight: [16, 3, 3, 17], bias: [17] },
    attributes: { ...plain, padding: [2, 2, 2, 2], input: [4, 7] },
  },
  {
    name: "strip of 8, 1 channel",
    shapes: { d_y: [1, 3, 8, 1], weight: [1, 3, 3, 1], bias: [1] },
    attributes: { ...plain, padding: [1, 1, 1, 1], input: [3, 8] },
  },
  {
    name: "strip of 9, rows apart, every side padded differently",
    shapes: { d_y: [2, 4, 9, 3], weight: [3, 3, 3, 17], bias: [0] },
    attributes: { ...plain, padding: [0, 1, 2, 0], dilation: [2, 1], input: [7, 9] },
  },
  {
    name: "strip of 10, not padded, slices, groups, bias",
    shapes: { d_y: [1, 3, 8, 6], weight: [6, 3, 3, 17], bias: [34] },
    attributes: { ...plain, padding: [0, 0, 0, 0], groups: 2, input: [5, 10], slices: 2 },
  },
  {
    name: "strip of 19, the kernel 1 high, bias",
    shapes: { d_y: [3, 1, 17, 5], weight: [5, 1, 3, 4], bias: [4] },
    attributes: { ...plain, padding: [0, 0, 0, 0], input: [1, 19] },
  },
];

// channels in fours, which another mapping takes
const fours: readonly Problem<Input, Conv2dGradInputAttributes & Sliced>[] = [
  {
    name: "4 to 4 channels, one pixel",
    shapes: { d_y: [1, 1, 1, 4], weight: [4, 1, 1, 4], bias: [0] },
    attributes: { ...plain, padding: [0, 0, 0, 0], input: [1, 1] },
  },
  {
    name: "fours, a tile of pixels and channels and some, bias",
    shapes: { d_y: [1, 3, 11, 20], weight: [20, 3, 3, 36], bias: [36] },
    attributes: { ...plain, padding: [1, 1, 1, 1], input: [3, 11] },
  },
  {
    name: "fours, groups, slices of a sum, the last one shorter, bias",
    shapes: { d_y: [2, 5, 3, 40], weight: [40, 1, 2, 12], bias: [24] },
    attributes: { ...plain, padding: [0, 0, 0, 0], groups: 2, input: [5, 4], slices: 3 },
  },
  {
    name: "fours, two narrow tiles, the last one shorter, pixels of two images in a tile, bias",
    shapes: { d_y: [3, 3, 5, 8], weight: [8, 1, 1, 44], bias: [44] },
    attributes: { ...plain, padding: [0, 0, 0, 0], input: [3, 5] },
  },
  {
    name: "one channel to 44, pixels of two images in a tile, bias",
    shapes: { d_y: [3, 3, 5, 1], weight: [1, 1, 1, 44], bias: [44] },
    attributes: { ...plain, padding: [0, 0, 0, 0], input: [3, 5] },
  },
  {
    name: "three channels to fours, strides, groups, slices of a sum, the last one shorter",
    shapes: { d_y: [2, 3, 3, 6], weight: [6, 3, 2, 12], bias: [0] },
    attributes: {
      ...plain,
      stride: [2, 3],
      padding: [1, 1, 1, 0],
      groups: 2,
      input: [5, 8],
      slices: 2,
    },
  },
  {
    name: "fours with strides, phases of several sizes, views",
    shapes: { d_y: [2, 3, 3, 16], weight: [16, 3, 3, 60], bias: [60] },
    attributes: { ...plain, stride: [2, 3], padding: [1, 1, 1, 1], input: [5, 8] },
  },
  {
    name: "fours, dilated, strides beyond the kernel, padded below and to the right",
    shapes: { d_y: [1, 2, 3, 4], weight: [4, 2, 1, 8], bias: [0] },
    attributes: {
      ...plain,
      stride: [3, 2],
      dilation: [3, 1],
      padding: [0, 1, 0, 1],
      input: [6, 5],
    },
  },
];

/**
 * The numbers of the convolution whose gradient is wanted; throws if the shapes contradict each
 * other.
 */
function paramsOf({ d_y, weight }: Shapes, attributes: Conv2dGradInputAttributes): Conv2dParams {
  const channels = (weight[3] ?? 0) * attributes.groups;
  const p = conv2dParams([d_y[0] ?? 0, ...attributes.input, channels], weight, attributes);
  expectShape({ d_y }, [p.views, p.out_h, p.out_w, p.out_c]);
  return p;
}

/** The gradient as the tiles of the mappings in subgroups see it. */
function tiledSum(shapes: Shapes, attributes: Conv2dGradInputAttributes & Sliced): TiledSum {
  const p = paramsOf(shapes, attributes);
  const slice = Math.ceil(p.group_o / attributes.slices);
  const taps = Math.ceil(p.kernel_h / p.stride_h) * Math.ceil(p.kernel_w / p.stride_w);
  return {
    channels: p.group_c,
    terms: taps * slice,
    row_pixels: p.in_w,
    products: conv2dProducts(p),
    walk: walkOverGradient(p, attributes.slices),
    in_strips: p.stride_h === 1 && isThreeWide(p),
    in_fours: inFours(p, slice),
    few: p.group_c % 4 === 0 ? "terms" : null,
    vec4_fixed: 35,
  };
}

/**
 * Workgroups for tiles of `pixels` x `channels`, group by group, phase by phase, slice by slice.
 */
function tiles(p: Conv2dParams & Sliced, pixels: number, channels: number): Grid {
  // the first phase has the most pixels
  const most = p.views * Math.ceil(p.in_h / p.stride_h) * Math.ceil(p.in_w / p.stride_w);
  const [x, y] = foldGrid(Math.ceil(most / pixels));
  const parts = Math.ceil(p.group_c / channels) * (p.in_c / p.group_c);
  return [x, y, p.slices * p.stride_h * p.stride_w * parts];
}

/**
 * Gradient of conv2d with respect to its input (plus a bias, for the transposed convolution), in
 * tiles in workgroup memory. d_y [V, OH, OW, O], weight [O, KH, KW, C/groups], bias [C] or [0] ->
 * d_x [V, H, W, C], or [slices, V, H, W, C] to be added up in order.
 */
export const conv2dGradInput: Kernel<
  typeof shaders.conv2d_grad_input,
  Conv2dGradInputAttributes & Sliced
> = kernel({
  shader: shaders.conv2d_grad_input,
  axes: { d_y: "V, OH, OW, O", weight: "O, KH, KW, C'", bias: "C" },
  shapes: (shapes, attributes) => {
    const p = paramsOf(shapes, attributes);
    expectBias(shapes.bias, p.in_c);
    return { d_x: slicedShape([p.views, p.in_h, p.in_w, p.in_c], attributes.slices) };
  },
  params: (shapes, attributes) => {
    const p = paramsOf(shapes, attributes);
    const { slices } = attributes;
    return {
      ...p,
      slices,
      slice_o: Math.ceil(p.group_o / slices),
      has_bias: Number(size(shapes.bias) > 0),
    };
  },
  // per term, a product and a sum; d_y, weight and d_x cross the bus once
  cost: (shapes, attributes) => {
    const p = paramsOf(shapes, attributes);
    const d_x = attributes.slices * p.views * p.in_h * p.in_w * p.in_c;
    return {
      flops: 2 * conv2dProducts(p),
      bytes: 4 * (size(shapes.d_y) + size(shapes.weight) + d_x),
    };
  },
  terms: ({ weight }, { groups }) => size(weight.slice(0, 3)) / groups + 1,
  // the same sum as a transposed convolution, which cuts it by its own rule
  cases: [
    ...withGradient(cases, ({ shapes: { d_y, bias }, attributes: { slices } }) => {
      if (slices > 1 || size(d_y) > MOST_DIFFERENCED) return [];
      const added = size(bias) > 0 ? (["bias"] as const) : [];
      return [{ wrt: ["d_y", "weight", ...added] }, { wrt: ["d_y", ...added], linear: true }];
    }),
    ...rowsOfStrips,
    ...panels,
    ...fours,
  ],
  reference,
  tuneRule: (shapes, attributes) => {
    const { group_c, group_o } = paramsOf(shapes, attributes);
    return conv2dGradInputTile(group_c, Math.ceil(group_o / attributes.slices));
  },
  grid: (params, { SIDE, TM, TN }) => tiles(params, SIDE * TM, SIDE * TN),
  variants: () => [
    conv2dGradInputDepthwise,
    conv2dGradInputPanel,
    conv2dGradInputPanelStrided,
    conv2dGradInputNarrow,
    conv2dGradInputFew,
    conv2dGradInputVec4,
    conv2dGradInputStrip,
    conv2dGradInputSubgroup,
    conv2dGradInputRegister,
    conv2dGradInputMatrix,
  ],
});

/**
 * As `conv2dGradInput`, for 3x3 weights that skip no pixel, which one subgroup of 8 lanes per
 * workgroup keeps in private memory: for software adapters where no other mapping is faster.
 */
export const conv2dGradInputPanel: Kernel<
  typeof shaders.conv2d_grad_input_panel,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_panel,
  tuneRule: (shapes, attributes) => panelTile(tiledSum(shapes, attributes)),
  storesParts: (shapes, attributes, tuned) => isInPasses(tiledSum(shapes, attributes).walk, tuned),
  grid: (params, { VECTORS }) =>
    panelGrid(walkOverGradient(params, params.slices), params.in_c, VECTORS),
  runs: (facts, shapes, attributes) =>
    subgroupWidth(facts).lanes === 8 && tiledSum(shapes, attributes).walk?.stride === 1,
  suits: ({ software }, shapes, attributes) =>
    software && fastestTile(tiledSum(shapes, attributes)) === "panel",
});

/** As `conv2dGradInput`, with 3x3 weights of stride 2 in private memory, as `conv2dGradInputPanel`. */
export const conv2dGradInputPanelStrided: Kernel<
  typeof shaders.conv2d_grad_input_panel_strided,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_panel_strided,
  tuneRule: (shapes, attributes) => panelTile(tiledSum(shapes, attributes)),
  storesParts: (shapes, attributes, tuned) => isInPasses(tiledSum(shapes, attributes).walk, tuned),
  grid: (params, { VECTORS }) =>
    panelGrid(walkOverGradient(params, params.slices), params.in_c, VECTORS),
  runs: (facts, shapes, attributes) =>
    subgroupWidth(facts).lanes === 8 && tiledSum(shapes, attributes).walk?.stride === 2,
  suits: ({ software }, shapes, attributes) =>
    software && fastestTile(tiledSum(shapes, attributes)) === "panel",
});

/** As `conv2dGradInput`, with one subgroup per workgroup: for software adapters. */
export const conv2dGradInputSubgroup: Kernel<
  typeof shaders.conv2d_grad_input_subgroup,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_subgroup,
  grid: (params, { LANES, ROWS }) => tiles(params, 4 * LANES, ROWS),
  runs: inSubgroups,
  suits: onSoftware,
});

/**
 * As `conv2dGradInput`, with one subgroup of 8 lanes per workgroup, for kernels 3 wide of stride 1
 * that skip no column: for software adapters where no other mapping is faster.
 */
export const conv2dGradInputStrip: Kernel<
  typeof shaders.conv2d_grad_input_strip,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_strip,
  grid: ({ views, in_h, in_w, in_c, group_c, slices }, { LANES, ROWS }) => {
    const [x, y] = foldGrid(Math.ceil((views * in_h * Math.ceil(in_w / STRIP)) / LANES));
    return [x, y, slices * Math.ceil(group_c / ROWS) * (in_c / group_c)];
  },
  runs: (facts, shapes, attributes) =>
    subgroupWidth(facts).lanes === 8 && tiledSum(shapes, attributes).in_strips,
  suits: ({ software }, shapes, attributes) =>
    software && fastestTile(tiledSum(shapes, attributes)) === "strip",
});

/**
 * As `conv2dGradInput`, with one subgroup per workgroup and four channels per load: for software
 * adapters and channels that are multiples of four and fill their tiles.
 */
export const conv2dGradInputVec4: Kernel<
  typeof shaders.conv2d_grad_input_vec4,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_vec4,
  grid: (params, { LANES }) => tiles(params, Math.min(PIXELS, 4 * LANES), 4 * LANES),
  runs: (facts, shapes, attributes) => inSubgroups(facts) && tiledSum(shapes, attributes).in_fours,
  suits: (facts, shapes, attributes) => {
    if (subgroupWidth(facts).lanes === 8) {
      return facts.software && fastestTile(tiledSum(shapes, attributes)) === "vec4";
    }
    const { group_c, group_o } = paramsOf(shapes, attributes);
    return group_o / attributes.slices >= LEAST && onSoftwareInFours(facts, group_c);
  },
});

/**
 * As `conv2dGradInput`, with one subgroup of 8 lanes per workgroup and tiles as wide as the channels:
 * for software adapters.
 */
export const conv2dGradInputNarrow: Kernel<
  typeof shaders.conv2d_grad_input_narrow,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_narrow,
  tuneRule: (shapes, attributes) => narrowTile(tiledSum(shapes, attributes)),
  grid: (params, { LANES, CHANNELS }) => tiles(params, 4 * LANES, CHANNELS),
  runs: (facts, shapes, attributes) =>
    subgroupWidth(facts).lanes === 8 && tiledSum(shapes, attributes).in_fours,
  suits: (facts, shapes, attributes) =>
    facts.software && fastestTile(tiledSum(shapes, attributes)) === "narrow",
});

/**
 * As `conv2dGradInput`, with one subgroup of 8 lanes per workgroup, one term at a time and four
 * channels per store: for software adapters and few channels of y, such as one.
 */
export const conv2dGradInputFew: Kernel<
  typeof shaders.conv2d_grad_input_few,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_few,
  grid: (params, { LANES }) => tiles(params, 4 * LANES, FEW_CHANNELS),
  runs: (facts, shapes, attributes) =>
    subgroupWidth(facts).lanes === 8 && tiledSum(shapes, attributes).few !== null,
  suits: (facts, shapes, attributes) =>
    facts.software && fastestTile(tiledSum(shapes, attributes)) === "few",
});

/** As `conv2dGradInput`, using only registers: for other software adapters. */
export const conv2dGradInputRegister: Kernel<
  typeof shaders.conv2d_grad_input_register,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_register,
  grid: (params, { WG, ROWS }) => tiles(params, 4 * WG, ROWS),
  suits: onSoftware,
});

/** As `conv2dGradInput`, for convolutions where each output channel sees one input channel. */
export const conv2dGradInputDepthwise: Kernel<
  typeof shaders.conv2d_grad_input_depthwise,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_depthwise,
  grid: ({ views, in_h, in_w, in_c, stride_w }, { WG }) => {
    const strips = Math.ceil(in_w / (4 * stride_w)) * stride_w;
    return foldGrid(Math.ceil((views * in_h * strips * in_c) / WG));
  },
  runs: (_, shapes, attributes) =>
    attributes.slices === 1 && isDepthwise(paramsOf(shapes, attributes)),
});

/** As `conv2dGradInput`, on the matrix units of subgroups, with operands rounded to f16. */
export const conv2dGradInputMatrix: Kernel<
  typeof shaders.conv2d_grad_input_matrix,
  Conv2dGradInputAttributes & Sliced
> = mapping(conv2dGradInput, {
  shader: shaders.conv2d_grad_input_matrix,
  terms: (shapes, attributes) => conv2dGradInput.terms!(shapes, attributes) + F16_TERMS,
  grid: (params, { DOWN, ACROSS, TM, TN, MATRIX_M, MATRIX_N }) =>
    tiles(params, DOWN * TM * MATRIX_M, ACROSS * TN * MATRIX_N),
  fit: fitMatrices,
  operands: "f16",
});

function reference<T extends NumberArray>(
  { d_y, weight, bias }: Record<Input, T>,
  shapes: Shapes,
  attributes: Conv2dGradInputAttributes & Sliced,
): { d_x: T } {
  const p = paramsOf(shapes, attributes);
  const { in_h, in_w, in_c, out_w, out_c, kernel_h, kernel_w, group_c, group_o } = p;
  const slice_o = Math.ceil(group_o / attributes.slices);
  const image = p.views * in_h * in_w * in_c;
  const d_x = like(d_y, attributes.slices * image);
  if (bias.length > 0) for (let i = 0; i < image; i += in_c) d_x.set(bias, i);
  let at = 0; // offset in d_y
  for (let row = 0; row < p.views * p.out_h; row++) {
    const view = Math.floor(row / p.out_h);
    const top = (row % p.out_h) * p.stride_h - p.pad_top;
    for (let j = 0; j < out_w; j++) {
      const left = j * p.stride_w - p.pad_left;
      for (let o = 0; o < out_c; o++) {
        const first_c = Math.floor(o / group_o) * group_c;
        const slice = Math.floor((o % group_o) / slice_o) * image;
        const gradient = d_y[at++];
        for (let a = 0; a < kernel_h; a++) {
          const h = top + a * p.dilation_h;
          if (h < 0 || h >= in_h) continue;
          for (let b = 0; b < kernel_w; b++) {
            const w = left + b * p.dilation_w;
            if (w < 0 || w >= in_w) continue;
            const to = slice + ((view * in_h + h) * in_w + w) * in_c + first_c;
            const tap = ((o * kernel_h + a) * kernel_w + b) * group_c;
            for (let c = 0; c < group_c; c++) d_x[to + c] += gradient * weight[tap + c];
          }
        }
      }
    }
  }
  return { d_x };
}
