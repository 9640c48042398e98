// Preparation of images and position embeddings: exactly what OpenCV, Pillow and PyTorch compute.
import { describe, expect, test } from "vitest";
import {
  cubicWeight,
  resizeLikeOpenCv,
  resizeLikePillow,
} from "../../../src/teacher/foundation/cubic.ts";
import { positionsAt } from "../../../src/teacher/foundation/positions.ts";
import { inputSize, prepareImage } from "../../../src/teacher/foundation/prepare_image.ts";
import { readFoundationWeights } from "../../../src/teacher/foundation/weights.ts";
import { goldenVectors, relativeError, TINY } from "./fixture.ts";

const golden = goldenVectors();
const size = (height: number, width: number) => ({ height, width });

test("cubic weights add up to one at every distance", () => {
  for (const a of [-0.5, -0.75]) {
    for (const t of [0, 0.1, 0.5, 0.999]) {
      const sum = [-1, 0, 1, 2].reduce((total, at) => total + cubicWeight(t - at, a), 0);
      expect(sum).toBeCloseTo(1, 12);
    }
  }
});

describe.each(["larger", "smaller", "mixed", "same"])("an image that becomes %s", (name) => {
  const image = golden.get(`${name}.image`)!;
  const bytes = Uint8Array.from(image.data);
  const [height, width] = golden.get(`${name}.opencv`)!.shape;
  const shape = image.shape as [number, number, number];

  test("equals OpenCV's", () => {
    const made = resizeLikeOpenCv(
      bytes.map((byte) => byte),
      shape,
      [height, width],
    );
    const want = golden.get(`${name}.opencv`)!.data;
    expect(
      relativeError(
        made.map((value) => value / 255),
        want,
      ),
    ).toBeLessThan(1e-6);
  });

  test("equals Pillow's, byte for byte", () => {
    const made = resizeLikePillow(bytes, shape, [height, width]);
    expect([...made]).toEqual([...golden.get(`${name}.pillow`)!.data]);
  });
});

test("the input is normalised by ImageNet's mean and deviation", () => {
  const image = Uint8Array.of(0, 255, 51);
  const made = prepareImage(image, size(1, 1), size(1, 1), "original");
  const want = [-0.485 / 0.229, (1 - 0.456) / 0.224, (0.2 - 0.406) / 0.225];
  expect([...made]).toEqual([...Float32Array.from(want)]);
  expect([...prepareImage(image, size(1, 1), size(1, 1), "huggingface")]).toEqual([...made]);
});

// of the original repositories' Resize and transformers' DPTImageProcessor
test.each([
  [900, 1600, [518, 924], [518, 924]],
  [352, 640, [518, 938], [280, 518]],
  [384, 640, [518, 868], [308, 518]],
  [1216, 1936, [518, 826], [518, 826]],
  [640, 352, [938, 518], [518, 280]],
  [518, 518, [518, 518], [518, 518]],
  [96, 160, [518, 868], [308, 518]],
])("an image of %i x %i is seen at %j or %j", (height, width, original, huggingface) => {
  expect(Object.values(inputSize(size(height, width), "original", 518, 14))).toEqual(original);
  expect(Object.values(inputSize(size(height, width), "huggingface", 518, 14))).toEqual(
    huggingface,
  );
});

test("an image without a patch is refused", () => {
  expect(() => inputSize(size(10, 1000), "huggingface", 518, 14)).toThrow("has no patch");
});

test.each([
  ["5x7", 5, 7],
  ["3x2", 3, 2],
] as const)("positions at %s by the original rule equal PyTorch's", async (name, rows, columns) => {
  const { tensors, architecture } = await readFoundationWeights(TINY);
  const { grid, hidden } = architecture;
  const square = tensors.get("positions")!.data.subarray(hidden);
  const want = golden.get(`original_rule.${name}`)!;
  const made = positionsAt(square, [grid, grid, hidden], [rows, columns], "offset");
  expect(relativeError(made, want.data)).toBeLessThan(1e-6);
  const other = positionsAt(square, [grid, grid, hidden], [rows, columns], "size");
  expect(relativeError(other, want.data)).toBeGreaterThan(1e-3);
});

test("positions at their own size are themselves", () => {
  const square = Float32Array.from({ length: 2 * 2 * 3 }, (_, i) => i);
  expect(positionsAt(square, [2, 2, 3], [2, 2], "offset")).toBe(square);
});
