// The supervised loss of a depth against LiDAR: SILog, absolute error or reverse Huber. It is the
// same for the student's own depth and for the cross terms (README.md).
import { depthError } from "../graph/ops/depth_error.ts";
import { silog } from "../graph/ops/silog.ts";
import type { Value } from "../graph/value.ts";

/** The supervised losses. */
export const SUPERVISED = ["silog", "l1", "berhu"] as const;

/** The choice of the supervised loss. */
export interface SupervisedConfig {
  readonly supervised: (typeof SUPERVISED)[number];
  /** lambda of SILog, 0 to 1: the squared mean error weighs 1 - lambda. */
  readonly silog_lambda: number;
}

/** The factor of SILog's root (AdaBins, Bhat et al. 2021, eq. 4). */
const SILOG_SCALE = 10;
/** The factor of the losses in metres, as in S3Depth: a metre then counts as 1 % does in SILog. */
const METRES_SCALE = 0.1;

/**
 * The loss of a depth over the pixels of `valid`, pooled over all views; 0 if there are none (SILog:
 * fewer than two). depth_m, truth_m, valid [V,H,W,1] metres -> loss, count [1].
 */
export function supervisedLoss(
  { supervised, silog_lambda }: SupervisedConfig,
  depth_m: Value,
  truth_m: Value,
  valid: Value,
): { readonly loss: Value; readonly count: Value } {
  return supervised === "silog"
    ? silog(depth_m, truth_m, valid, { variance_focus: silog_lambda, scale: SILOG_SCALE })
    : depthError(depth_m, truth_m, valid, { form: supervised, scale: METRES_SCALE });
}
