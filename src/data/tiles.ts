// The solids that a tile of pixels can see: finds them by the bounding rectangles of the solids'
// boxes, in tiles.
import type { Camera } from "./camera.ts";
import { rotationMatrix, type Pose } from "./pose.ts";
import { corners, type PackedSolids } from "./solids.ts";

/** Side of a tile in pixels. */
export const TILE = 8;

/** Solids of tile t: `members[starts[t] .. starts[t + 1]]`; tiles are row-major. */
export interface TileLists {
  readonly columns: number;
  readonly starts: Uint32Array;
  readonly members: Uint16Array;
}

// Boxes are cut off here, in metres in front of the camera, before they are projected.
const NEAR_M = 0.05;

/** The lists of a camera whose `pose` maps its frame to the street frame. */
export function tileLists(solids: PackedSolids, pose: Pose, camera: Camera): TileLists {
  const columns = Math.ceil(camera.width / TILE);
  const rows = Math.ceil(camera.height / TILE);
  const lists = Array.from({ length: columns * rows }, (): number[] => []);
  const rotation = rotationMatrix(pose.rotation);
  for (let solid = 0; solid < solids.count; solid++) {
    const rectangle = boundingRectangle(corners(solids, solid), rotation, pose, camera);
    if (!rectangle) continue;
    const [left, top, right, bottom] = rectangle;
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) lists[row * columns + column].push(solid);
    }
  }
  const starts = new Uint32Array(lists.length + 1);
  lists.forEach((list, tile) => (starts[tile + 1] = starts[tile] + list.length));
  return { columns, starts, members: Uint16Array.from(lists.flat()) };
}

/** First and last tile column and row that a box `[8, 3]` can touch, or null. */
function boundingRectangle(
  box: Float64Array,
  r: Float64Array,
  pose: Pose,
  camera: Camera,
): [number, number, number, number] | null {
  const [tx, ty, tz] = pose.translation_m;
  const points = new Float64Array(24);
  for (let corner = 0; corner < 24; corner += 3) {
    const x = box[corner] - tx;
    const y = box[corner + 1] - ty;
    const z = box[corner + 2] - tz;
    // Transposed: from the street frame back to the camera frame.
    points[corner] = r[0] * x + r[3] * y + r[6] * z;
    points[corner + 1] = r[1] * x + r[4] * y + r[7] * z;
    points[corner + 2] = r[2] * x + r[5] * y + r[8] * z;
  }
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  const include = (x: number, y: number, z: number): void => {
    const u = (camera.fx * x) / z + camera.cx;
    const v = (camera.fy * y) / z + camera.cy;
    left = Math.min(left, u);
    right = Math.max(right, u);
    top = Math.min(top, v);
    bottom = Math.max(bottom, v);
  };
  for (let a = 0; a < 8; a++) {
    const [ax, ay, az] = [points[a * 3], points[a * 3 + 1], points[a * 3 + 2]];
    if (az >= NEAR_M) include(ax, ay, az);
    for (const bit of [1, 2, 4]) {
      const b = a | bit;
      const [bx, by, bz] = [points[b * 3], points[b * 3 + 1], points[b * 3 + 2]];
      if (b === a || az < NEAR_M === bz < NEAR_M) continue;
      const cut = (NEAR_M - az) / (bz - az);
      include(ax + cut * (bx - ax), ay + cut * (by - ay), NEAR_M);
    }
  }
  // A sample is up to a quarter pixel away from its pixel's centre.
  const clampTo = (pixel: number, extent: number): number =>
    Math.floor(Math.min(extent - 1, Math.max(0, pixel)) / TILE);
  if (right < -0.5 || bottom < -0.5 || left > camera.width || top > camera.height) return null;
  return [
    clampTo(left - 1, camera.width),
    clampTo(top - 1, camera.height),
    clampTo(right + 1, camera.width),
    clampTo(bottom + 1, camera.height),
  ];
}
