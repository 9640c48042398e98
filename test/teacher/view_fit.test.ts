// Scale and shift of a view from its LiDAR: exact without errors, steady with wrong points, and none
// where the points do not allow it.
import { expect, test } from "vitest";
import { fitView as fitPoints, LEAST_POINTS, type ViewFit } from "../../src/teacher/view_fit.ts";
import { randomStream } from "../../src/tensor/random.ts";

const fitView = (map: readonly number[], target: readonly number[], key: number): ViewFit | null =>
  fitPoints({ map, target, divisor: (value) => value }, key);

/** Points of a line, with relative errors and a share of points that lie anywhere. */
function points(count: number, error: number, wrong: number): { map: number[]; target: number[] } {
  const random = randomStream(11, count);
  const map = Array.from({ length: count }, () => random.uniform());
  const target = map.map((value) => {
    const right = (0.4 * value + 0.02) * Math.exp(error * random.normal());
    return random.uniform() < wrong ? 0.02 + 0.4 * random.uniform() : right;
  });
  return { map, target };
}

test.each([
  ["without errors", LEAST_POINTS, 0, 0, 1e-9],
  ["with errors of 5 %", 300, 0.05, 0, 0.01],
  ["with a third of wrong points", 300, 0.02, 0.33, 0.01],
])("the line is found %s", (_name, count, error, wrong, tolerance) => {
  const { map, target } = points(count, error, wrong);
  const fit = fitView(map, target, 1)!;
  expect(Math.abs(fit.scale / 0.4 - 1)).toBeLessThan(5 * tolerance);
  expect(Math.abs(fit.shift - 0.02)).toBeLessThan(0.2 * tolerance);
  expect(fitView(map, target, 1)).toEqual(fit);
});

test("a large shift costs no digits", () => {
  const { map, target } = points(50, 0, 0);
  const { scale, shift } = fitView(
    map.map((value) => 1e3 + value),
    target,
    1,
  )!;
  expect(scale).toBeCloseTo(0.4, 6);
  expect(shift + 1e3 * scale).toBeCloseTo(0.02, 6);
});

test("targets that are logarithms may be 0 or negative, and their errors are differences", () => {
  const { map } = points(200, 0, 0);
  const target = map.map((value, i) => 4 * value - 1 + (i % 5 === 0 ? 3 : 0));
  const { scale, shift } = fitPoints({ map, target, divisor: () => 1 }, 1)!;
  expect(scale).toBeCloseTo(4, 6);
  expect(shift).toBeCloseTo(-1, 6);
});

test("there is no fit", () => {
  const { map, target } = points(200, 0, 0);
  const few = LEAST_POINTS - 1;
  expect(fitView([], [], 1), "of nothing").toBeNull();
  expect(fitView(map.slice(0, few), target.slice(0, few), 1), "of few points").toBeNull();
  expect(
    fitView(
      map.map((value) => -value),
      target,
      1,
    ),
    "of a reversed map",
  ).toBeNull();
  expect(
    fitView(
      map.map(() => 3),
      target,
      1,
    ),
    "of a flat map",
  ).toBeNull();
  const random = randomStream(5);
  const noise = target.map(() => Math.exp(3 * random.normal()));
  expect(fitView(map, noise, 1), "of points that no line explains").toBeNull();
});
