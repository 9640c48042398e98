// The moments of a DDAD set as files: which images, cloud and calibration belong together, each
// with a unique id. A broken moment does not affect the others. ddad.ts reads the images.
import { join, posix } from "node:path";
import { checkRelative } from "../formats/inside_root.ts";
import { InputError } from "../tensor/error.ts";
import { checkedCamera, ringOrder, type Camera } from "./camera.ts";
import {
  readCalibration,
  readScene,
  type BrokenDdadMoment,
  type CalibratedSensor,
  type DdadMoment,
  type Datum,
} from "./ddad_schema.ts";
import { looseKey } from "../formats/name_key.ts";
import type { BrokenMoment, LidarMoment } from "./lidar_moment.ts";
import type { BadSamples } from "./loader.ts";
import { refuseMasksIn } from "./masks.ts";
import { compose, inverse } from "./pose.ts";

/**
 * The moments of the scene files `scenes` (relative to `root`) in order; each either has all
 * cameras of the set or is broken. `allScenes` are those of every split, so that ids are the same
 * in each. Throws InputError for a scene that cannot be read, if no moment is complete and, with
 * "stop", for the first broken moment.
 */
export async function readMoments(
  root: string,
  scenes: readonly string[],
  allScenes: readonly string[],
  badSamples: BadSamples,
): Promise<{
  readonly moments: readonly (LidarMoment | BrokenMoment)[];
  readonly cameras: readonly Camera[];
}> {
  const prefixes = scenePrefixes(allScenes);
  const found: (LidarMoment | BrokenMoment)[] = [];
  for (const scene of scenes) {
    checkRelative(scene, join(root, "ddad.json"));
    found.push(...(await momentsOf(root, scene, prefixes.get(scene)!)));
  }
  if (found.length === 0) return { moments: [], cameras: [] };
  const cameras = commonCameras(found, badSamples);
  const moments = numberTwins(found).map((moment) => checkSameCameras(moment, cameras));
  for (const moment of moments) {
    if ("fault" in moment && badSamples === "stop") throw moment.fault;
  }
  return { moments, cameras };
}

/**
 * The prefix of a scene's ids: the name of its folder, or its whole path if two scenes share the
 * name.
 */
function scenePrefixes(scenes: readonly string[]): Map<string, string> {
  const short = (scene: string): string => posix.basename(folderOf(scene));
  const folders = new Map<string, Set<string>>();
  for (const scene of scenes) {
    folders.set(short(scene), (folders.get(short(scene)) ?? new Set()).add(folderOf(scene)));
  }
  return new Map(
    scenes.map((scene) => {
      const isOnly = folders.get(short(scene))!.size === 1;
      return [scene, isOnly ? short(scene) : folderOf(scene)];
    }),
  );
}

/** The folder of a scene below the root; a scene next to ddad.json keeps its file name. */
function folderOf(scene: string): string {
  const folder = posix.dirname(scene);
  return folder === "." ? posix.basename(scene, ".json") : posix.normalize(folder);
}

async function momentsOf(
  root: string,
  scene: string,
  prefix: string,
): Promise<(LidarMoment | BrokenMoment)[]> {
  const folder = posix.dirname(scene);
  const read = await readScene(root, scene);
  if (folder !== ".") await refuseMasksIn(join(root, folder), join(root, "masks", "CAMERA.png"));
  const calibrations = new Map<string, Promise<Sensors>>();
  const moments: (LidarMoment | BrokenMoment)[] = [];
  for (const [index, moment] of read.entries()) {
    const where = `${join(root, scene)}: samples[${index}]`;
    try {
      moments.push(await placeMoment(root, folder, prefix, moment, where, calibrations));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      moments.push({ fault: error });
    }
  }
  return moments;
}

/** The sensors of a calibration by `looseKey` of their names. */
type Sensors = ReadonlyMap<string, CalibratedSensor>;

async function placeMoment(
  root: string,
  folder: string,
  prefix: string,
  moment: DdadMoment | BrokenDdadMoment,
  where: string,
  calibrations: Map<string, Promise<Sensors>>,
): Promise<LidarMoment> {
  if ("fault" in moment) throw moment.fault;
  const { data, calibrationKey } = moment;
  // Not path.join, which would resolve a ".." before it can be checked.
  const calibration = `${folder}/calibration/${calibrationKey}.json`;
  const known = calibrations.get(calibrationKey);
  const read = known ?? readCalibration(root, calibration).then(byLooseName);
  calibrations.set(calibrationKey, read);
  const sensors = await read;
  const cloud = data.find(({ kind }) => kind === "point_cloud");
  if (!cloud) throw new InputError(`${where}: no point cloud`);
  const byCamera = new Map<string, { camera: Camera; image: Datum }>();
  for (const image of data.filter(({ kind }) => kind === "image")) {
    const camera = cameraOf(image, sensors, where, join(root, calibration));
    if (byCamera.has(camera.name)) {
      throw new InputError(`${where}: two images of camera ${camera.name}`);
    }
    byCamera.set(camera.name, { camera, image });
  }
  const ring = ringOrder([...byCamera.values()].map(({ camera }) => camera));
  const shots = ring.map((camera) => {
    const { image } = byCamera.get(camera.name)!;
    const cloudToCamera = compose(inverse(image.pose), cloud.pose);
    return { camera, file: `${folder}/${image.filename}`, cloudToCamera };
  });
  const front = shots[0];
  if (!front) throw new InputError(`${where}: no image`);
  for (const path of [...shots.map(({ file }) => file), `${folder}/${cloud.filename}`]) {
    checkRelative(path, where);
  }
  return {
    id: `${prefix}/${posix.parse(front.file).name}`,
    timestamp: byCamera.get(front.camera.name)!.image.timestamp,
    scene: prefix,
    shots,
    cloud: `${folder}/${cloud.filename}`,
    columns: cloud.point_format,
  };
}

function byLooseName(sensors: readonly CalibratedSensor[]): Sensors {
  return new Map(sensors.map((sensor) => [looseKey(sensor.name), sensor]));
}

function cameraOf(image: Datum, sensors: Sensors, where: string, calibrationFile: string): Camera {
  // DGP compares the names of sensors without regard to case.
  const sensor = sensors.get(looseKey(image.name));
  if (!sensor) {
    const known = [...sensors.values()].map(({ name }) => name).join(", ");
    throw new InputError(`${where}: unknown camera ${image.name}; ${calibrationFile} has ${known}`);
  }
  const { name, fx, fy, cx, cy, pose } = sensor;
  return checkedCamera(
    { name, width: image.width, height: image.height, fx, fy, cx, cy, ...pose },
    where,
  );
}

function cameraNames(moment: LidarMoment): string[] {
  return moment.shots.map(({ camera }) => camera.name);
}

/**
 * The cameras of the set: those of the first moment or, if bad samples are skipped, those that most
 * moments have. Throws the first moment's fault if no moment is complete.
 */
function commonCameras(
  moments: readonly (LidarMoment | BrokenMoment)[],
  badSamples: BadSamples,
): readonly Camera[] {
  const whole = moments.filter((moment): moment is LidarMoment => !("fault" in moment));
  const first = moments[0];
  if ("fault" in first && (badSamples === "stop" || whole.length === 0)) throw first.fault;
  const counts = new Map<string, number>();
  const key = (moment: LidarMoment): string => JSON.stringify(cameraNames(moment));
  for (const moment of whole) counts.set(key(moment), (counts.get(key(moment)) ?? 0) + 1);
  const most = Math.max(...counts.values());
  const chosen =
    badSamples === "stop" ? whole[0] : whole.find((moment) => counts.get(key(moment)) === most)!;
  return chosen.shots.map(({ camera }) => camera);
}

function checkSameCameras(
  moment: LidarMoment | BrokenMoment,
  cameras: readonly Camera[],
): LidarMoment | BrokenMoment {
  if ("fault" in moment) return moment;
  const own = cameraNames(moment);
  const expected = cameras.map(({ name }) => name);
  if (JSON.stringify(own) === JSON.stringify(expected)) return moment;
  const [has, others] = [own.join(", "), expected.join(", ")];
  return {
    fault: new InputError(`sample ${moment.id}: cameras ${has}; other samples have ${others}`),
  };
}

/**
 * The moments with unique ids: if the images of two have the same name, the later one gets a
 * number.
 */
function numberTwins(
  moments: readonly (LidarMoment | BrokenMoment)[],
): (LidarMoment | BrokenMoment)[] {
  const seen = new Map<string, number>();
  return moments.map((moment) => {
    if ("fault" in moment) return moment;
    const before = seen.get(moment.id) ?? 0;
    seen.set(moment.id, before + 1);
    return before === 0 ? moment : { ...moment, id: `${moment.id}/${before}` };
  });
}
