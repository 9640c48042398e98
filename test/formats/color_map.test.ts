// Colour maps: matplotlib's tables by checksum, its index rule, ranges and invalid values.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { colorize, colors, type Coloring } from "../../src/formats/color_map.ts";

// python3 -c "import hashlib, matplotlib as m; print(hashlib.sha1(
//   m.colormaps[NAME](range(256), bytes=True)[:, :3].tobytes()).hexdigest())"   (matplotlib 3.11.2)
test.each([
  ["Spectral_r", "54be7c3c9342", [94, 79, 162], [158, 1, 66]],
  ["magma", "d374a10d8a80", [0, 0, 3], [251, 252, 191]],
  ["turbo", "5fab56364f0a", [48, 18, 59], [122, 4, 2]],
] as const)("%s is matplotlib's", (map, sha1, first, last) => {
  const table = colors(map);
  expect(table.length).toBe(256 * 3);
  expect(createHash("sha1").update(table).digest("hex").slice(0, 12)).toBe(sha1);
  expect([...table.subarray(0, 3)]).toEqual(first);
  expect([...table.subarray(-3)]).toEqual(last);
});

const COLORING: Coloring = { map: "magma", low: 0, high: 1, invalid: [9, 8, 7] };

/** The indices into the map of each value's colour (all 256 colours of turbo differ). */
function indices(values: number[], low: number, high: number): number[] {
  const table = Array.from({ length: 256 }, (_, i) =>
    colors("turbo")
      .slice(i * 3, i * 3 + 3)
      .join(),
  );
  const rgb = colorize(values, { ...COLORING, map: "turbo", low, high });
  return values.map((_, i) => table.indexOf(rgb.slice(i * 3, i * 3 + 3).join()));
}

test("the index is trunc(256 x), the last colour at x = 1 and beyond, the first below 0", () => {
  const values = [
    0,
    1 / 256 - 1e-9,
    1 / 256,
    0.5,
    255 / 256,
    1 - 1e-12,
    1,
    7,
    Infinity,
    -0.5,
    -Infinity,
  ];
  expect(indices(values, 0, 1)).toEqual([0, 0, 1, 128, 255, 255, 255, 255, 255, 0, 0]);
});

test("the range maps linearly; an empty one gives the first colour", () => {
  expect(indices([10, 15, 20], 10, 20)).toEqual([0, 128, 255]);
  expect(indices([4, 5, 6], 5, 5)).toEqual([0, 0, 0]);
});

test("NaN and the value for none take the invalid colour", () => {
  expect([...colorize([NaN, 0, 1], COLORING)]).toEqual([9, 8, 7, 0, 0, 3, 251, 252, 191]);
  const rgb = colorize(Float32Array.of(0, 1), { ...COLORING, none: 0 });
  expect([...rgb]).toEqual([9, 8, 7, 251, 252, 191]);
});

test("refuses a range that is none", () => {
  expect(() => colorize([1], { ...COLORING, low: 2 })).toThrow("range from 2 to 1");
  expect(() => colorize([1], { ...COLORING, high: NaN })).toThrow("range from 0 to NaN");
});
