// The configuration of a run: every choice by name, complete once resolved. Files are YAML; what
// the command line says comes last. A misspelt key is an error.
import { parse, stringify } from "yaml";
import { z } from "zod";
import type { BinHeadConfig } from "../bins/metric_bins.ts";
import type { ImageSize } from "../data/camera.ts";
import type { BadSamples } from "../data/loader.ts";
import type { LossConfig, LossTerm } from "../distill/losses.ts";
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
    /** `auto`: the files at `path` where given, else the built-in one for the rig, else none. */
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
    /** Largest global norm of the gradient; beyond it the gradient is scaled down. */
    readonly max_norm: number;
    /** Share of the steps that warm the learning rate up. */
    readonly warmup: number;
    /** Share of the learning rate that a cosine takes it down to. */
    readonly final: number;
  };
  /** Colour jitter. */
  readonly augmentation: boolean;
  /** What to do with a sample whose files are broken: stop, or leave it out and count it. */
  readonly bad_samples: BadSamples;
  /** Steps between checkpoints. */
  readonly checkpoint_every: number;
}

const count = z.number().int().positive();
const positive = z.number().positive();
const weight = z.number().nonnegative();
const share = z.number().min(0).max(1);
const side = count.multipleOf(32, "must be a multiple of 32");

const schema: z.ZodType<TrainConfig> = z.strictObject({
  data: z.string().default("rig"),
  rig: z
    .strictObject({ train_moments: count.default(48), held_out_moments: count.default(12) })
    .prefault({}),
  student: z.enum(STUDENTS).default("nano"),
  size: z.strictObject({ height: side, width: side }).default({ height: 96, width: 160 }),
  steps: count.default(600),
  seed: z.number().int().nonnegative().default(0),
  head: z
    .strictObject({
      kind: z.enum(["metric_bins", "softmax_bins"]).default("metric_bins"),
      bins: z.number().int().min(2).max(256).default(64),
      centers: z.enum(["cumulative", "softplus"]).default("cumulative"),
    })
    .prefault({}),
  teacher: z
    .strictObject({
      kind: z.enum(["auto", "builtin", "files", "none"]).default("auto"),
      path: z.string().nullable().default(null),
    })
    .prefault({}),
  loss: z
    .strictObject({
      ckd: z.boolean().default(true),
      cross_term: z.enum(["silog", "none"]).default("silog"),
      relation: z.enum(["cosine", "none"]).default("cosine"),
      temperature: positive.default(1),
      relation_grid: z.tuple([count, count]).default([6, 10]),
      weights: z
        .strictObject({
          silog: weight.default(1),
          kl: weight.default(1),
          cross: weight.default(1),
          relation: weight.default(1),
        } satisfies Record<LossTerm, z.ZodType>)
        .prefault({}),
      ramp: share.default(0.1),
    })
    .prefault({}),
  optimizer: z
    .strictObject({
      learning_rate: positive.default(3e-3),
      weight_decay: weight.default(0.01),
      beta1: z.number().min(0).lt(1).default(0.9),
      beta2: z.number().min(0).lt(1).default(0.99),
      epsilon: positive.default(1e-8),
      max_norm: positive.default(1),
      warmup: share.default(0.1),
      final: share.default(0.01),
    })
    .prefault({}),
  augmentation: z.boolean().default(true),
  bad_samples: z.enum(["stop", "skip"]).default("stop"),
  checkpoint_every: count.default(200),
});

/** Fills in what is left out; throws InputError naming `where`, the key and what it may be. */
export function resolveConfig(given: unknown, where: string): TrainConfig {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = [...(path === "" ? [] : [path]), issue.keys[0]].join(".");
    const known = knownKeys(issue.path).join(", ");
    throw new InputError(`${where}: unknown key "${key}"; known there: ${known}`);
  }
  throw new InputError(`${where}: ${path === "" ? "" : `${path}: `}${issue.message}`);
}

/** Names of the keys at a place in the configuration. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: unknown = schema.parse({});
  for (const key of path) at = (at as Record<PropertyKey, unknown>)[key];
  return Object.keys(at as object);
}

/** Reads a configuration as YAML; throws InputError naming file and line. */
export function parseConfigFile(text: string, file: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = parse(text) ?? {};
  } catch (error) {
    throw new InputError(`${file}: ${(error as Error).message.split("\n")[0]}`);
  }
  if (typeof parsed !== "object" || Array.isArray(parsed)) {
    throw new InputError(`${file}: expected keys and values, such as "steps: 600"`);
  }
  return parsed as Record<string, unknown>;
}

/** The configuration as `config.yaml` of a run keeps it. */
export function formatConfig(config: TrainConfig): string {
  return stringify(config);
}

/** The head that a configuration describes, for depths up to `depth_max_m`. */
export function headOf(config: TrainConfig, depth_max_m: number): BinHeadConfig {
  const { kind, bins, centers } = config.head;
  return { kind, bins, seed: centers, depth_max_m, ...HEAD_WIDTHS[config.student] };
}
