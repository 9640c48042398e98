// One step of training or of prediction for the profiler: the same graph, inputs and records as in
// the loop, with freshly initialised parameters.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeBatch } from "../../data/batch.ts";
import type { DataSource } from "../../data/data_source.ts";
import { loader, type Loader } from "../../data/loader.ts";
import type { Gpu } from "../../gpu/device.ts";
import { initialStore } from "../../graph/cpu_store.ts";
import { compile, type Plan } from "../../graph/plan.ts";
import { createStore, type GpuStore } from "../../graph/store.ts";
import type { Tuning } from "../../engine/tuning.ts";
import type { ProfiledStep } from "./marks.ts";
import type { Teacher } from "../../teacher/teacher.ts";
import { labelledSteps } from "../../train/loading/labelled_steps.ts";
import type { TrainConfig } from "../../train/config.ts";
import { predictionNetwork, trainingNetwork, type Network } from "../../train/network.ts";
import { openRunFolder } from "../../train/run_folder.ts";
import { stepScalars } from "../../train/schedule.ts";
import { requireDepth, stepInputs, stepRecord } from "../../train/step.ts";

/** A step with the resources it holds until `destroy`. */
export interface OpenStep extends ProfiledStep {
  readonly destroy: () => Promise<void>;
}

// Few enough to stay in memory, more than one so that no cache holds the inputs of all.
const MOMENTS = 4;

/**
 * The training step of a configuration, with the mappings of `tuning`; throws InputError for data
 * without depth.
 */
export async function trainingStep(
  gpu: Gpu,
  config: TrainConfig,
  source: DataSource,
  teacher: Teacher | null,
  tuning: Tuning,
  onMessage: (message: string) => void,
): Promise<OpenStep> {
  requireDepth(source);
  const network = trainingNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: source.protocol.cap_m,
    teacher: teacher?.parts ?? null,
  });
  const samples = samplesOf(config, source, config.augmentation, onMessage);
  const { plan, store } = await compiled(gpu, config, network, tuning);
  // Records are written as in a run, to a folder that is deleted afterwards.
  const path = await mkdtemp(join(tmpdir(), "ringdepth-profile-"));
  const folder = await openRunFolder(path, 0);
  let added = 0;
  let writes: Promise<unknown> = Promise.resolve();
  return {
    target: "step:train",
    what: describe(config, source),
    plan,
    store,
    moments: Math.min(MOMENTS, source.count),
    overlaps: true,
    prepare: async (step) => ({
      inputs: await stepInputs({ teacher, config }, samples, step),
      scalars: stepScalars(config, step),
    }),
    collect: (_step, outputs) => {
      // Measuring a step again adds one more record.
      const record = stepRecord(added++, 0, outputs, 0);
      if (record === null) return;
      writes = writes.then(async () => await folder.add(record));
      writes.catch(() => undefined); // Thrown by `destroy`.
    },
    destroy: async () => {
      plan.destroy();
      store.destroy();
      try {
        await writes;
        await folder.close();
      } finally {
        await rm(path, { recursive: true });
      }
    },
  };
}

/**
 * The prediction of one moment by the student of a configuration, with the mappings of `tuning`.
 */
export async function predictionStep(
  gpu: Gpu,
  config: TrainConfig,
  source: DataSource,
  tuning: Tuning,
  onMessage: (message: string) => void,
): Promise<OpenStep> {
  const network = predictionNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: source.protocol.cap_m,
  });
  const samples = samplesOf(config, source, false, onMessage);
  const { plan, store } = await compiled(gpu, config, network, tuning);
  return {
    target: "step:predict",
    what: describe(config, source),
    plan,
    store,
    moments: Math.min(MOMENTS, source.count),
    overlaps: false,
    prepare: async (step) => {
      const { sample } = await samples.step(step);
      const { images, focal_scale } = makeBatch(sample, source, null);
      return { inputs: { images, focal_scale }, scalars: {} };
    },
    collect: () => undefined,
    destroy: async () => {
      plan.destroy();
      store.destroy();
      await Promise.resolve();
    },
  };
}

async function compiled(
  gpu: Gpu,
  config: TrainConfig,
  { g, request, precision, recompute = false }: Network,
  tuning: Tuning,
): Promise<{ readonly plan: Plan; readonly store: GpuStore }> {
  const store = createStore(gpu, g, initialStore(g, config.seed));
  try {
    return { plan: await compile(gpu, g, request, store, { tuning, precision, recompute }), store };
  } catch (error) {
    store.destroy();
    throw error;
  }
}

function samplesOf(
  config: TrainConfig,
  source: DataSource,
  augment: boolean,
  onSkip: (message: string) => void,
): Loader {
  const { seed, size, bad_samples: badSamples } = config;
  const options = { seed, size, augment, badSamples, labelledSteps: labelledSteps(config), onSkip };
  return loader(source, options);
}

function describe({ student, size }: TrainConfig, source: DataSource): string {
  return `${student} on ${source.name}, ${source.cameras.length}x${size.height}x${size.width}`;
}
