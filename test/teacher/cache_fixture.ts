// A teacher that counts how often it is asked, and the moments that it is asked about.
import { builtinRig } from "../../src/data/builtin_rig.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { builtinTeacher } from "../../src/teacher/builtin_teacher.ts";
import type { Teacher } from "../../src/teacher/teacher.ts";

const MOMENTS = 5;
/** Size of the maps; images are twice as large. */
export const CACHE_SIZE = { height: 16, width: 32 };

/** The moments of a small rig. */
export async function cacheSamples(): Promise<RigSample[]> {
  const rig = builtinRig({ split: "train", seed: 0, moments: MOMENTS });
  const size = { height: 2 * CACHE_SIZE.height, width: 2 * CACHE_SIZE.width };
  return await Promise.all(
    Array.from({ length: MOMENTS }, async (_, index) => await rig.sample(index, size)),
  );
}

/** The built-in teacher with metres that say for each pixel nothing but that it was asked. */
export function countingTeacher(identity = "counting"): {
  readonly teacher: Teacher;
  readonly asked: () => number;
} {
  const own = builtinTeacher(0);
  let asked = 0;
  const teacher: Teacher = {
    name: "counting",
    parts: { ...own.parts, depth_m: true },
    identity: async () => await Promise.resolve(identity),
    maps: async (sample, size) => {
      asked++;
      const { index } = await own.maps(sample, size);
      if (index === undefined) throw new Error("the built-in teacher gives an index");
      return { index, depth_m: index.map((place) => 80 * place) };
    },
  };
  return { teacher, asked: () => asked };
}
