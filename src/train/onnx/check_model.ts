// Compares an exported model, run by onnxruntime-node, with this program's own prediction.
import { checkDepths } from "../../evaluate/checked_depth.ts";
import type { ImageSize } from "../../data/camera.ts";
import type { Gpu } from "../../gpu/device.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import { compile } from "../../graph/plan.ts";
import { createStore } from "../../graph/store.ts";
import { predictionNetwork } from "../network.ts";
import type { StudentFile } from "../trained/student_bytes.ts";
import type { OnnxRuntime } from "./runtime.ts";
import { PORTS, type StudentModel } from "./student_model.ts";

/** The largest difference that an exported model may have, as a share of the depth or of 1 m. */
export const EXPORT_TOLERANCE = 1e-4;

/** A comparison of two depths. */
export interface ModelCheck {
  readonly runtime: string;
  /** The numbers of cameras that were tried. */
  readonly views: readonly number[];
  readonly depths: number;
  /** The largest |difference| / max(depth, 1 m). */
  readonly worst: number;
  /** Both depths where they differ most. */
  readonly own_m: number;
  readonly model_m: number;
}

/**
 * Predicts one made-up moment for each number of `views` by the adapter and by the model. Throws
 * InputError if the runtime refuses the model, and WrongDepthError if our own depth is not a distance.
 */
export async function checkModel(
  gpu: Gpu,
  runtime: OnnxRuntime,
  file: StudentFile,
  model: StudentModel,
  { views, size }: { readonly views: readonly number[]; readonly size: ImageSize },
): Promise<ModelCheck> {
  let worst = { worst: -1, own_m: 0, model_m: 0 };
  let depths = 0;
  for (const count of views) {
    const moment = madeUpMoment(count, size);
    const own = await ownDepth(gpu, file, count, size, moment);
    const feeds = {
      [PORTS.images]: { shape: [count, 3, size.height, size.width], data: moment.rgb },
      [PORTS.focal]: { shape: [count], data: moment.focal_px },
    };
    const found = await runtime.run(model.bytes, feeds, PORTS.depth);
    depths += own.length;
    for (const [i, own_m] of own.entries()) {
      const model_m = found[i];
      const error = Math.abs(model_m - own_m) / Math.max(own_m, 1);
      // A depth that is not a number is the worst of all, and stays it.
      if (!(error <= worst.worst)) worst = { worst: error, own_m, model_m };
      if (Number.isNaN(worst.worst)) break;
    }
    if (Number.isNaN(worst.worst)) break;
  }
  return { runtime: `onnxruntime-node ${runtime.version}`, views, depths, ...worst };
}

/** Images and focal lengths as the model takes them. */
interface Moment {
  /** `[V, 3, H, W]` from 0 to 1. */
  readonly rgb: Float32Array;
  readonly focal_px: Float32Array;
}

/** Waves of other lengths in each colour and view: smooth, with edges at no regular place. */
function madeUpMoment(views: number, { height, width }: ImageSize): Moment {
  const plane = height * width;
  const rgb = Float32Array.from({ length: views * 3 * plane }, (_, i) => {
    const [map, pixel] = [Math.floor(i / plane), i % plane];
    const [x, y] = [(pixel % width) / width, Math.floor(pixel / width) / height];
    const wave = Math.sin((5 + map) * x + 3 * y * y + map) * Math.cos((4 + 2 * map) * y - 6 * x);
    return 0.5 + 0.3 * wave + (wave * y > 0.2 ? 0.15 : -0.1);
  });
  const focal_px = Float32Array.from({ length: views }, (_, v) => width * (0.75 + 0.02 * v));
  return { rgb, focal_px };
}

/** Depth `[V, H, W]` in metres by the adapter. */
async function ownDepth(
  gpu: Gpu,
  { config, depth_max_m, origin, load }: StudentFile,
  views: number,
  size: ImageSize,
  { rgb, focal_px }: Moment,
): Promise<Float32Array> {
  const { mean, deviation } = origin.scale.normalization;
  const plane = size.height * size.width;
  const images = new Float32Array(views * plane * 4);
  for (let i = 0; i < rgb.length; i++) {
    const [map, pixel] = [Math.floor(i / plane), i % plane];
    const at = (Math.floor(map / 3) * plane + pixel) * 4 + (map % 3);
    images[at] = (rgb[i] - mean) / deviation;
  }
  const reference = origin.scale.focalReference_px / 640;
  const focal_scale = focal_px.map((fx) => fx / size.width / reference);
  const { g, request } = predictionNetwork(config, { views, size, depth_max_m });
  const values = initialStore(g, 0);
  load(values);
  const store = createStore(gpu, g, values);
  try {
    const plan = await compile(gpu, g, request, store);
    try {
      const { depth_m } = await plan.run({ images, focal_scale });
      const names = Array.from({ length: views }, (_, v) => `view ${v + 1}`);
      checkDepths(depth_m, size, names, "the check of the export");
      return depth_m;
    } finally {
      plan.destroy();
    }
  } finally {
    store.destroy();
  }
}
