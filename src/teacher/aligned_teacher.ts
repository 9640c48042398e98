// A foundation model given metres: scale and shift of every view are fitted to the LiDAR of its
// moment. Views whose LiDAR does not allow it are masked.
import type { ImageSize } from "../data/camera.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { hashText } from "../tensor/random.ts";
import { depthPlace, METRIC_PARTS, type MetricScale } from "./metric_maps.ts";
import type { RelativeKind } from "./relative_depth.ts";
import type { RelativeModel } from "./relative_model.ts";
import type { Teacher, TeacherMaps } from "./teacher.ts";
import { fitView, LEAST_POINTS, type ViewFit } from "./view_fit.ts";

const KEY = hashText("aligned teacher");

/**
 * The teacher of a model whose views are fitted to their LiDAR: disparity as `s r + b = 1 / d`,
 * depth as `s r + b = d`, log depth as `s r + b = ln d`. Views without a fit have mask 0; `onMessage` receives a line about the
 * first, and one with their number when the teacher closes.
 */
export function alignedTeacher(
  model: RelativeModel,
  scale: MetricScale,
  onMessage: (message: string) => void = () => {},
): Teacher {
  const name = `aligned to LiDAR: ${model.name}`;
  const asked = new Set<string>();
  const failed = new Set<string>();
  return {
    name,
    parts: METRIC_PARTS,
    ...identityOf(model, scale),
    maps: async (sample, size) => {
      const relative = await model.maps(sample, size);
      const fits = fitSample(relative, model.kind, sample, size, scale);
      const isFirst = failed.size === 0;
      fits.forEach((fit, view) => {
        const key = `${view} ${sample.id}`;
        asked.add(key);
        if (fit === null) failed.add(key);
      });
      if (isFirst && failed.size > 0) {
        const [first] = failed;
        const { name: camera } = sample.cameras[Number.parseInt(first, 10)];
        onMessage(
          `teacher ${name}: sample ${sample.id}, camera ${camera} has no fit: a fit needs ` +
            `${LEAST_POINTS} LiDAR points that the map explains; such views are masked`,
        );
      }
      return alignedMaps(relative, fits, model.kind, sample, size, scale);
    },
    close: () => {
      model.close?.();
      if (failed.size === 0) return;
      onMessage(
        `teacher ${name}: ${failed.size} of ${asked.size} views had no fit and were masked`,
      );
    },
  };
}

/** The identity of the model and the scale, where the model has one. */
function identityOf(
  { identity, kind }: RelativeModel,
  { protocol, focalReference_px }: MetricScale,
): Pick<Teacher, "identity"> {
  if (identity === undefined) return {};
  const own = `aligned ${kind} ${protocol.min_m} ${protocol.cap_m} ${focalReference_px}`;
  return { identity: async (sample) => `${own} ${await identity(sample)}` };
}

/** A quantity that a map may be linear in: from metres, back to metres, and its errors. */
interface Space {
  readonly fitted: (depth_m: number) => number;
  readonly metres: (fitted: number) => number;
  readonly divisor: (fitted: number) => number;
}

const SPACES: Readonly<Record<RelativeKind, Space>> = {
  depth: { fitted: (d) => d, metres: (x) => x, divisor: (x) => x },
  // An error of a logarithm is the relative error of its depth already.
  log_depth: { fitted: Math.log, metres: Math.exp, divisor: () => 1 },
  disparity: {
    fitted: (d) => 1 / d,
    metres: (x) => (x > 0 ? 1 / x : Infinity),
    divisor: (x) => x,
  },
};

/** The fit of each view, null where there is none. */
function fitSample(
  relative: Float32Array,
  kind: RelativeKind,
  sample: RigSample,
  size: ImageSize,
  { protocol }: MetricScale,
): (ViewFit | null)[] {
  const [views, height, width] = sampleShape(sample);
  const { fitted, divisor } = SPACES[kind];
  return Array.from({ length: views }, (_, view) => {
    const map: number[] = [];
    const target: number[] = [];
    for (let pixel = 0; pixel < height * width; pixel++) {
      const at = view * height * width + pixel;
      const depth_m = sample.sparse_depth_m[at];
      const counts =
        sample.usable[at] === 1 && depth_m > protocol.min_m && depth_m < protocol.cap_m;
      if (!counts) continue;
      const row = Math.floor((Math.floor(pixel / width) * size.height) / height);
      const column = Math.floor(((pixel % width) * size.width) / width);
      map.push(relative[(view * size.height + row) * size.width + column]);
      target.push(fitted(depth_m));
    }
    return fitView({ map, target, divisor }, KEY, hashText(sample.id), view);
  });
}

function alignedMaps(
  relative: Float32Array,
  fits: readonly (ViewFit | null)[],
  kind: RelativeKind,
  sample: RigSample,
  size: ImageSize,
  scale: MetricScale,
): TeacherMaps {
  const plane = size.height * size.width;
  const [index, depth_m, mask] = [0, 0, 0].map(() => new Float32Array(relative.length));
  fits.forEach((fit, view) => {
    if (fit === null) {
      index.fill(0.5, view * plane, (view + 1) * plane);
      return;
    }
    mask.fill(1, view * plane, (view + 1) * plane);
    for (let at = view * plane; at < (view + 1) * plane; at++) {
      depth_m[at] = fittedDepth(fit.scale * relative[at] + fit.shift, kind, scale);
      index[at] = depthPlace(depth_m[at], sample.cameras[view], scale);
    }
  });
  return { index, depth_m, mask };
}

/** Metres of a fitted value, 0 at the cap and beyond, where nothing is measured. */
function fittedDepth(value: number, kind: RelativeKind, { protocol }: MetricScale): number {
  const depth_m = SPACES[kind].metres(value);
  return depth_m < protocol.cap_m ? Math.max(protocol.min_m, depth_m) : 0;
}
