// Schedules against the numbers of PyTorch's schedulers, and at their ends.
import { expect, test } from "vitest";
import {
  constantRate,
  cosineRate,
  oneCycle,
  warmUp,
  type Schedule,
} from "../../../src/graph/training/schedule.ts";
import { InputError } from "../../../src/tensor/error.ts";

const rates = (schedule: Schedule, steps: number): number[] =>
  Array.from({ length: steps }, (_, step) => schedule(step));
const close = (got: readonly number[], want: readonly number[]): void => {
  expect(got.length).toBe(want.length);
  for (const [i, v] of want.entries())
    expect(Math.abs(got[i] - v), `step ${i}`).toBeLessThan(1e-12);
};

test("one cycle of ten steps is PyTorch's", () => {
  close(
    rates(oneCycle(1, 10), 10),
    [
      0.04, 0.52, 1, 0.9504846320134737, 0.8117456539497631, 0.6112620219362893,
      0.38874197806371075, 0.18825834605023697, 0.049519367986526286, 4e-6,
    ],
  );
  expect(oneCycle(2, 10)(25)).toBeCloseTo(8e-6, 15);
  for (const steps of [0, 1, 2])
    expect(rates(oneCycle(1, steps), 4).every(Number.isFinite)).toBe(true);
});

test("a cosine is PyTorch's, and stays at its end", () => {
  const want = [1, 0.9140576474687263, 0.6890576474687263, 0.41094235253127365, 0.1859423525312737];
  close(rates(cosineRate(1, 5, { final: 0.1 }), 8), [...want, 0.1, 0.1, 0.1]);
  expect(constantRate(0.3)(77)).toBe(0.3);
});

test("a warm-up rises evenly to what follows, which starts from its own first step", () => {
  close(rates(warmUp(3, 1), 5), [0.25, 0.5, 0.75, 1, 1]);
  close(rates(warmUp(1, cosineRate(1, 2)), 4), [0.5, 1, 0.5, 0]);
  close(rates(warmUp(0, 0.2), 1), [0.2]);
});

test("what is no rate, no number of steps or no option is refused by name", () => {
  expect(() => cosineRate(1, -1)).toThrow(InputError);
  expect(() => cosineRate(1, 5, { finale: 0 } as never)).toThrow("unknown option finale");
  expect(() => oneCycle(NaN, 5)).toThrow("peak is NaN");
  expect(() => warmUp(2, "1" as never)).toThrow("the learning rate is a string");
  expect(() => constantRate(undefined as never)).toThrow("rate is undefined");
});
