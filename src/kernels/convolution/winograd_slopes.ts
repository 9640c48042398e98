// The first step of Winograd's gradient with respect to the weight: d_y in tiles of 4x4, at the
// points.
import { like, type NumberArray } from "../../tensor/array.ts";
import type { Shape } from "../../tensor/shape.ts";
import { foldGrid, kernel, type Kernel, type Params } from "../../engine/kernel.ts";
import type { Problem } from "../../engine/problem.ts";
import { shaders } from "../shaders.gen.ts";
import { expectInFours, expectLines, expectMap, type Lines } from "./winograd.ts";
import { FROM_POINTS, POINTS, TILE, tilesOf, turned } from "./winograd_points.ts";
import { transformed, type Part } from "./winograd_reference.ts";

/** A, from four numbers along a side of a tile to six points. */
const TO_POINTS = turned(FROM_POINTS);

const cases: readonly Problem<"d_y", Lines>[] = (
  [
    ["one pixel", [1, 1, 1, 4], [0, 1]],
    ["a tile", [1, 4, 4, 4], [0, 1]],
    ["a tile and one, less one", [2, 5, 3, 8], [0, 4]],
    ["primes, from the first view to the third", [3, 13, 7, 20], [3, 6]],
    ["more than a workgroup, the last line", [2, 9, 37, 28], [5, 1]],
    ["no views", [0, 4, 4, 4], [0, 0]],
  ] as const
).map(([name, d_y, lines]) => ({ name, shapes: { d_y }, attributes: { lines } }));

/** The sizes of d_y and of its tiles; throws unless it has those lines and channels in fours. */
function paramsOf(d_y: Shape, { lines }: Lines): Params<typeof shaders.winograd_slopes> {
  const [views, out_h, out_w, out_c] = expectMap("d_y", d_y);
  expectInFours("d_y", d_y);
  const [tiles_h, tiles_w] = tilesOf([out_h, out_w]);
  expectLines(lines, views, tiles_h);
  return { out_h, out_w, out_c, tiles_h, tiles_w, first_line: lines[0], lines: lines[1] };
}

/**
 * Tiles of 4x4 pixels of d_y at the points of a Winograd convolution, A d A^T: the derivative of
 * `winogradOutput`. d_y [V, OH, OW, O] -> slopes [36, `lines` ceil(OW / 4), O], of some of the V ceil(OH / 4)
 * lines of tiles; pixels outside are 0. What is not finite spreads over its tile. Throws InputError
 * unless O is a multiple of four.
 * Source: Lavin and Gray 2016, eq. 12 transposed.
 */
export const winogradSlopes: Kernel<typeof shaders.winograd_slopes, Lines> = kernel({
  shader: shaders.winograd_slopes,
  axes: { d_y: "V, OH, OW, O" },
  shapes: ({ d_y }, attributes) => {
    const { lines, tiles_w, out_c } = paramsOf(d_y, attributes);
    return { slopes: [POINTS, lines * tiles_w, out_c] };
  },
  params: ({ d_y }, attributes) => paramsOf(d_y, attributes),
  grid: ({ lines, tiles_w, out_c }, { WG }) =>
    foldGrid(Math.ceil((lines * tiles_w * out_c) / 4 / WG)),
  cost: ({ d_y }, attributes) => {
    const { lines, tiles_w, out_c } = paramsOf(d_y, attributes);
    const numbers = lines * tiles_w * out_c;
    // per transform of four numbers, 6 products and 8 sums; d_y once
    return { flops: 10 * 14 * numbers, bytes: 4 * (TILE * TILE + POINTS) * numbers };
  },
  terms: () => TILE * TILE,
  magnitudes: ({ d_y }, shapes, attributes) => ({
    slopes: slopesOf(d_y, paramsOf(shapes.d_y, attributes), "magnitude"),
  }),
  cases,
  reference: ({ d_y }, shapes, attributes) => ({
    slopes: slopesOf(d_y, paramsOf(shapes.d_y, attributes), "value"),
  }),
});

function slopesOf<T extends NumberArray>(
  d_y: T,
  p: Params<typeof shaders.winograd_slopes>,
  part: Part,
): T {
  const plane = p.lines * p.tiles_w * p.out_c;
  const slopes = like(d_y, POINTS * plane);
  for (let at = 0; at < plane; at++) {
    const tile = Math.floor(at / p.out_c);
    const line = p.first_line + Math.floor(tile / p.tiles_w);
    const first = Math.floor(line / p.tiles_h) * p.out_h;
    const read = (i: number, j: number): number => {
      const [h, w] = [TILE * (line % p.tiles_h) + i, TILE * (tile % p.tiles_w) + j];
      if (h >= p.out_h || w >= p.out_w) return 0;
      return d_y[((first + h) * p.out_w + w) * p.out_c + (at % p.out_c)];
    };
    const points = transformed(TO_POINTS, TILE, part, read);
    points.flat().forEach((value, point) => {
      slopes[point * plane + at] = value;
    });
  }
  return slopes;
}
