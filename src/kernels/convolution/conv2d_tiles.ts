// Which tiles of a convolution, or of its gradient with respect to the input, take the least time in
// subgroups of 8 on a software adapter. Times are those of 32 pixels, in units of a load of four
// numbers by 8 lanes, 400 instructions; lavapipe's machine code and measurements give them
// (bench/README.md).

import { panelTime, type Walk } from "./conv2d_panels.ts";

/** A convolution as its tiles see it. */
export interface TiledSum {
  /** Channels of the output, per group. */
  readonly channels: number;
  /** Products of a sum: taps x channels of its slice. */
  readonly terms: number;
  /** Pixels of a row of the output. */
  readonly row_pixels: number;
  /** Products of the whole convolution. */
  readonly products: number;
  /** The walk of the `_panel` mapping that runs, or null. */
  readonly walk: Walk | null;
  /** Whether the `_strip` mapping runs. */
  readonly in_strips: boolean;
  /** Whether the `_vec4` and `_narrow` mappings run. */
  readonly in_fours: boolean;
  /** Whether the `_few` mapping runs, and what it is made for: few channels of the output, or few terms. */
  readonly few: "channels" | "terms" | null;
  /** Time of a tile of `_vec4` beside its sums. The gradient looks for the place of each pixel. */
  readonly vec4_fixed: 24 | 35;
}

/** A tile: time for four terms, and for a place and for stores. */
interface TileTime {
  readonly channels: number;
  readonly four_terms: number;
  readonly fixed: number;
}

/**
 * By CHANNELS of the shaders: 4 loads of pixels, then for every eight channels one of weights and
 * products that take as long. 40 channels take longer, because the loop is too large for the
 * processor's cache of decoded instructions.
 */
const NARROW: readonly TileTime[] = [16, 24, 32, 40].map((channels) => ({
  channels,
  four_terms: channels === 40 ? 17.5 : 4 + channels / 4,
  fixed: 5 + 0.6 * channels,
}));
const VEC4: Omit<TileTime, "fixed"> = { channels: 32, four_terms: 11.2 };
const STRIP: TileTime = { channels: 16, four_terms: 5, fixed: 20 };
const SUBGROUP: TileTime = { channels: 16, four_terms: 8.4, fixed: 20 };
const FEW: Readonly<Record<"channels" | "terms", TileTime>> = {
  channels: { channels: 4, four_terms: 5.5, fixed: 8 },
  terms: { channels: 32, four_terms: 12.3, fixed: 24 },
};
const STRIP_PIXELS = 8;
/**
 * Products below which a convolution takes a mapping that others take too: its own would save 0.1 ms
 * of a step at most, and lavapipe compiles its pipeline for a second.
 */
const SMALL_PRODUCTS = 2e6;
/** The times of the others leave out the places of a tap's pixels, a tenth and more. */
const PANEL_SHARE = 0.9;

function timeOf(tile: TileTime, { channels, terms }: Pick<TiledSum, "channels" | "terms">): number {
  return Math.ceil(channels / tile.channels) * ((terms / 4) * tile.four_terms + tile.fixed);
}

/** The fastest width of the `_narrow` mapping. */
function fastestNarrow(sum: Pick<TiledSum, "channels" | "terms">): TileTime {
  return NARROW.toSorted((a, b) => timeOf(a, sum) - timeOf(b, sum))[0];
}

/** For `tuneRule` of the `_narrow` mappings: the channels of a tile. */
export function narrowTile(sum: Pick<TiledSum, "channels" | "terms">): {
  readonly CHANNELS: number;
} {
  return { CHANNELS: fastestNarrow(sum).channels };
}

/**
 * The mapping in subgroups of 8 that takes the least time; of a small convolution, of those that others
 * share.
 */
export function fastestTile(
  sum: TiledSum,
): "few" | "narrow" | "panel" | "strip" | "subgroup" | "vec4" {
  const { row_pixels, products, walk, in_strips, in_fours, few, vec4_fixed } = sum;
  const covered = STRIP_PIXELS * Math.ceil(row_pixels / STRIP_PIXELS);
  const times = [
    { name: "panel", runs: walk !== null, time: PANEL_SHARE * panelTime({ ...sum, walk }) },
    { name: "narrow", runs: in_fours, time: timeOf(fastestNarrow(sum), sum) },
    { name: "vec4", runs: in_fours, time: timeOf({ ...VEC4, fixed: vec4_fixed }, sum) },
    { name: "strip", runs: in_strips, time: (covered / row_pixels) * timeOf(STRIP, sum) },
    { name: "few", runs: few !== null, time: timeOf(FEW[few ?? "terms"], sum) },
    { name: "subgroup", runs: true, time: timeOf(SUBGROUP, sum) },
  ] as const;
  const shared: readonly string[] = ["few", in_fours ? "vec4" : "subgroup"];
  const isShared = (name: string): boolean => products >= SMALL_PRODUCTS || shared.includes(name);
  const running = times.filter(({ name, runs }) => runs && isShared(name));
  return running.toSorted((a, b) => a.time - b.time)[0].name;
}
