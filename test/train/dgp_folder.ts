// The same moments in two forms: a DDAD data set, and a folder with its JPEG files, its calibration
// and depth from its cloud, so that a test can ask whether the form changes the metres.
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { ddad } from "../../src/data/ddad.ts";
import type { DataSource } from "../../src/data/data_source.ts";

/** Images of one moment by camera. */
export type MomentImages = Readonly<Record<string, string>>;

/** Writes `root` as a folder data set of the cameras of `source`, with copies of these images. */
export function writeAsFolder(
  root: string,
  source: DataSource,
  moments: Readonly<Record<string, MomentImages>>,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const cameras = source.cameras.map(
    ({ name, width, height, fx, fy, cx, cy, rotation, translation_m }) => {
      return { name, width, height, fx, fy, cx, cy, rotation, translation_m };
    },
  );
  mkdirSync(root, { recursive: true });
  const ring = cameras.map(({ name }) => name);
  writeFileSync(join(root, "rig.json"), JSON.stringify({ cameras, ring, ...more }));
  for (const [moment, images] of Object.entries(moments)) {
    mkdirSync(join(root, "images", moment), { recursive: true });
    for (const [camera, file] of Object.entries(images)) {
      copyFileSync(file, join(root, "images", moment, camera + extname(file)));
    }
  }
}

/** Opens a DDAD set of one scene and finds the images of its first moment. */
export async function firstMoment(
  root: string,
  scene: string,
): Promise<{ readonly source: DataSource; readonly images: MomentImages }> {
  const source = await ddad(root, "train");
  const { id } = await source.identify(0);
  const stamp = basename(id);
  const images = Object.fromEntries(
    source.cameras.map(({ name }) => [name, join(root, scene, "rgb", name, `${stamp}.jpg`)]),
  );
  return { source, images };
}
