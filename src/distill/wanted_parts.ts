// The parts of a teacher that a configuration's losses read. A teacher that is a network computes and
// keeps no other.
import type { LossConfig } from "./losses.ts";

/** Which optional parts are read; (pi, t) or an index always is. */
export interface WantedParts {
  readonly centers: boolean;
  readonly embedding: boolean;
  readonly depth_m: boolean;
}

/** Every part. */
export const ALL_PARTS: WantedParts = { centers: true, embedding: true, depth_m: true };

/** The parts that the losses of a configuration read. */
export function wantedParts({
  ckd,
  cross_term,
  relation,
  baseline = "none",
}: Pick<LossConfig, "ckd" | "cross_term" | "relation" | "baseline">): WantedParts {
  return {
    centers: ckd && cross_term === "symmetric",
    embedding:
      relation === "features" || ["fitnets", "attention_transfer", "similarity"].includes(baseline),
    depth_m: relation === "aligned" || ["output_silog", "output_l1"].includes(baseline),
  };
}
