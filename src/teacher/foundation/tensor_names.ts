// The tensors of a Depth Anything network by the names of both publications, with their shapes in the
// file and the order of axes in our kernels. Original: the repositories' own (DINOv2 and DPT). Hugging
// Face: that of transformers.
import type { Shape } from "../../tensor/shape.ts";
import type { Architecture } from "./architecture.ts";

/** The publication whose names a file of weights uses. */
export type Naming = "original" | "huggingface";

/** A tensor of the network, and where files have it. */
export interface NamedTensor {
  /** Our name, the same for both namings. */
  readonly name: string;
  readonly original: string;
  readonly huggingface: string;
  /** Its shape in a file. */
  readonly shape: Shape;
  /**
   * Axis i of our tensor is axis `permutation[i]` of the stored one; absent where the order is the
   * same. Convolutions are stored [O,C,KH,KW] and read [O,KH,KW,C].
   */
  readonly permutation?: readonly number[];
  /**
   * Query, key and value are one tensor in the original naming, of three times as many rows: the
   * third that this tensor is.
   */
  readonly third?: 0 | 1 | 2;
  /** Whether a file may have it: no layer of the forward pass uses it. */
  readonly isUnused?: boolean;
}

const CHANNELS_LAST: readonly number[] = [0, 2, 3, 1];

/** Every tensor of an architecture. */
export function namedTensors(of: Architecture): NamedTensor[] {
  return [
    ...embeddingTensors(of),
    ...blockTensors(of),
    ...reassembleTensors(of),
    ...headTensors(of),
  ];
}

function embeddingTensors({ hidden, patch, grid }: Architecture): NamedTensor[] {
  const hf = "backbone.embeddings";
  const own = "pretrained";
  return [
    {
      name: "class_token",
      original: `${own}.cls_token`,
      huggingface: `${hf}.cls_token`,
      shape: [1, 1, hidden],
    },
    {
      name: "mask_token",
      original: `${own}.mask_token`,
      huggingface: `${hf}.mask_token`,
      shape: [1, hidden],
      isUnused: true,
    },
    {
      name: "positions",
      original: `${own}.pos_embed`,
      huggingface: `${hf}.position_embeddings`,
      shape: [1, 1 + grid * grid, hidden],
    },
    ...convolution({
      name: "patches",
      original: `${own}.patch_embed.proj`,
      huggingface: `${hf}.patch_embeddings.projection`,
      shape: [hidden, 3, patch, patch],
    }),
    ...vectors("norm", `${own}.norm`, "backbone.layernorm", hidden),
  ];
}

function blockTensors({ blocks, hidden, mlp, qkvBias }: Architecture): NamedTensor[] {
  return Array.from({ length: blocks }, (_, i): NamedTensor[] => {
    const name = `block${i}`;
    const own = `pretrained.blocks.${i}`;
    const hf = `backbone.encoder.layer.${i}`;
    const matrix = (part: string, ownPart: string, hfPart: string, shape: Shape): NamedTensor[] => [
      {
        name: `${name}.${part}.weight`,
        original: `${own}.${ownPart}.weight`,
        huggingface: `${hf}.${hfPart}.weight`,
        shape,
      },
      {
        name: `${name}.${part}.bias`,
        original: `${own}.${ownPart}.bias`,
        huggingface: `${hf}.${hfPart}.bias`,
        shape: [shape[0]],
      },
    ];
    const scale = (part: string): NamedTensor => ({
      name: `${name}.${part}`,
      original: `${own}.${part.replace("scale", "ls")}.gamma`,
      huggingface: `${hf}.layer_${part}.lambda1`,
      shape: [hidden],
    });
    const thirds = (["query", "key", "value"] as const).flatMap((part, third) =>
      matrix(part, "attn.qkv", `attention.attention.${part}`, [hidden, hidden])
        .slice(0, qkvBias ? 2 : 1)
        .map((tensor): NamedTensor => ({ ...tensor, third: third as 0 | 1 | 2 })),
    );
    return [
      ...vectors(`${name}.norm1`, `${own}.norm1`, `${hf}.norm1`, hidden),
      ...thirds,
      ...matrix("attended", "attn.proj", "attention.output.dense", [hidden, hidden]),
      scale("scale1"),
      ...vectors(`${name}.norm2`, `${own}.norm2`, `${hf}.norm2`, hidden),
      ...matrix("mlp1", "mlp.fc1", "mlp.fc1", [mlp, hidden]),
      ...matrix("mlp2", "mlp.fc2", "mlp.fc2", [hidden, mlp]),
      scale("scale2"),
    ];
  }).flat();
}

function reassembleTensors({ taps, hidden, fusion }: Architecture): NamedTensor[] {
  return taps.flatMap(({ channels, factor }, j): NamedTensor[] => {
    const hf = `neck.reassemble_stage.layers.${j}`;
    const resize = {
      name: `tap${j}.resize`,
      original: `depth_head.resize_layers.${j}`,
      huggingface: `${hf}.resize`,
    };
    const kernel = factor > 1 ? factor : 3;
    return [
      ...convolution({
        name: `tap${j}.projection`,
        original: `depth_head.projects.${j}`,
        huggingface: `${hf}.projection`,
        shape: [channels, hidden, 1, 1],
      }),
      ...(factor === 1
        ? []
        : convolution({ ...resize, shape: [channels, channels, kernel, kernel] })),
      {
        name: `tap${j}.fusion.weight`,
        original: `depth_head.scratch.layer${j + 1}_rn.weight`,
        huggingface: `neck.convs.${j}.weight`,
        shape: [fusion, channels, 3, 3],
        permutation: CHANNELS_LAST,
      },
    ];
  });
}

function headTensors({ taps, fusion, headHidden }: Architecture): NamedTensor[] {
  const stages = taps.flatMap((_, j): NamedTensor[] => {
    // Stage j works at the size of tap j; the coarsest has nothing to add to its map.
    const own = `depth_head.scratch.refinenet${j + 1}`;
    const hf = `neck.fusion_stage.layers.${taps.length - 1 - j}`;
    const units = [1, 2].flatMap((unit) =>
      [1, 2].flatMap((layer) =>
        convolution({
          name: `fusion${j}.unit${unit}.${layer}`,
          original: `${own}.resConfUnit${unit}.conv${layer}`,
          huggingface: `${hf}.residual_layer${unit}.convolution${layer}`,
          shape: [fusion, fusion, 3, 3],
          isUnused: unit === 1 && j === taps.length - 1,
        }),
      ),
    );
    const out = convolution({
      name: `fusion${j}.projection`,
      original: `${own}.out_conv`,
      huggingface: `${hf}.projection`,
      shape: [fusion, fusion, 1, 1],
    });
    return [...units, ...out];
  });
  const half = Math.floor(fusion / 2);
  const layers = [
    ["output_conv1", "conv1", [half, fusion, 3, 3]],
    ["output_conv2.0", "conv2", [headHidden, half, 3, 3]],
    ["output_conv2.2", "conv3", [1, headHidden, 1, 1]],
  ] as const;
  const head = layers.flatMap(([own, hf, shape], i) =>
    convolution({
      name: `head.${i + 1}`,
      original: `depth_head.scratch.${own}`,
      huggingface: `head.${hf}`,
      shape,
    }),
  );
  return [...stages, ...head];
}

/** Weight and bias of a convolution; the bias has as many elements as the weight's first axis. */
function convolution(weight: Omit<NamedTensor, "permutation" | "third">): NamedTensor[] {
  const { name, original, huggingface, shape, isUnused } = weight;
  const mark = isUnused === true ? { isUnused } : {};
  return [
    {
      name: `${name}.weight`,
      original: `${original}.weight`,
      huggingface: `${huggingface}.weight`,
      shape,
      permutation: CHANNELS_LAST,
      ...mark,
    },
    {
      name: `${name}.bias`,
      original: `${original}.bias`,
      huggingface: `${huggingface}.bias`,
      shape: [shape[0]],
      ...mark,
    },
  ];
}

/** Weight and bias of a norm. */
function vectors(name: string, original: string, huggingface: string, n: number): NamedTensor[] {
  return ["weight", "bias"].map((part) => ({
    name: `${name}.${part}`,
    original: `${original}.${part}`,
    huggingface: `${huggingface}.${part}`,
    shape: [n],
  }));
}
