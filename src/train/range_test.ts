// The learning-rate range test: a short run whose learning rate rises from low to high at an even
// pace in its logarithm, until the loss grows. It writes no run folder and keeps no weights. Source:
// Smith 2017 (arXiv:1506.01186), section 3.3.
import type { DataSource } from "../data/data_source.ts";
import { loader } from "../data/loader.ts";
import type { Tuning } from "../engine/tuning.ts";
import type { Gpu } from "../gpu/device.ts";
import { initialStore } from "../graph/cpu_store.ts";
import type { Teacher } from "../teacher/teacher.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "./config.ts";
import { loadFirstWeights } from "./first_weights.ts";
import { labelledSteps } from "./loading/labelled_steps.ts";
import { trainingNetwork } from "./network.ts";
import { stepScalars } from "./schedule.ts";
import { openSession } from "./session.ts";
import { requireDepth, stepInputs, stepRecord } from "./step.ts";
import { takeSharedHead } from "./teacher/shared_head.ts";

/** The learning rates of a range test, in ascending order. */
export interface LearningRateRange {
  readonly low: number;
  readonly high: number;
}

/** One step of a range test. */
export interface RangePoint {
  readonly step: number;
  readonly learning_rate: number;
  readonly loss: number;
  /** Exponential mean of the loss, free of its start at 0. */
  readonly smooth_loss: number;
}

/** The result of a range test. */
export interface RangeTest {
  readonly points: readonly RangePoint[];
  /** Where the smoothed loss falls fastest per decade. */
  readonly steepest: number;
  /** Where the smoothed loss is lowest; training diverges not far above it. */
  readonly lowest: number;
  /** Whether the loss grew beyond four times its lowest, or was no longer finite. */
  readonly diverged: boolean;
}

const SMOOTHING = 0.9;
const DIVERGED = 4;
// The smoothed loss means little before.
const FIRST = 5;

/** The learning rate of a step, counted from 0: low * (high / low)^(step / (steps - 1)). */
export function rangeRate({ low, high }: LearningRateRange, step: number, steps: number): number {
  return steps === 1 ? low : low * (high / low) ** (step / (steps - 1));
}

/** Fewer points have no slope to compare. */
const LEAST_POINTS = 3;

/** Evaluates the points of a test; throws InputError for fewer than three. */
export function judgeRange(points: readonly RangePoint[], diverged: boolean): RangeTest {
  if (points.length < LEAST_POINTS) {
    throw new InputError(
      `learning-rate range test: the loss diverged within ${points.length} steps; begin with a ` +
        `smaller learning rate`,
    );
  }
  const judged = points.length > 2 * FIRST ? points.slice(FIRST) : points;
  const lowest = judged.reduce((best, point) =>
    point.smooth_loss < best.smooth_loss ? point : best,
  );
  let steepest = judged[0];
  let steepestSlope = Infinity;
  for (let i = 1; i < judged.length && judged[i - 1] !== lowest; i++) {
    const decades = Math.log10(judged[i].learning_rate / judged[i - 1].learning_rate);
    const slope = (judged[i].smooth_loss - judged[i - 1].smooth_loss) / decades;
    if (slope >= steepestSlope) continue;
    steepestSlope = slope;
    steepest = judged[i];
  }
  return {
    points,
    steepest: steepest.learning_rate,
    lowest: lowest.learning_rate,
    diverged,
  };
}

/** The inputs of a range test. */
export interface RangeTestInput {
  readonly gpu: Gpu;
  readonly config: TrainConfig;
  readonly source: DataSource;
  readonly teacher: Teacher | null;
  readonly range: LearningRateRange;
  readonly tuning: Tuning;
  readonly signal?: AbortSignal;
  readonly onStep: (point: RangePoint) => void;
  readonly onMessage: (message: string) => void;
}

/**
 * Runs the test over `config.steps` steps, from the weights with which a run begins and with the loss
 * weights as they are after their rise. Null if the signal came before three steps. Throws InputError
 * for an empty range, fewer than three steps and data without depth.
 */
export async function rangeTest(input: RangeTestInput): Promise<RangeTest | null> {
  const { gpu, config, source, teacher, range, tuning, signal, onStep, onMessage } = input;
  if (!(range.low > 0 && range.low < range.high && range.high < Infinity)) {
    throw new InputError(`learning rates ${range.low} to ${range.high}: expected 0 < low < high`);
  }
  if (config.steps < LEAST_POINTS) {
    throw new InputError(`learning-rate range test: ${config.steps} steps; give at least three`);
  }
  requireDepth(source);
  const { cameras, protocol } = source;
  const shape = {
    views: cameras.length,
    size: config.size,
    depth_max_m: protocol.cap_m,
    teacher: teacher?.parts ?? null,
  };
  const network = trainingNetwork(config, shape);
  const first = initialStore(network.g, config.seed);
  await takeSharedHead(config, source, first);
  await loadFirstWeights(config, first, onMessage);
  const session = await openSession(gpu, network, first, tuning);
  const samples = loader(source, {
    seed: config.seed,
    size: config.size,
    augment: config.augmentation,
    badSamples: config.bad_samples,
    labelledSteps: labelledSteps(config),
    onSkip: onMessage,
  });
  const points: RangePoint[] = [];
  let mean = 0;
  let best = Infinity;
  let diverged = false;
  try {
    for (let step = 0; step < config.steps && !diverged; step++) {
      if (signal?.aborted === true) break;
      const learning_rate = rangeRate(range, step, config.steps);
      const inputs = await stepInputs({ teacher, config }, samples, step);
      const { correction1, correction2 } = stepScalars(config, step);
      const risen = stepScalars(config, config.steps);
      const scalars = { ...risen, correction1, correction2, learning_rate };
      const values = await session.plan.submit(inputs, scalars)();
      const record = stepRecord(step, learning_rate, values, 0);
      if (record === null) {
        diverged = true;
        break;
      }
      mean = SMOOTHING * mean + (1 - SMOOTHING) * record.loss;
      const smooth_loss = mean / (1 - SMOOTHING ** (step + 1));
      best = Math.min(best, smooth_loss);
      diverged = step >= FIRST && smooth_loss > DIVERGED * best;
      const point = { step: step + 1, learning_rate, loss: record.loss, smooth_loss };
      points.push(point);
      onStep(point);
    }
  } finally {
    session.close();
  }
  if (signal?.aborted === true && points.length < LEAST_POINTS) return null;
  return judgeRange(points, diverged);
}
