// A student ready to predict: the prediction graph compiled over a store of trained parameters. The
// scale of its metres belongs to the student, whichever source the moments come from.
import { makeBatch } from "../data/batch.ts";
import type { ImageSize } from "../data/camera.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { checkDepths } from "../evaluate/checked_depth.ts";
import type { Gpu } from "../gpu/device.ts";
import { initialStore } from "../graph/cpu_store.ts";
import { compile } from "../graph/plan.ts";
import { createStore, type GpuStore } from "../graph/store.ts";
import type { Tuning } from "../engine/tuning.ts";
import { InputError } from "../tensor/error.ts";
import { bareSample, type Intrinsics } from "./loading/bare_sample.ts";
import { predictionNetwork } from "./network.ts";
import type { StudentFile, TrainedStudent } from "./trained/student_bytes.ts";

/** Predicts depth for samples of one rig. */
export interface Predictor {
  readonly student: TrainedStudent;
  readonly size: ImageSize;
  /**
   * `[V, H, W]` depth in metres, every number a valid distance. Throws InputError for a sample that
   * does not fit, and WrongDepthError if a depth is not finite or not above 0.
   */
  readonly predict: (sample: RigSample) => Promise<Float32Array>;
  readonly destroy: () => void;
}

/** A predictor that takes images without a rig too. */
export interface ImagePredictor extends Predictor {
  readonly predict: {
    (sample: RigSample): Promise<Float32Array>;
    /**
     * `[V, H, W]` depth in metres of `images`, `[V, H, W, 3]` sRGB bytes in ring order at the size of
     * the student. Throws as with a sample.
     */
    (images: Uint8Array, intrinsics: readonly Intrinsics[]): Promise<Float32Array>;
  };
}

/**
 * Compiles the prediction of a student for as many cameras as `source` has, over parameters that
 * the caller owns; mappings come from `tuning` if it has a choice, else from the rules.
 */
export async function createPredictor(
  gpu: Gpu,
  student: TrainedStudent,
  source: { readonly cameras: readonly unknown[] },
  store: GpuStore,
  tuning?: Tuning,
): Promise<ImagePredictor> {
  const { config, depth_max_m, origin } = student;
  const { size } = config;
  const views = source.cameras.length;
  const { g, request } = predictionNetwork(config, { views, size, depth_max_m });
  const plan = await compile(gpu, g, request, store, { tuning });
  return {
    student,
    size,
    predict: async (given: RigSample | Uint8Array, intrinsics: readonly Intrinsics[] = []) => {
      const isSample = typeof given === "object" && given !== null && "cameras" in given;
      const sample = isSample ? given : bareSample(given, intrinsics, size);
      const found = sampleShape(sample);
      if (found[0] !== views || found[1] !== size.height || found[2] !== size.width) {
        throw new InputError(
          `sample ${sample.id}: ${found.join(" x ")} (cameras x height x width); this predictor ` +
            `takes ${views} x ${size.height} x ${size.width}`,
        );
      }
      const { images, focal_scale } = makeBatch(sample, origin.scale, null);
      const { depth_m } = await plan.run({ images, focal_scale });
      const names = sample.cameras.map(({ name }) => name);
      checkDepths(depth_m, size, names, `moment ${sample.id}`);
      return depth_m;
    },
    destroy: () => plan.destroy(),
  };
}

/** Opens a trained student for as many cameras as `source` has; `destroy` frees its parameters too. */
export async function loadPredictor(
  gpu: Gpu,
  file: StudentFile,
  source: { readonly cameras: readonly unknown[] },
  tuning?: Tuning,
): Promise<ImagePredictor> {
  const { config, depth_max_m } = file;
  const { g } = predictionNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m,
  });
  const values = initialStore(g, config.seed);
  file.load(values);
  const store = createStore(gpu, g, values);
  try {
    const predictor = await createPredictor(gpu, file, source, store, tuning);
    return {
      ...predictor,
      destroy: () => {
        predictor.destroy();
        store.destroy();
      },
    };
  } catch (error) {
    store.destroy();
    throw error;
  }
}
