// The index of a teacher that gives one.
import type { ImageSize } from "../../src/data/camera.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import type { Teacher } from "../../src/teacher/teacher.ts";

/** The place of each pixel among the bins, `[V, h, w]`. */
export async function indexOf(
  teacher: Teacher,
  sample: RigSample,
  size: ImageSize,
): Promise<Float32Array> {
  const { index } = await teacher.maps(sample, size);
  if (index === undefined) throw new Error(`${teacher.name} gives no index`);
  return index;
}
