// The rule that chooses tiles of convolutions in subgroups of 8: what was the fastest on lavapipe
// (bench/README.md), and what runs at all.
import { expect, test } from "vitest";
import {
  fastestTile,
  narrowTile,
  type TiledSum,
} from "../../src/kernels/convolution/conv2d_tiles.ts";

const sum = (channels: number, terms: number, row_pixels: number, three = false): TiledSum => ({
  channels,
  terms,
  row_pixels,
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
