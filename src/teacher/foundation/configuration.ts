// The architecture of a network from its tensors, and from config.json where that says more: tensors
// tell every size, but not the heads, the taps and whether depth is in metres.
import { z } from "zod";
import { InputError } from "../../tensor/error.ts";
import type { Shape } from "../../tensor/shape.ts";
import {
  FACTORS,
  publishedTaps,
  type Architecture,
  type FoundationOutput,
} from "./architecture.ts";
import type { Naming } from "./tensor_names.ts";
import type { WeightFiles } from "./weight_files.ts";

const count = z.number().int().positive();
const square = z
  .union([count, z.tuple([count, count]).refine(([a, b]) => a === b, "must be square")])
  .transform((side) => (typeof side === "number" ? side : side[0]));

// Keys as transformers writes them; other keys do not change the forward pass.
const backbone = z.looseObject({
  model_type: z.literal("dinov2").optional(),
  hidden_size: count.optional(),
  num_hidden_layers: count.optional(),
  num_attention_heads: count.optional(),
  image_size: square.optional(),
  patch_size: square.optional(),
  num_channels: z.literal(3).optional(),
  hidden_act: z.literal("gelu").optional(),
  layer_norm_eps: z.number().positive().optional(),
  mlp_ratio: z.number().positive().optional(),
  qkv_bias: z.boolean().optional(),
  use_swiglu_ffn: z.literal(false).optional(),
  apply_layernorm: z.boolean().optional(),
  out_indices: z.array(z.number().int()).length(4).nullish(),
  out_features: z
    .array(z.string().regex(/^stage\d+$/))
    .length(4)
    .nullish(),
});
const schema = z.looseObject({
  model_type: z.literal("depth_anything").optional(),
  backbone_config: backbone.nullish(),
  patch_size: square.optional(),
  fusion_hidden_size: count.optional(),
  head_hidden_size: count.optional(),
  neck_hidden_sizes: z.array(count).length(4).optional(),
  reassemble_factors: z
    .array(z.number())
    .refine((all) => all.join() === FACTORS.join(), `must be ${FACTORS.join(", ")}`)
    .optional(),
  head_in_index: z.literal([-1, 3]).optional(),
  depth_estimation_type: z.enum(["relative", "metric"]).optional(),
  max_depth: z.number().positive().nullish(),
  /** Written beside the original weights of V1. */
  encoder: z.string().optional(),
  /** Ours: which version the weights are of, where nothing else says so. */
  version: z.enum(["v1", "v2"]).optional(),
});
type Config = z.infer<typeof schema>;

/** The architecture, and what was assumed because no file says it. */
export interface FoundArchitecture {
  readonly architecture: Architecture;
  readonly naming: Naming;
  /** A sentence for people; null where config.json says everything. */
  readonly assumed: string | null;
}

/** Names of the tensors that tell sizes. */
const TELLING = {
  original: {
    token: "pretrained.cls_token",
    positions: "pretrained.pos_embed",
    patch: "pretrained.patch_embed.proj.weight",
    block: /^pretrained\.blocks\.(\d+)\./,
    mlp: "pretrained.blocks.0.mlp.fc1.weight",
    qkv_bias: "pretrained.blocks.0.attn.qkv.bias",
    projection: (j: number) => `depth_head.projects.${j}.weight`,
    fusion: "depth_head.scratch.layer1_rn.weight",
    head: "depth_head.scratch.output_conv2.0.weight",
  },
  huggingface: {
    token: "backbone.embeddings.cls_token",
    positions: "backbone.embeddings.position_embeddings",
    patch: "backbone.embeddings.patch_embeddings.projection.weight",
    block: /^backbone\.encoder\.layer\.(\d+)\./,
    mlp: "backbone.encoder.layer.0.mlp.fc1.weight",
    qkv_bias: "backbone.encoder.layer.0.attention.attention.query.bias",
    projection: (j: number) => `neck.reassemble_stage.layers.${j}.projection.weight`,
    fusion: "neck.convs.0.weight",
    head: "head.conv2.weight",
  },
} as const;

const HEAD_WIDTH = 64;
const EPSILON = 1e-6;

/**
 * The architecture of weights; throws InputError naming the tensor or key that is missing, that does
 * not belong to Depth Anything, or that contradicts another.
 */
export function findArchitecture({ file, tensors, config }: WeightFiles): FoundArchitecture {
  const naming = namingOf(file, tensors);
  const told = TELLING[naming];
  const given = parsed(config);
  const inner = given?.backbone_config ?? {};
  const axis = (name: string, rank: number, index: number): number => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new InputError(`${file}: tensor ${name} is missing`);
    return axisOf(tensor.file, name, tensor.shape, rank, index);
  };
  const hidden = inner.hidden_size ?? axis(told.token, 3, 2);
  const found = [...tensors.keys()].flatMap((name) => told.block.exec(name)?.[1] ?? []);
  const blocks =
    inner.num_hidden_layers ?? found.reduce((most, i) => Math.max(most, Number(i) + 1), 0);
  const patch = inner.patch_size ?? given?.patch_size ?? axis(told.patch, 4, 3);
  const side = inner.image_size;
  const grid =
    side === undefined
      ? gridOf(file, told.positions, axis(told.positions, 3, 1))
      : Math.floor(side / patch);
  const taps = tapBlocks(file, given, blocks, naming);
  const channels = FACTORS.map(
    (_, j) => given?.neck_hidden_sizes?.[j] ?? axis(told.projection(j), 4, 0),
  );
  const architecture: Architecture = {
    hidden,
    blocks,
    heads: inner.num_attention_heads ?? headsOf(file, hidden),
    mlp: inner.mlp_ratio === undefined ? axis(told.mlp, 2, 0) : hidden * inner.mlp_ratio,
    patch,
    grid,
    epsilon: inner.layer_norm_eps ?? EPSILON,
    qkvBias: inner.qkv_bias ?? tensors.has(told.qkv_bias),
    normalizesTaps: inner.apply_layernorm ?? true,
    taps: taps.map((block, j) => ({ block, channels: channels[j], factor: FACTORS[j] })),
    fusion: given?.fusion_hidden_size ?? axis(told.fusion, 4, 0),
    headHidden: given?.head_hidden_size ?? axis(told.head, 4, 0),
    output: outputOf(given),
  };
  if (hidden % architecture.heads !== 0) {
    throw new InputError(
      `${config?.file ?? file}: ${architecture.heads} heads do not divide a width of ${hidden}`,
    );
  }
  return { architecture, naming, assumed: given === null ? assumption(file) : null };
}

function assumption(file: string): string {
  return (
    `${file}: no config.json beside it, so it is taken as V2 with relative depth; for others write ` +
    `config.json with version (v1 or v2), depth_estimation_type and max_depth`
  );
}

function namingOf(file: string, tensors: WeightFiles["tensors"]): Naming {
  const namings = (["original", "huggingface"] as const).filter((naming) =>
    tensors.has(TELLING[naming].token),
  );
  if (namings.length === 1) return namings[0];
  const { original, huggingface } = TELLING;
  throw new InputError(
    `${file}: these are not weights of Depth Anything: expected tensor ${original.token} or ` +
      `${huggingface.token}${namings.length === 2 ? ", not both" : ""}`,
  );
}

function parsed(config: WeightFiles["config"]): Config | null {
  if (config === null) return null;
  const result = schema.safeParse(config.value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0];
  throw new InputError(`${config.file}: ${path.join(".")}: ${message}`);
}

function axisOf(file: string, name: string, shape: Shape, rank: number, index: number): number {
  if (shape.length === rank && shape[index] > 0) return shape[index];
  throw new InputError(`${file}: tensor ${name} is [${shape.join(", ")}]; expected ${rank} axes`);
}

/** The side of a square of position embeddings, which follow that of the class token. */
function gridOf(file: string, name: string, positions: number): number {
  const grid = Math.round(Math.sqrt(positions - 1));
  if (grid > 0 && grid * grid === positions - 1) return grid;
  throw new InputError(
    `${file}: tensor ${name} has ${positions} rows; expected one more than a square number`,
  );
}

function headsOf(file: string, hidden: number): number {
  if (hidden % HEAD_WIDTH === 0) return hidden / HEAD_WIDTH;
  throw new InputError(
    `${file}: a width of ${hidden} does not tell the number of heads (${HEAD_WIDTH} wide in ` +
      `published networks); give num_attention_heads in a config.json beside it`,
  );
}

/** The blocks whose outputs the head takes, from 0. */
function tapBlocks(
  file: string,
  config: Config | null,
  blocks: number,
  naming: Naming,
): readonly number[] {
  const { out_features, out_indices } = config?.backbone_config ?? {};
  // Stage 0 is the stem, and negative indices count from the end, as in Python.
  const stages =
    out_features?.map((name) => Number(name.slice("stage".length))) ??
    out_indices?.map((index) => (index < 0 ? blocks + 1 + index : index));
  const isV1 =
    config?.version === "v1" ||
    (config?.version === undefined &&
      (config?.encoder !== undefined ||
        // transformers' own default
        (naming === "huggingface" && config?.model_type === "depth_anything")));
  const taps = stages?.map((stage) => stage - 1) ?? publishedTaps(isV1 ? "v1" : "v2", blocks);
  if (taps === null) {
    throw new InputError(
      `${file}: ${blocks} blocks are those of no published network; give ` +
        `backbone_config.out_indices in a config.json beside it`,
    );
  }
  const isAscending = taps.every((tap, i) => tap >= 0 && tap < blocks && !(tap <= taps[i - 1]));
  if (isAscending) return taps;
  throw new InputError(
    `${file}: taps after blocks ${taps.map((tap) => tap + 1).join(", ")} of ${blocks}; expected ` +
      `ascending blocks from 1`,
  );
}

function outputOf(config: Config | null): FoundationOutput {
  const max_depth = config?.max_depth ?? 1;
  return config?.depth_estimation_type === "metric"
    ? { kind: "metric_depth", max_depth_m: max_depth }
    : { kind: "disparity", factor: max_depth };
}
