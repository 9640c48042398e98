// The problems that all engines solve, with their numbers. Sizes are those of the students: six
// views, features of 64 or 128 channels, 128 bins, tokens of four heads.
import type { Shape } from "../../src/tensor/shape.ts";
import { random, type HostTensor } from "./contender.ts";

/** Which derivative of a convolution, or its result. */
export type ConvPart = "y" | "d_x" | "d_weight";

/** One problem; `gradient` asks for the derivatives with respect to all inputs. */
export type Problem =
  | { readonly op: "matmul"; readonly side: number; readonly gradient: boolean }
  | {
      readonly op: "conv";
      readonly image: readonly [height: number, width: number];
      readonly inputs: number;
      readonly outputs: number;
      readonly kernel: 1 | 3;
      readonly stride: 1 | 2;
      readonly part: ConvPart;
    }
  | { readonly op: "softmax"; readonly bins: number }
  | { readonly op: "expectation"; readonly bins: number; readonly gradient: boolean }
  | { readonly op: "attention"; readonly tokens: number; readonly gradient: boolean }
  | { readonly op: "layer_norm"; readonly gradient: boolean }
  | { readonly op: "gelu" }
  | { readonly op: "upsample" }
  | { readonly op: "step" };

/** The name of a kind of problem. */
export type Op = Problem["op"];
/** The problems of one kind. */
export type ProblemOf<K extends Op> = Extract<Problem, { readonly op: K }>;

/** A problem of the table. */
export interface PeerCase {
  readonly name: string;
  readonly problem: Problem;
  /** Operations of the textbook algorithm, the same for every engine. */
  readonly flops: number;
  readonly inputs: Readonly<Record<string, HostTensor>>;
}

export const VIEWS = 6;
export const HEADS = 4;
export const TOKEN_WIDTH = 128;
export const EPSILON = 1e-5;
const GELU_SHAPE: Shape = [VIEWS, 960, 512];
const NORM_SHAPE: Shape = [VIEWS, 960, TOKEN_WIDTH];

/** All problems, the small ones first within a kind. */
export function allCases(): PeerCase[] {
  return [
    ...[512, 1024].map((side) => matmulCase(side, false)),
    matmulCase(512, true),
    ...convCases([48, 80], 64, 64, 3, 1),
    ...convCases([96, 160], 64, 64, 3, 1),
    ...convCases([48, 80], 64, 128, 3, 2),
    ...convCases([48, 80], 128, 128, 1, 1),
    ...convCases([96, 160], 128, 128, 1, 1),
    ...[64, 128, 256].map(softmaxCase),
    ...[64, 128, 256].map((bins) => expectationCase(bins, false)),
    expectationCase(128, true),
    ...[240, 960].flatMap((tokens) => [attentionCase(tokens, false), attentionCase(tokens, true)]),
    ...[false, true].map(layerNormCase),
    geluCase(),
    upsampleCase(),
    stepCase(),
  ];
}

function matmulCase(side: number, gradient: boolean): PeerCase {
  const shape = [side, side];
  return {
    name: `matmul ${side}${gradient ? ", gradients" : ""}`,
    problem: { op: "matmul", side, gradient },
    flops: (gradient ? 4 : 2) * side ** 3,
    inputs: { a: random("a", shape), b: random("b", shape), d_y: random("d_y", shape) },
  };
}

function convCases(
  image: readonly [number, number],
  inputs: number,
  outputs: number,
  kernel: 1 | 3,
  stride: 1 | 2,
): PeerCase[] {
  const [height, width] = image;
  const y: Shape = [VIEWS, height / stride, width / stride, outputs];
  const pixels = (VIEWS * height * width) / stride ** 2;
  const strided = stride === 1 ? "" : ` stride ${stride}`;
  return (["y", "d_x", "d_weight"] as const).map((part) => ({
    name: `conv ${kernel}x${kernel}${strided} ${inputs}->${outputs} at ${height}x${width}${part === "y" ? "" : `, ${part}`}`,
    problem: { op: "conv", image, inputs, outputs, kernel, stride, part },
    flops: 2 * pixels * inputs * outputs * kernel ** 2,
    inputs: {
      x: random("x", [VIEWS, height, width, inputs]),
      weight: random("weight", [outputs, kernel, kernel, inputs]),
      d_y: random("d_y of conv", y),
    },
  }));
}

function softmaxCase(bins: number): PeerCase {
  const logits = random("logits", [VIEWS, 48, 80, bins], 3);
  return {
    name: `softmax over ${bins} bins`,
    problem: { op: "softmax", bins },
    flops: 5 * logits.data.length,
    inputs: { logits },
  };
}

function expectationCase(bins: number, gradient: boolean): PeerCase {
  const logits = random("logits", [VIEWS, 48, 80, bins], 3);
  return {
    name: `softmax + expectation over ${bins} bins${gradient ? ", gradients" : ""}`,
    problem: { op: "expectation", bins, gradient },
    flops: (gradient ? 10 : 6) * logits.data.length,
    inputs: {
      logits,
      centers: random("centers", [1, 1, 1, bins]),
      d_y: random("d_depth", [VIEWS, 48, 80, 1]),
    },
  };
}

function attentionCase(tokens: number, gradient: boolean): PeerCase {
  const shape = [VIEWS, tokens, TOKEN_WIDTH];
  const [q, k, v, d_y] = ["q", "k", "v", "d_y"].map((name) => random(name, shape));
  // per pair of query and key of a head: W products for the score and W for the sum
  const forward = 4 * VIEWS * tokens ** 2 * TOKEN_WIDTH;
  return {
    name: `attention of ${tokens} tokens${gradient ? ", forward and gradients" : ""}`,
    problem: { op: "attention", tokens, gradient },
    flops: (gradient ? 3 : 1) * forward,
    inputs: { q, k, v, d_y },
  };
}

function layerNormCase(gradient: boolean): PeerCase {
  const x = random("x of norm", NORM_SHAPE);
  return {
    name: `layer norm of ${TOKEN_WIDTH}${gradient ? ", forward and gradients" : ""}`,
    problem: { op: "layer_norm", gradient },
    flops: (gradient ? 16 : 8) * x.data.length,
    inputs: {
      x,
      gamma: random("gamma", [TOKEN_WIDTH]),
      beta: random("beta", [TOKEN_WIDTH]),
      d_y: random("d_y of norm", NORM_SHAPE),
    },
  };
}

function geluCase(): PeerCase {
  const x = random("x of gelu", GELU_SHAPE, 2);
  return { name: "gelu", problem: { op: "gelu" }, flops: 10 * x.data.length, inputs: { x } };
}

function upsampleCase(): PeerCase {
  const x = random("x of upsample", [VIEWS, 48, 80, 64]);
  return {
    name: "bilinear x2 of 64 channels at 48x80",
    problem: { op: "upsample" },
    flops: 32 * x.data.length,
    inputs: { x },
  };
}

/** A layer of the small network. */
export interface Layer {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: 1 | 3;
  readonly stride: 1 | 2;
}

/** The small network: convolutions with ReLU between them; the last gives the bins' logits. */
export const LAYERS: readonly Layer[] = [
  { name: "stem", inputs: 4, outputs: 16, kernel: 3, stride: 2 },
  { name: "fine", inputs: 16, outputs: 16, kernel: 3, stride: 1 },
  { name: "down", inputs: 16, outputs: 32, kernel: 3, stride: 2 },
  { name: "coarse", inputs: 32, outputs: 32, kernel: 3, stride: 1 },
  { name: "bins", inputs: 32, outputs: 64, kernel: 1, stride: 1 },
];
/** Adam as in the paper, without decay. */
export const ADAM = { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
/** Steps whose losses are compared. */
export const COMPARED_STEPS = 3;
const IMAGE = [96, 160] as const;

/** One step of Adam on mean((sum_k softmax(logits)_k c_k - target)^2). */
function stepCase(): PeerCase {
  let [flops, height, width] = [0, IMAGE[0] as number, IMAGE[1] as number];
  const weights: Record<string, HostTensor> = {};
  for (const { name, inputs, outputs, kernel, stride } of LAYERS) {
    height /= stride;
    width /= stride;
    flops += 6 * VIEWS * height * width * inputs * outputs * kernel ** 2;
    const deviation = Math.sqrt(2 / (inputs * kernel ** 2));
    weights[`${name}.weight`] = random(
      `${name}.weight`,
      [outputs, kernel, kernel, inputs],
      deviation,
    );
    weights[`${name}.bias`] = random(`${name}.bias`, [outputs], 0.1);
  }
  const bins = LAYERS.at(-1)!.outputs;
  return {
    name: "training step of a small network",
    problem: { op: "step" },
    flops,
    inputs: {
      images: random("images", [VIEWS, ...IMAGE, LAYERS[0].inputs]),
      target: random("target", [VIEWS, height, width, 1]),
      centers: {
        shape: [1, 1, 1, bins],
        data: Float32Array.from({ length: bins }, (_, i) => (4 * i) / bins - 2),
      },
      ...weights,
    },
  };
}
