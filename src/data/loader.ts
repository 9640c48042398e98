// Feeds training and evaluation from a data source: the sample of a step, or every sample once.
// The step number is the only state, so a resumed run sees the same samples as an uninterrupted
// one.
import { InputError } from "../tensor/error.ts";
import { drawJitter } from "./augmentation.ts";
import { makeBatch, type Batch } from "./batch.ts";
import type { ImageSize } from "./camera.ts";
import type { DataSource } from "./data_source.ts";
import { placeOf } from "./order.ts";
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
  /**
   * The sample and batch of a step, deterministic. A bad sample is replaced by the next one in the
   * order of its epoch. Throws InputError if samples may not be skipped or none is left.
   */
  step(step: number): Promise<LoadedStep>;
  /** Every sample of the source once, in order. Throws InputError as `step` does. */
  all(): AsyncGenerator<RigSample>;
}

/** A loader of a data source. */
export function loader(source: DataSource, options: LoaderOptions): Loader {
  const { seed, size, augment, badSamples, onSkip } = options;
  const bad = new Set<number>();

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
  const nothingLeft = (): InputError =>
    new InputError(
      `${source.name}: none of the ${source.count} ${source.split} samples can be read`,
    );

  return {
    get skipped() {
      return bad.size;
    },
    step: async (step) => {
      const { epoch, order, position } = placeOf(step, source.count, seed);
      for (let offset = 0; offset < order.length; offset++) {
        const sample = await load(order[(position + offset) % order.length]);
        if (!sample) continue;
        const jitter = augment ? drawJitter(seed, epoch, sample.id) : null;
        return { epoch, sample, batch: makeBatch(sample, source, jitter) };
      }
      throw nothingLeft();
    },
    async *all() {
      for (let index = 0; index < source.count; index++) {
        const sample = await load(index);
        if (sample) yield sample;
      }
      if (bad.size === source.count) throw nothingLeft();
    },
  };
}
