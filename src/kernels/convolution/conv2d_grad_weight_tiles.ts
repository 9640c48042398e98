// Which mapping and tile of the gradient of a convolution with respect to its weight takes the least
// time in subgroups on a software adapter. Speeds are the geometric means of what lavapipe reached on
// two processors (bench/README.md), of which one runs long loops at half the speed; bands were measured
// on that one alone, and count a little less than there.
import type { AdapterFacts } from "../../gpu/device.ts";
import { subgroupWidth } from "../../engine/subgroups.ts";
import { shaders } from "../shaders.gen.ts";
import { isThreeWide, type Conv2dParams } from "./conv2d_geometry.ts";

/** A tile of a mapping in subgroups. */
interface SubgroupTile {
  readonly channels: number;
  /** Numbers of x per lane. */
  readonly terms: number;
  /**
   * Speed of a full tile relative to that of `conv2dGradWeightSubgroup`.
   */
  readonly speed: number;
}

/** By ROWS of the shader, channels of y. */
const STRIP: Readonly<Record<16 | 24, SubgroupTile>> = {
  16: { channels: 16, terms: 4, speed: 2.2 },
  24: { channels: 24, terms: 4, speed: 2.0 },
};
/** By ROWS of the shader, rows of y in a band. */
const BAND: Readonly<Record<2 | 4, SubgroupTile>> = {
  2: { channels: 16, terms: 1, speed: 2.45 },
  4: { channels: 8, terms: 1, speed: 2.6 },
};
/** A tile of the shader with loads of four, by its tuned lines. */
interface FoursTile extends SubgroupTile {
  readonly constants: {
    readonly ROWS: 16 | 24 | 32;
    readonly VECTORS: 1;
    readonly UNROLL: 1 | 2;
  };
}

const foursTile = (rows: 16 | 24 | 32, unroll: 1 | 2, speed: number): FoursTile => ({
  constants: { ROWS: rows, VECTORS: 1, UNROLL: unroll },
  channels: rows,
  terms: 4,
  speed,
});
// two pixels of 16 channels share a load
const FOURS: readonly FoursTile[] = [
  foursTile(32, 1, 1.75),
  foursTile(24, 1, 1.78),
  foursTile(16, 2, 1.51),
];
const FEW_ROWS = shaders.conv2d_grad_weight_few.constants.ROWS;
export const FEW: SubgroupTile = { channels: FEW_ROWS, terms: 4, speed: 0.48 };
const PLAIN: SubgroupTile = { channels: 16, terms: 4, speed: 1 };

/** Speed of a mapping on `terms` per channel, given the share of its tiles that is not idle. */
function speedOf(
  tile: SubgroupTile,
  { group_o }: Conv2dParams,
  terms: number,
  lanes: number,
): number {
  const width = tile.terms * lanes;
  const channels = tile.channels * Math.ceil(group_o / tile.channels);
  return (tile.speed * group_o * terms) / (channels * width * Math.ceil(terms / width));
}

/** Speed where `unroll` pixels of a row are added at a time, of which the last may be missing. */
function inTurns(p: Conv2dParams, unroll: 1 | 2, speed: number): number {
  return (speed * p.out_w) / (unroll * Math.ceil(p.out_w / unroll));
}

/** Speed of a tile with loads of four. */
function foursSpeed(p: Conv2dParams, tile: FoursTile, lanes: number): number {
  const terms = p.kernel_h * p.kernel_w * p.group_c;
  return inTurns(p, tile.constants.UNROLL, speedOf(tile, p, terms, lanes));
}

/** The tile with loads of four that is the fastest for a problem in subgroups of 8. */
export function foursOf(p: Conv2dParams): FoursTile {
  return FOURS.toSorted((a, b) => foursSpeed(p, b, 8) - foursSpeed(p, a, 8))[0];
}

/** ROWS of the strip's shader for a problem, chosen for 8 lanes. */
export function stripRows(p: Conv2dParams): 16 | 24 {
  const terms = p.kernel_h * p.group_c;
  return speedOf(STRIP[16], p, terms, 8) >= speedOf(STRIP[24], p, terms, 8) ? 16 : 24;
}

/** Speed of bands of `rows` rows in subgroups of 8, given the rows that the last band lacks. */
function bandSpeed(p: Conv2dParams, rows: 2 | 4): number {
  const filled = p.out_h / (rows * Math.ceil(p.out_h / rows));
  return filled * speedOf(BAND[rows], p, p.group_c, 8);
}

/** ROWS of the band's shader for a problem. */
export function bandRows(p: Conv2dParams): 2 | 4 {
  return bandSpeed(p, 4) >= bandSpeed(p, 2) ? 4 : 2;
}

/** Whether bands run: 3x3 weights that skip nothing, channels of y in fours, 8 lanes. */
function inBands(p: Conv2dParams, lanes: number): boolean {
  const skips = p.stride_h > 1 || p.dilation_h > 1 || !isThreeWide(p);
  return lanes === 8 && p.kernel_h === 3 && !skips && p.group_o % 4 === 0;
}

/** Speeds of the mappings in subgroups on a problem; 0 where one cannot run. */
export function speeds(
  facts: AdapterFacts,
  p: Conv2dParams,
): Record<"band" | "strip" | "fours" | "few" | "plain", number> {
  const { lanes } = subgroupWidth(facts);
  const terms = p.kernel_h * p.kernel_w * p.group_c;
  const inFours = p.group_c % 4 === 0 && p.group_o % 4 === 0 && [4, 8, 16].includes(lanes);
  const inRows = inFours && isThreeWide(p);
  return {
    band: inBands(p, lanes) ? bandSpeed(p, bandRows(p)) : 0,
    strip: inRows ? inTurns(p, 2, speedOf(STRIP[stripRows(p)], p, terms / 3, lanes)) : 0,
    fours: inFours ? foursSpeed(p, foursOf(p), lanes) : 0,
    few: p.group_c % 4 === 0 && lanes === 8 ? inTurns(p, 2, speedOf(FEW, p, terms, lanes)) : 0,
    plain: lanes > 0 ? speedOf(PLAIN, p, terms, lanes) : 0,
  };
}
