// Clouds for files whose projections equal given depth maps bit for bit. A file stores the points in
// another frame, and nuScenes in f32: rounding moves a depth by a unit in the last place now and then.
// Each point is therefore moved by a few units of what the file can store, until every camera sees it
// at the same pixel and depth as before.
import { InputError } from "../../tensor/error.ts";
import type { Camera } from "../camera.ts";
import { inverse, mover, rotationMatrix, type Pose } from "../pose.ts";

/** A camera with the depth map `[H, W]` that the cloud must give, 0 = none. */
export interface ExactView {
  readonly camera: Camera;
  readonly depth_m: Float32Array;
  /** Frame of the stored points -> frame of the camera, as a reader computes it. */
  readonly cloudToCamera: Pose;
}

/** A point as a camera sees it. */
interface Seen {
  readonly view: number;
  readonly pixel: number;
  /** Whether the map has this point's depth at the pixel. */
  readonly wins: boolean;
}

interface Placed {
  readonly stored: readonly number[];
  readonly seen: readonly Seen[];
}

// Steps of each coordinate to try, nearest first: units in the last place.
const REACH = 3;
const HELD = [0, 1, -1, 2, -2, 97, -97, 389, -389, 997, -997];
// A reader may compute a pose in another order: depths and pixels must not be this close to the next.
const DEPTH_MARGIN = 1e-11;
const PIXEL_MARGIN = 1e-7;
const STEP_F64_M = 1e-9;

/**
 * The points `[n, 3]` to store. `points` are in the vehicle frame of `views`, `toCloud` maps them to
 * the frame of the file, and `storage` is the precision of its numbers. Points that no map shows are
 * left out. The order is such that the last point of a pixel is the nearest one. Throws InputError if
 * the maps cannot be met, which another seed or size avoids.
 */
export function exactCloud(
  points: Float64Array,
  toCloud: Pose,
  views: readonly ExactView[],
  storage: "f32" | "f64",
): Float64Array {
  const placed: Placed[] = [];
  const move = mover(toCloud);
  const chains = views.map(chainOf);
  const bare = views.map(({ camera }) => chainOf({ camera, cloudToCamera: inverse(camera) }));
  for (let i = 0; i + 3 <= points.length; i += 3) {
    const point = [points[i], points[i + 1], points[i + 2]] as const;
    const seen = bare.flatMap((chain, view) => {
      const { pixel, depth_m } = chain(point);
      if (pixel < 0) return [];
      return [{ view, pixel, wins: views[view].depth_m[pixel] === Math.fround(depth_m) }];
    });
    if (!seen.some(({ wins }) => wins)) continue;
    placed.push({
      seen,
      stored: storedPoint(move(point), seen, views, chains, storage),
    });
  }
  return Float64Array.from(ordered(placed).flatMap(({ stored }) => stored));
}

/** Pixel (-1 if outside) and depth of a point; `clear` if both are far from the next value. */
type Chain = (point: readonly number[]) => { pixel: number; depth_m: number; clear: boolean };

function chainOf({ camera, cloudToCamera }: Omit<ExactView, "depth_m">): Chain {
  const { width, height, fx, fy, cx, cy } = camera;
  const r = rotationMatrix(cloudToCamera.rotation);
  const [tx, ty, tz] = cloudToCamera.translation_m;
  return ([x, y, z]) => {
    const depth_m = r[6] * x + r[7] * y + r[8] * z + tz;
    if (!(depth_m > 0)) return { pixel: -1, depth_m, clear: true };
    const u = (fx * (r[0] * x + r[1] * y + r[2] * z + tx)) / depth_m + cx + 0.5;
    const v = (fy * (r[3] * x + r[4] * y + r[5] * z + ty)) / depth_m + cy + 0.5;
    const [column, row] = [Math.floor(u), Math.floor(v)];
    const isInside = column >= 0 && column < width && row >= 0 && row < height;
    const isClear = (value: number): boolean =>
      Math.floor(value - PIXEL_MARGIN) === Math.floor(value + PIXEL_MARGIN);
    const clear =
      isClear(u) &&
      isClear(v) &&
      Math.fround(depth_m * (1 - DEPTH_MARGIN)) === Math.fround(depth_m * (1 + DEPTH_MARGIN));
    return { pixel: isInside ? row * width + column : -1, depth_m, clear };
  };
}

/** The point nearest to `point` that a file can store and that every camera sees as `seen` says. */
function storedPoint(
  point: readonly number[],
  seen: readonly Seen[],
  views: readonly ExactView[],
  chains: readonly Chain[],
  storage: "f32" | "f64",
): readonly number[] {
  const pixels = views.map((_, view) => seen.find((one) => one.view === view));
  const fits = (candidate: readonly number[]): boolean =>
    chains.every((chain, view) => {
      const own = pixels[view];
      const { pixel, depth_m, clear } = chain(candidate);
      if (!clear || pixel !== (own?.pixel ?? -1)) return false;
      if (own === undefined) return true;
      const wanted = views[view].depth_m[pixel];
      return own.wins ? Math.fround(depth_m) === wanted : Math.fround(depth_m) > wanted;
    });
  const steps = point.map((value) =>
    storage === "f64" ? STEP_F64_M : 2 ** (Math.floor(Math.log2(Math.abs(value) || 1)) - 23),
  );
  const round = storage === "f64" ? (value: number): number => value : Math.fround;
  const near = (from: readonly number[]): readonly number[] | undefined => {
    for (const offset of OFFSETS) {
      const candidate = from.map((value, i) => round(value + offset[i] * steps[i]));
      if (fits(candidate)) return candidate;
    }
    return undefined;
  };
  const found = near(point);
  if (found) return found;
  // One coordinate stays at a number that the file can store; the other two follow from the depths.
  const wins = seen.filter((one) => one.wins).slice(0, 2);
  for (const axis of [0, 1, 2]) {
    for (const way of HELD) {
      const held = point.with(axis, round(point[axis] + way * steps[axis]));
      const from = solved(held, axis, wins, views);
      const other = from && near(from);
      if (other) return other;
    }
  }
  throw new InputError(
    "the LiDAR of a moment cannot be stored exactly; choose another --seed or --size",
  );
}

/** Offsets in steps, nearest first. */
const OFFSETS: readonly (readonly number[])[] = offsets();

/**
 * The point moved along the two axes other than `axis` until the cameras in which it wins see it at the
 * depths of their maps, or the one that there is; undefined if the axes do not suffice.
 */
function solved(
  point: readonly number[],
  axis: number,
  wins: readonly Seen[],
  views: readonly ExactView[],
): readonly number[] | undefined {
  const [i, j] = [0, 1, 2].filter((other) => other !== axis);
  // Depth is linear in the point: its slope is the third row of the rotation.
  const rows = wins.map(({ view, pixel }) => {
    const { cloudToCamera, depth_m } = views[view];
    const slope = rotationMatrix(cloudToCamera.rotation).subarray(6, 9);
    const own = point.reduce((sum, x, k) => sum + slope[k] * x, cloudToCamera.translation_m[2]);
    return [slope[i], slope[j], depth_m[pixel] - own] as const;
  });
  const [[a, b, e]] = rows;
  if (rows.length === 1) {
    // The shortest way.
    const scale = e / (a * a + b * b);
    return point.with(i, point[i] + a * scale).with(j, point[j] + b * scale);
  }
  const [c, d, f] = rows[1];
  const determinant = a * d - b * c;
  if (Math.abs(determinant) < 1e-4) return undefined;
  return point
    .with(i, point[i] + (e * d - b * f) / determinant)
    .with(j, point[j] + (a * f - e * c) / determinant);
}

function offsets(): (readonly number[])[] {
  const axis = Array.from({ length: 2 * REACH + 1 }, (_, i) => i - REACH);
  const all = axis.flatMap((x) => axis.flatMap((y) => axis.map((z) => [x, y, z] as const)));
  const length = ([x, y, z]: readonly number[]): number => x * x + y * y + z * z;
  return all.toSorted((a, b) => length(a) - length(b));
}

/** The points in an order in which, at each pixel, those that win come last. */
function ordered(points: readonly Placed[]): Placed[] {
  const winners = new Map<string, Placed[]>();
  const key = ({ view, pixel }: Seen): string => `${view} ${pixel}`;
  for (const point of points) {
    for (const one of point.seen) {
      if (one.wins) winners.set(key(one), [...(winners.get(key(one)) ?? []), point]);
    }
  }
  const done = new Set<Placed>();
  const open = new Set<Placed>();
  // Winners first, then the list is turned round.
  const visit = (point: Placed): void => {
    if (done.has(point)) return;
    if (open.has(point)) {
      throw new InputError(
        "the points of a moment hide each other; choose another --seed or --size",
      );
    }
    open.add(point);
    for (const one of point.seen) {
      if (!one.wins) for (const winner of winners.get(key(one)) ?? []) visit(winner);
    }
    open.delete(point);
    done.add(point);
  };
  for (const point of points.toReversed()) visit(point);
  return [...done].reverse();
}
