// Feeds training and evaluation from a data source: the sample of a step, or every sample once.
// The step number is the only state, so a resumed run sees the same samples as an uninterrupted
// one.
import { InputError } from "../tensor/error.ts";
import { drawJitter } from "./augmentation.ts";
import { makeBatch, type Batch } from "./batch.ts";
import type { ImageSize } from "./camera.ts";
import type { DataSource } from "./data_source.ts";
import { isLabelledStep, placeOf, type Labels } from "./order.ts";
import type { RigSample } from "./rig_sample.ts";

/** Whether a bad sample throws its error, or is skipped and reported. */
export type BadSamples = "stop" | "skip";

/** The options of a loader. */
export interface LoaderOptions {
  readonly seed: number;
  readonly size: ImageSize;
  /** Colour jitter, in training. */
  readonly augment: boolean;
  readonly badSamples: BadSamples;
  /**
   * Share of the steps that train on a moment with LiDAR, above 0 (default 1); it concerns sources
   * where some moments have none.
   */
  readonly labelledSteps?: number;
  /** Receives one line per skipped sample. */
  readonly onSkip?: (message: string) => void;
}

/** The sample that step `step` trains on. */
export interface LoadedStep {
  readonly epoch: number;
  readonly sample: RigSample;
  readonly batch: Batch;
}

/** Provides samples by step and counts the skipped ones. */
export interface Loader {
  /** Number of different samples skipped so far. */
  readonly skipped: number;
  /** Whether a step, counted from 0, trains on a moment that keeps its LiDAR. */
  readonly isLabelled: (step: number) => boolean;
  /**
   * The sample and batch of a step, the same whenever asked. A bad sample's place is taken by the
   * next in the order of its epoch; where no sample without LiDAR is left, by one with LiDAR. Throws InputError where samples may not be skipped or none is
   * left.
   */
  step(step: number): Promise<LoadedStep>;
  /** Every sample of the source once, in order. Throws InputError as `step` does. */
  all(): AsyncGenerator<RigSample>;
}

/** A loader of a data source. */
export function loader(source: DataSource, options: LoaderOptions): Loader {
  const { seed, size, augment, badSamples, onSkip } = options;
  const bad = new Set<number>();
  const { count, labelled } = source;
  const labels: Labels | undefined = labelled && { labelled, steps: options.labelledSteps ?? 1 };

  const load = async (index: number): Promise<RigSample | null> => {
    if (bad.has(index)) return null;
    try {
      return await source.sample(index, size);
    } catch (error) {
      if (badSamples === "stop" || !(error instanceof InputError)) throw error;
      if (!bad.has(index)) onSkip?.(`sample ${index} left out: ${error.message}`);
      bad.add(index);
      return null;
    }
  };
  const nothingLeft = (tried: string): InputError =>
    new InputError(`${source.name}: none of the ${tried} can be read`);
  const everything = `${count} ${source.split} samples`;

  return {
    get skipped() {
      return bad.size;
    },
    isLabelled: (step) => isLabelledStep(step, count, labels),
    step: async (step) => {
      const { epoch, order, position } = placeOf(step, count, seed, labels);
      const isLabelled = isLabelledStep(step, count, labels);
      const others = isLabelled ? [] : (labelled ?? []);
      for (const index of [...order.slice(position), ...order.slice(0, position), ...others]) {
        const sample = await load(index);
        if (!sample) continue;
        const jitter = augment ? drawJitter(seed, epoch, sample.id) : null;
        return { epoch, sample, batch: makeBatch(sample, source, jitter) };
      }
      const isPart = isLabelled && order.length < count;
      throw nothingLeft(isPart ? `${order.length} samples with LiDAR` : everything);
    },
    async *all() {
      for (let index = 0; index < count; index++) {
        const sample = await load(index);
        if (sample) yield sample;
      }
      if (bad.size === count) throw nothingLeft(everything);
    },
  };
}
