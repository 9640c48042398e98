// The student's view of any teacher: one map per moment. The log-binomial (pi, t) of a metric-bins
// teacher and soft-binned files of a foundation model fit the same interface, since both become
// logits over bins in the graph.
import type { ImageSize } from "../data/camera.ts";
import type { RigSample } from "../data/rig_sample.ts";

/** A source of scale-invariant depth: no metres in it. */
export interface Teacher {
  /** As reports name it. */
  readonly name: string;
  /** `[V, h, w]` depth in [0, 1] ascending with distance, each view normalised by itself. */
  readonly relativeDepth: (sample: RigSample, size: ImageSize) => Promise<Float32Array>;
}
