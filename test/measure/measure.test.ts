// Measuring on the adapter of the tests: times are above zero, stops are kept, memory is given back.
// How long a kernel takes is not tested, machines differ.
import { describe, expect, test } from "vitest";
import { hasTimestamps } from "../../src/gpu/timestamps.ts";
import { ceilingFma } from "../../src/kernels/ceiling.ts";
import { prepareKernel, type PreparedKernel } from "../../src/engine/run.ts";
import { scaleBy } from "../../src/kernels/scale_by.ts";
import { batchFor } from "../../src/measure/clock.ts";
import {
  measureCold,
  measureHot,
  measureInTurn,
  measurePair,
  prepareBench,
} from "../../src/measure/measure.ts";
import { makeChecker } from "../../src/measure/problems.ts";
import { profilePair, profileTargets } from "../../src/measure/run_profile.ts";
import { median } from "../../src/measure/statistics.ts";
import { doctored } from "../support/doctored.ts";
import { gpu } from "../support/gpu.ts";

const SETTINGS = { time_s: 0.02, min_samples: 5, noise: 10, timeout_s: 0.5 };
const SILENT = (): void => undefined;

async function fma(loops: number): Promise<PreparedKernel> {
  const x = new Float32Array(2048).fill(1);
  return await prepareKernel(gpu, ceilingFma, { x }, { x: [2048] }, { loops });
}

test("a time too short for the clock is batched to twenty of its steps", () => {
  expect(batchFor(1, 65_536)).toBe(2); // 20 steps are 1.31 ms
  expect(batchFor(0.14, 65_536)).toBe(10);
  expect(batchFor(2, 65_536)).toBe(1);
  expect(batchFor(0, 65_536)).toBe(1000);
  expect(batchFor(0, 0)).toBe(1);
});

describe("several in turn, by a clock of the test's own", () => {
  /** Contestants that take the given times in turn, and what they were asked for. */
  function contestants(...times_ms: readonly (readonly number[])[]): {
    readonly list: { readonly time: (batch: number) => Promise<readonly number[]> }[];
    readonly asked: [contestant: number, batch: number][];
    readonly clock_ms: () => number;
  } {
    const asked: [number, number][] = [];
    let now_ms = 0;
    const list = times_ms.map((times, contestant) => {
      let call = 0;
      return {
        time: async (batch: number) => {
          asked.push([contestant, batch]);
          const time_ms = times[call++ % times.length];
          now_ms += batch * time_ms;
          return await Promise.resolve([0.25 * time_ms, 0.75 * time_ms]);
        },
      };
    });
    return { list, asked, clock_ms: () => now_ms };
  }
  const settings = { time_s: 0, min_samples: 4, noise: 0.01, timeout_s: 1 };

  test("each round begins one further on", async () => {
    const { list, asked, clock_ms } = contestants([4], [2], [1]);
    const turn = await measureInTurn({ quantum_ns: 1, settings }, list, clock_ms);
    const order = asked.slice(-12).map(([contestant]) => contestant);
    expect(order).toEqual([0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2]);
    expect(turn).toMatchObject({ batch: 1, converged: true });
    expect(turn.rounds.map((rounds) => rounds[3])).toEqual([
      [1, 3],
      [0.5, 1.5],
      [0.25, 0.75],
    ]);
  });

  test("what all share a drift of converges: ratios are judged, not times", async () => {
    const drifting = [8, 9, 10, 11, 12, 13, 14, 15];
    const { list, clock_ms } = contestants(
      drifting,
      drifting.map((time) => time / 2),
    );
    const { converged, rounds } = await measureInTurn({ quantum_ns: 1, settings }, list, clock_ms);
    expect(converged).toBe(true);
    expect(rounds[0]).toHaveLength(4);
    const alone = contestants(drifting);
    const noisy = await measureInTurn({ quantum_ns: 1, settings }, alone.list, alone.clock_ms);
    expect(noisy.converged).toBe(false);
  });

  test("the noisiest decides, until the time-out would not help", async () => {
    const { list, clock_ms } = contestants([4], [2], [1, 9]);
    const turn = await measureInTurn({ quantum_ns: 1, settings }, list, clock_ms);
    expect(turn.converged).toBe(false);
    expect(turn.rounds[0].length).toBeGreaterThan(20);
  });

  test("all run as often in a sample as the shortest needs", async () => {
    const { list, asked, clock_ms } = contestants([0.1], [5]);
    const { batch } = await measureInTurn({ quantum_ns: 65_536, settings }, list, clock_ms);
    expect(batch).toBe(14); // 20 steps of the clock are 1.31 ms
    expect(asked.slice(-2).map(([, of]) => of)).toEqual([14, 14]);
  });
});

describe.skipIf(!hasTimestamps(gpu))("measured on the adapter", () => {
  test("samples are as many as asked, and end by the noise", async () => {
    const bench = await prepareBench(gpu, 1, SETTINGS, false);
    const kernel = await fma(10);
    const { samples_ms, batch, converged, trusted } = (await measureHot(bench, kernel))!;
    expect(samples_ms.length).toBeGreaterThanOrEqual(5);
    expect(Math.min(...samples_ms)).toBeGreaterThan(0);
    expect({ batch, converged, trusted }).toEqual({ batch: 1, converged: true, trusted: true });
    kernel.destroy();
  });

  test("the time-out ends what never gets quiet, and says so", async () => {
    const noisy = { ...SETTINGS, noise: 1e-9, timeout_s: 0.1 };
    const kernel = await fma(10);
    const started = performance.now();
    const { converged } = (await measureHot(await prepareBench(gpu, 1, noisy, false), kernel))!;
    expect(converged).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
    kernel.destroy();
  });

  test("a coarse clock batches hot times and trusts no cold one", async () => {
    const before = gpu.memory.live_bytes;
    const bench = await prepareBench(gpu, 1e6, { ...SETTINGS, min_samples: 3 }, true);
    const kernel = await fma(10);
    const hot = (await measureHot(bench, kernel))!;
    expect(hot.batch).toBeGreaterThan(1);
    const cold = await measureCold(bench, kernel, bench.flush!);
    expect(cold).toMatchObject({ batch: 1, trusted: false });
    kernel.destroy();
    bench.destroy();
    expect(gpu.memory.live_bytes).toBe(before);
  });

  test("twice the work in turn is SLOW", async () => {
    const [a, b] = [await fma(1000), await fma(2000)];
    const settings = { ...SETTINGS, min_samples: 30, timeout_s: 5 };
    const bench = await prepareBench(gpu, 1, settings, false);
    const { comparison, a: first } = await measurePair(bench, [a, b], 0.03);
    expect(comparison.verdict).toBe("SLOW");
    expect(comparison.change.median).toBeGreaterThan(0.5);
    expect(median(first.samples_ms)).toBeGreaterThan(0);
    a.destroy();
    b.destroy();
  });

  test("a wrong kernel gets its error and no time", async () => {
    const wrong = doctored(scaleBy, "factor * x[i]", "-factor * x[i]");
    const problem = scaleBy.cases[0];
    const bench = await prepareBench(gpu, 1, SETTINGS, false);
    const right = { kernel: scaleBy, fault: "", problem };
    const rows = await profileTargets(
      bench,
      [right, { kernel: wrong, fault: "", problem }],
      true,
      SILENT,
    );
    expect(rows[0]).toMatchObject({ kernel: "scale_by", error: "", cold: null, checked: "case" });
    expect(rows[0].hot!.samples_ms.length).toBeGreaterThan(0);
    expect(rows[1].error).toMatch(/scale_by, case first slot: y: .* elements differ/);
    expect(rows[1].hot).toBeNull();
    expect(rows[1].shader_hash).not.toBe(rows[0].shader_hash);
    const sides = [right, { kernel: wrong, fault: "" }] as const;
    const [pair] = await profilePair(bench, sides, [problem], 0.03, SILENT);
    expect(pair.timing).toBeNull();
    expect(pair.error).toContain("elements differ");
  });

  test("a problem too large for plain loops is checked by the kernel's own cases, once", async () => {
    const large = { name: "large", shapes: { x: [1_000_000] }, attributes: { loops: 1 } };
    const checker = makeChecker(gpu);
    expect(await checker.check(ceilingFma, large)).toEqual({ checked: "kernel", error: "" });
    const started = performance.now();
    expect(await checker.check(ceilingFma, large)).toEqual({ checked: "kernel", error: "" });
    expect(performance.now() - started).toBeLessThan(5);
  });
});
