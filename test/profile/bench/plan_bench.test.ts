// Ways to the same numbers on the adapter of the tests: a way that is wrong gets its error and no
// time, and where the first is wrong none is timed. How long they take is not tested.
import { describe, expect, test } from "vitest";
import { hasTimestamps } from "../../../src/gpu/timestamps.ts";
import { graph } from "../../../src/graph/graph.ts";
import { multiply, scaleShift } from "../../../src/graph/ops/arithmetic.ts";
import { reduce } from "../../../src/graph/ops/reduce.ts";
import { benchBins, binProblems, featureProblems } from "../../../src/profile/bench/bins_bench.ts";
import { prepareBench, type Bench } from "../../../src/measure/measure.ts";
import { benchWays, type BenchGraph, type WaySet } from "../../../src/profile/bench/plan_bench.ts";
import type { Ceilings } from "../../../src/measure/ceilings.ts";
import { gpu } from "../../support/gpu.ts";

const SETTINGS = { time_s: 0, min_samples: 3, noise: 10, timeout_s: 0.2 };
const rates = { copy_gbytes: 1e6, read_gbytes: 1e6, triad_gbytes: 1e6 };
const CEILINGS = {
  bandwidth: [{ working_set_bytes: 1, ...rates }],
  gflops: 1e9,
  empty_dispatch_us: 1,
} as unknown as Ceilings;
const bench = async (): Promise<Bench> => await prepareBench(gpu, 1, SETTINGS, false);

/** Mean of (factor x)^2 and its gradient, the factor once before and once after the square. */
function meanSquare(shape: readonly number[], factor: number, after: boolean): BenchGraph {
  const g = graph();
  const x = g.input("x", shape);
  const y = after ? x : scaleShift(x, factor, 0);
  const mean = reduce(multiply(y, y), "mean");
  const loss = after ? scaleShift(mean, factor ** 2, 0) : mean;
  return { g, forward: { loss }, backward: { d_x: g.gradients(loss, [x]).get(x)! } };
}

const x = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => 1 + (i % 7));
/** A first way, a right one and a wrong one. */
function waySet(first: number): WaySet {
  const small = meanSquare([12], 3, false);
  return {
    ways: [
      { name: "before", graph: meanSquare([3000], first, false) },
      { name: "after", graph: meanSquare([3000], 3, true) },
      { name: "other", graph: meanSquare([3000], 3.01, true) },
    ],
    inputs: { x: x(3000) },
    small: { graph: small, inputs: { x: x(12) } },
  };
}

describe.skipIf(!hasTimestamps(gpu))("ways on the adapter", () => {
  test("right ones have times and ratios, a wrong one its error alone", async () => {
    const before = gpu.memory.live_bytes;
    const rows = await benchWays(await bench(), CEILINGS, waySet(3), ["forward", "both"]);
    expect(rows.map(({ way, direction }) => `${way} ${direction}`)).toEqual([
      "before forward",
      "after forward",
      "other forward",
      "before both",
      "after both",
      "other both",
    ]);
    const [first, right, wrong] = rows.slice(3);
    expect(first).toMatchObject({ error: "", ratio: null, depth_error: null });
    expect(first.time!.median_ms).toBeGreaterThan(rows[0].time!.median_ms);
    expect(right.error).toBe("");
    expect(right.ratio!.median).toBeGreaterThan(0);
    expect(right.roofline!.share).toBeLessThan(1);
    expect(right.gradient_error).toBeLessThan(1e-6);
    expect(wrong).toMatchObject({ time: null, ratio: null, roofline: null });
    expect(wrong.error).toMatch(
      /^loss differs from before by 6\.7e-3; .*; d_x differs from before by 6\.7e-3/,
    );
    expect(first.dispatches).toBeGreaterThan(rows[0].dispatches);
    expect(first.bytes).toBeGreaterThan(rows[0].bytes);
    expect(gpu.memory.live_bytes).toBe(before);
  });

  test("where the first is wrong against f64, none is timed", async () => {
    const { small, ...set } = waySet(3);
    // beyond the range of f32, not of f64
    const g = graph();
    const sum = reduce(scaleShift(g.input("x", [12]), 1e30, 0), "sum");
    const lost = { g, forward: { loss: multiply(sum, sum) }, backward: {} };
    const rows = await benchWays(
      await bench(),
      CEILINGS,
      { ...set, small: { ...small, graph: lost } },
      ["both"],
    );
    expect(rows[0].error).toContain("loss differs from f64 by Infinity");
    expect(rows.map(({ time }) => time)).toEqual([null, null, null]);
  });

  test("levels of the bin decode agree and are timed in their directions", async () => {
    const axes = { views: 2, sizes: [{ height: 4, width: 6 }], bins: [16] };
    const problems = [
      ...binProblems({ ...axes, students: ["logits", "binomial"], centers: ["image"] }),
      ...featureProblems({ ...axes, channels: [8] }),
    ];
    const choice = { problems, levels: [0, 1, 2, 3], directions: ["forward", "both"] } as const;
    const told: string[] = [];
    const rows = await benchBins(await bench(), CEILINGS, choice, (line) => told.push(line));
    const seen = rows.map(({ student, direction, level }) => `${student} ${direction} ${level}`);
    const levels = { forward: [0, 1], both: [0, 1, 3] };
    const expected = ["logits", "binomial"].flatMap((student) =>
      (["forward", "both"] as const).flatMap((d) => levels[d].map((l) => `${student} ${d} ${l}`)),
    );
    const features = ["forward", "both"].flatMap((d) => [0, 1, 2].map((l) => `features ${d} ${l}`));
    expect(seen).toEqual([...expected, ...features]);
    expect(rows.map(({ error }) => error)).toEqual(rows.map(() => ""));
    for (const { level, time, ratio, depth_error } of rows) {
      expect(time!.median_ms).toBeGreaterThan(0);
      expect(ratio === null).toBe(level === 0);
      expect(depth_error).toBeLessThan(1e-5);
    }
    expect(told).toHaveLength(6);
  });
});
