// The surround panorama: one picture of all cameras as a viewer inside the vehicle would meet them,
// left to right, with what the student and its teacher make of them below. Its layout and lettering
// are in panorama_layout.ts.
import { yaw, type Camera, type ImageSize } from "../data/camera.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { predictionAt, viewOf, type DepthMap } from "../evaluate/sample_depth.ts";
import { InputError } from "../tensor/error.ts";
import { depthPicture } from "./depth_picture.ts";
import { depthColors, type DepthScale } from "./depth_colors.ts";
import { dotPicture, errorColors, relativePicture } from "./panorama_cells.ts";
import { layOutPanorama, type PanoramaRow } from "./panorama_layout.ts";
import { resizePicture, type Picture } from "./picture.ts";

/** Maps `[V, H, W]` of the cameras of a sample, at a size of their own. */
export interface RigMaps extends ImageSize {
  readonly values: Float32Array;
}

/** The maps that the panorama shows besides the images of a sample. */
export interface PanoramaMaps {
  /** Predicted depth in metres. */
  readonly student_m: RigMaps;
  /** The teacher's relative depth, ascending with distance, any unit: a range for each view. */
  readonly teacher?: RigMaps;
}

// Columns of the six cells of a ring together; other rigs share them, up to twice as wide.
const TOTAL_WIDTH = 1920;
const CELL_WIDTHS = [240, 640] as const;

// A camera that looks further left than this is at the right end: the ring is cut between the
// left rear cameras (nuScenes 109, DDAD 124 degrees) and the one that looks back (180).
const CUT_DEG = 150;

/** Yaw of a camera in degrees, positive to the left, in (CUT - 360, CUT]. */
export function panoramaYaw_deg(camera: Camera): number {
  const degrees = (yaw(camera) * 180) / Math.PI;
  return degrees > CUT_DEG ? degrees - 360 : degrees;
}

/**
 * Indices of the cameras from left to right by yaw: back left, front left, front, front right, back
 * right, back.
 */
export function panoramaOrder(cameras: readonly Camera[]): number[] {
  const angles = cameras.map(panoramaYaw_deg);
  return [...angles.keys()].toSorted((a, b) => angles[b] - angles[a]);
}

/**
 * The panorama of one moment: rows image, teacher (if given), student, and, where the sample has
 * truth, truth and signed relative error (prediction - truth) / truth.
 *
 * Throws InputError for maps that do not fit the sample.
 */
export async function panorama(
  sample: RigSample,
  maps: PanoramaMaps,
  scale: DepthScale,
): Promise<Picture> {
  const [views, height, width] = sampleShape(sample);
  const student = mapOf("student_m", maps.student_m, views);
  const [narrow, wide] = CELL_WIDTHS;
  const cellWidth = Math.round(Math.min(wide, Math.max(narrow, TOTAL_WIDTH / views)));
  const cell = { height: Math.round((cellWidth * height) / width), width: cellWidth };
  const order = panoramaOrder(sample.cameras);
  const row = (label: string, draw: (view: number) => Picture): PanoramaRow => ({
    label,
    cells: order.map(draw),
  });

  const photographs = order.map((view) => resizePicture(imageOf(sample, view), cell));
  const rows: PanoramaRow[] = [{ label: "image", cells: await Promise.all(photographs) }];
  if (maps.teacher) {
    const teacher = mapOf("teacher", maps.teacher, views);
    rows.push(row("teacher", (view) => relativePicture(teacher(view), cell)));
  }
  rows.push(row("student", (view) => depthPicture(student(view), scale, cell)));
  const truths = sample.groundTruth;
  const showsError = truths.some(({ pixels }) => pixels.length > 0);
  if (showsError) {
    rows.push(
      row("truth", (view) => {
        const truth = truths[view];
        return dotPicture(truth, depthColors(truth.depth_m, scale), cell);
      }),
      row("error", (view) => {
        const truth = truths[view];
        return dotPicture(
          truth,
          errorColors(predictionAt(student(view), truth), truth.depth_m),
          cell,
        );
      }),
    );
  }
  const columns = order.map((view) => {
    const camera = sample.cameras[view];
    return { name: camera.name, yaw_deg: panoramaYaw_deg(camera) };
  });
  return layOutPanorama({ columns, rows, cell, scale, showsError });
}

/** The maps of a rig by view, once their length fits. */
function mapOf(field: string, maps: RigMaps, views: number): (view: number) => DepthMap {
  const { values, height, width } = maps;
  if (values.length !== views * height * width) {
    throw new InputError(
      `panorama: ${field} has ${values.length} elements; expected [${views}, ${height}, ${width}]`,
    );
  }
  return (view) => viewOf(values, maps, view);
}

function imageOf(sample: RigSample, view: number): Picture {
  const [, height, width] = sampleShape(sample);
  const length = height * width * 3;
  return { height, width, rgb: sample.images.subarray(view * length, (view + 1) * length) };
}
