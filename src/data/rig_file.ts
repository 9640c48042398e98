// rig.json: the cameras of a folder of images (folder.ts describes it), also as a page reads it.
import * as z from "zod";
import { parseJsonAs } from "../formats/json_schema.ts";
import { looseKey, nameKey } from "../formats/name_key.ts";
import { InputError } from "../tensor/error.ts";
import { checkedCamera, ringOrder, type Camera } from "./camera.ts";

/** The content of a rig.json. */
export interface RigFile {
  readonly cameras: readonly Camera[];
  readonly ring?: readonly string[] | null | undefined;
  readonly held_out: readonly string[];
  readonly min_m: number;
  readonly cap_m: number;
}

/** A rig.json whose cameras are checked and in ring order. */
export type Rig = Omit<RigFile, "ring">;

/** The schema of a rig.json; `checkedRig` checks the rest. */
export const rigFile: z.ZodType<RigFile> = z.strictObject({
  cameras: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        width: z.number(),
        height: z.number(),
        fx: z.number(),
        fy: z.number(),
        cx: z.number(),
        cy: z.number(),
        rotation: z.tuple([z.number(), z.number(), z.number(), z.number()]),
        translation_m: z.tuple([z.number(), z.number(), z.number()]),
      }),
    )
    .min(1),
  // Null is how some writers say that there is no value.
  ring: z.array(z.string()).nullish(),
  held_out: z
    .array(z.string())
    .nullish()
    .transform((names) => names ?? []),
  min_m: z
    .number()
    .positive()
    .nullish()
    .transform((depth_m) => depth_m ?? 0.1),
  cap_m: z
    .number()
    .positive()
    .nullish()
    .transform((depth_m) => depth_m ?? 80),
});

/** The rig in the text of `file`; throws InputError naming file, camera and field. */
export function parseRig(text: string, file: string): Rig {
  return checkedRig(parseJsonAs(text, file, rigFile), file);
}

/** Throws InputError for an empty range of depth, a broken camera and a ring of other cameras. */
export function checkedRig({ ring, ...rig }: RigFile, file: string): Rig {
  if (rig.cap_m <= rig.min_m) {
    throw new InputError(
      `${file}: cap_m ${rig.cap_m} is not above min_m ${rig.min_m}; no depth lies between`,
    );
  }
  return { ...rig, cameras: orderedCameras(rig.cameras, ring, file) };
}

function orderedCameras(
  written: readonly Camera[],
  ring: readonly string[] | null | undefined,
  file: string,
): Camera[] {
  const cameras = new Map<string, Camera>();
  const known = new Map<string, string>();
  for (const camera of written) {
    const name = nameKey(camera.name);
    const twin = known.get(looseKey(name));
    if (twin === name) throw new InputError(`${file}: camera ${name} appears twice`);
    if (twin !== undefined) {
      throw new InputError(`${file}: cameras ${twin} and ${name} differ in case only; rename one`);
    }
    known.set(looseKey(name), name);
    cameras.set(name, checkedCamera({ ...camera, name }, file));
  }
  if (!ring) return ringOrder([...cameras.values()]);
  const seen = new Set<string>();
  const ordered = ring.map(nameKey).map((name) => {
    const camera = cameras.get(name);
    if (!camera)
      throw new InputError(`${file}: ring: unknown camera ${name}; ${namesOf(cameras.keys())}`);
    if (seen.has(name)) throw new InputError(`${file}: ring: ${name} appears twice`);
    seen.add(name);
    return camera;
  });
  const left = [...cameras.keys()].find((name) => !seen.has(name));
  if (left !== undefined) throw new InputError(`${file}: ring: camera ${left} is missing`);
  return ordered;
}

/** The cameras of a rig.json, for errors. */
export function namesOf(names: Iterable<string>): string {
  return `rig.json has ${[...names].join(", ")}`;
}
