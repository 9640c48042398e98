// Sun shadows of the built-in street: a grid of the ground that lists which solids shade each cell.
// A point above the ground belongs to the cell that its shadow falls on.
import type { Vector } from "./pose.ts";
import { corners, intersect, type PackedSolids } from "./solids.ts";

/** Solids that may shade cell c: `members[starts[c] .. starts[c + 1]]`; row-major from -EXTENT. */
export interface ShadowGrid {
  readonly sun: Vector;
  readonly starts: Uint32Array;
  readonly members: Uint16Array;
}

// Cells of 4 m over 256 m x 256 m around the vehicle; beyond, surfaces are lit.
const CELL_M = 4;
const CELLS = 64;
const EXTENT_M = (CELL_M * CELLS) / 2;
const FAR_M = 1000;
// A shadow ray starts this far off its surface.
const OFFSET_M = 0.01;

/** The grid for a sun direction (unit vector, above the horizon). */
export function shadowGrid(solids: PackedSolids, sun: Vector): ShadowGrid {
  const lists = Array.from({ length: CELLS * CELLS }, (): number[] => []);
  const cell = (metres: number): number =>
    Math.floor((Math.min(EXTENT_M - 1e-6, Math.max(-EXTENT_M, metres)) + EXTENT_M) / CELL_M);
  for (let solid = 0; solid < solids.count; solid++) {
    let [left, right, near, far] = [Infinity, -Infinity, Infinity, -Infinity];
    const points = corners(solids, solid);
    for (let corner = 0; corner < 24; corner += 3) {
      const height = Math.max(0, points[corner + 2]);
      const x = points[corner] - (sun[0] / sun[2]) * height;
      const y = points[corner + 1] - (sun[1] / sun[2]) * height;
      left = Math.min(left, x);
      right = Math.max(right, x);
      near = Math.min(near, y);
      far = Math.max(far, y);
    }
    for (let row = cell(near); row <= cell(far); row++) {
      for (let column = cell(left); column <= cell(right); column++) {
        lists[row * CELLS + column].push(solid);
      }
    }
  }
  const starts = new Uint32Array(lists.length + 1);
  lists.forEach((list, i) => (starts[i + 1] = starts[i] + list.length));
  return { sun, starts, members: Uint16Array.from(lists.flat()) };
}

/** Whether a solid is between the sun and point (x, y, z) of a surface with this normal. */
export function isShadowed(
  solids: PackedSolids,
  { sun, starts, members }: ShadowGrid,
  x: number,
  y: number,
  z: number,
  normalX: number,
  normalY: number,
  normalZ: number,
): boolean {
  const column = Math.floor((x - (sun[0] / sun[2]) * z + EXTENT_M) / CELL_M);
  const row = Math.floor((y - (sun[1] / sun[2]) * z + EXTENT_M) / CELL_M);
  if (column < 0 || column >= CELLS || row < 0 || row >= CELLS) return false;
  const cell = row * CELLS + column;
  const ox = x + OFFSET_M * normalX;
  const oy = y + OFFSET_M * normalY;
  const oz = z + OFFSET_M * normalZ;
  for (let i = starts[cell]; i < starts[cell + 1]; i++) {
    const t = intersect(solids, members[i], ox, oy, oz, sun[0], sun[1], sun[2], FAR_M);
    if (t < FAR_M) return true;
  }
  return false;
}
