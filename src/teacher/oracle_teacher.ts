// The truth as a teacher: what a perfect one would give, and so the upper bound of every other.
import type { ImageSize } from "../data/camera.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { InputError } from "../tensor/error.ts";
import { depthPlace, METRIC_PARTS, type MetricScale } from "./metric_maps.ts";
import { areaAverage } from "./relative_depth.ts";
import { viewOf } from "./relative_model.ts";
import type { Teacher, TeacherMaps } from "./teacher.ts";

/** The teacher that knows the dense truth; throws InputError for samples that have none. */
export function oracleTeacher(scale: MetricScale): Teacher {
  const identity = `oracle ${scale.protocol.cap_m} ${scale.focalReference_px}`;
  return {
    name: "oracle (the true depth of every pixel)",
    parts: METRIC_PARTS,
    identity: async () => await Promise.resolve(identity),
    maps: async (sample, size) => await Promise.resolve(truth(sample, size, scale)),
  };
}

function truth(sample: RigSample, size: ImageSize, scale: MetricScale): TeacherMaps {
  const dense_m = sample.dense_depth_m;
  if (dense_m === undefined) {
    throw new InputError(
      `sample ${sample.id}: the oracle teacher needs dense depth, which the built-in rig has; use ` +
        `another teacher.kind`,
    );
  }
  const [views, height, width] = sampleShape(sample);
  const plane = size.height * size.width;
  const [index, depth_m] = [0, 0].map(() => new Float32Array(views * plane));
  for (let view = 0; view < views; view++) {
    // The mean of disparities: the sky (depth 0) is infinitely far.
    const disparity = viewOf(dense_m, view, height * width).map((d) => (d > 0 ? 1 / d : 0));
    const world = viewOf(sample.usable, view, height * width);
    areaAverage(disparity, { height, width }, size, world).forEach((value, pixel) => {
      const at = view * plane + pixel;
      depth_m[at] = value > 1 / scale.protocol.cap_m ? 1 / value : 0;
      index[at] = depthPlace(depth_m[at], sample.cameras[view], scale);
    });
  }
  return { index, depth_m, mask: new Float32Array(views * plane).fill(1) };
}
