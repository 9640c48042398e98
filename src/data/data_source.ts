// The common view of every data set for training and evaluation: moments of a camera rig, by index.
// The sources themselves are builtin_rig.ts, ddad.ts and folder.ts; open_data.ts picks one.
import type { Camera, ImageSize } from "./camera.ts";
import type { MomentIdentity } from "./moment_identity.ts";
import type { RigSample } from "./rig_sample.ts";

/** The split of a data set to open. A set with one split gives the same moments for both. */
export type Split = "train" | "held-out";

/** The range of depths that count, in training and evaluation: min_m < d < cap_m, both strict. */
export interface DepthProtocol {
  readonly name: string;
  readonly min_m: number;
  readonly cap_m: number;
}

/** The moments of one split of a data set. */
export interface DataSource {
  /** The text that opens it, such as `rig` or `ddad:PATH`. */
  readonly name: string;
  readonly split: Split;
  /** The depth range for training on this source; a trained student keeps it. */
  readonly protocol: DepthProtocol;
  /**
   * The cameras in ring order at their native size, as in the first moment. Every sample has the
   * same names in the same order, but may have another calibration.
   */
  readonly cameras: readonly Camera[];
  /**
   * Focal length in pixels of a 640-pixel-wide image at which the focal scale is 1. Only new
   * training runs use it: the student keeps it and predicts every source with its own.
   */
  readonly focalReference_px: number;
  /** Whether there is depth to learn from; otherwise the source serves prediction only. */
  readonly canTrain: boolean;
  /** Indices of the moments that have LiDAR to train on, ascending; left out: every moment. */
  readonly labelled?: readonly number[];
  /** Number of moments. */
  readonly count: number;
  /**
   * Moment `index` with every image, intrinsics and depth target at `size`.
   *
   * Rejects with InputError, naming the file, when a file of this moment is missing or broken.
   */
  sample(index: number, size: ImageSize): Promise<RigSample>;
  /** Whether this moment is in memory already; a source that keeps none leaves this out. */
  isKept?(index: number, size: ImageSize): boolean;
  /**
   * Identifies moment `index` without decoding it; the same files in another folder have the same
   * identity. Rejects with InputError if one of its files cannot be read.
   */
  identify(index: number): Promise<MomentIdentity>;
  /**
   * Reads the point clouds or depth maps of moment `index` and counts their points or pixels with a
   * depth; absent where no file has them. Rejects with InputError, naming the file, for one that is
   * missing, broken, empty or not finite.
   */
  countDepths?(index: number): Promise<number>;
  /**
   * One line for people: kind, moments, cameras. It does not name the split: whether moments are
   * held out depends on the student.
   */
  describe(): string;
}
