// Where the vehicle of a made set is in the world, and its images and JSON as bytes. Between the LiDAR
// and the images the vehicle drives on, as a real one does.
import { createHash } from "node:crypto";
import sharp from "sharp";
import { checkedPose, type Pose } from "../pose.ts";
import { sampleShape, type RigSample } from "../rig_sample.ts";

/** Vehicle -> world at the time of the LiDAR and of the images of a moment. */
export interface Drive {
  readonly lidar: Pose;
  readonly images: Pose;
}

const START_M = [411.25, 1180.5] as const;
const SPEED_MS = 8;
const TURN_RAD_S = 0.1;
const BETWEEN_MOMENTS_S = 0.5;
const LIDAR_TO_IMAGES_S = 0.04;

/** The drive at moment `index` of a scene. */
export function driveAt(index: number): Drive {
  const at = (time_s: number): Pose => {
    const yaw = 0.7 + TURN_RAD_S * time_s;
    const rotation = [Math.cos(yaw / 2), 0, 0, Math.sin(yaw / 2)] as const;
    const [x, y] = START_M;
    const way_m = SPEED_MS * time_s;
    const translation_m = [x + way_m * Math.cos(yaw), y + way_m * Math.sin(yaw), 0] as const;
    return checkedPose({ rotation, translation_m }, "drive");
  };
  const time_s = index * BETWEEN_MOMENTS_S;
  return { lidar: at(time_s), images: at(time_s + LIDAR_TO_IMAGES_S) };
}

/** The image of view `view` as a PNG or JPEG. */
export async function encodedImage(
  sample: RigSample,
  view: number,
  format: "png" | "jpeg",
): Promise<Uint8Array> {
  const [, height, width] = sampleShape(sample);
  const bytes = height * width * 3;
  const rgb = sample.images.subarray(view * bytes, (view + 1) * bytes);
  const image = sharp(rgb, { raw: { width, height, channels: 3 } });
  const encoded = format === "png" ? image.png() : image.jpeg({ quality: 95 });
  return await encoded.toBuffer();
}

/** The LiDAR depth `[H, W]` of view `view`. */
export function sparseOf(sample: RigSample, view: number): Float32Array {
  const [, height, width] = sampleShape(sample);
  return sample.sparse_depth_m.subarray(view * height * width, (view + 1) * height * width);
}

/** The bytes of a JSON file. */
export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
}

/** A name of `digits` hexadecimal digits that follows from a text. */
export function hexName(text: string, digits: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}
