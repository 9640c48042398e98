// The files of one predicted moment: depth for programs (16-bit PNG, npy, PLY) and for people
// (colour PNG, panorama). `predict` writes all of them, a run folder the pictures only.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { DataSource } from "../data/data_source.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { viewOf } from "../evaluate/sample_depth.ts";
import { writeFileAtomically } from "../formats/atomic_file.ts";
import { writeColorPng } from "../formats/color_png.ts";
import { writeNpy } from "../formats/npy.ts";
import { writePly } from "../formats/ply.ts";
import { writeDepthPng } from "../formats/png16.ts";
import { depthScale, writeDepthPicture } from "../report/depth_picture.ts";
import { panorama, type RigMaps } from "../report/panorama.ts";
import type { Picture } from "../report/picture.ts";
import { pointCloud } from "../report/point_cloud.ts";

/** One moment with the student's depth `[V, H, W]` in metres, at the size of the sample. */
export interface PredictedMoment {
  readonly sample: RigSample;
  readonly depth_m: Float32Array;
  /** The teacher's relative depth, for the panorama. */
  readonly teacher?: RigMaps;
}

/** The id of a sample as the name of a file or folder. */
export function momentName(id: string): string {
  return id.replace(/[^A-Za-z0-9._-]+/g, "_");
}

/** The panorama of a moment of `source`. */
async function momentPanorama(
  moment: PredictedMoment,
  { protocol }: Pick<DataSource, "protocol">,
): Promise<Picture> {
  const { sample, depth_m, teacher } = moment;
  const [, height, width] = sampleShape(sample);
  const maps = { student_m: { height, width, values: depth_m }, ...(teacher && { teacher }) };
  return await panorama(sample, maps, depthScale(protocol.cap_m));
}

/** Writes `MOMENT_CAMERA.png` in colour for every camera, and `MOMENT_panorama.png`. */
export async function writeMomentPictures(
  folder: string,
  moment: PredictedMoment,
  source: Pick<DataSource, "protocol">,
): Promise<Picture> {
  const { sample, depth_m } = moment;
  const [, height, width] = sampleShape(sample);
  const name = momentName(sample.id);
  const scale = depthScale(source.protocol.cap_m);
  await mkdir(folder, { recursive: true });
  for (const [view, camera] of sample.cameras.entries()) {
    const map = viewOf(depth_m, { height, width }, view);
    const file = join(folder, `${name}_${camera.name}.png`);
    await writeFileAtomically(file, await writeDepthPicture(map, scale));
  }
  const picture = await momentPanorama(moment, source);
  await writePicture(join(folder, `${name}_panorama.png`), picture);
  return picture;
}

/**
 * Writes everything of a moment into `folder`: of each camera `CAMERA.png` (16 bit, metres x 256),
 * `CAMERA_color.png` and `CAMERA.npy` (f32 `[H, W]` in metres); of the rig `points.ply` in the
 * vehicle frame and `panorama.png`.
 */
export async function writeMoment(
  folder: string,
  moment: PredictedMoment,
  source: Pick<DataSource, "protocol">,
): Promise<void> {
  const { sample, depth_m } = moment;
  const [, height, width] = sampleShape(sample);
  const size = { height, width };
  const { cap_m } = source.protocol;
  await mkdir(folder, { recursive: true });
  for (const [view, camera] of sample.cameras.entries()) {
    const stem = join(folder, camera.name);
    const own_m = depth_m.slice(view * height * width, (view + 1) * height * width);
    const map = { ...size, depth_m: own_m };
    await writeFileAtomically(`${stem}.png`, await writeDepthPng(map));
    await writeFileAtomically(`${stem}_color.png`, await writeDepthPicture(map, depthScale(cap_m)));
    await writeFileAtomically(`${stem}.npy`, writeNpy(own_m, [height, width]));
  }
  const { cameras, images, usable } = sample;
  const cloud = pointCloud({ ...size, depth_m, images, usable }, cameras, cap_m);
  const comments = [
    `ringdepth, moment ${sample.id}`,
    "vehicle frame: x forward, y left, z up, metres",
  ];
  await writeFileAtomically(join(folder, "points.ply"), writePly(cloud, comments));
  await writePicture(join(folder, "panorama.png"), await momentPanorama(moment, source));
}

async function writePicture(file: string, { rgb, height, width }: Picture): Promise<void> {
  await writeFileAtomically(file, await writeColorPng(rgb, height, width));
}
