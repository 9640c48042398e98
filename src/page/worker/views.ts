// What the page shows of a moment.
import type { RigSample } from "../../data/rig_sample.ts";
import type { Views } from "../messages.ts";

/** The views of a sample with a predicted depth. */
export function viewsOf(
  sample: RigSample,
  depth_m: Float32Array,
  cap_m: number,
  title: string,
  by: string,
): Views {
  const { cameras, images, dense_depth_m } = sample;
  const { height, width } = cameras[0];
  return {
    title,
    height,
    width,
    cameras,
    images,
    depth_m,
    truth_m: dense_depth_m ?? null,
    cap_m,
    by,
  };
}

/** The name of a student in captions. */
export function byStep(steps: number): string {
  return `student after ${steps} ${steps === 1 ? "step" : "steps"}`;
}
