// How often a step trains on a moment with LiDAR, where not every moment has it.
import { hasTeacherTerms } from "../../distill/losses.ts";
import type { TrainConfig } from "../config.ts";

// A teacher fills the other half of the steps; with fewer LiDAR steps the metres suffer.
const LEAST_WITH_TEACHER = 0.5;

/**
 * Share of the steps that train on a moment with LiDAR. Without a choice it is 1 where no teacher
 * teaches anything, since a moment without LiDAR would teach nothing then. It is 1 for an aligned
 * teacher too, which is fitted to that LiDAR.
 */
export function labelledSteps({ lidar, teacher, data, loss }: TrainConfig): number {
  if (lidar.labelled_steps !== null) return lidar.labelled_steps;
  const isGiven = teacher.path !== null || teacher.weights !== null;
  const isFound = teacher.kind !== "auto" || isGiven || data === "rig";
  const needsLidar = teacher.kind === "none" || teacher.kind === "aligned";
  const isTaught = !needsLidar && isFound && hasTeacherTerms(loss);
  return isTaught ? Math.max(lidar.share, LEAST_WITH_TEACHER) : 1;
}
