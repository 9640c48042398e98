// The best constant depth per camera, fitted on training moments and evaluated beside a network.
import type { DataSource, DepthProtocol } from "../data/data_source.ts";
import { checkedSample, type RigSample } from "../data/rig_sample.ts";
import { constantBaseline, evaluateConstants } from "../evaluate/constant_baseline.ts";
import type { EvaluationResult } from "../evaluate/protocol.ts";
import { InputError } from "../tensor/error.ts";
import type { TrainConfig } from "./config.ts";

/** The inputs of the constants. */
export interface ConstantInput {
  readonly config: TrainConfig;
  /** The moments on which the constants are fitted. */
  readonly source: DataSource;
  /** The moments to evaluate. */
  readonly heldOut: DataSource;
  /** The range of depths that count. */
  readonly protocol: DepthProtocol;
  readonly onMessage: (message: string) => void;
}

// Enough for a median; a large data set would take hours to read once more.
const BASELINE_MOMENTS = 200;

/**
 * Fits the constants on training moments, evenly spread where there are many, and evaluates them.
 */
export async function constantResult(input: ConstantInput): Promise<EvaluationResult | null> {
  const { source, heldOut, protocol } = input;
  const names = source.cameras.map(({ name }) => name);
  const baseline = constantBaseline(names, protocol);
  const fitted = Math.min(source.count, BASELINE_MOMENTS);
  for (let i = 0; i < fitted; i++) {
    const sample = await readSample(source, Math.floor((i * source.count) / fitted), input.config);
    if (sample !== null) baseline.add(sample.groundTruth);
  }
  const truths: RigSample["groundTruth"][] = [];
  for (let i = 0; i < heldOut.count; i++) {
    const sample = await readSample(heldOut, i, input.config);
    if (sample !== null) truths.push(sample.groundTruth);
  }
  try {
    return evaluateConstants(names, baseline.constants_m(), protocol, truths);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // A camera without depth in training must not prevent the report.
    input.onMessage(`no constants to compare with: ${error.message}`);
    return null;
  }
}

/** A sample, or null where it is broken and such samples are left out (the loader reported it). */
export async function readSample(
  source: DataSource,
  index: number,
  config: TrainConfig,
): Promise<RigSample | null> {
  try {
    return checkedSample(await source.sample(index, config.size));
  } catch (error) {
    if (config.bad_samples === "stop" || !(error instanceof InputError)) throw error;
    return null;
  }
}
