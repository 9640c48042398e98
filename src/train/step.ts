// The data that one training step takes, and the outputs that are kept.
import type { DataSource } from "../data/data_source.ts";
import type { Loader } from "../data/loader.ts";
import { LOSS_TERMS } from "../distill/losses.ts";
import { InputError } from "../tensor/error.ts";
import { momentInputs, type MomentLoad, type StepSource } from "./loading/moment_inputs.ts";
import { momentsPerStep, passInput, type StepMoments } from "./loading/step_moments.ts";
import type { StepRecord } from "./run_folder.ts";

/** Throws InputError for data that has no depth to learn from. */
export function requireDepth(source: DataSource): void {
  if (source.canTrain) return;
  throw new InputError(`${source.name} has no depth to learn from: it can only be predicted`);
}

/** The inputs of a step, counted from 0: those of its moments, as `stepNetwork` takes them. */
export async function joinedInputs(
  config: StepMoments,
  load: MomentLoad,
  step: number,
): Promise<Record<string, Float32Array>> {
  const { rigs_per_step: rigs, accumulate: passes } = config;
  const first = step * momentsPerStep(config);
  const joined: Record<string, Float32Array> = {};
  for (let pass = 0; pass < passes; pass++) {
    const moments = await Promise.all(
      Array.from({ length: rigs }, async (_, rig) => await load(first + pass * rigs + rig)),
    );
    for (const name of Object.keys(moments[0])) {
      joined[passInput(name, pass)] = rigs === 1 ? moments[0][name] : concatenated(moments, name);
    }
  }
  return joined;
}

function concatenated(
  moments: readonly Readonly<Record<string, Float32Array>>[],
  name: string,
): Float32Array {
  const { length } = moments[0][name];
  const whole = new Float32Array(moments.length * length);
  moments.forEach((inputs, i) => whole.set(inputs[name], i * length));
  return whole;
}

/** The inputs of a step whose moments are loaded here. */
export async function stepInputs(
  source: StepSource,
  samples: Loader,
  step: number,
): Promise<Record<string, Float32Array>> {
  const load: MomentLoad = async (moment) => await momentInputs(source, samples, moment);
  return await joinedInputs(source.config, load, step);
}

/**
 * The record of a step, counted from 0; null if one of its numbers is not finite. A step whose
 * scaled gradients overflowed is recorded as skipped: it changed no parameter, and the next one has
 * half the scale.
 */
export function stepRecord(
  step: number,
  learning_rate: number,
  values: Readonly<Record<string, Float32Array>>,
  time_ms: number,
  wait_ms?: number,
): StepRecord | null {
  const [gradient_norm, , areGradientsFinite, isStateBad] = values["gradient_norm"];
  const terms: Record<string, number> = {};
  for (const term of LOSS_TERMS) {
    const value = values[term];
    if (value !== undefined) terms[term] = value[0];
  }
  const loss = values["loss"][0];
  const areTermsFinite = [loss, gradient_norm, ...Object.values(terms)].every(Number.isFinite);
  const loss_scale = values["loss_scale"]?.[0];
  const skipped = areGradientsFinite !== 1 && loss_scale !== undefined && loss_scale > 1;
  if (isStateBad !== 0 || !areTermsFinite) return null;
  if (areGradientsFinite !== 1 && !skipped) return null;
  return {
    step: step + 1,
    loss,
    terms,
    learning_rate,
    gradient_norm,
    valid_pixels: values["valid_count"][0],
    time_ms,
    ...(wait_ms !== undefined && { wait_ms }),
    ...(loss_scale !== undefined && { loss_scale }),
    ...(skipped && { skipped: true as const }),
  };
}
