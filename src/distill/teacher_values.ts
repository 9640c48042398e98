// A teacher in the graph: the parts that it provides, each an input of the step.
import type { Value } from "../graph/value.ts";

/**
 * The parts of a teacher in the graph, at the size h x w of the student's output. A part that the
 * teacher does not provide is null; either `index` or `binomial` is given. No part has a gradient.
 */
export interface TeacherValues {
  /**
   * `[V,h,w,1]` position of a pixel among the bins, in [0, 1] ascending with distance; binned
   * softly.
   */
  readonly index: Value | null;
  /** `[V,h,w,1]` each: the log-binomial of a trained binning module. */
  readonly binomial: { readonly pi: Value; readonly t: Value } | null;
  /** `[V,h,w,K]` the teacher's own centres, in units of `depth_max_m` and before the focal scale. */
  readonly centers: Value | null;
  /** `[V,h,w,E]` embedding or decoder tokens of any width. */
  readonly embedding: Value | null;
  /** `[V,h,w,1]` depth in metres, 0 for none. */
  readonly depth_m: Value | null;
  /** `[V,h,w,1]` 1 where the teacher counts; null where it counts in every usable pixel. */
  readonly mask: Value | null;
}

/** A teacher that provides only the position of a pixel among the bins. */
export function indexTeacher(index: Value): TeacherValues {
  return { index, binomial: null, centers: null, embedding: null, depth_m: null, mask: null };
}
