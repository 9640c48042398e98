// Reading a prediction at the pixels of a larger truth, held against resizing the whole map.
import { expect, it } from "vitest";
import { bilinearAt, predictionAt, viewOf } from "../../src/evaluate/sample_depth.ts";
import { randomStream } from "../../src/tensor/random.ts";

it("gives the map itself at pixel centres, the mean between them, the border beyond", () => {
  const map = { height: 2, width: 3, depth_m: [1, 2, 3, 5, 6, 7] };
  expect(bilinearAt(map, 2, 1)).toBe(7);
  expect(bilinearAt(map, 0.5, 0)).toBe(1.5);
  expect(bilinearAt(map, 1, 0.5)).toBe(4);
  expect(bilinearAt(map, -0.5, -0.5)).toBe(1);
  expect(bilinearAt(map, 9, 9)).toBe(7);
});

it("doubles a row with half-pixel centres as every image library does", () => {
  const row = { height: 1, width: 2, depth_m: [10, 20] };
  const truth = {
    height: 1,
    width: 4,
    pixels: Uint32Array.of(0, 1, 2, 3),
    depth_m: Float32Array.of(1, 1, 1, 1),
  };
  expect([...predictionAt(row, truth)]).toEqual([10, 12.5, 17.5, 20]);
});

it("is exact on a plane away from the border, whatever the two sizes", () => {
  const [height, width] = [12, 20];
  const depth_m = Float64Array.from({ length: height * width }, (_, i) => {
    // Depth as a linear function of the image's own coordinates in 0..1.
    return 5 + 3 * (((i % width) + 0.5) / width) + 7 * ((Math.floor(i / width) + 0.5) / height);
  });
  const stream = randomStream(3);
  const inner = Array.from({ length: 50 }, () => [8 + stream.integer(40), 6 + stream.integer(60)]);
  const truth = {
    height: 57,
    width: 91,
    pixels: Uint32Array.from(inner, ([row, column]) => row * 91 + column),
    depth_m: new Float32Array(50).fill(1),
  };
  const got = predictionAt({ height, width, depth_m }, truth);
  inner.forEach(([row, column], i) => {
    expect(got[i]).toBeCloseTo(5 + (3 * (column + 0.5)) / 91 + (7 * (row + 0.5)) / 57, 10);
  });
});

it("cuts one view out of a rig's predictions", () => {
  const depth_m = Float32Array.from({ length: 12 }, (_, i) => i);
  expect([...(viewOf(depth_m, { height: 2, width: 3 }, 1).depth_m as Float32Array)]).toEqual([
    6, 7, 8, 9, 10, 11,
  ]);
});
