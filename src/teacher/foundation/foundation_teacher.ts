// A Depth Anything network as a teacher: its maps of a moment at the size of the student's output.
import type { ImageSize } from "../../data/camera.ts";
import { sampleShape, type RigSample } from "../../data/rig_sample.ts";
import { nearestFlags } from "../file_teacher.ts";
import { depthPlace, type MetricScale } from "../metric_maps.ts";
import { areaAverage } from "../relative_depth.ts";
import { relativeTeacher, viewOf, type RelativeModel } from "../relative_model.ts";
import { INDEX_ONLY, type Teacher } from "../teacher.ts";
import type { FoundationModel } from "./foundation_model.ts";

/** The images of a moment that the network sees: `[V, size, 3]` bytes. */
export interface MomentImages {
  readonly images: Uint8Array;
  readonly size: ImageSize;
}

/** The images of a moment; the student's own are far smaller than a network was trained on. */
export interface ImageSource {
  /** Everything beside the moment that the images depend on, as a text. */
  readonly identity: () => Promise<string>;
  readonly images: (sample: RigSample) => Promise<MomentImages>;
}

/** The network as a model of relative maps; metres are one kind of relative depth. */
export function foundationRelative(model: FoundationModel, source: ImageSource): RelativeModel {
  return {
    name: model.name,
    kind: model.architecture.output.kind === "disparity" ? "disparity" : "depth",
    identity: async () => await identityOf(model, source),
    close: model.close,
    maps: async (sample, size) => await viewMaps(model, source, sample, size),
  };
}

/** The network as a teacher: an index, and metres where it gives them, which need `scale`. */
export function foundationTeacher(
  model: FoundationModel,
  source: ImageSource,
  scale: MetricScale,
): Teacher {
  const relative = foundationRelative(model, source);
  if (model.architecture.output.kind === "disparity") {
    return relativeTeacher(relative);
  }
  const { protocol, focalReference_px } = scale;
  const units = JSON.stringify([protocol.cap_m, focalReference_px]);
  return {
    name: model.name,
    parts: { ...INDEX_ONLY, depth_m: true },
    identity: async () => `${await identityOf(model, source)} ${units}`,
    maps: async (sample, size) => {
      const depth_m = await viewMaps(model, source, sample, size);
      const plane = size.height * size.width;
      const index = depth_m.map((depth, i) =>
        depthPlace(depth, sample.cameras[Math.floor(i / plane)], scale),
      );
      return { index, depth_m };
    },
    close: model.close,
  };
}

async function identityOf(model: FoundationModel, source: ImageSource): Promise<string> {
  return `foundation ${model.identity} ${await source.identity()}`;
}

/** The maps `[V, size]` of a moment, each pixel the mean over the usable part of it. */
async function viewMaps(
  model: FoundationModel,
  source: ImageSource,
  sample: RigSample,
  size: ImageSize,
): Promise<Float32Array> {
  const [views, height, width] = sampleShape(sample);
  const { images, size: seen } = await source.images(sample);
  const plane = size.height * size.width;
  const result = new Float32Array(views * plane);
  for (let view = 0; view < views; view++) {
    const image = viewOf(images, view, 3 * seen.height * seen.width);
    const made = await model.run(image, seen);
    const world = viewOf(sample.usable, view, height * width);
    const usable = nearestFlags(world, { height, width }, made.size);
    result.set(areaAverage(made.map, made.size, size, usable), view * plane);
  }
  return result;
}
