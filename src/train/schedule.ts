// Numbers that change from step to step, all computed from the step alone.
import { LOSS_TERMS, weightName } from "../distill/losses.ts";
import type { BalanceFactors } from "./balance.ts";
import type { TrainConfig } from "./config.ts";

/** Warm-up, then half a cosine down to `final` of the peak. step counts from 0. */
export function learningRate(config: TrainConfig, step: number): number {
  const { learning_rate, warmup, final } = config.optimizer;
  const warm = Math.round(warmup * config.steps);
  if (step < warm) return (learning_rate * (step + 1)) / (warm + 1);
  const share = Math.min(1, (step - warm) / Math.max(1, config.steps - warm));
  return learning_rate * (final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * share)));
}

/**
 * Every step scalar of the training graph by name: learning rate, bias corrections (in f64), loss
 * weights, times `factors` by term.
 */
export function stepScalars(
  config: TrainConfig,
  step: number,
  factors: BalanceFactors = {},
): Record<string, number> {
  const { beta1, beta2 } = config.optimizer;
  const ramp = config.loss.ramp * config.steps;
  const risen = ramp === 0 ? 1 : Math.min(1, step / ramp);
  const scalars: Record<string, number> = {
    learning_rate: learningRate(config, step),
    correction1: 1 / (1 - beta1 ** (step + 1)),
    correction2: 1 / (1 - beta2 ** (step + 1)),
  };
  for (const term of LOSS_TERMS) {
    const weight = config.loss.weights[term];
    scalars[weightName(term)] = term === "silog" ? weight : weight * risen * (factors[term] ?? 1);
  }
  return scalars;
}
