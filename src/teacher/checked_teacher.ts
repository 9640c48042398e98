// Checks the maps of any teacher: without it, training on NaN or on a number out of range would
// continue in silence.
import type { ImageSize } from "../data/camera.ts";
import type { RigSample } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import {
  mapChannels,
  TEACHER_MAPS,
  type Teacher,
  type TeacherMap,
  type TeacherMaps,
} from "./teacher.ts";

/** The name of a map in errors, and the numbers that it may hold. */
interface MapRule {
  readonly word: string;
  readonly expected: string;
  readonly holds: (value: number) => boolean;
}

const RULES: Readonly<Record<TeacherMap, MapRule>> = {
  index: { word: "relative depth", expected: "0 to 1", holds: (v) => v >= 0 && v <= 1 },
  pi: { word: "pi", expected: "0 to 1", holds: (v) => v >= 0 && v <= 1 },
  t: { word: "t", expected: "a finite number above 0", holds: (v) => v > 0 && v < Infinity },
  centers: {
    word: "centre",
    expected: "a finite number above 0",
    holds: (v) => v > 0 && v < Infinity,
  },
  embedding: { word: "embedding", expected: "a finite number", holds: Number.isFinite },
  depth_m: {
    word: "depth in metres",
    expected: "a finite number, 0 for none",
    holds: (v) => v >= 0 && v < Infinity,
  },
  mask: { word: "mask", expected: "0 or 1", holds: (v) => v === 0 || v === 1 },
};

/**
 * The maps of a sample `[V, h, w, C]` by name; `bins` is K of the student. Throws InputError naming
 * teacher, sample, camera and pixel where a declared map is missing, a map is not declared or of
 * another size, or a value is out of range.
 */
export async function checkedMaps(
  teacher: Teacher,
  sample: RigSample,
  size: ImageSize,
  bins: number,
): Promise<TeacherMaps> {
  const maps = await teacher.maps(sample, size);
  const channels = mapChannels(teacher.parts, bins);
  const at = `teacher ${teacher.name}, sample ${sample.id}`;
  const extra = TEACHER_MAPS.find((name) => maps[name] !== undefined && !channels.has(name));
  if (extra !== undefined) {
    throw new InputError(`${at}: gives the map ${extra}, which its parts do not declare`);
  }
  for (const [name, count] of channels) {
    const map = maps[name];
    if (map === undefined) throw new InputError(`${at}: lacks the map ${name}, which it declares`);
    const axes = [sample.cameras.length, size.height, size.width, ...(count > 1 ? [count] : [])];
    const length = axes.reduce((product, axis) => product * axis, 1);
    if (!(map instanceof Float32Array) || map.length !== length) {
      throw new InputError(
        `${at}: its map ${name} is not a Float32Array of ${axes.join(" x ")} elements`,
      );
    }
    const { word, expected, holds } = RULES[name];
    const bad = map.findIndex((value) => !holds(value));
    if (bad < 0) continue;
    const pixel = Math.floor(bad / count);
    const camera = sample.cameras[Math.floor(pixel / (size.height * size.width))].name;
    const row = Math.floor(pixel / size.width) % size.height;
    const channel = count > 1 ? `, channel ${bad % count}` : "";
    throw new InputError(
      `${at}, camera ${camera}: ${word} at row ${row}, column ${pixel % size.width}${channel} is ` +
        `${map[bad]}; expected ${expected}`,
    );
  }
  return maps;
}
