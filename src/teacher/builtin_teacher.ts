// The built-in rig's teacher: imperfect on purpose, like a foundation model. It knows the shape of
// the scene but not its scale: it gives a smoothed disparity with an unknown scale and shift per
// view, and with errors that vary over the image.
import type { ImageSize } from "../data/camera.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import { hashText, randomStream } from "../tensor/random.ts";
import { areaAverage, usableAt } from "./relative_depth.ts";
import { relativeTeacher, viewOf, type RelativeModel } from "./relative_model.ts";
import type { Teacher } from "./teacher.ts";

// Relative error of the disparity, of patches and of single pixels; similar to that of a foundation
// model.
const PATCH_ERROR = 0.06;
const PIXEL_ERROR = 0.02;
const PATCHES = 8;
const BLUR_RADIUS = 1;
const KEY = hashText("built-in teacher");

/** The model of the built-in rig; its maps throw InputError for samples without dense truth. */
export function builtinModel(seed: number): RelativeModel {
  return {
    name: "built-in (affine-ambiguous, smoothed, noisy)",
    kind: "disparity",
    maps: async (sample, size) => await Promise.resolve(disparities(sample, size, seed)),
    identity: async () => await Promise.resolve(`builtin ${seed}`),
  };
}

/** The teacher of the built-in rig; throws as its model does. */
export function builtinTeacher(seed: number): Teacher {
  return relativeTeacher(builtinModel(seed));
}

function disparities(sample: RigSample, size: ImageSize, seed: number): Float32Array {
  const dense_m = sample.dense_depth_m;
  if (dense_m === undefined) {
    throw new InputError(
      `sample ${sample.id}: the built-in teacher needs dense depth; use teacher: files or none`,
    );
  }
  const [views, height, width] = sampleShape(sample);
  const plane = size.height * size.width;
  const result = new Float32Array(views * plane);
  for (let view = 0; view < views; view++) {
    const random = randomStream(KEY, seed, hashText(sample.id), view);
    const scale = 0.5 + 1.5 * random.uniform();
    const shift = random.uniform() - 0.5;
    const patches = Array.from({ length: (PATCHES + 1) ** 2 }, () => random.normal());
    const depth_m = dense_m.subarray(view * height * width, (view + 1) * height * width);
    // The sky (depth 0) is infinitely far: disparity 0.
    const full = depth_m.map((d) => (d > 0 ? 1 / d : 0));
    const world = viewOf(sample.usable, view, height * width);
    const disparity = areaAverage(full, { height, width }, size, world);
    for (let i = 0; i < plane; i++) {
      const row = (Math.floor(i / size.width) / size.height) * PATCHES;
      const column = ((i % size.width) / size.width) * PATCHES;
      const error = PATCH_ERROR * patchError(patches, row, column) + PIXEL_ERROR * random.normal();
      disparity[i] = scale * disparity[i] * Math.exp(error) + shift;
    }
    const usable = usableAt(world, { height, width }, size);
    result.set(boxBlur(disparity, usable, size, BLUR_RADIUS), view * plane);
  }
  return result;
}

/** Bilinear interpolation of a coarse grid of errors. */
function patchError(patches: readonly number[], row: number, column: number): number {
  const [r, c] = [Math.floor(row), Math.floor(column)];
  const [u, v] = [row - r, column - c];
  const above = r * (PATCHES + 1) + c;
  const below = above + PATCHES + 1;
  return (
    (1 - u) * ((1 - v) * patches[above] + v * patches[above + 1]) +
    u * ((1 - v) * patches[below] + v * patches[below + 1])
  );
}

/** The mean around each pixel: of the world for the world, of the body for the body. */
function boxBlur(
  map: Float32Array,
  usable: Uint8Array,
  size: ImageSize,
  radius: number,
): Float32Array {
  const result = new Float32Array(map.length);
  for (let row = 0; row < size.height; row++) {
    for (let column = 0; column < size.width; column++) {
      const pixel = row * size.width + column;
      let [sum, count] = [0, 0];
      for (let y = Math.max(0, row - radius); y <= Math.min(size.height - 1, row + radius); y++) {
        for (
          let x = Math.max(0, column - radius);
          x <= Math.min(size.width - 1, column + radius);
          x++
        ) {
          const neighbour = y * size.width + x;
          if (usable[neighbour] !== usable[pixel]) continue;
          sum += map[neighbour];
          count++;
        }
      }
      result[pixel] = sum / count;
    }
  }
  return result;
}
