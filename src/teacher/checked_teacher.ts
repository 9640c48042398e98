// Checks the map of any teacher, because training on NaN or on numbers outside the expected range
// would fail silently.
import type { ImageSize } from "../data/camera.ts";
import type { RigSample } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import type { Teacher } from "./teacher.ts";

/**
 * The relative depth `[V, h, w]` of a sample. Throws InputError naming teacher, sample, camera and
 * pixel if the map has another size or a value is not in [0, 1].
 */
export async function teacherDepth(
  teacher: Teacher,
  sample: RigSample,
  size: ImageSize,
): Promise<Float32Array> {
  const map = await teacher.relativeDepth(sample, size);
  const plane = size.height * size.width;
  const at = `teacher ${teacher.name}, sample ${sample.id}`;
  if (!(map instanceof Float32Array) || map.length !== sample.cameras.length * plane) {
    throw new InputError(
      `${at}: its map is not a Float32Array of ${sample.cameras.length} x ${size.height} x ` +
        `${size.width} elements`,
    );
  }
  const bad = map.findIndex((value) => !(value >= 0 && value <= 1));
  if (bad >= 0) {
    const camera = sample.cameras[Math.floor(bad / plane)].name;
    const row = Math.floor(bad / size.width) % size.height;
    throw new InputError(
      `${at}, camera ${camera}: relative depth at row ${row}, column ${bad % size.width} is ` +
        `${map[bad]}; expected 0 to 1`,
    );
  }
  return map;
}
