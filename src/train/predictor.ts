// A student ready to predict: the prediction graph compiled over a store of trained parameters.
import { loader, type BadSamples } from "../data/loader.ts";
import type { DataSource } from "../data/data_source.ts";
import type { ImageSize } from "../data/camera.ts";
import { makeBatch } from "../data/batch.ts";
import type { RigSample } from "../data/rig_sample.ts";
import { evaluator, type EvaluationResult } from "../evaluate/protocol.ts";
import { consistencyMeter, type RigConsistency } from "../evaluate/consistency.ts";
import type { Gpu } from "../gpu/device.ts";
import { initialStore } from "../graph/cpu.ts";
import { compile } from "../graph/plan.ts";
import { createStore, type GpuStore } from "../graph/store.ts";
import type { Tuning } from "../kernels/tuning.ts";
import type { TrainConfig } from "./config.ts";
import { predictionNetwork } from "./network.ts";
import type { StudentFile } from "./student_file.ts";

/** Predicts depth for samples of one rig. */
export interface Predictor {
  readonly size: ImageSize;
  /** `[V, H, W]` depth in metres. */
  readonly predict: (sample: RigSample) => Promise<Float32Array>;
  readonly destroy: () => void;
}

/**
 * Compiles the prediction of a student for the cameras of `source`, over parameters that the caller
 * owns; kernels run as `tuning` says, else by rule.
 */
export async function createPredictor(
  gpu: Gpu,
  config: TrainConfig,
  source: DataSource,
  depth_max_m: number,
  store: GpuStore,
  tuning?: Tuning,
): Promise<Predictor> {
  const { g, request } = predictionNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m,
  });
  const plan = await compile(gpu, g, request, store, { tuning });
  return {
    size: config.size,
    predict: async (sample) => {
      const { images, focal_scale } = makeBatch(sample, source, null);
      const { depth_m } = await plan.run({ images, focal_scale });
      return depth_m;
    },
    destroy: () => plan.destroy(),
  };
}

/** Opens a trained student for the cameras of `source`; `destroy` frees its parameters too. */
export async function loadPredictor(
  gpu: Gpu,
  file: StudentFile,
  source: DataSource,
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
  const predictor = await createPredictor(gpu, config, source, depth_max_m, store, tuning);
  return {
    ...predictor,
    destroy: () => {
      predictor.destroy();
      store.destroy();
    },
  };
}

/** What an evaluation found. */
export interface Evaluation {
  readonly result: EvaluationResult;
  /** Agreement of neighbouring cameras where they overlap. */
  readonly consistency: RigConsistency;
  /** Samples left out because a file of theirs is broken. */
  readonly skipped_samples: number;
}

/**
 * Evaluates a predictor on every sample of `source`; with `skip` a broken sample is left out,
 * reported and counted.
 */
export async function evaluate(
  predictor: Predictor,
  source: DataSource,
  badSamples: BadSamples,
  report: (message: string) => void,
): Promise<Evaluation> {
  const { size } = predictor;
  const samples = loader(source, {
    seed: 0,
    size,
    augment: false,
    badSamples,
    onSkip: report,
  });
  const names = source.cameras.map(({ name }) => name);
  const meter = consistencyMeter();
  const metrics = evaluator(names, source.protocol, { medianScaling: true });
  for await (const sample of samples.all()) {
    const depth_m = await predictor.predict(sample);
    metrics.add(depth_m, size, sample.groundTruth);
    meter.add(depth_m, sample.cameras);
  }
  return {
    result: metrics.result(),
    consistency: meter.result(),
    skipped_samples: samples.skipped,
  };
}
