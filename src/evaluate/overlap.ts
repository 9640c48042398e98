// Overlap accuracy and agreement at true points: the part of the truth that two cameras see, and
// whether both predict it at the same distance.
import { project, resizeIntrinsics, unproject, type Camera } from "../data/camera.ts";
import { compose, inverse, mover, type Vector } from "../data/pose.ts";
import type { GroundTruth } from "../data/rig_sample.ts";
import { depthMetrics, meanMetrics, type DepthMetrics, type DepthRange } from "./metrics.ts";
import { reducedTruth, viewOf, type DepthMap } from "./sample_depth.ts";

/** A moment's predictions `[V, H, W]` in metres with their cameras at H x W, and its truth. */
export interface OverlapMoment {
  readonly depth_m: Float32Array;
  readonly cameras: readonly Camera[];
  readonly groundTruth: readonly GroundTruth[];
  /** `[V, H, W]`, 0 where a prediction does not count; without it each does. */
  readonly counts?: Uint8Array | undefined;
}

/**
 * The truth that a ring neighbour sees too: with X = D K⁻¹ ũ the point of a true depth, moved with
 * the poses of the rig, its depth there is above 0 and its pixel inside the image: 0 <= u <= W - 1,
 * 0 <= v <= H - 1. There is no occlusion test. Source: the overlap evaluation of CVCDepth (Ding et
 * al. 2024).
 */
export function overlapTruth(
  cameras: readonly Camera[],
  truths: readonly GroundTruth[],
): GroundTruth[] {
  const native = cameras.map((camera, view) => resizeIntrinsics(camera, truths[view]));
  return truths.map((truth, view) => {
    const seen = neighbours(view, native.length).map((other) =>
      landing(native[view], native[other]),
    );
    const kept = Array.from(truth.pixels.keys()).filter((i) => {
      const point = pointOf(native[view], truth, i);
      return seen.some((landsAt) => landsAt(point) !== null);
    });
    return {
      ...truth,
      pixels: Uint32Array.from(kept, (i) => truth.pixels[i]),
      depth_m: Float32Array.from(kept, (i) => truth.depth_m[i]),
    };
  });
}

/** Collects the agreement of moments at true points. */
export interface PointAgreementMeter {
  add(moment: OverlapMoment): void;
  /** The metrics by camera and their mean; null if no true point is seen twice. */
  result(): PointAgreement | null;
}

/** The seven metrics of a neighbour's distance against the camera's own. */
export interface PointAgreement {
  readonly cameras: { readonly [name: string]: DepthMetrics };
  readonly all: DepthMetrics;
  /** True points that a neighbour sees too, over all moments; twice if both neighbours do. */
  readonly points: number;
}

/**
 * Whether neighbours agree at true points, in the form of CylinderDepth: for a pixel of a camera
 * with a true depth in range, its point is projected into the neighbour, whose prediction is read at the
 * nearest pixel. Both predictions are compared as distances from the origin of the vehicle frame,
 * |T D K⁻¹ ũ|. The truth is reduced to the size of the prediction. Metrics are per camera and moment,
 * then means over the cameras, then over the moments.
 */
export function pointAgreementMeter(range: DepthRange): PointAgreementMeter {
  const byCamera = new Map<string, DepthMetrics[]>();
  const moments: DepthMetrics[] = [];
  let points = 0;
  return {
    add({ depth_m, cameras, groundTruth, counts }) {
      const maps = cameras.map((camera, view) => viewOf(depth_m, camera, view));
      const distances = cameras.map((camera, view) => distancesIn(camera, maps[view]));
      const rows: DepthMetrics[] = [];
      cameras.forEach((camera, view) => {
        const truth = reducedTruth(groundTruth[view], camera);
        const own: number[] = [];
        const told: number[] = [];
        for (const other of neighbours(view, cameras.length)) {
          const landsAt = landing(camera, cameras[other]);
          truth.pixels.forEach((pixel, i) => {
            if (!(truth.depth_m[i] > range.min_m && truth.depth_m[i] < range.cap_m)) return;
            const at = landsAt(pointOf(camera, truth, i));
            if (at === null) return;
            const { height, width } = cameras[other];
            const nearest = Math.round(at[1]) * width + Math.round(at[0]);
            if (counts?.[other * height * width + nearest] === 0) return;
            own.push(distances[view](pixel));
            told.push(distances[other](nearest));
          });
        }
        const metrics = depthMetrics(told, own, EVERY_DISTANCE);
        if (metrics === undefined) return;
        points += metrics.pixels;
        rows.push(metrics);
        const list = byCamera.get(camera.name) ?? [];
        byCamera.set(camera.name, [...list, metrics]);
      });
      const mean = meanMetrics(rows);
      if (mean !== undefined) moments.push(mean);
    },
    result() {
      const all = meanMetrics(moments);
      if (all === undefined) return null;
      const cameras = [...byCamera].map(([name, list]) => [name, meanMetrics(list)!] as const);
      return { cameras: Object.fromEntries(cameras), all, points };
    },
  };
}

// Distances are compared as they are, without a cap.
const EVERY_DISTANCE: DepthRange = { min_m: 0, cap_m: Number.MAX_VALUE };

/** The ring neighbours of a view, each once. */
function neighbours(view: number, views: number): number[] {
  const both = new Set([(view + views - 1) % views, (view + 1) % views]);
  return [...both].filter((other) => other !== view);
}

/** Where a point of camera `from` lands in `to` as `[u, v]`; null behind it or outside its image. */
function landing(from: Camera, to: Camera): (point: Vector) => readonly [number, number] | null {
  const move = mover(compose(inverse(to), from));
  return (point) => {
    const [u, v, depth_m] = project(to, move(point));
    const isInside = u >= 0 && u <= to.width - 1 && v >= 0 && v <= to.height - 1;
    return depth_m > 0 && isInside ? [u, v] : null;
  };
}

function pointOf(camera: Camera, { pixels, depth_m }: GroundTruth, i: number): Vector {
  return unproject(
    camera,
    pixels[i] % camera.width,
    Math.floor(pixels[i] / camera.width),
    depth_m[i],
  );
}

/** The distance in metres of each predicted pixel from the origin of the vehicle frame. */
function distancesIn(camera: Camera, { depth_m }: DepthMap): (pixel: number) => number {
  const move = mover(camera);
  return (pixel) => {
    const [column, row] = [pixel % camera.width, Math.floor(pixel / camera.width)];
    return Math.hypot(...move(unproject(camera, column, row, depth_m[pixel])));
  };
}
