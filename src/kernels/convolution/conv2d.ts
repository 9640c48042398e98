// Two-dimensional convolution: seven mappings of one function. Its gradients are in
// conv2d_grad_*.ts.
import { MOST_DIFFERENCED, withGradient, type Problem } from "../../engine/problem.ts";
import { like, type NumberArray } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import {
  conv2dParams,
  conv2dProducts,
  conv2dTile,
  expectBias,
  inFours,
  isDepthwise,
  isThreeWide,
  slicedShape,
  type Conv2dAttributes,
  type Conv2dParams,
  type Rectified,
  type Sliced,
} from "./conv2d_geometry.ts";
import { fastestTile, narrowTile, type TiledSum } from "./conv2d_tiles.ts";
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

type Input = "x" | "weight" | "bias";
type Shapes = Readonly<Record<Input, Shape>>;

const plain: Conv2dAttributes = {
  stride: [1, 1],
  padding: [0, 0, 0, 0],
  dilation: [1, 1],
  groups: 1,
};
const same: Conv2dAttributes = { ...plain, padding: [1, 1, 1, 1] };
const none: Shape = [0];

const TILE_AND_ONE = "3x3, a tile and one, bias";
// the sum of the output, and that of the gradient with respect to x, is cut in slices
const LONG = { x: [1, 2, 3, 128], weight: [8, 3, 3, 128], bias: [8] };
const WIDE = { x: [1, 2, 3, 8], weight: [128, 3, 3, 8], bias: [128] };

/** Geometries that every kernel of the family is checked on. */
export const conv2dGeometries: readonly Problem<Input, Conv2dAttributes>[] = [
  {
    name: TILE_AND_ONE,
    shapes: { x: [1, 5, 13, 17], weight: [65, 3, 3, 17], bias: [65] },
    attributes: same,
  },
  { name: "one", shapes: { x: [1, 1, 1, 1], weight: [1, 1, 1, 1], bias: none }, attributes: plain },
  {
    name: "stem 7x7 stride 2",
    shapes: { x: [2, 11, 14, 3], weight: [15, 7, 7, 3], bias: none },
    attributes: { ...plain, stride: [2, 2], padding: [3, 3, 3, 3] },
  },
  {
    name: "even kernel, every side padded differently, bias",
    shapes: { x: [2, 7, 6, 5], weight: [33, 2, 4, 5], bias: [33] },
    attributes: { ...plain, stride: [1, 2], padding: [0, 1, 2, 3] },
  },
  {
    name: "dilated, stride 3 by 2",
    shapes: { x: [1, 13, 11, 4], weight: [16, 3, 2, 4], bias: none },
    attributes: { ...plain, stride: [3, 2], padding: [2, 1, 0, 2], dilation: [2, 3] },
  },
  {
    name: "dilation that shares a factor with the stride",
    shapes: { x: [1, 12, 9, 2], weight: [3, 3, 3, 2], bias: none },
    attributes: { ...plain, stride: [4, 2], padding: [2, 2, 2, 2], dilation: [2, 4] },
  },
  {
    name: "groups, bias",
    shapes: { x: [1, 6, 7, 12], weight: [51, 3, 3, 4], bias: [51] },
    attributes: { ...same, groups: 3 },
  },
  {
    name: "depthwise, two outputs per channel, bias",
    shapes: { x: [2, 6, 9, 19], weight: [38, 3, 3, 1], bias: [38] },
    attributes: { ...same, stride: [2, 1], groups: 19 },
  },
  {
    name: "stride beyond the image, rows no tap reaches",
    shapes: { x: [2, 3, 9, 2], weight: [2, 1, 2, 2], bias: none },
    attributes: { ...plain, stride: [5, 4] },
  },
  {
    name: "no views",
    shapes: { x: [0, 4, 4, 3], weight: [5, 3, 3, 3], bias: none },
    attributes: same,
  },
  {
    name: "student's 1x1 at 1/16",
    shapes: { x: [6, 6, 10, 96], weight: [64, 1, 1, 96], bias: [64] },
    attributes: plain,
  },
];

const cases: readonly Problem<Input, Conv2dAttributes & Rectified>[] = [
  ...conv2dGeometries.map((c) => ({ ...c, attributes: { ...c.attributes, slices: 1 } })),
  {
    name: "slices of a sum, the last one shorter, groups, bias",
    shapes: { x: [2, 3, 5, 14], weight: [18, 3, 2, 7], bias: [18] },
    attributes: { ...same, groups: 2, slices: 3 },
  },
  {
    name: "rectified, a tile and one, bias",
    shapes: { x: [1, 5, 13, 17], weight: [65, 3, 3, 17], bias: [65] },
    attributes: { ...same, slices: 1, relu: true },
  },
  {
    name: "rectified depthwise",
    shapes: { x: [2, 6, 9, 19], weight: [38, 3, 3, 1], bias: [38] },
    attributes: { ...same, stride: [2, 1], groups: 19, slices: 1, relu: true },
  },
];

const { STRIP } = shaders.conv2d_strip.constants;
const { PIXELS } = shaders.conv2d_vec4.constants;
const FEW_CHANNELS = shaders.conv2d_few.constants.CHANNELS;
/** In subgroups of another width than 8, fewer channels of a tap cost more with loads of four. */
const LEAST = 16;

// rows of y shorter and longer than strips, which gradients do not see
const strips: readonly Problem<Input, Conv2dAttributes & Rectified>[] = [
  {
    name: "strip of 1, the image 1 high",
    shapes: { x: [2, 1, 3, 3], weight: [16, 1, 3, 3], bias: none },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "strip of 7, not padded, bias",
    shapes: { x: [1, 4, 9, 16], weight: [17, 3, 3, 16], bias: [17] },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "strip of 8, 1 channel",
    shapes: { x: [1, 3, 8, 1], weight: [1, 3, 3, 1], bias: [1] },
    attributes: { ...same, slices: 1 },
  },
  {
    name: "strip of 9, rows apart, every side padded differently",
    shapes: { x: [2, 7, 9, 17], weight: [3, 3, 3, 17], bias: none },
    attributes: {
      ...plain,
      stride: [2, 1],
      padding: [0, 1, 2, 0],
      dilation: [2, 1],
      slices: 1,
      relu: true,
    },
  },
  {
    name: "strip of 10, slices, groups, bias",
    shapes: { x: [1, 3, 10, 6], weight: [34, 3, 3, 3], bias: [34] },
    attributes: { ...same, groups: 2, slices: 2 },
  },
  {
    name: "strip of 17, the kernel 1 high, bias, rectified",
    shapes: { x: [3, 1, 19, 4], weight: [5, 1, 3, 4], bias: [5] },
    attributes: { ...plain, slices: 1, relu: true },
  },
];

// channels in fours, which another mapping takes
const fours: readonly Problem<Input, Conv2dAttributes & Rectified>[] = [
  {
    name: "4 to 4 channels, one pixel",
    shapes: { x: [1, 1, 1, 4], weight: [4, 1, 1, 4], bias: none },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "fours, a tile of pixels and channels and some, bias, rectified",
    shapes: { x: [1, 3, 11, 20], weight: [36, 3, 3, 20], bias: [36] },
    attributes: { ...same, slices: 1, relu: true },
  },
  {
    name: "fours with strides, groups, slices of a sum, the last one shorter, bias",
    shapes: { x: [2, 5, 8, 40], weight: [24, 1, 2, 20], bias: [24] },
    attributes: { ...plain, stride: [2, 3], groups: 2, slices: 3 },
  },
  {
    name: "fours, dilated, every side padded differently",
    shapes: { x: [2, 4, 5, 4], weight: [8, 2, 3, 4], bias: [8] },
    attributes: { ...plain, padding: [0, 1, 3, 2], dilation: [3, 2], slices: 1 },
  },
  {
    name: "fours, two narrow tiles, the last one shorter, pixels of two images in a tile, bias",
    shapes: { x: [3, 3, 5, 8], weight: [44, 1, 1, 8], bias: [44] },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "fours to one channel, pixels of two images in a tile, bias",
    shapes: { x: [3, 3, 5, 12], weight: [1, 1, 1, 12], bias: [1] },
    attributes: { ...plain, slices: 1 },
  },
  {
    name: "fours to three channels, strides, groups, slices of a sum, rectified, bias",
    shapes: { x: [2, 5, 8, 40], weight: [6, 2, 3, 20], bias: [6] },
    attributes: { ...same, stride: [2, 3], groups: 2, slices: 2, relu: true },
  },
  {
    name: "fours, two narrow tiles of 32, the last one shorter, one pixel more than a tile of them",
    shapes: { x: [1, 3, 11, 4], weight: [60, 2, 1, 4], bias: none },
    attributes: { ...plain, padding: [1, 0, 0, 0], slices: 1 },
  },
  {
    name: "fours, no views",
    shapes: { x: [0, 4, 4, 8], weight: [4, 3, 3, 8], bias: none },
    attributes: { ...same, slices: 1 },
  },
  {
    name: "fours, but slices of a sum that are not",
    shapes: { x: [1, 3, 3, 12], weight: [8, 1, 1, 12], bias: none },
    attributes: { ...plain, slices: 2 },
  },
];

/** Workgroups for tiles of `pixels` x `channels`, group by group, slice by slice. */
function tiles(p: Conv2dParams & Sliced, pixels: number, channels: number): Grid {
  const [x, y] = foldGrid(Math.ceil((p.views * p.out_h * p.out_w) / pixels));
  return [x, y, p.slices * Math.ceil(p.group_o / channels) * (p.out_c / p.group_o)];
}

/** A convolution as the tiles of the mappings in subgroups see it. */
function tiledSum({ x, weight }: Shapes, attributes: Conv2dAttributes & Sliced): TiledSum {
  const p = conv2dParams(x, weight, attributes);
  const slice = Math.ceil(p.group_c / attributes.slices);
  return {
    channels: p.group_o,
    terms: p.kernel_h * p.kernel_w * slice,
    row_pixels: p.out_w,
    in_strips: isThreeWide(p),
    in_fours: inFours(p, slice),
    few: p.group_c % 4 === 0 && slice % 4 === 0 ? "channels" : null,
    vec4_fixed: 24,
  };
}

/**
 * y = x * weight + bias in tiles in workgroup memory. x [V, H, W, C], weight [O, KH, KW, C/groups],
 * bias [O] or [0] -> y [V, OH, OW, O], or [slices, V, OH, OW, O] to be added up in order.
 */
export const conv2d: Kernel<typeof shaders.conv2d, Conv2dAttributes & Rectified> = kernel({
  shader: shaders.conv2d,
  axes: { x: "V, H, W, C", weight: "O, KH, KW, C'", bias: "O" },
  shapes: ({ x, weight, bias }, attributes) => {
    const p = conv2dParams(x, weight, attributes);
    expectBias(bias, p.out_c);
    return { y: slicedShape([p.views, p.out_h, p.out_w, p.out_c], attributes.slices) };
  },
  params: ({ x, weight, bias }, attributes) => {
    const p = conv2dParams(x, weight, attributes);
    const { slices } = attributes;
    return {
      ...p,
      slices,
      slice_c: Math.ceil(p.group_c / slices),
      has_bias: Number(size(bias) > 0),
    };
  },
  // per term, a product and a sum; x, weight and y cross the bus once
  cost: ({ x, weight }, attributes) => {
    const p = conv2dParams(x, weight, attributes);
    const y = attributes.slices * p.views * p.out_h * p.out_w * p.out_c;
    return { flops: 2 * conv2dProducts(p), bytes: 4 * (size(x) + size(weight) + y) };
  },
  overrides: (_, { relu = false }) => ({ RELU: relu }),
  flags: ({ relu = false }) => (relu ? ["RELU"] : []),
  terms: ({ weight }) => size(weight.slice(1)) + 1,
  cases: [
    ...withGradient(cases, ({ name, shapes: { x, bias }, attributes: { slices, relu } }) => {
      // the op cuts sums by its own rule, and rectifies nothing
      if (slices > 1 || relu === true || size(x) > MOST_DIFFERENCED) return [];
      const added = size(bias) > 0 ? (["bias"] as const) : [];
      const checks = [
        { wrt: ["x", "weight", ...added] },
        { wrt: ["x", ...added], linear: true },
        { wrt: ["weight", ...added], linear: true },
      ] as const;
      return name === TILE_AND_ONE
        ? checks.flatMap((check) => [check, { ...check, shapes: LONG }, { ...check, shapes: WIDE }])
        : checks;
    }),
    ...strips,
    ...fours,
  ],
  reference,
  tuneRule: ({ x, weight }, attributes) => conv2dTile(conv2dParams(x, weight, attributes).group_o),
  grid: (params, { SIDE, TM, TN }) => tiles(params, SIDE * TM, SIDE * TN),
  variants: () => [
    conv2dDepthwise,
    conv2dNarrow,
    conv2dFew,
    conv2dVec4,
    conv2dStrip,
    conv2dSubgroup,
    conv2dRegister,
    conv2dMatrix,
  ],
});

/** As `conv2d`, with one subgroup per workgroup: for software adapters. */
export const conv2dSubgroup: Kernel<typeof shaders.conv2d_subgroup, Conv2dAttributes & Rectified> =
  mapping(conv2d, {
    shader: shaders.conv2d_subgroup,
    grid: (params, { LANES, ROWS }) => tiles(params, 4 * LANES, ROWS),
    runs: inSubgroups,
    suits: onSoftware,
  });

/**
 * As `conv2d`, with one subgroup of 8 lanes per workgroup, for kernels 3 wide that skip no column:
 * for software adapters where no other mapping is faster.
 */
export const conv2dStrip: Kernel<typeof shaders.conv2d_strip, Conv2dAttributes & Rectified> =
  mapping(conv2d, {
    shader: shaders.conv2d_strip,
    grid: ({ views, out_h, out_w, out_c, group_o, slices }, { LANES, ROWS }) => {
      const [x, y] = foldGrid(Math.ceil((views * out_h * Math.ceil(out_w / STRIP)) / LANES));
      return [x, y, slices * Math.ceil(group_o / ROWS) * (out_c / group_o)];
    },
    runs: (facts, { x, weight }, attributes) =>
      isThreeWide(conv2dParams(x, weight, attributes)) && subgroupWidth(facts).lanes === 8,
    suits: ({ software }, shapes, attributes) =>
      software && fastestTile(tiledSum(shapes, attributes)) === "strip",
  });

/**
 * As `conv2d`, with one subgroup per workgroup and four channels per load: for software adapters
 * and channels that are multiples of four and fill their tiles to five eighths.
 */
export const conv2dVec4: Kernel<typeof shaders.conv2d_vec4, Conv2dAttributes & Rectified> = mapping(
  conv2d,
  {
    shader: shaders.conv2d_vec4,
    grid: (params, { LANES }) => tiles(params, Math.min(PIXELS, 4 * LANES), 4 * LANES),
    runs: (facts, shapes, attributes) =>
      inSubgroups(facts) && tiledSum(shapes, attributes).in_fours,
    suits: (facts, shapes, attributes) => {
      if (subgroupWidth(facts).lanes === 8) {
        return facts.software && fastestTile(tiledSum(shapes, attributes)) === "vec4";
      }
      const { group_o, group_c } = conv2dParams(shapes.x, shapes.weight, attributes);
      return group_c / attributes.slices >= LEAST && onSoftwareInFours(facts, group_o);
    },
  },
);

/**
 * As `conv2d`, with one subgroup of 8 lanes per workgroup and tiles as wide as the channels: for software
 * adapters.
 */
export const conv2dNarrow: Kernel<typeof shaders.conv2d_narrow, Conv2dAttributes & Rectified> =
  mapping(conv2d, {
    shader: shaders.conv2d_narrow,
    tuneRule: (shapes, attributes) => narrowTile(tiledSum(shapes, attributes)),
    grid: (params, { LANES, CHANNELS }) => tiles(params, 4 * LANES, CHANNELS),
    runs: (facts, shapes, attributes) =>
      subgroupWidth(facts).lanes === 8 && tiledSum(shapes, attributes).in_fours,
    suits: (facts, shapes, attributes) =>
      facts.software && fastestTile(tiledSum(shapes, attributes)) === "narrow",
  });

/**
 * As `conv2d`, with one subgroup of 8 lanes per workgroup and tiles of 4 channels: for software
 * adapters and few channels of y, such as one.
 */
export const conv2dFew: Kernel<typeof shaders.conv2d_few, Conv2dAttributes & Rectified> = mapping(
  conv2d,
  {
    shader: shaders.conv2d_few,
    grid: (params, { LANES }) => tiles(params, 4 * LANES, FEW_CHANNELS),
    runs: (facts, shapes, attributes) =>
      subgroupWidth(facts).lanes === 8 && tiledSum(shapes, attributes).few !== null,
    suits: (facts, shapes, attributes) =>
      facts.software && fastestTile(tiledSum(shapes, attributes)) === "few",
  },
);

/** As `conv2d`, using only registers: for other software adapters. */
export const conv2dRegister: Kernel<typeof shaders.conv2d_register, Conv2dAttributes & Rectified> =
  mapping(conv2d, {
    shader: shaders.conv2d_register,
    grid: (params, { WG, ROWS }) => tiles(params, 4 * WG, ROWS),
    suits: onSoftware,
  });

/** As `conv2d`, for convolutions where each output channel sees one input channel. */
export const conv2dDepthwise: Kernel<
  typeof shaders.conv2d_depthwise,
  Conv2dAttributes & Rectified
> = mapping(conv2d, {
  shader: shaders.conv2d_depthwise,
  grid: ({ views, out_h, out_w, out_c }, { WG }) =>
    foldGrid(Math.ceil((views * out_h * Math.ceil(out_w / 4) * out_c) / WG)),
  runs: (_, { x, weight }, attributes) =>
    attributes.slices === 1 && isDepthwise(conv2dParams(x, weight, attributes)),
});

/** As `conv2d`, on the matrix units of subgroups, with operands rounded to f16. */
export const conv2dMatrix: Kernel<typeof shaders.conv2d_matrix, Conv2dAttributes & Rectified> =
  mapping(conv2d, {
    shader: shaders.conv2d_matrix,
    terms: (shapes, attributes) => conv2d.terms!(shapes, attributes) + F16_TERMS,
    grid: (params, { DOWN, ACROSS, TM, TN, MATRIX_M, MATRIX_N }) =>
      tiles(params, DOWN * TM * MATRIX_M, ACROSS * TN * MATRIX_N),
    fit: fitMatrices,
    operands: "f16",
  });

function reference<T extends NumberArray>(
  { x, weight, bias }: Record<Input, T>,
  shapes: Shapes,
  attributes: Conv2dAttributes & Rectified,
): { y: T } {
  const p = conv2dParams(shapes.x, shapes.weight, attributes);
  const { in_h, in_w, in_c, out_w, out_c, kernel_h, kernel_w, group_c, group_o } = p;
  const slice_c = Math.ceil(group_c / attributes.slices);
  const y = like(x, attributes.slices * p.views * p.out_h * out_w * out_c);
  let at = 0; // offset in y
  for (let slice = 0; slice < attributes.slices; slice++) {
    const [begin, end] = [slice * slice_c, Math.min((slice + 1) * slice_c, group_c)];
    for (let row = 0; row < p.views * p.out_h; row++) {
      const view = Math.floor(row / p.out_h);
      const top = (row % p.out_h) * p.stride_h - p.pad_top;
      for (let j = 0; j < out_w; j++) {
        const left = j * p.stride_w - p.pad_left;
        for (let o = 0; o < out_c; o++) {
          const first_c = Math.floor(o / group_o) * group_c;
          let sum = bias.length > 0 && slice === 0 ? bias[o] : 0;
          for (let a = 0; a < kernel_h; a++) {
            const h = top + a * p.dilation_h;
            if (h < 0 || h >= in_h) continue;
            for (let b = 0; b < kernel_w; b++) {
              const w = left + b * p.dilation_w;
              if (w < 0 || w >= in_w) continue;
              const from = ((view * in_h + h) * in_w + w) * in_c + first_c;
              const tap = ((o * kernel_h + a) * kernel_w + b) * group_c;
              for (let c = begin; c < end; c++) sum += x[from + c] * weight[tap + c];
            }
          }
          y[at++] = attributes.relu === true ? Math.max(sum, 0) : sum;
        }
      }
    }
  }
  return { y };
}
