// The rule that chooses tiles of convolutions in subgroups of 8: what was the fastest on lavapipe
// (bench/README.md), and what runs at all.
import { expect, test } from "vitest";
import { panelGroups, panelTile, type Walk } from "../../src/kernels/convolution/conv2d_panels.ts";
import {
  fastestTile,
  narrowTile,
  type TiledSum,
} from "../../src/kernels/convolution/conv2d_tiles.ts";

const sum = (channels: number, terms: number, row_pixels: number, three = false): TiledSum => ({
  channels,
  terms,
  row_pixels,
  products: 1e8,
  walk: null,
  in_strips: three,
  in_fours: channels % 4 === 0 && terms % 4 === 0,
  few: null,
  vec4_fixed: 24,
});

test("tiles of a convolution: those that measured fastest", () => {
  // 3x3 of stride 1
  expect(fastestTile(sum(16, 288, 80, true))).toBe("strip");
  expect(fastestTile(sum(48, 216, 40, true))).toBe("strip");
  expect(fastestTile(sum(24, 288, 20, true))).toBe("narrow");
  expect(fastestTile(sum(48, 1008, 10, true))).toBe("narrow");
  expect(fastestTile(sum(64, 576, 10, true))).toBe("vec4");
  // others
  expect(fastestTile(sum(16, 36, 80))).toBe("narrow");
  expect(fastestTile(sum(40, 216, 20))).toBe("narrow");
  expect(fastestTile(sum(128, 128, 40))).toBe("vec4");
  expect(fastestTile(sum(32, 32, 80))).toBe("vec4");
  expect(fastestTile({ ...sum(32, 32, 80), vec4_fixed: 35 })).toBe("narrow");
});

test("a small convolution takes a mapping that others take too", () => {
  const small = { products: 1e6 };
  expect(fastestTile({ ...sum(16, 36, 80), ...small })).toBe("vec4");
  expect(fastestTile({ ...sum(16, 288, 80, true), ...small })).toBe("vec4");
  expect(fastestTile({ ...sum(16, 288, 80, true), ...small, in_fours: false })).toBe("subgroup");
  expect(fastestTile({ ...sum(4, 32, 80), ...small, few: "channels" })).toBe("few");
});

/** The walk of stride 1 over [6, height, width]. */
const walk = (height: number, width: number, terms: number): Walk => ({
  stride: 1,
  rows: 6 * height,
  steps: width + 2,
  numbers: 3,
  stores: 1,
  pixels: 6 * height * width,
  terms,
  slices: 1,
});

test("tiles of a convolution: panels on 3x3 weights, unless a map is tiny", () => {
  const fastest = (channels: number, terms: number, height: number, width: number): string =>
    fastestTile({ ...sum(channels, 9 * terms, width, true), walk: walk(height, width, terms) });
  expect(fastest(16, 32, 48, 80)).toBe("panel");
  expect(fastest(24, 24, 24, 40)).toBe("panel");
  expect(fastest(40, 40, 12, 20)).toBe("panel");
  expect(fastest(64, 64, 6, 10)).toBe("panel");
  expect(fastest(80, 80, 1, 1)).toBe("vec4");
  const tile = (channels: number, terms: number): string => {
    const { CHANNELS, VECTORS } = panelTile({ channels, walk: walk(24, 40, terms) });
    return `${CHANNELS}x${VECTORS}`;
  };
  expect([tile(16, 32), tile(24, 48), tile(24, 24), tile(32, 72), tile(8, 8)]).toEqual([
    "32x2",
    "24x3",
    "24x3",
    "16x4",
    "8x1",
  ]);
});

test("workgroups of panels: enough columns for each, and never more than rows", () => {
  const groups = (rows: number, channels: number): number =>
    panelGroups({ ...walk(1, 40, 24), rows }, channels, 3);
  expect([groups(0, 24), groups(1, 24), groups(144, 24), groups(144, 240)]).toEqual([1, 1, 10, 10]);
  expect(groups(36, 24)).toBe(4);
});

test("tiles of a convolution: channels that are not multiples of four take only two of them", () => {
  expect(fastestTile(sum(17, 51, 16, true))).toBe("strip");
  expect(fastestTile(sum(17, 51, 9, true))).toBe("subgroup");
  expect(fastestTile(sum(1, 32, 80))).toBe("subgroup");
  expect(fastestTile({ ...sum(32, 1, 80), few: "terms" })).toBe("few");
  expect(fastestTile({ ...sum(1, 32, 80), few: "channels" })).toBe("few");
  expect(fastestTile({ ...sum(6, 32, 80), few: "channels" })).toBe("subgroup");
});

test("narrow tiles: the width that leaves the fewest channels idle, if it is not much wider", () => {
  const widths = [4, 16, 24, 28, 40, 44, 48, 60, 72].map(
    (channels) => narrowTile({ channels, terms: 96 }).CHANNELS,
  );
  expect(widths).toEqual([16, 16, 24, 32, 40, 24, 24, 32, 24]);
});
