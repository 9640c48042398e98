// The configuration of a run: every choice by name, complete once resolved. Files are YAML, and the
// command line overrides them. A misspelt key is an error.
import { stringify } from "yaml";
import { z } from "zod";
import type { BinHeadConfig } from "../bins/metric_bins.ts";
import type { ImageSize } from "../data/camera.ts";
import type { BadSamples } from "../data/loader.ts";
import type { LossConfig, LossTerm } from "../distill/losses.ts";
import { parseYaml } from "../formats/yaml.ts";
import { HEAD_WIDTHS, STUDENTS, type StudentName } from "../student/student.ts";
import { InputError } from "../tensor/error.ts";

/** A complete configuration, as `config.yaml` of a run folder keeps it. */
export interface TrainConfig {
  /** `rig`, `ddad:PATH` or `folder:PATH`. */
  readonly data: string;
  /** Moments of the built-in rig in each split; its seed is the run's. */
  readonly rig: { readonly train_moments: number; readonly held_out_moments: number };
  readonly student: StudentName;
  /** Rows and columns of the images, multiples of 32. */
  readonly size: ImageSize;
  readonly steps: number;
  readonly seed: number;
  readonly head: {
    readonly kind: BinHeadConfig["kind"];
    /** K. */
    readonly bins: number;
    readonly centers: BinHeadConfig["seed"];
  };
  readonly teacher: {
    /** `auto`: the files at `path` if given, else the built-in teacher for the rig, else none. */
    readonly kind: "auto" | "builtin" | "files" | "none";
    /** Folder of the teacher's maps. */
    readonly path: string | null;
  };
  readonly loss: LossConfig & {
    readonly weights: Readonly<Record<LossTerm, number>>;
    /** Share of the steps over which the distillation weights rise from 0. */
    readonly ramp: number;
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
}

/** A configuration as written: its learning rate may be left to the student. */
type WrittenConfig = Omit<TrainConfig, "optimizer"> & {
  readonly optimizer: Omit<TrainConfig["optimizer"], "learning_rate"> & {
    readonly learning_rate: number | null;
  };
};

// nano: measured (bench/README.md); resnet18: between the 1e-4 of its lineage with pretrained weights and nano's.
const LEARNING_RATES: Readonly<Record<StudentName, number>> = { nano: 3e-3, resnet18: 3e-4 };

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
const streets = count.max(1_000_000);
const side = count.multipleOf(32, "must be a multiple of 32");

/** The configuration as files may give it, with the explanation of each key (config_help.ts). */
export const configSchema: z.ZodType<WrittenConfig> = z.strictObject({
  data: z.string().default("rig").describe("rig (built in), ddad:PATH or folder:PATH"),
  rig: z
    .strictObject({
      train_moments: streets
        .default(48)
        .describe("moments (all cameras at one time) of the built-in rig to train on"),
      held_out_moments: streets.default(12).describe("moments of the built-in rig to evaluate on"),
    })
    .prefault({}),
  student: z.enum(STUDENTS).default("nano").describe(STUDENTS.join(" or ")),
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
    })
    .prefault({}),
  teacher: z
    .strictObject({
      kind: z
        .enum(["auto", "builtin", "files", "none"])
        .default("auto")
        .describe(
          "auto (files if path is given, else builtin for rig, else none), builtin, files or none",
        ),
      path: z.string().nullable().default(null).describe("folder of the teacher's maps"),
    })
    .prefault({}),
  loss: z
    .strictObject({
      ckd: z.boolean().default(true).describe("cross-interaction distillation: KL of the bins"),
      cross_term: z
        .enum(["silog", "none"])
        .default("silog")
        .describe("second part of ckd, teacher bins with student centres: silog or none"),
      relation: z
        .enum(["cosine", "none"])
        .default("cosine")
        .describe("view-relational distillation of ring neighbours: cosine or none"),
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
      weights: z
        .strictObject({
          silog: weight.default(1),
          kl: weight.default(1),
          cross: weight.default(1),
          relation: weight.default(1),
        } satisfies Record<LossTerm, z.ZodType>)
        .prefault({})
        .describe("weights of the loss terms"),
      ramp: share
        .default(0.1)
        .describe("share of the steps during which the teacher terms rise from 0"),
    })
    .prefault({}),
  optimizer: z
    .strictObject({
      learning_rate: positive
        .nullable()
        .default(null)
        .describe("peak learning rate of AdamW; null: 0.003 for nano, 0.0003 for resnet18"),
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
});

/** Fills in defaults; throws InputError naming `where`, the key and its allowed values. */
export function resolveConfig(given: unknown, where: string): TrainConfig {
  const result = configSchema.safeParse(given);
  if (result.success) {
    const { optimizer, ...rest } = result.data;
    const learning_rate = optimizer.learning_rate ?? LEARNING_RATES[rest.student];
    return { ...rest, optimizer: { ...optimizer, learning_rate } };
  }
  const issue = result.error.issues[0];
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = [...(path === "" ? [] : [path]), issue.keys[0]].join(".");
    const known = knownKeys(issue.path).join(", ");
    throw new InputError(`${where}: unknown key "${key}"; known keys: ${known}`);
  }
  throw new InputError(`${where}: ${path === "" ? "" : `${path}: `}${issue.message}`);
}

/** Names of the keys at a place in the configuration. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: unknown = configSchema.parse({});
  for (const key of path) at = (at as Record<PropertyKey, unknown>)[key];
  return Object.keys(at as object);
}

const GROUPS = new Set(["rig", "head", "teacher", "loss", "optimizer"]);

/**
 * Reads a configuration as YAML; throws InputError naming file and line, also for a text that is
 * too long, too wide or too deep, and for control characters.
 */
export function parseConfigFile(
  source: string | Uint8Array,
  file: string,
): Record<string, unknown> {
  const parsed = parseYaml(source, file) ?? {};
  if (typeof parsed !== "object" || Array.isArray(parsed)) {
    throw new InputError(`${file}: expected keys and values, such as "steps: 600"`);
  }
  // A group whose keys are all comments has no value; it holds its defaults then.
  const isEmptyGroup = ([key, value]: [string, unknown]): boolean =>
    value === null && GROUPS.has(key);
  return Object.fromEntries(Object.entries(parsed).filter((entry) => !isEmptyGroup(entry)));
}

/** The configuration as YAML without explanations, as checkpoints and students carry it. */
export function formatConfig(config: TrainConfig): string {
  return stringify(config);
}

/** The head that a configuration describes, for depths up to `depth_max_m`. */
export function headOf(config: TrainConfig, depth_max_m: number): BinHeadConfig {
  const { kind, bins, centers } = config.head;
  return { kind, bins, seed: centers, depth_max_m, ...HEAD_WIDTHS[config.student] };
}
