// Weights of networks of published widths, too many to commit: each is a hash of its tensor's name in
// Hugging Face's naming and of its place. test/golden/depth_anything_published.py makes the same.
import { namedTensors, type Naming } from "../../../src/teacher/foundation/tensor_names.ts";
import type { Architecture } from "../../../src/teacher/foundation/architecture.ts";
import type { WeightFiles, WeightTensor } from "../../../src/teacher/foundation/weight_files.ts";
import { size, type Shape } from "../../../src/tensor/shape.ts";

/** Depth Anything V2 Small. */
export const SMALL: Architecture = published(384, 12, 6, [2, 5, 8, 11], [48, 96, 192, 384], 64);
/** Depth Anything V2 Large, but for its number of blocks. */
export const LARGE_OF_4: Architecture = published(
  1024,
  4,
  16,
  [0, 1, 2, 3],
  [256, 512, 1024, 1024],
  256,
);

function published(
  hidden: number,
  blocks: number,
  heads: number,
  taps: readonly number[],
  channels: readonly number[],
  fusion: number,
): Architecture {
  return {
    hidden,
    blocks,
    heads,
    mlp: 4 * hidden,
    patch: 14,
    grid: 37,
    epsilon: 1e-6,
    qkvBias: true,
    normalizesTaps: true,
    taps: taps.map((block, j) => ({ block, channels: channels[j], factor: [4, 2, 1, 0.5][j] })),
    fusion,
    headHidden: 32,
    output: { kind: "disparity", factor: 1 },
  };
}

/** Numbers from -1 to below 1, exact in float32. */
export function uniform(name: string, count: number): Float32Array {
  let seed = 2166136261;
  for (let i = 0; i < name.length; i++) seed = Math.imul(seed ^ name.charCodeAt(i), 16777619);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let x = (seed + Math.imul(i, 0x9e3779b9)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    values[i] = ((x ^ (x >>> 16)) >>> 8) / 2 ** 23 - 1;
  }
  return values;
}

function weight(name: string, shape: Shape): Float32Array {
  const isMatrix = shape.length >= 2 && !/position|token/.test(name);
  const isTransposed = name.includes("resize") && shape.at(-1) !== 3;
  const fanIn = isTransposed ? shape[0] : size(shape.slice(1));
  let [offset, scale] = [0, 0.5];
  if (isMatrix) scale = 2 / Math.sqrt(fanIn);
  else if (name.includes("lambda1")) [offset, scale] = [0.4, 0.2];
  else if (/norm.*weight$/.test(name)) [offset, scale] = [1, 0.3];
  const values = uniform(name, size(shape));
  for (let i = 0; i < values.length; i++) values[i] = offset + scale * values[i];
  return values;
}

/** The files of a network of such weights; `bias` is that of the head's last layer. */
export function randomFiles(
  architecture: Architecture,
  naming: Naming,
  config: object | null,
  bias: Float32Array,
): WeightFiles {
  const parts = new Map<string, { readonly shape: Shape; readonly data: Float32Array }[]>();
  for (const { huggingface, shape, isUnused, ...names } of namedTensors(architecture)) {
    if (isUnused === true) continue;
    const data = huggingface === "head.conv3.bias" ? bias : weight(huggingface, shape);
    const name = naming === "huggingface" ? huggingface : names.original;
    parts.set(name, [...(parts.get(name) ?? []), { shape, data }]);
  }
  const file = "random.safetensors";
  const stored = (shape: Shape, data: Float32Array): WeightTensor => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { file, shape, dtype: "F32", data, bytes };
  };
  const tensors = [...parts].map(([name, thirds]): [string, WeightTensor] => {
    const [{ shape, data }] = thirds;
    if (thirds.length === 1) return [name, stored(shape, data)];
    // query, key and value are one tensor in the original naming
    const whole = new Float32Array(thirds.length * data.length);
    thirds.forEach((third, i) => whole.set(third.data, i * data.length));
    const rows = [thirds.length * shape[0], ...shape.slice(1)];
    return [name, stored(rows, whole)];
  });
  const place = "config.json";
  return {
    file,
    tensors: new Map(tensors),
    config: config && { file: place, value: config },
    digest: "random",
  };
}
