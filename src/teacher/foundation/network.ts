// Depth Anything as a graph of our kernels: the DINOv2 backbone and the head of a dense prediction
// transformer, over given weights. One image per run.
//
// Source: Oquab et al. (2024), DINOv2; Ranftl et al. (2021), Vision Transformers for Dense
// Prediction; Yang et al. (2024), Depth Anything and Depth Anything V2.
import type { ImageSize } from "../../data/camera.ts";
import { graph, type Graph } from "../../graph/graph.ts";
import { gelu, relu, sigmoid } from "../../graph/ops/activation.ts";
import { add, scaleShift } from "../../graph/ops/arithmetic.ts";
import { attention } from "../../graph/ops/attention.ts";
import { concat } from "../../graph/ops/concat.ts";
import { conv2d } from "../../graph/ops/conv2d.ts";
import { conv2dTranspose } from "../../graph/ops/conv2d_transpose.ts";
import { linear } from "../../graph/ops/gemm.ts";
import { layerNorm } from "../../graph/ops/norm.ts";
import { resizeBilinear } from "../../graph/ops/resize.ts";
import { slice } from "../../graph/ops/slice.ts";
import { reshape } from "../../graph/apply.ts";
import type { Value } from "../../graph/value.ts";
import { InputError } from "../../tensor/error.ts";
import type { Architecture } from "./architecture.ts";
import { positionsAt, type PositionRule } from "./positions.ts";
import type { FoundationWeights } from "./weights.ts";

/** The graph of one image size, and its named values. */
export interface FoundationNetwork {
  readonly g: Graph;
  /** `[1, H, W, 3]`, the input `image`. */
  readonly image: Value;
  /** `[1, 1 + h w, D]`: the class token and the patches, before the first block. */
  readonly embedded: Value;
  /** `[1, h w, D]` each: patches after the blocks that the head taps. */
  readonly taps: readonly Value[];
  /** `[1, h', w', F]` each: the fused maps by the size of their tap, finest first. */
  readonly paths: readonly Value[];
  /** `[1, H, W, 1]`: disparity, or depth in metres. */
  readonly map: Value;
}

/** Reads a tensor of the network as a constant of its graph. */
type Read = (name: string) => Value;

/**
 * The network for images of one size, whose sides are multiples of the patch; throws InputError if
 * they are not.
 */
export function foundationNetwork(
  { architecture, tensors }: Pick<FoundationWeights, "architecture" | "tensors">,
  size: ImageSize,
  rule: PositionRule,
): FoundationNetwork {
  const { patch } = architecture;
  const [rows, columns] = [size.height / patch, size.width / patch];
  if (!Number.isInteger(rows) || !Number.isInteger(columns) || rows < 1 || columns < 1) {
    throw new InputError(
      `an image of ${size.height}x${size.width} does not split into patches of ${patch}x${patch}`,
    );
  }
  const g = graph();
  const numbers = (name: string): Float32Array => tensors.get(name)!.data;
  const read: Read = (name) => {
    const { shape, data } = tensors.get(name)!;
    return g.constant(name, shape, data);
  };
  const image = g.input("image", [1, size.height, size.width, 3]);
  const embedded = embeddings(g, image, { architecture, read, numbers, rule });
  const scaled = (name: string, part: string, scale: string): Value => {
    const { shape, data } = tensors.get(`${name}.${part}`)!;
    const by = numbers(`${name}.${scale}`);
    return g.constant(`${name}.${part}`, shape, scaledRows(data, by));
  };
  let x = embedded;
  const outputs = Array.from({ length: architecture.blocks }, (_, i) => {
    x = block(x, `block${i}`, architecture, read, scaled);
    return x;
  });
  const gamma = read("norm.weight");
  const beta = read("norm.bias");
  const taps = architecture.taps.map(({ block: at }) => {
    const patches = slice(outputs[at], [0, 1, 0], [1, rows * columns, architecture.hidden]);
    const { epsilon, normalizesTaps } = architecture;
    return normalizesTaps ? layerNorm(patches, gamma, beta, { epsilon }) : patches;
  });
  const maps = taps.map((tap, j) =>
    reassembled(reshape(tap, [1, rows, columns, architecture.hidden]), j, architecture, read),
  );
  const paths = fused(maps, read);
  return { g, image, embedded, taps, paths, map: output(paths[0], size, architecture, read) };
}

/** Patches of the image with their positions, after the class token. -> [1, 1 + h w, D]. */
function embeddings(
  g: Graph,
  image: Value,
  {
    architecture: { patch, hidden, grid },
    read,
    numbers,
    rule,
  }: {
    readonly architecture: Architecture;
    readonly read: Read;
    readonly numbers: (name: string) => Float32Array;
    readonly rule: PositionRule;
  },
): Value {
  const patches = conv2d(image, read("patches.weight"), read("patches.bias"), { stride: patch });
  const [, rows, columns] = patches.shape as readonly [number, number, number];
  const learnt = numbers("positions");
  const square = learnt.subarray(hidden);
  const positions = positionsAt(square, [grid, grid, hidden], [rows, columns], rule);
  const shape = [1, rows * columns, hidden];
  const placed = add(reshape(patches, shape), g.constant("positions", shape, positions));
  const token = numbers("class_token").map((value, i) => value + learnt[i]);
  return concat([g.constant("class_token", [1, 1, hidden], token), placed], 1);
}

/**
 * One block: x += s1 attention(norm(x)), then x += s2 mlp(norm(x)). The scales are multiplied into
 * the last matrix of either branch. x [1, L, D] -> the same.
 */
function block(
  x: Value,
  name: string,
  { heads, epsilon, qkvBias }: Architecture,
  read: Read,
  scaled: (name: string, part: string, scale: string) => Value,
): Value {
  const norm = (of: Value, part: string): Value =>
    layerNorm(of, read(`${name}.${part}.weight`), read(`${name}.${part}.bias`), { epsilon });
  const y = norm(x, "norm1");
  const [q, k, v] = ["query", "key", "value"].map((part) =>
    linear(y, read(`${name}.${part}.weight`), qkvBias ? read(`${name}.${part}.bias`) : null),
  );
  const attended = linear(
    attention(q, k, v, { heads }),
    scaled(name, "attended.weight", "scale1"),
    scaled(name, "attended.bias", "scale1"),
  );
  const z = add(x, attended);
  const inner = gelu(
    linear(norm(z, "norm2"), read(`${name}.mlp1.weight`), read(`${name}.mlp1.bias`)),
  );
  const outer = linear(
    inner,
    scaled(name, "mlp2.weight", "scale2"),
    scaled(name, "mlp2.bias", "scale2"),
  );
  return add(z, outer);
}

/** Row r of a matrix, or element r of a vector, times `by[r]`. */
function scaledRows(data: Float32Array, by: Float32Array): Float32Array {
  const columns = data.length / by.length;
  const result = new Float32Array(data.length);
  for (let row = 0, i = 0; row < by.length; row++) {
    for (const end = i + columns; i < end; i++) result[i] = data[i] * by[row];
  }
  return result;
}

/** A tap as a map of F channels at its own size. x [1, h, w, D] -> [1, factor h, factor w, F]. */
function reassembled(x: Value, j: number, { taps }: Architecture, read: Read): Value {
  const { factor } = taps[j];
  const name = `tap${j}`;
  let y = conv2d(x, read(`${name}.projection.weight`), read(`${name}.projection.bias`));
  if (factor !== 1) {
    const weight = read(`${name}.resize.weight`);
    const bias = read(`${name}.resize.bias`);
    y =
      factor > 1
        ? conv2dTranspose(y, weight, bias, { stride: factor })
        : conv2d(y, weight, bias, { stride: 1 / factor, pad: 1 });
  }
  return conv2d(y, read(`${name}.fusion.weight`), null, { pad: 1 });
}

/** Fuses maps from the coarsest to the finest, each at the size of the next, the last at twice its own. */
function fused(maps: readonly Value[], read: Read): Value[] {
  const unit = (x: Value, name: string): Value => {
    const layer = (of: Value, i: number): Value =>
      conv2d(relu(of), read(`${name}.${i}.weight`), read(`${name}.${i}.bias`), { pad: 1 });
    return add(layer(layer(x, 1), 2), x);
  };
  const paths: Value[] = [];
  for (let j = maps.length - 1; j >= 0; j--) {
    const name = `fusion${j}`;
    const coarser = paths[0];
    const sum = coarser === undefined ? maps[j] : add(coarser, unit(maps[j], `${name}.unit1`));
    const [, height, width] = (j > 0 ? maps[j - 1] : maps[j]).shape as [number, number, number];
    const to = j > 0 ? ([height, width] as const) : ([2 * height, 2 * width] as const);
    const wide = resizeBilinear(unit(sum, `${name}.unit2`), to, "align");
    paths.unshift(conv2d(wide, read(`${name}.projection.weight`), read(`${name}.projection.bias`)));
  }
  return paths;
}

/** The map of the finest path. x [1, h', w', F] -> [1, H, W, 1]. */
function output(x: Value, size: ImageSize, { output: kind }: Architecture, read: Read): Value {
  const layer = (of: Value, i: number, pad: number): Value =>
    conv2d(of, read(`head.${i}.weight`), read(`head.${i}.bias`), { pad });
  const wide = resizeBilinear(layer(x, 1, 1), [size.height, size.width], "align");
  const raw = layer(relu(layer(wide, 2, 1)), 3, 0);
  if (kind.kind === "metric_depth") return scaleShift(sigmoid(raw), kind.max_depth_m, 0);
  const map = relu(raw);
  return kind.factor === 1 ? map : scaleShift(map, kind.factor, 0);
}
