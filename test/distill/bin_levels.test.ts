// Every level of the bin decode is the same function: in f64 to its rounding, forward and backward.
// On the GPU they are compared by `bench bins`.
import { describe, expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { inputsOf, type BenchGraph } from "../../src/profile/bench/plan_bench.ts";
import {
  decodeGraph,
  decodeLevels,
  problemInputs,
  smallProblem,
  stepGraph,
  stepLevels,
  type BinProblem,
} from "../../src/profile/bench/bins_problem.ts";
import { relativeNorm } from "../../src/tensor/differences.ts";

const base = { views: 6, height: 48, width: 80, bins: 21 } as const;
const PROBLEMS: readonly BinProblem[] = [
  ...(["logits", "binomial"] as const).flatMap((student) =>
    (["image", "pixel"] as const).map((centers) => ({ ...base, student, centers, channels: 0 })),
  ),
  { ...base, student: "features", centers: "image", channels: 5 },
];

describe.each(PROBLEMS)("from $student, centres of the $centers", (problem) => {
  const small = smallProblem(problem);
  const inputs = problemInputs(small);
  const run = ({ g, forward, backward }: BenchGraph): Record<string, Float64Array> =>
    runOnCpu(g, { outputs: { ...forward, ...backward } }, initialStore(g, 1), inputsOf(g, inputs));

  test.each([
    ["decodes", decodeLevels(problem), decodeGraph, ["depth_m"]],
    ["steps", stepLevels(problem), stepGraph, ["depth_m", "d_centers"]],
  ] as const)("every level %s as level 0 does", (_, levels, graphOf, names) => {
    const [unfused, ...others] = levels.map((level) => run(graphOf(small, level)));
    expect(others.length).toBeGreaterThan(0);
    expect(Object.keys(unfused)).toEqual(expect.arrayContaining([...names]));
    for (const level of others) {
      expect(Object.keys(level)).toEqual(Object.keys(unfused));
      for (const [name, want] of Object.entries(unfused)) {
        expect(
          want.some((value) => value !== 0),
          name,
        ).toBe(true);
        expect(relativeNorm(level[name], want), name).toBeLessThan(1e-12);
      }
    }
  });
});

test("a level is not asked for what it is not made for", () => {
  const [logits] = PROBLEMS;
  const features = PROBLEMS.at(-1)!;
  expect(() => decodeGraph(logits, 3)).toThrow("level 3 distils");
  expect(() => decodeGraph(logits, 2)).toThrow("level 2 begins with features");
  expect(() => stepGraph(logits, 2)).toThrow("level 2 begins with features");
  expect(() => stepGraph(features, 3)).toThrow("level 3 distils");
});
