// A teacher as the graph has it: the parts that it gives, each an input of the step.
import type { Value } from "../graph/value.ts";

/**
 * What the graph has of a teacher, at the size h x w of the student's output. A part that the
 * teacher does not give is null; either `index` or `binomial` is there. No part has a gradient.
 */
export interface TeacherValues {
  /** `[V,h,w,1]` place of a pixel among the bins, in [0, 1] ascending with distance; binned softly. */
  readonly index: Value | null;
  /** `[V,h,w,1]` each: the log-binomial of a trained binning module. */
  readonly binomial: { readonly pi: Value; readonly t: Value } | null;
  /** `[V,h,w,K]` the teacher's own centres, in units of `depth_max_m` and before the focal scale. */
  readonly centers: Value | null;
  /** `[V,h,w,E]` embedding or decoder tokens of any width. */
  readonly embedding: Value | null;
  /** `[V,h,w,1]` depth in metres, 0 where there is none. */
  readonly depth_m: Value | null;
  /** `[V,h,w,1]` 1 where the teacher counts; null where it counts in every usable pixel. */
  readonly mask: Value | null;
}

/** A teacher that gives the place of a pixel among the bins and nothing else. */
export function indexTeacher(index: Value): TeacherValues {
  return { index, binomial: null, centers: null, embedding: null, depth_m: null, mask: null };
}
