// Pretrained weights of a residual encoder, from a safetensors file into the store of a new run.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { readBytes } from "../formats/atomic_file.ts";
import { toFloat32 } from "../formats/elements.ts";
import { readSafetensors, type StoredTensor } from "../formats/safetensors.ts";
import type { CpuStore } from "../graph/cpu_store.ts";
import type { Resnet } from "../student/encoder.ts";
import { pretrainedEncoder, type PretrainedTensor } from "../student/pretrained.ts";
import { InputError } from "../tensor/error.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { FLOAT_DTYPES } from "./trained/tensors.ts";

/** The file of a folder as model hubs have it. */
const MODEL_FILE = "model.safetensors";

/**
 * Puts the encoder of a pretrained ResNet into the store of a student: convolutions `[O,C,k,k]`
 * become `[O,k,k,C]`, the first with zeros for the channels beyond red, green and blue; batch norms
 * keep their weights and running statistics. `path` is a file or a folder with `model.safetensors`.
 * Returns the tensors of the file that are not used. Throws InputError naming file and tensors.
 */
export async function loadPretrained(
  path: string,
  resnet: Resnet,
  store: CpuStore,
): Promise<readonly string[]> {
  const info = await stat(path).catch(() => null);
  const file = info?.isDirectory() === true ? join(path, MODEL_FILE) : path;
  const bytes = await readBytes(file);
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    throw new InputError(
      `${file}: is a zip archive, as PyTorch writes .pth and .bin files; save its tensors as safetensors`,
    );
  }
  const stored = readSafetensors(bytes, file).tensors;
  const shapes = new Map([...stored].map(([tensor, { shape }]) => [tensor, shape]));
  const { tensors, left_out } = pretrainedEncoder(shapes, resnet, file);
  // All of them are checked before the first one is copied.
  const values = tensors.map((one) => ({ ...one, values: read(stored.get(one.from)!, one, file) }));
  for (const { to, kind, shape, values: given } of values) {
    if (kind === "state") {
      store.states.get(to)!.set(given);
      continue;
    }
    const slot = store.layout.byName.get(to)!;
    const target = store.arenas.parameters.subarray(slot.offset, slot.offset + slot.size);
    if (shape.length === 1) target.set(given);
    else toChannelsLast(given, shape, target, slot.shape[3]);
  }
  return left_out;
}

/** The numbers of a tensor; throws InputError unless they are finite, and variances at least 0. */
function read(
  { dtype, data }: StoredTensor,
  { from, to }: PretrainedTensor,
  file: string,
): Float32Array {
  if (!FLOAT_DTYPES.includes(dtype)) {
    throw new InputError(`${file}: ${from} is ${dtype}; expected ${FLOAT_DTYPES.join(", ")}`);
  }
  const values = toFloat32(data);
  const least = to.endsWith("variance") ? 0 : -Infinity;
  const bad = values.findIndex((value) => !Number.isFinite(value) || value < least);
  if (bad < 0) return values;
  throw new InputError(
    `${file}: ${from}: element ${bad} of ${values.length} is ${values[bad]}; expected a finite ` +
      (least === 0 ? "variance of at least 0" : "number"),
  );
}

/** weight [O, C, kh, kw] -> target [O, kh, kw, channels], zeros in the channels from C on. */
function toChannelsLast(
  weight: Float32Array,
  [outputs, inputs, height, width]: Shape,
  target: Float64Array,
  channels: number,
): void {
  if (target.length !== size([outputs, height, width, channels])) {
    throw new Error("toChannelsLast: the target has another size");
  }
  target.fill(0);
  const pixels = height * width;
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < inputs; c++) {
      for (let pixel = 0; pixel < pixels; pixel++) {
        target[(o * pixels + pixel) * channels + c] = weight[(o * inputs + c) * pixels + pixel];
      }
    }
  }
}
