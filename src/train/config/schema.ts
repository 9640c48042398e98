// The keys of a configuration: their types, their limits, their defaults and their explanations.
import * as z from "zod";
import { CENTER_SPACINGS } from "../../graph/ops/bin_centers.ts";
import { BASELINES } from "../../distill/baselines.ts";
import { RELATIONS } from "../../distill/relations.ts";
import { SUPERVISED } from "../../distill/supervised.ts";
import { STUDENT_ATTENTIONS } from "../../student/neighbour_attention.ts";
import { PREPARATIONS, PUBLISHED_SIDE } from "../../teacher/foundation/prepare_image.ts";
import type { LossTerm } from "../../distill/losses.ts";
import type { WrittenConfig } from "./train_config.ts";
import { STUDENT_NAMES, STUDENTS } from "../../student/student.ts";

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
