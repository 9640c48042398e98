// Six dropped images and their rig.json. Loaded with the first of them, since the built-in moment
// needs no schema of a file.
import { resizeIntrinsics, type ImageSize } from "../../data/camera.ts";
import { parseRig, type Rig } from "../../data/rig_file.ts";
import { checkedSample, type RigSample } from "../../data/rig_sample.ts";
import { nameKey, looseKey } from "../../formats/name_key.ts";
import { InputError } from "../../tensor/error.ts";

/** The rig in the text of rig.json; throws InputError naming camera and field. */
export function droppedRig(text: string): Rig {
  return parseRig(text, "rig.json");
}

/** A sample of dropped images, each named after its camera; throws InputError naming what is missing. */
export async function droppedSample(
  { cameras }: Rig,
  files: readonly File[],
  size: ImageSize,
): Promise<RigSample> {
  const pixels = size.height * size.width;
  const images = new Uint8Array(cameras.length * pixels * 3);
  const used = new Set<File>();
  for (const [view, camera] of cameras.entries()) {
    const file = fileOf(camera.name, files);
    used.add(file);
    images.set(await decoded(file, camera, size), view * pixels * 3);
  }
  const stray = files.find((file) => !used.has(file));
  if (stray !== undefined) {
    const known = cameras.map(({ name }) => name).join(", ");
    throw new InputError(`${stray.name}: no camera has this name; rig.json has ${known}`);
  }
  return checkedSample({
    id: "page/dropped",
    timestamp: "",
    cameras: cameras.map((camera) => resizeIntrinsics(camera, size)),
    images,
    sparse_depth_m: new Float32Array(cameras.length * pixels),
    usable: new Uint8Array(cameras.length * pixels).fill(1),
    groundTruth: [],
  });
}

function fileOf(camera: string, files: readonly File[]): File {
  const key = looseKey(nameKey(camera));
  const found = files.filter(({ name }) => looseKey(name.replace(/\.[^.]*$/, "")) === key);
  if (found.length === 1) return found[0];
  throw new InputError(
    found.length === 0
      ? `no image for camera ${camera}: drop a file ${camera}.jpg or ${camera}.png`
      : `${found.length} images are named after camera ${camera}; drop one`,
  );
}

/** The bytes `[H, W, 3]` of an image at `size`; throws InputError if it is not one of its camera. */
async function decoded(file: File, camera: ImageSize, size: ImageSize): Promise<Uint8Array> {
  const image = await createImageBitmap(file).catch(() => {
    throw new InputError(`${file.name}: this browser cannot read it as an image`);
  });
  if (image.width !== camera.width || image.height !== camera.height) {
    throw new InputError(
      `${file.name}: ${image.width} x ${image.height} pixels; rig.json says ${camera.width} x ${camera.height}`,
    );
  }
  const canvas = new OffscreenCanvas(size.width, size.height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, size.width, size.height);
  image.close();
  const { data } = context.getImageData(0, 0, size.width, size.height);
  const rgb = new Uint8Array(size.height * size.width * 3);
  for (let pixel = 0; pixel < size.height * size.width; pixel++) {
    rgb.set(data.subarray(4 * pixel, 4 * pixel + 3), 3 * pixel);
  }
  return rgb;
}
