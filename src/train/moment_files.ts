// The files of one predicted moment: depth for programs (16-bit PNG, npy, PLY) and for people
// (colour PNG, panorama). `predict` writes all of them, a run folder the pictures only.
//
// Names of moments and cameras come from data: `pathName` makes each a harmless part of a path, and
// no two moments or cameras share a file. Files that ringdepth did not write are never replaced.
import { join } from "node:path";
import type { DataSource } from "../data/data_source.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { cameraStems, momentFolders, RIG_FILES } from "../evaluate/prediction_names.ts";
import { viewOf } from "../evaluate/sample_depth.ts";
import { writeColorPng } from "../formats/color_png.ts";
import { writeNpy } from "../formats/npy.ts";
import { makeOutFolder, OWN_FILES, writeOwnFiles, type OwnFile } from "../formats/own_files.ts";
import { pathName, pathNames } from "../formats/path_name.ts";
import { writePly } from "../formats/ply.ts";
import { writeDepthPng } from "../formats/png16.ts";
import { writeDepthPicture } from "../report/depth_picture.ts";
import { depthScale } from "../report/depth_colors.ts";
import { panorama, type RigMaps } from "../report/panorama.ts";
import type { Picture } from "../report/picture.ts";
import { pointCloud } from "../report/point_cloud.ts";
import { InputError } from "../tensor/error.ts";
import { printable } from "../tensor/printable.ts";

/** One moment with the student's depth `[V, H, W]` in metres, at the size of the sample. */
export interface PredictedMoment {
  readonly sample: RigSample;
  readonly depth_m: Float32Array;
  /** The teacher's relative depth, for the panorama. */
  readonly teacher?: RigMaps;
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

/** Writes moments one by one, each under names of its own. */
export interface MomentWriter<Result> {
  readonly write: (moment: PredictedMoment) => Promise<Result>;
}

/**
 * Writes pictures into `folder`: for each moment, `MOMENT_CAMERA.png` in colour for every camera,
 * and `MOMENT_panorama.png`, which it returns. If a foreign file has such a name, nothing of the
 * moment is written and `onRefused` receives the reason: a report can do without it.
 */
export function pictureWriter(
  folder: string,
  source: Pick<DataSource, "protocol">,
  onRefused: (message: string) => void,
): MomentWriter<Picture> {
  const names = pathNames([OWN_FILES], [".png"]);
  const scale = depthScale(source.protocol.cap_m);
  const write = async (moment: PredictedMoment): Promise<Picture> => {
    const { sample, depth_m } = moment;
    const [, height, width] = sampleShape(sample);
    const fileOf = (what: string, ending: string): string => {
      const plain = [...sample.id.split("/"), ending].map(pathName).join("_");
      return `${names.of(JSON.stringify([what, sample.id, ending]), plain)}.png`;
    };
    const picture = await momentPanorama(moment, source);
    const files = [{ name: fileOf("all", "panorama"), bytes: await pictureBytes(picture) }];
    for (const [view, camera] of sample.cameras.entries()) {
      const map = viewOf(depth_m, { height, width }, view);
      const bytes = await writeDepthPicture(map, scale);
      files.push({ name: fileOf("camera", camera.name), bytes });
    }
    try {
      await makeOutFolder(folder, true);
      await writeOwnFiles(folder, files);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      onRefused(`no pictures of moment ${sample.id}: ${error.message}`);
    }
    return picture;
  };
  return { write };
}

/**
 * Writes everything of a moment into its own folder below `out`, whose path it returns: for each
 * camera `CAMERA.png` (16 bit, metres x 256), `CAMERA_color.png` and `CAMERA.npy` (f32 `[H, W]` in
 * metres); for the rig `points.ply` in the vehicle frame and `panorama.png`. If a foreign file has
 * such a name, rejects with InputError and writes nothing of the moment.
 */
export function predictionWriter(
  out: string,
  source: Pick<DataSource, "protocol">,
): MomentWriter<string> {
  const folders = momentFolders();
  const write = async (moment: PredictedMoment): Promise<string> => {
    const folder = join(out, folders.of(moment.sample.id));
    const files = await predictionFiles(moment, source);
    await makeOutFolder(out, true);
    await makeOutFolder(folder, false);
    await writeOwnFiles(folder, files);
    return folder;
  };
  return { write };
}

async function predictionFiles(
  moment: PredictedMoment,
  source: Pick<DataSource, "protocol">,
): Promise<Required<OwnFile>[]> {
  const { sample, depth_m } = moment;
  const [, height, width] = sampleShape(sample);
  const size = { height, width };
  const { cap_m } = source.protocol;
  const { cameras, images, usable } = sample;
  const cloud = pointCloud({ ...size, depth_m, images, usable }, cameras, cap_m);
  const comments = [
    `ringdepth, moment ${printable(sample.id)}`,
    "vehicle frame: x forward, y left, z up, metres",
  ];
  const [cloudFile, panoramaFile] = RIG_FILES;
  const files = [
    { name: cloudFile as string, bytes: writePly(cloud, comments) },
    { name: panoramaFile, bytes: await pictureBytes(await momentPanorama(moment, source)) },
  ];
  for (const [view, stem] of cameraStems(cameras).entries()) {
    const own_m = depth_m.slice(view * height * width, (view + 1) * height * width);
    const map = { ...size, depth_m: own_m };
    files.push(
      { name: `${stem}.png`, bytes: await writeDepthPng(map) },
      { name: `${stem}_color.png`, bytes: await writeDepthPicture(map, depthScale(cap_m)) },
      { name: `${stem}.npy`, bytes: writeNpy(own_m, [height, width]) },
    );
  }
  return files;
}

async function pictureBytes({ rgb, height, width }: Picture): Promise<Uint8Array> {
  return await writeColorPng(rgb, height, width);
}
