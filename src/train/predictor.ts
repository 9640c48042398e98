// A student ready to predict: the prediction graph compiled over a store of trained parameters. The
// scale of its metres belongs to the student, whichever source the moments come from.
import { makeBatch } from "../data/batch.ts";
import type { ImageSize } from "../data/camera.ts";
import type { DataSource } from "../data/data_source.ts";
import { loader, type BadSamples } from "../data/loader.ts";
import { sampleShape, type RigSample } from "../data/rig_sample.ts";
import { checkDepths } from "../evaluate/checked_depth.ts";
import { consistencyMeter, type RigConsistency } from "../evaluate/consistency.ts";
import { evaluator, type EvaluationResult } from "../evaluate/protocol.ts";
import type { Gpu } from "../gpu/device.ts";
import { initialStore } from "../graph/cpu_store.ts";
import { compile } from "../graph/plan.ts";
import { createStore, type GpuStore } from "../graph/store.ts";
import type { Tuning } from "../engine/tuning.ts";
import { InputError } from "../tensor/error.ts";
import { anchored, type AnchoredView } from "./anchored.ts";
import { labelledSteps } from "./labelled_steps.ts";
import { predictionNetwork } from "./network.ts";
import type { StudentFile, TrainedStudent } from "./student_file.ts";
import { seenBy } from "./student_origin.ts";
import { trainedIds } from "./training_moments.ts";

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

/**
 * Compiles the prediction of a student for as many cameras as `source` has, over parameters that
 * the caller owns; mappings come from `tuning` if it has a choice, else from the rules.
 */
export async function createPredictor(
  gpu: Gpu,
  student: TrainedStudent,
  source: Pick<DataSource, "cameras">,
  store: GpuStore,
  tuning?: Tuning,
): Promise<Predictor> {
  const { config, depth_max_m, origin } = student;
  const { size } = config;
  const views = source.cameras.length;
  const { g, request } = predictionNetwork(config, { views, size, depth_max_m });
  const plan = await compile(gpu, g, request, store, { tuning });
  return {
    student,
    size,
    predict: async (sample) => {
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

/** Opens a trained student for the cameras of `source`; `destroy` frees its parameters too. */
export async function loadPredictor(
  gpu: Gpu,
  file: StudentFile,
  source: Pick<DataSource, "cameras">,
  tuning?: Tuning,
): Promise<Predictor> {
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

/** The effect of anchoring over the pixels that were not anchors. */
export interface AnchoredEvaluation {
  /** Most LiDAR points drawn per view. */
  readonly points_per_view: number;
  /** The correction of each view of each moment. */
  readonly moments: readonly { readonly id: string; readonly views: readonly AnchoredView[] }[];
  /** The same pixels without the correction. */
  readonly without: EvaluationResult;
}

/** The result of an evaluation. */
export interface Evaluation {
  readonly result: EvaluationResult;
  /** Null where depth was not anchored. */
  readonly anchor: AnchoredEvaluation | null;
  /** Agreement of neighbouring cameras where they overlap. */
  readonly consistency: RigConsistency;
  /** Number of evaluated moments. */
  readonly moments: number;
  /** How many of them the student was trained on; null if its file does not say. */
  readonly trained_on: number | null;
  /** Samples left out because one of their files is broken. */
  readonly skipped_samples: number;
}

/**
 * Evaluates a predictor on every sample of `source`, over the depth range that the student was
 * trained for; with `skip` a broken sample is left out, reported and counted. With `anchor_points`
 * depth is anchored to at most that many LiDAR points per view, whose pixels are not evaluated.
 */
export async function evaluate(
  predictor: Predictor,
  source: DataSource,
  badSamples: BadSamples,
  report: (message: string) => void,
  anchor_points: number | null = null,
): Promise<Evaluation> {
  const { size, student } = predictor;
  const { origin } = student;
  const samples = loader(seenBy(origin, source), {
    seed: 0,
    size,
    augment: false,
    badSamples,
    onSkip: report,
  });
  const known = await knownMoments(student, source);
  const names = source.cameras.map(({ name }) => name);
  const meter = consistencyMeter();
  const { protocol } = origin.scale;
  const metrics = evaluator(names, protocol, { medianScaling: true });
  const without = evaluator(names, protocol, { medianScaling: true });
  const corrections: { readonly id: string; readonly views: readonly AnchoredView[] }[] = [];
  let moments = 0;
  let trained = 0;
  for await (const sample of samples.all()) {
    const predicted_m = await predictor.predict(sample);
    const fixed =
      anchor_points === null ? null : anchored(sample, predicted_m, protocol, anchor_points);
    const depth_m = fixed?.depth_m ?? predicted_m;
    const groundTruth = fixed?.groundTruth() ?? sample.groundTruth;
    metrics.add(depth_m, size, groundTruth);
    if (fixed !== null) {
      without.add(predicted_m, size, groundTruth);
      corrections.push({ id: sample.id, views: fixed.views });
    }
    meter.add(depth_m, sample.cameras);
    moments++;
    if (known?.has(sample.id) === true) trained++;
  }
  return {
    result: metrics.result(),
    anchor:
      anchor_points === null
        ? null
        : { points_per_view: anchor_points, moments: corrections, without: without.result() },
    consistency: meter.result(),
    moments,
    trained_on: known === null ? null : trained,
    skipped_samples: samples.skipped,
  };
}

/** Ids of the moments of `source` that the student was trained on; null if it does not say. */
async function knownMoments(
  { config, steps, origin }: TrainedStudent,
  source: DataSource,
): Promise<ReadonlySet<string> | null> {
  if (origin.moments === null) return null;
  const { seed, bad_samples } = config;
  return await trainedIds(source, origin.moments, {
    steps,
    seed,
    maySkip: bad_samples === "skip",
    lidar: { share: config.lidar.share, steps: labelledSteps(config) },
  });
}
