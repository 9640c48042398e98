// Depth as colour: near red, far blue, logarithmic, and the same colour for the same depth always.
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { colors } from "../../src/formats/color_map.ts";
import { depthPicture, resizeDepth, writeDepthPicture } from "../../src/report/depth_picture.ts";
import { NO_DEPTH, depthColors, depthScale } from "../../src/report/depth_colors.ts";

const SCALE = depthScale(80);
const TABLE = colors("Spectral_r");

describe("depth colours", () => {
  it("gives the last colour to the near end and nearer, the first to the far and beyond", () => {
    const got = depthColors([2, 0.5, 80, 500], SCALE);
    expect([...got.subarray(0, 6)]).toEqual([...TABLE.subarray(765), ...TABLE.subarray(765)]);
    expect([...got.subarray(6)]).toEqual([...TABLE.subarray(0, 3), ...TABLE.subarray(0, 3)]);
  });

  it("steps evenly in the logarithm: the geometric mean has the middle colour", () => {
    const middle = [...depthColors([Math.sqrt(2 * 80) * 0.9999], SCALE)];
    expect(middle).toEqual([...TABLE.subarray(128 * 3, 129 * 3)]);
  });

  it("marks what is no depth", () => {
    expect([...depthColors([0, Number.NaN, -1], SCALE)]).toEqual([
      ...NO_DEPTH,
      ...NO_DEPTH,
      ...NO_DEPTH,
    ]);
  });

  it("refuses an empty scale", () => {
    expect(() => depthColors([1], { near_m: 5, far_m: 5 })).toThrow(/from 5 to 5 m is empty/);
    expect(() => depthColors([1], { near_m: 0, far_m: 5 })).toThrow(/empty/);
  });

  it("has a scale for any cap", () => {
    expect(depthScale(200)).toEqual({ near_m: 2, far_m: 200 });
    expect(depthScale(1)).toEqual({ near_m: 0.5, far_m: 1 });
  });
});

describe("depth picture", () => {
  it("resizes depth, not colours", () => {
    const map = { height: 1, width: 2, depth_m: [4, 8] };
    expect([...resizeDepth(map, { height: 1, width: 4 })]).toEqual([4, 5, 7, 8]);
    const picture = depthPicture(map, SCALE, { height: 1, width: 4 });
    expect([...picture.rgb]).toEqual([...depthColors([4, 5, 7, 8], SCALE)]);
  });

  it("writes a PNG of the map's own size and colours", async () => {
    const map = { height: 2, width: 3, depth_m: [2, 4, 8, 16, 32, 64] };
    const { data, info } = await sharp(await writeDepthPicture(map, SCALE))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.height, info.width, info.channels]).toEqual([2, 3, 3]);
    expect([...data]).toEqual([...depthColors(map.depth_m, SCALE)]);
  });
});
