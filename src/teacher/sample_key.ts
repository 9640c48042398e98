// The content of a sample as a key: everything that a teacher may look at.
import { createHash } from "node:crypto";
import type { RigSample } from "../data/rig_sample.ts";

/**
 * A hash of everything in a sample that a teacher may depend on: id, cameras, images, body, sparse
 * and dense depth.
 */
export function sampleKey(sample: RigSample): string {
  const { id, cameras, images, usable, sparse_depth_m, dense_depth_m } = sample;
  const calibrations = cameras.map((camera) => {
    const { name, width, height, fx, fy, cx, cy, rotation, translation_m } = camera;
    return [name, width, height, fx, fy, cx, cy, ...rotation, ...translation_m];
  });
  const hash = createHash("sha256").update(JSON.stringify([id, calibrations]));
  for (const array of [images, usable, sparse_depth_m, dense_depth_m]) {
    hash.update(`\n${array?.byteLength ?? "none"}\n`);
    if (array) hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }
  return hash.digest("hex");
}
