// The `_panel` mappings of convolutions: where they walk, and which panel of weights takes the least
// time in subgroups of 8 on a software adapter. Times are those of 32 pixels, in units of a load of
// four numbers by 8 lanes; lavapipe's measurements give them (bench/README.md).
import type { Grid } from "../../engine/kernel.ts";
import type { Conv2dParams } from "./conv2d_geometry.ts";

/** How the `_panel` mappings walk over an output. */
export interface Walk {
  readonly stride: 1 | 2;
  /** Rows, of all views, that are walked along, and steps along each. */
  readonly rows: number;
  readonly steps: number;
  /** Numbers of each channel that a step loads. */
  readonly numbers: 2 | 3 | 6;
  /** Pixels of the output that a step stores. */
  readonly stores: 1 | 4;
  /** Pixels of the output. */
  readonly pixels: number;
  /** Channels of the sum in a slice. */
  readonly terms: number;
  readonly slices: number;
}

/**
 * The stride of a convolution with 3x3 weights that skip no column of their own, in one group, with
 * sums over `terms` channels, or `slice` of them in a slice, that are multiples of four: 1 or 2; null
 * for all others.
 */
function panelStride(p: Conv2dParams, terms: number, slice: number): 1 | 2 | null {
  const isSquare = p.kernel_h === 3 && p.kernel_w === 3 && p.stride_h === p.stride_w;
  const isDense = p.dilation_h === 1 && p.dilation_w === 1 && p.group_c === p.in_c;
  if (!isSquare || !isDense || terms % 4 !== 0 || slice % 4 !== 0) return null;
  return p.stride_h === 1 || p.stride_h === 2 ? p.stride_h : null;
}

/** The walk over the output of a convolution; null where panels do not run. */
export function walkOver(p: Conv2dParams, slices: number): Walk | null {
  const terms = Math.ceil(p.in_c / slices);
  const stride = panelStride(p, p.in_c, terms);
  if (stride === null) return null;
  const rows = p.views * p.out_h;
  const steps = p.out_w + (stride === 1 ? 2 : 1);
  const numbers = stride === 1 ? 3 : 6;
  return { stride, rows, steps, numbers, stores: 1, pixels: rows * p.out_w, terms, slices };
}

/**
 * The walk over the gradient of a convolution with respect to its input; null where panels do not
 * run. With stride 2 a step stores two pixels of two rows each.
 */
export function walkOverGradient(p: Conv2dParams, slices: number): Walk | null {
  const terms = Math.ceil(p.out_c / slices);
  const stride = panelStride(p, p.out_c, terms);
  if (stride === null) return null;
  const pixels = p.views * p.in_h * p.in_w;
  if (stride === 1) {
    const rows = p.views * p.in_h;
    return { stride, rows, steps: p.in_w + 2, numbers: 3, stores: 1, pixels, terms, slices };
  }
  const pairs = (size: number, pad: number): number =>
    Math.floor((size - 1 + pad) / 2) - Math.floor(pad / 2) + 1;
  const rows = p.views * pairs(p.in_h, p.pad_top);
  return {
    stride,
    rows,
    steps: pairs(p.in_w, p.pad_left) + 1,
    numbers: 2,
    stores: 4,
    pixels,
    terms,
    slices,
  };
}

/** A panel: channels of a sum, and vectors of 8 channels of the output, whose weights it holds. */
type Panel = Readonly<Record<"CHANNELS" | "VECTORS", number>>;
/**
 * The most weights of a lane: they and the code of their products stay in the first caches, and
 * compilers take less than a second.
 */
const MOST_WEIGHTS = 650;
const PANELS: readonly Panel[] = [4, 8, 16, 24, 32]
  .flatMap((CHANNELS) => [1, 2, 3, 4].map((VECTORS) => ({ CHANNELS, VECTORS })))
  .filter(({ CHANNELS, VECTORS }) => 9 * CHANNELS * VECTORS <= MOST_WEIGHTS);
/** Steps of a workgroup that take ten times as long as the copy of its weights. */
const STEPS = 600;
/** The least workgroups of a dispatch. */
const LEAST_GROUPS = 4;

/** Workgroups that share the rows of a tile of channels in the `_panel` mappings. */
export function panelGroups(
  { rows, steps, slices }: Pick<Walk, "rows" | "steps" | "slices">,
  channels: number,
  VECTORS: number,
): number {
  const tiles = slices * Math.ceil(channels / (8 * VECTORS));
  const groups = Math.max(Math.round((rows * steps) / STEPS), Math.ceil(LEAST_GROUPS / tiles));
  return Math.max(1, Math.min(groups, rows));
}

/** A convolution as panels see it: channels of the output, and its walk. */
interface PanelSum {
  readonly channels: number;
  readonly walk: Walk | null;
}

/**
 * Time of a panel: per step loads, products and their weights, and stores. A pass over further
 * channels loads the sums.
 */
function timeOf({ channels, walk }: PanelSum, { CHANNELS, VECTORS }: Panel): number {
  if (walk === null) return Infinity;
  const passes = Math.ceil(walk.terms / CHANNELS);
  const products = 0.063 * CHANNELS * VECTORS;
  const loads = 0.85 * Math.ceil((walk.numbers * CHANNELS) / 32);
  const stores = 0.28 * walk.stores * VECTORS;
  const step = passes * (0.65 + loads + products + stores) + (passes - 1) * stores;
  const all = walk.rows * walk.steps;
  const copies = (STEPS / 10) * panelGroups(walk, channels, VECTORS);
  return ((Math.ceil(channels / (8 * VECTORS)) * (all + copies) * step) / walk.pixels) * 32;
}

/** For `tuneRule` of the `_panel` mappings: the fastest panel. */
export function panelTile(sum: PanelSum): Panel {
  return PANELS.toSorted((a, b) => timeOf(sum, a) - timeOf(sum, b))[0];
}

/** The time of the fastest panel; infinite where none runs. */
export function panelTime(sum: PanelSum): number {
  return timeOf(sum, panelTile(sum));
}

/** Workgroups of a convolution in panels. */
export function panelGrid(walk: Walk | null, channels: number, VECTORS: number): Grid {
  if (walk === null) return [0, 0, 0];
  const tiles = Math.ceil(channels / (8 * VECTORS));
  return [panelGroups(walk, channels, VECTORS), walk.slices * tiles, 1];
}

/**
 * Whether panels of CHANNELS channels walk several times, and begin with the sums of the pass
 * before.
 */
export function isInPasses(walk: Walk | null, tuned: Readonly<Record<string, number>>): boolean {
  return walk !== null && walk.terms > tuned["CHANNELS"];
}
