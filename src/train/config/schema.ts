// The keys of a configuration: their types, their limits, their defaults and their explanations.
import * as z from "zod";
import type { BinHeadConfig } from "../../bins/metric_bins.ts";
import type { RigBody } from "../../data/builtin_rig.ts";
import { CENTER_SPACINGS } from "../../graph/ops/bin_centers.ts";
import type { Precision } from "../../engine/tuning.ts";
import type { ImageSize } from "../../data/camera.ts";
import type { BadSamples } from "../../data/loader.ts";
import { BASELINES } from "../../distill/baselines.ts";
import type { LossConfig, LossTerm } from "../../distill/losses.ts";
import { RELATIONS } from "../../distill/relations.ts";
import { SUPERVISED } from "../../distill/supervised.ts";
import { STUDENT_ATTENTIONS, type StudentAttention } from "../../student/neighbour_attention.ts";
import {
  PREPARATIONS,
  PUBLISHED_SIDE,
  type Preparation,
} from "../../teacher/foundation/prepare_image.ts";
import { STUDENT_NAMES, STUDENTS, type StudentName } from "../../student/student.ts";

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

const count = z.number().int().positive();
// The GPU computes in single precision, where 1e-60 is 0 and 1e39 infinite.
const isSingle = (value: number): boolean =>
  Math.abs(value) <= 3.4e38 && (value === 0 || Math.abs(value) >= 1.2e-38);
const SINGLE = "must fit single precision, 1.2e-38 to 3.4e38";
const positive = z.number().positive().refine(isSingle, SINGLE);
const weight = z.number().nonnegative().refine(isSingle, SINGLE);
const decay = z
  .number()
  .min(0)
  .lt(1)
  .refine((value) => Math.fround(value) < 1, "must be below 1 in single precision too");
const share = z.number().min(0).max(1);
const someShare = z.number().positive().max(1);
const streets = count.max(1_000_000);
const side = count.multipleOf(32, "must be a multiple of 32");

/** The configuration as files may give it, with the explanation of each key (help.ts). */
export const configSchema: z.ZodType<WrittenConfig> = z.strictObject({
  data: z
    .string()
    .default("rig")
    .describe("rig (built in), ddad:PATH, nuscenes:PATH or folder:PATH"),
  rig: z
    .strictObject({
      train_moments: streets
        .default(48)
        .describe("moments (all cameras at one time) of the built-in rig to train on"),
      held_out_moments: streets.default(12).describe("moments of the built-in rig to evaluate on"),
      beams: z
        .literal([1, 2, 4, 8, 16, 32])
        .default(32)
        .describe(
          "beams of the built-in rig's LiDAR on training moments: 1, 2, 4, 8, 16 or 32; held-out moments have 32",
        ),
      body: z
        .enum(["none", "car"])
        .default("none")
        .describe("part of the built-in rig's own vehicle in view: none or car"),
    })
    .prefault({}),
  lidar: z
    .strictObject({
      share: someShare
        .default(1)
        .describe("share of the training moments that keep their LiDAR; the others have no depth"),
      labelled_steps: someShare
        .nullable()
        .default(null)
        .describe(
          "share of the steps that train on a moment with LiDAR; null: 1 without a teacher, else share but at least 0.5",
        ),
    })
    .prefault({}),
  student: z.enum(STUDENTS).default("nano").describe(STUDENT_NAMES),
  student_weights: z
    .string()
    .nullable()
    .default(null)
    .describe(
      "ImageNet weights of the encoder of resnet18 or resnet34: a safetensors file in the names of torchvision, timm or Hugging Face, or a folder with model.safetensors",
    ),
  student_from: z
    .string()
    .nullable()
    .default(null)
    .describe(
      "fine-tuning: student.safetensors, a checkpoint or a run folder to begin with; the run keeps the scale of its metres",
    ),
  student_attention: z
    .enum(STUDENT_ATTENTIONS)
    .default("none")
    .describe(
      "neighbours: features at 1/16 and 1/32 of the images attend to their view and its two ring neighbours; none: each view by itself",
    ),
  size: z
    .strictObject({ height: side, width: side })
    .default({ height: 96, width: 160 })
    .describe("rows and columns of the images, multiples of 32"),
  steps: count.default(600).describe("optimiser steps, each on one moment of the whole rig"),
  seed: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe(
      "seed for initial weights, sample order, augmentation, built-in rig and built-in teacher",
    ),
  head: z
    .strictObject({
      kind: z
        .enum(["metric_bins", "softmax_bins"])
        .default("metric_bins")
        .describe(
          "metric_bins: log-binomial, attracted centres per pixel; softmax_bins: logits, centres per image",
        ),
      bins: z.number().int().min(2).max(256).default(64).describe("depth bins, 2 to 256"),
      centers: z
        .enum(["cumulative", "softplus"])
        .default("cumulative")
        .describe(
          "cumulative: ascending sums of positive widths; softplus: each centre independent",
        ),
      spacing: z
        .enum(CENTER_SPACINGS)
        .default("log")
        .describe(
          "centres at the start, from 1 m to the cap: even in log depth, in disparity (1 / depth) or in depth (uniform)",
        ),
    })
    .prefault({}),
  teacher: z
    .strictObject({
      kind: z
        .enum(["auto", "builtin", "files", "foundation", "aligned", "fitted", "oracle", "none"])
        .default("auto")
        .describe(
          "auto (files at path with bins or metres, or metric weights; fitted on relative ones and on the built-in rig; else none), builtin, files, foundation (a network that runs in this process), aligned (each view fitted to its LiDAR), fitted (a trained binning module), oracle (the rig's true depth) or none",
        ),
      path: z.string().nullable().default(null).describe("folder of the teacher's maps"),
      base: z
        .enum(["auto", "builtin", "files", "foundation", "aligned"])
        .default("auto")
        .describe(
          "frozen model under an aligned or fitted teacher: auto (files if path is given, foundation if weights are, else builtin), builtin, files, foundation, or for fitted also aligned (each view fitted to its LiDAR first)",
        ),
      weights: z
        .string()
        .nullable()
        .default(null)
        .describe("foundation: weights of Depth Anything, a .safetensors file or a folder with it"),
      preparation: z
        .enum(["auto", ...PREPARATIONS])
        .default("auto")
        .describe(
          "foundation: how images are resized, original or huggingface; auto: as in the publication with these tensor names",
        ),
      side: count
        .default(PUBLISHED_SIDE)
        .describe("foundation: side in pixels that images are resized to, a multiple of 14"),
      module: z
        .string()
        .nullable()
        .default(null)
        .describe(
          "fitted: teacher.safetensors of ringdepth teacher fit, or the folder it wrote; null: the run fits one before it begins",
        ),
      fit_steps: count
        .nullable()
        .default(null)
        .describe("fitted without a module: steps of its fit; null: half of steps"),
      cache: z
        .string()
        .nullable()
        .default(null)
        .describe("folder that keeps the teacher's maps between runs"),
      shared: z
        .boolean()
        .default(false)
        .describe("fitted: the student's bin head is that of the teacher's module"),
      shared_head: z
        .enum(["frozen", "trained"])
        .default("frozen")
        .describe(
          "a shared head keeps the teacher's parameters (frozen), or is trained from there (trained)",
        ),
      shared_network: z
        .enum(STUDENTS)
        .nullable()
        .default(null)
        .describe("network of the module whose head is shared; null: that of the student"),
    })
    .prefault({}),
  loss: z
    .strictObject({
      ckd: z.boolean().default(true).describe("cross-interaction distillation: KL of the bins"),
      supervised: z
        .enum(SUPERVISED)
        .default("silog")
        .describe(
          "loss between depth and LiDAR in the terms silog and cross: silog, or l1 or berhu in metres",
        ),
      silog_lambda: share
        .default(0.85)
        .describe("variance focus of silog, 0 to 1: the squared mean error weighs 1 minus this"),
      cross_term: z
        .enum(["silog", "stopped", "symmetric", "none"])
        .default("none")
        .describe(
          "second part of ckd: silog (teacher probabilities with student centres against LiDAR), stopped (instead, LiDAR trains centres alone), symmetric (silog and student probabilities with teacher centres) or none",
        ),
      kl_domain: z
        .enum(["usable", "lidar"])
        .default("usable")
        .describe("pixels of the KL: all that show the world, or those with LiDAR"),
      relation: z
        .enum(RELATIONS)
        .default("cosine")
        .describe(
          "view-relational distillation of ring neighbours: cosine, aligned, features, softmax, overlap, views, probabilities or none",
        ),
      bins_form: z
        .enum(["fused", "stored"])
        .default("fused")
        .describe(
          "fused: decode and distil bins in one sweep; stored: keep their logits in memory",
        ),
      relation_form: z
        .enum(["fused", "stored"])
        .default("fused")
        .describe(
          "fused: compute relations tile by tile; stored: keep each tokens x tokens relation in memory",
        ),
      temperature: positive
        .default(1)
        .describe("temperature of the KL: its logits are divided by this"),
      relation_grid: z
        .tuple([count, count])
        .default([6, 10])
        .describe("tokens per view along height and width"),
      relation_temperature: positive
        .default(0.1)
        .describe("temperature of the relation softmax: its cosines are divided by this"),
      baseline: z
        .enum(BASELINES)
        .default("none")
        .describe(
          "another way to distil, as one more term: none, output_silog or output_l1 (to the teacher's metres), " +
            "hinton (KL of the bins at loss.temperature), fitnets, attention_transfer or similarity",
        ),
      weights: z
        .strictObject({
          silog: weight.default(1),
          kl: weight.default(3),
          cross: weight.default(1),
          relation: weight.default(5),
          baseline: weight.default(1),
        } satisfies Record<LossTerm, z.ZodType>)
        .prefault({})
        .describe("weights of the loss terms"),
      ramp: share
        .default(0.1)
        .describe("share of the steps during which the teacher terms rise from 0"),
      balance: z
        .enum(["none", "gradient_norm"])
        .default("none")
        .describe(
          "gradient_norm: measure the gradient of each teacher term once and multiply its weight so that it has balance_target times the supervised length; none: weights as given",
        ),
      balance_step: z
        .number()
        .int()
        .nonnegative()
        .default(50)
        .describe("steps before the measurement of balance"),
      balance_target: positive
        .default(0.3)
        .describe(
          "length of a teacher term's gradient after balance, as a share of the supervised gradient's",
        ),
    })
    .prefault({}),
  optimizer: z
    .strictObject({
      learning_rate: positive
        .nullable()
        .default(null)
        .describe(
          "peak learning rate of AdamW; null: 0.003 for nano, 0.0003 for resnet18 and resnet34",
        ),
      weight_decay: weight
        .default(0.01)
        .describe("decoupled weight decay; none for norms and biases"),
      beta1: decay.default(0.9).describe("decay rate of the mean gradient (AdamW)"),
      beta2: decay.default(0.99).describe("decay rate of the mean squared gradient (AdamW)"),
      epsilon: positive
        .default(1e-8)
        .describe("added to the square root of the mean squared gradient (AdamW)"),
      max_norm: positive
        .default(1)
        .describe("largest global gradient norm; larger gradients are scaled down"),
      warmup: share
        .default(0.1)
        .describe("share of the steps during which the learning rate rises to its peak"),
      final: share
        .default(0.01)
        .describe("final learning rate after the cosine decay, as a share of the peak"),
    })
    .prefault({}),
  augmentation: z.boolean().default(true).describe("colour jitter, the same for all cameras"),
  bad_samples: z
    .enum(["stop", "skip"])
    .default("stop")
    .describe("when the files of a sample are broken: stop, or skip and count the sample"),
  checkpoint_every: count.default(200).describe("steps between checkpoints"),
  keep_checkpoints: count
    .default(3)
    .describe(
      "number of newest checkpoints to keep; older ones are deleted once a new one is on disk",
    ),
  validate_every: count
    .nullable()
    .default(null)
    .describe(
      "steps between validations on held-out moments, which keep the best checkpoint; null: none",
    ),
  validate_moments: count
    .nullable()
    .default(12)
    .describe("held-out moments of a validation, evenly spread; null: all"),
  early_stop: count
    .nullable()
    .default(null)
    .describe(
      "end after this many validations without a better student, and keep the best; null: never",
    ),
  rigs_per_step: count
    .max(64)
    .default(1)
    .describe("moments (whole rigs) that one pass through the network takes together"),
  accumulate: count
    .max(256)
    .default(1)
    .describe("passes whose gradients are averaged before one update"),
  precision: z
    .enum(["f32", "f16"])
    .default("f32")
    .describe(
      "f16: store feature maps and their gradients as 16-bit floats and scale the loss; sums, norms, losses and weights stay f32",
    ),
  recompute: z
    .boolean()
    .default(false)
    .describe(
      "compute cheap feature maps again for the backward pass where that saves memory; the same bits, a longer step",
    ),
  workers: z
    .number()
    .int()
    .min(0)
    .max(16)
    .nullable()
    .default(null)
    .describe(
      "worker threads that load moments ahead; results do not depend on them; 0: none, null: chosen for the run",
    ),
  ranks: count
    .max(4096)
    .optional()
    .describe("processes that train together, each on rigs_per_step moments; mpirun sets it"),
});
