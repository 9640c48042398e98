// Images with their intrinsics as a sample, for programs that have no rig: no LiDAR, no truth, no
// poses.
import { checkedCamera, resizeIntrinsics, type ImageSize } from "../../data/camera.ts";
import type { RigSample } from "../../data/rig_sample.ts";
import { checkOptions } from "../../tensor/options.ts";
import { InputError } from "../../tensor/error.ts";

/** A camera's numbers in pixels; pixel centres are at whole numbers. */
export interface Intrinsics {
  readonly fx: number;
  readonly fy: number;
  readonly cx: number;
  readonly cy: number;
  /** Size of the image that the numbers are for; by default, that of the images given. */
  readonly width?: number;
  readonly height?: number;
}

const REQUIRED = { fx: "number", fy: "number", cx: "number", cy: "number" } as const;
const OPTIONAL = { width: "number", height: "number" } as const;

/**
 * A sample of `images`, [V, H, W, 3] sRGB bytes of `size`, in ring order. Throws InputError, naming
 * the camera or the length, if the images do not have that size or the intrinsics are unknown,
 * missing or no numbers.
 */
export function bareSample(
  images: Uint8Array,
  intrinsics: readonly Intrinsics[],
  size: ImageSize,
): RigSample {
  if (!Array.isArray(intrinsics) || intrinsics.length === 0) {
    throw new InputError("predict: expected the intrinsics of each camera as a list");
  }
  const { height, width } = size;
  const pixels = intrinsics.length * height * width;
  const tag = Object.prototype.toString.call(images).slice("[object ".length, -1);
  if (!["Uint8Array", "Uint8ClampedArray"].includes(tag) || images.length !== 3 * pixels) {
    const found = tag.endsWith("Array") ? `${images.length} numbers of a ${tag}` : `a ${tag}`;
    throw new InputError(
      `predict: images: ${found}; expected the ${3 * pixels} bytes of ${intrinsics.length} images ` +
        `of ${height}x${width} in RGB`,
    );
  }
  const cameras = intrinsics.map((one, i) => {
    const at = `predict: camera ${i}`;
    checkOptions(at, one, REQUIRED, OPTIONAL);
    const own = { width, height, ...one };
    const pose = { rotation: [1, 0, 0, 0], translation_m: [0, 0, 0] } as const;
    return resizeIntrinsics(checkedCamera({ name: String(i), ...own, ...pose }, "predict"), size);
  });
  return {
    id: "images",
    timestamp: "",
    cameras,
    images: Uint8Array.from(images),
    sparse_depth_m: new Float32Array(pixels),
    usable: new Uint8Array(pixels).fill(1),
    groundTruth: [],
  };
}
