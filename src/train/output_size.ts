// The size of what a student gives, apart from its network: loading threads need no more than this.
import type { ImageSize } from "../data/camera.ts";

/** Size of the student's output, and of the teacher's maps: half the images. */
export function outputSize({ height, width }: ImageSize): ImageSize {
  return { height: height / 2, width: width / 2 };
}
