// The maps of a teacher that knows metres: the place of a depth among the student's bins, which are
// spaced in log depth at the start.
import type { InputScale } from "../data/batch.ts";
import { focalScale } from "../data/batch.ts";
import type { Camera } from "../data/camera.ts";
import type { TeacherParts } from "./teacher.ts";

/** The parts of a teacher that knows metres. */
export const METRIC_PARTS: TeacherParts = {
  index: true,
  binomial: false,
  centers: false,
  embedding: 0,
  depth_m: true,
  mask: true,
};

/** The scale that turns metres into places among the bins. */
export type MetricScale = Pick<InputScale, "protocol" | "focalReference_px">;

// The seed centres start here (seedCentersBias).
const START_M = 1;

/**
 * Place in [0, 1] of a depth among seed centres: those of K bins are
 * `depth_max^(k + 1/2)/K` metres before the focal scale, so that its place is
 * `ln(d / focal scale) / ln(depth_max)`, depth_max the cap. A depth of 0 (none) is the farthest.
 */
export function depthPlace(depth_m: number, camera: Camera, scale: MetricScale): number {
  if (depth_m === 0) return 1;
  const own_m = depth_m / focalScale(camera, scale.focalReference_px);
  const place = Math.log(own_m / START_M) / Math.log(scale.protocol.cap_m / START_M);
  return Math.min(1, Math.max(0, place));
}
