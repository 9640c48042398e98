// Predicts the depth of a moment: one of the built-in rig, or six images with their rig.json.
import { resizeIntrinsics, type ImageSize } from "../../data/camera.ts";
import { parseRig, type Rig } from "../../data/rig_file.ts";
import { checkedSample, type RigSample } from "../../data/rig_sample.ts";
import type { Gpu } from "../../gpu/device.ts";
import { nameKey, looseKey } from "../../formats/name_key.ts";
import { InputError } from "../../tensor/error.ts";
import { createPredictor, loadPredictor, type Predictor } from "../../train/predictor.ts";
import { parseStudent } from "../../train/trained/student_bytes.ts";
import type { PredictChoice, StudentChoice, Views } from "../messages.ts";
import { rigSource } from "../training.ts";
import type { CurrentTraining } from "./trainer.ts";
import { byStep, viewsOf } from "./views.ts";

/** The depth of a moment by a student. Throws InputError naming the file that is missing or broken. */
export async function predictedViews(
  gpu: Gpu,
  moment: PredictChoice,
  student: StudentChoice,
  current: CurrentTraining | null,
): Promise<Views> {
  const rig = moment.kind === "files" ? parseRig(moment.rig, "rig.json") : null;
  const opened = await openStudent(gpu, student, current, rig);
  const { predictor, by, cap_m } = opened;
  try {
    const sample =
      moment.kind === "files"
        ? await sampleOfFiles(rig!, moment.images, predictor.size)
        : await builtinSample(predictor, moment.index);
    const title = moment.kind === "files" ? "your images" : "the built-in moment";
    return viewsOf(sample, await predictor.predict(sample), cap_m, title, by);
  } finally {
    predictor.destroy();
  }
}

interface OpenStudent {
  readonly predictor: Predictor;
  readonly by: string;
  readonly cap_m: number;
}

async function openStudent(
  gpu: Gpu,
  student: StudentChoice,
  current: CurrentTraining | null,
  rig: Rig | null,
): Promise<OpenStudent> {
  if (student.kind === "trained") {
    if (current === null || current.gpu !== gpu) throw new Error("train a student first");
    const { training } = current;
    const trained = training.student();
    const source = rig ?? rigSource(trained.config, "held-out");
    const { store } = training.session;
    const predictor = await createPredictor(gpu, trained, source, store);
    return { predictor, by: byStep(trained.steps), cap_m: trained.depth_max_m };
  }
  const { name, bytes } = student.kind === "file" ? student : await sampleStudent();
  const file = parseStudent(bytes, name, () => {});
  const source = rig ?? rigSource(file.config, "held-out");
  const predictor = await loadPredictor(gpu, file, source);
  const by = student.kind === "file" ? name : `the sample student, ${file.steps} steps`;
  return { predictor, by, cap_m: file.depth_max_m };
}

/** The student that comes with the page. */
async function sampleStudent(): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  const name = "student.safetensors";
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name}: the page cannot load it (${response.status})`);
  return { name, bytes: new Uint8Array(await response.arrayBuffer()) };
}

async function builtinSample({ student, size }: Predictor, index: number): Promise<RigSample> {
  const source = rigSource(student.config, "held-out");
  return await source.sample(index % source.count, size);
}

/** A sample of dropped images: each is named after its camera. */
async function sampleOfFiles(
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
