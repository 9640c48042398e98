// The golden vectors of Depth Anything (test/golden/depth_anything.py): weights, config, stages.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toFloat32 } from "../../../src/formats/elements.ts";
import { readSafetensors } from "../../../src/formats/safetensors.ts";
import type { Shape } from "../../../src/tensor/shape.ts";

/** The folder of the tiny network. */
export const TINY: string = fileURLToPath(new URL("../../golden/depth_anything", import.meta.url));

/** A golden tensor. */
export interface Golden {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** The golden tensors by name. */
export function goldenVectors(folder: string = TINY, stem = "vectors"): Map<string, Golden> {
  const file = `${folder}/${stem}.safetensors`;
  const { tensors } = readSafetensors(readFileSync(file), file);
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [name, { shape, data: toFloat32(data) }]),
  );
}

/** |a - b| / |b|, Euclidean. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let [difference, length] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    difference += (got[i] - want[i]) ** 2;
    length += want[i] ** 2;
  }
  return Math.sqrt(difference / length);
}
