// The configuration of a run: every choice by name, complete once resolved. Files are YAML; what the command line says
// comes last. A misspelt key is an error.
import { parse, stringify } from "yaml";
import { z } from "zod";
import type { BinHeadConfig } from "../bins/metric_bins.ts";
import { HEAD_WIDTHS, STUDENTS } from "../student/student.ts";
import { InputError } from "../tensor/error.ts";

const positive = z.number().positive();
const weight = z.number().nonnegative();

const schema = z.strictObject({
  data: z.string().default("rig"),
  student: z.enum(STUDENTS).default("nano"),
  /** Rows and columns of the images, multiples of 32. */
  size: z
    .strictObject({
      height: z.number().int().positive().multipleOf(32),
      width: z.number().int().positive().multipleOf(32),
    })
    .default({ height: 96, width: 160 }),
  steps: z.number().int().positive().default(600),
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
      /** `auto`: the built-in teacher for the rig, files where `path` is given, else none. */
      kind: z.enum(["auto", "builtin", "files", "none"]).default("auto"),
      path: z.string().optional(),
    })
    .prefault({}),
  loss: z
    .strictObject({
      ckd: z.boolean().default(true),
      cross_term: z.enum(["silog", "none"]).default("silog"),
      relation: z.enum(["cosine", "none"]).default("cosine"),
      temperature: positive.default(1),
      relation_grid: z
        .tuple([z.number().int().positive(), z.number().int().positive()])
        .default([6, 10]),
      weights: z
        .strictObject({
          silog: weight.default(1),
          kl: weight.default(1),
          cross: weight.default(1),
          relation: weight.default(1),
        })
        .prefault({}),
      /** Share of the steps over which the distillation weights rise from 0. */
      ramp: z.number().min(0).max(1).default(0.1),
    })
    .prefault({}),
  optimizer: z
    .strictObject({
      learning_rate: positive.default(3e-3),
      weight_decay: weight.default(0.01),
      beta1: z.number().min(0).lt(1).default(0.9),
      beta2: z.number().min(0).lt(1).default(0.99),
      epsilon: positive.default(1e-8),
      /** Largest global norm of the gradient; beyond it the gradient is scaled down. */
      max_norm: positive.default(1),
      /** Share of the steps that warm the learning rate up; a cosine takes it down to `final` of it. */
      warmup: z.number().min(0).max(1).default(0.1),
      final: z.number().min(0).max(1).default(0.01),
    })
    .prefault({}),
  augmentation: z.boolean().default(true),
  /** What a sample with a broken file does: end the run with its error, or be left out, reported and counted. */
  bad_samples: z.enum(["stop", "skip"]).default("stop"),
  checkpoint_every: z.number().int().positive().default(200),
});

/** A complete configuration. */
export type TrainConfig = z.infer<typeof schema>;
/** A configuration as people write it: every key may be left out. */
export type TrainConfigInput = z.input<typeof schema>;

/** Fills in what is left out; throws InputError naming `where`, the key and what it may be. */
export function resolveConfig(given: unknown, where: string): TrainConfig {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const key = [...(path === "" ? [] : [path]), issue.keys[0]].join(".");
    throw new InputError(
      `${where}: unknown key "${key}"; known there: ${knownKeys(issue.path).join(", ")}`,
    );
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
  try {
    const parsed: unknown = parse(text) ?? {};
    if (typeof parsed === "object" && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (error) {
    throw new InputError(`${file}: ${(error as Error).message.split("\n")[0]}`);
  }
  throw new InputError(`${file}: expected keys and values, such as "steps: 600"`);
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
