// What the loading threads and the run say to each other. Everything is copied between them, so no
// thread sees another's arrays.
import type { InputScale } from "../../data/batch.ts";
import type { RigSample } from "../../data/rig_sample.ts";
import type { TrainConfig } from "../config.ts";
import type { RankPlace } from "./step_moments.ts";

/** Everything that a thread needs in order to load the moments of a run. */
export interface ThreadData {
  readonly config: TrainConfig;
  /** The scale of the student, which makes batches. */
  readonly scale: InputScale;
  /** Share of the steps that train on a moment with LiDAR. */
  readonly labelledSteps: number;
  /** Whether the thread computes the teacher's maps too; otherwise it gives the sample. */
  readonly withTeacher: boolean;
  /** The process that starts the thread among those that train together. */
  readonly place: RankPlace;
}

/** A request: the inputs of this moment of the process, counted from 0 over all steps. */
export interface ThreadRequest {
  readonly moment: number;
}

/** An answer of a thread, or a remark. */
export type ThreadReply =
  | { readonly kind: "ready" }
  | {
      readonly kind: "moment";
      readonly moment: number;
      readonly inputs: Record<string, Float32Array>;
      /** The sample, if the teacher's maps are left to the run. */
      readonly sample: RigSample | null;
    }
  | {
      readonly kind: "fault";
      readonly moment: number;
      readonly message: string;
      /** Whether the user's data is at fault. */
      readonly isInput: boolean;
    }
  /** A line for people. */
  | { readonly kind: "message"; readonly text: string }
  /** The same, about a sample that is left out. */
  | { readonly kind: "skip"; readonly text: string };
