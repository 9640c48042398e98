// Numbers by step: learning rate, bias corrections, ramped weights.
import { expect, test } from "vitest";
import { resolveConfig } from "../../src/train/config.ts";
import { learningRate, stepScalars } from "../../src/train/schedule.ts";

const config = resolveConfig(
  {
    steps: 100,
    optimizer: { learning_rate: 2, warmup: 0.1, final: 0.1 },
    loss: { ramp: 0.2, weights: { kl: 3 } },
  },
  "test",
);

test("the learning rate rises over the warm-up and falls by half a cosine", () => {
  const rates = Array.from({ length: 100 }, (_, step) => learningRate(config, step));
  expect(rates[0]).toBeCloseTo(2 / 11, 12);
  expect(rates[9]).toBeCloseTo(20 / 11, 12);
  expect(rates[10]).toBe(2);
  expect(rates[55]).toBeCloseTo(2 * (0.1 + 0.9 / 2), 12);
  expect(learningRate(config, 100)).toBeCloseTo(0.2, 12);
  expect(rates.slice(10)).toEqual(rates.slice(10).toSorted((a, b) => b - a));
});

test("corrections are those of Adam after the step", () => {
  const { correction1, correction2 } = stepScalars(config, 2);
  expect(correction1).toBeCloseTo(1 / (1 - 0.9 ** 3), 12);
  expect(correction2).toBeCloseTo(1 / (1 - 0.99 ** 3), 12);
});

test("distillation weights rise from 0, the supervised one stands", () => {
  const weight = (step: number): number => stepScalars(config, step)["weight_kl"];
  expect([0, 10, 20, 99].map(weight)).toEqual([0, 1.5, 3, 3]);
  expect(stepScalars(config, 0)["weight_silog"]).toBe(1);
});

test("without a ramp the weights are full at once", () => {
  const steep = resolveConfig({ loss: { ramp: 0 } }, "test");
  expect(stepScalars(steep, 0)["weight_cross"]).toBe(1);
});
