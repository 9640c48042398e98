// Two-dimensional convolution: the mappings of one function. Its gradients are in
// conv2d_grad_*.ts.
import { MOST_DIFFERENCED, withGradient } from "../../engine/problem.ts";
import { like, type NumberArray } from "../../tensor/array.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { cases, fours, LONG, panels, strips, TILE_AND_ONE, WIDE } from "./conv2d_cases.ts";
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
import { isInPasses, panelGrid, panelTile, walkOver } from "./conv2d_panels.ts";
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

const { STRIP } = shaders.conv2d_strip.constants;
const { PIXELS } = shaders.conv2d_vec4.constants;
const FEW_CHANNELS = shaders.conv2d_few.constants.CHANNELS;
/** In subgroups of another width than 8, fewer channels of a tap cost more with loads of four. */
const LEAST = 16;

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
    products: conv2dProducts(p),
    walk: walkOver(p, attributes.slices),
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
    ...panels,
  ],
  reference,
  tuneRule: ({ x, weight }, attributes) => conv2dTile(conv2dParams(x, weight, attributes).group_o),
  grid: (params, { SIDE, TM, TN }) => tiles(params, SIDE * TM, SIDE * TN),
  variants: () => [
    conv2dDepthwise,
    conv2dPanel,
    conv2dPanelStrided,
    conv2dNarrow,
    conv2dFew,
    conv2dVec4,
    conv2dStrip,
    conv2dSubgroup,
    conv2dRegister,
    conv2dMatrix,
  ],
});

/**
 * As `conv2d`, for 3x3 weights that skip no pixel, which one subgroup of 8 lanes per workgroup keeps
 * in private memory: for software adapters where no other mapping is faster.
 */
export const conv2dPanel: Kernel<typeof shaders.conv2d_panel, Conv2dAttributes & Rectified> =
  mapping(conv2d, {
    shader: shaders.conv2d_panel,
    tuneRule: (shapes, attributes) => panelTile(tiledSum(shapes, attributes)),
    storesParts: (shapes, attributes, tuned) =>
      isInPasses(tiledSum(shapes, attributes).walk, tuned),
    grid: (params, { VECTORS }) =>
      panelGrid(walkOver(params, params.slices), params.out_c, VECTORS),
    runs: (facts, shapes, attributes) =>
      subgroupWidth(facts).lanes === 8 && tiledSum(shapes, attributes).walk?.stride === 1,
    suits: ({ software }, shapes, attributes) =>
      software && fastestTile(tiledSum(shapes, attributes)) === "panel",
  });

/** As `conv2d`, with 3x3 weights of stride 2 in private memory, as `conv2dPanel`. */
export const conv2dPanelStrided: Kernel<
  typeof shaders.conv2d_panel_strided,
  Conv2dAttributes & Rectified
> = mapping(conv2d, {
  shader: shaders.conv2d_panel_strided,
  tuneRule: (shapes, attributes) => panelTile(tiledSum(shapes, attributes)),
  storesParts: (shapes, attributes, tuned) => isInPasses(tiledSum(shapes, attributes).walk, tuned),
  grid: (params, { VECTORS }) => panelGrid(walkOver(params, params.slices), params.out_c, VECTORS),
  runs: (facts, shapes, attributes) =>
    subgroupWidth(facts).lanes === 8 && tiledSum(shapes, attributes).walk?.stride === 2,
  suits: ({ software }, shapes, attributes) =>
    software && fastestTile(tiledSum(shapes, attributes)) === "panel",
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
