// A configuration as the program has it, every key filled in.
import type { BinHeadConfig } from "../../bins/metric_bins.ts";
import type { RigBody } from "../../data/builtin_rig.ts";
import type { Precision } from "../../engine/tuning.ts";
import type { ImageSize } from "../../data/camera.ts";
import type { BadSamples } from "../../data/loader.ts";
import type { LossConfig, LossTerm } from "../../distill/losses.ts";
import type { StudentAttention } from "../../student/neighbour_attention.ts";
import type { Preparation } from "../../teacher/foundation/prepare_image.ts";
import type { StudentName } from "../../student/student.ts";

/** A complete configuration, as `config.yaml` of a run folder keeps it. */
export interface TrainConfig {
  /** `rig`, `ddad:PATH`, `nuscenes:PATH` or `folder:PATH`. */
  readonly data: string;
  /** The built-in rig: moments of each split, LiDAR, own vehicle; its seed is the run's. */
  readonly rig: {
    readonly train_moments: number;
    readonly held_out_moments: number;
    readonly beams: number;
    readonly body: RigBody;
  };
  readonly lidar: {
    /** Share of the training moments that keep their LiDAR, above 0. */
    readonly share: number;
    /** Share of the steps that train on one of them; null: see `labelledSteps`. */
    readonly labelled_steps: number | null;
  };
  readonly student: StudentName;
  /** ImageNet weights of a residual encoder as safetensors, or a folder with `model.safetensors`. */
  readonly student_weights: string | null;
  /** A trained student whose numbers and scale of metres the run begins with. */
  readonly student_from: string | null;
  /** Which views the coarse features of a view attend to. */
  readonly student_attention: StudentAttention;
  /** Rows and columns of the images, multiples of 32. */
  readonly size: ImageSize;
  readonly steps: number;
  readonly seed: number;
  readonly head: {
    readonly kind: BinHeadConfig["kind"];
    /** K. */
    readonly bins: number;
    readonly centers: BinHeadConfig["seed"];
    /** Where the centres are before the first step. */
    readonly spacing: BinHeadConfig["spacing"];
  };
  readonly teacher: {
    /**
     * `auto`: the files at `path` if they have bins or metres; a module fitted on them if they are
     * relative, and on the built-in teacher for the rig; else none.
     */
    readonly kind:
      | "auto"
      | "builtin"
      | "files"
      | "foundation"
      | "aligned"
      | "fitted"
      | "oracle"
      | "none";
    /** Folder of the teacher's maps. */
    readonly path: string | null;
    /** The frozen model under an aligned or fitted teacher; `auto`: files if `path` is given. */
    readonly base: "auto" | "builtin" | "files" | "foundation" | "aligned";
    /** Weights of a foundation model: a .safetensors file, an index of shards, or a folder. */
    readonly weights: string | null;
    /** How the foundation model sees images; `auto`: as the publication of its tensor names. */
    readonly preparation: Preparation | "auto";
    /** The side in pixels that the preparation aims at. */
    readonly side: number;
    /** `teacher.safetensors` of a fitted teacher, or the folder of its run. */
    readonly module: string | null;
    /** Steps in which a run without `module` fits one itself; null: half of its own. */
    readonly fit_steps: number | null;
    /** Folder in which maps are kept between runs. */
    readonly cache: string | null;
    /** Whether the student's bin head is that of a fitted teacher. */
    readonly shared: boolean;
    /** Whether it keeps the teacher's parameters, or is trained from there. */
    readonly shared_head: "frozen" | "trained";
    /** The network of the teacher's module; null: that of the student. */
    readonly shared_network: StudentName | null;
  };
  readonly loss: LossConfig & {
    readonly weights: Readonly<Record<LossTerm, number>>;
    /** Share of the steps over which the distillation weights rise from 0. */
    readonly ramp: number;
    /** Whether the weights of the teacher's terms are multiplied by measured factors (balance.ts). */
    readonly balance: "none" | "gradient_norm";
    /** Steps before the measurement. */
    readonly balance_step: number;
    /** Length of each teacher term's gradient at that step, as a share of the supervised one's. */
    readonly balance_target: number;
  };
  readonly optimizer: {
    readonly learning_rate: number;
    readonly weight_decay: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    /** Largest global gradient norm; larger gradients are scaled down. */
    readonly max_norm: number;
    /** Share of the steps that warm up the learning rate. */
    readonly warmup: number;
    /** Share of the learning rate that remains at the end of the cosine. */
    readonly final: number;
  };
  /** Colour jitter. */
  readonly augmentation: boolean;
  /** Whether a sample with broken files stops training, or is left out and counted. */
  readonly bad_samples: BadSamples;
  /** Steps between checkpoints. */
  readonly checkpoint_every: number;
  /** Newest checkpoints that are kept. */
  readonly keep_checkpoints: number;
  /** Steps between validations on held-out moments; null: none. */
  readonly validate_every: number | null;
  /** Held-out moments of a validation, evenly spread; null: all. */
  readonly validate_moments: number | null;
  /** Validations without a better student after which the run ends with the best; null: never. */
  readonly early_stop: number | null;
  /** Moments that one pass through the network takes together. */
  readonly rigs_per_step: number;
  /** Passes whose gradients are averaged before one update. */
  readonly accumulate: number;
  /** How feature maps are stored and multiplied while training. */
  readonly precision: Precision;
  /** Whether cheap feature maps are computed again for the backward pass instead of kept. */
  readonly recompute: boolean;
  /** Worker threads that load moments ahead; null: chosen for the run. */
  readonly workers: number | null;
  /** Processes that train together; absent for one process. */
  readonly ranks?: number | undefined;
}

/** A configuration as written: its learning rate may be left to the student. */
export type WrittenConfig = Omit<TrainConfig, "optimizer"> & {
  readonly optimizer: Omit<TrainConfig["optimizer"], "learning_rate"> & {
    readonly learning_rate: number | null;
  };
};
