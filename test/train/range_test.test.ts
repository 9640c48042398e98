// The learning-rate range test: its schedule, its judgement, and a real one on the tiny rig.
import { expect, test } from "vitest";
import { judgeRange, rangeRate, rangeTest, type RangePoint } from "../../src/train/range_test.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource } from "./tiny.ts";

test("the learning rate rises evenly in its logarithm", () => {
  const rates = [0, 1, 2, 3, 4].map((step) => rangeRate({ low: 1e-5, high: 1e-1 }, step, 5));
  rates.forEach((rate, i) => expect(rate / 10 ** (i - 5)).toBeCloseTo(1, 12));
  expect(rangeRate({ low: 1e-5, high: 1 }, 0, 1)).toBe(1e-5);
});

test("the steepest fall lies before the lowest loss, whatever comes after", () => {
  const smooth = [5, 5, 5, 5, 5, 5, 4.9, 4, 3.8, 3.7, 9, 2];
  const points: RangePoint[] = smooth.slice(0, 11).map((smooth_loss, i) => ({
    step: i + 1,
    learning_rate: 10 ** (i - 6),
    loss: smooth_loss,
    smooth_loss,
  }));
  const found = judgeRange(points, true);
  expect(found.steepest).toBeCloseTo(10, 9);
  expect(found.lowest).toBeCloseTo(1000, 6);
  expect(() => judgeRange(points.slice(0, 2), true)).toThrow("diverged within 2 steps");
});

test("a test ends where the loss diverges, and leaves nothing on the device", async () => {
  const config = tinyConfig({ steps: 30, loss: { ckd: false, relation: "none" } });
  const before = gpu.memory.live_bytes;
  const seen: number[] = [];
  const found = await rangeTest({
    gpu,
    config,
    source: tinySource("train"),
    teacher: null,
    range: { low: 1e-4, high: 1e6 },
    tuning: new Map(),
    onStep: ({ step }) => seen.push(step),
    onMessage: (text) => expect.fail(text),
  });
  expect(gpu.memory.live_bytes).toBe(before);
  if (found === null) expect.fail("the test was not stopped");
  expect(found.points.map(({ step }) => step)).toEqual(seen);
  expect(found.steepest).toBeGreaterThanOrEqual(1e-4);
  expect(found.steepest).toBeLessThanOrEqual(found.lowest);
  expect(found.lowest).toBeLessThan(1e6);
  const empty = { low: 1, high: 1 };
  const again = { gpu, config, source: tinySource("train"), teacher: null, tuning: new Map() };
  const rest = { onStep: () => undefined, onMessage: () => undefined };
  await expect(rangeTest({ ...again, ...rest, range: empty })).rejects.toThrow("0 < low < high");
  const range = { low: 1e-4, high: 1 };
  const short = { ...again, ...rest, range, config: tinyConfig({ steps: 2 }) };
  await expect(rangeTest(short)).rejects.toThrow("2 steps; give at least three");
  const stopped = { ...again, ...rest, range, config, signal: AbortSignal.abort() };
  expect(await rangeTest(stopped)).toBeNull();
});
