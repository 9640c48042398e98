// The interface of all teachers: one map per moment. The log-binomial (pi, t) of a metric-bins
// teacher and soft-binned files of a foundation model fit the same interface, since both become
// logits over bins in the graph.
import type { ImageSize } from "../data/camera.ts";
import type { RigSample } from "../data/rig_sample.ts";

/** A source of depth without absolute scale. */
export interface Teacher {
  /** Its name in reports. */
  readonly name: string;
  /** `[V, h, w]` depth in [0, 1] ascending with distance, each view normalised separately. */
  readonly relativeDepth: (sample: RigSample, size: ImageSize) => Promise<Float32Array>;
}
