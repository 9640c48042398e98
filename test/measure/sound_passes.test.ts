// Stamps that run backwards, are 0 or no times at all: measured again, never kept, and what is kept
// can be read again.
import * as fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { PreparedDispatch } from "../../src/gpu/encode.ts";
import { readCeilings, writeCeilings } from "../../src/measure/ceilings.ts";
import { InterruptedError, measureInTurn } from "../../src/measure/measure.ts";
import { percentText, remarks, timeText } from "../../src/measure/text.ts";
import { compareRuns, readRun, saveRun, type SavedRun } from "../../src/measure/saved_run.ts";
import { ClockError, soundPasses, untilSound } from "../../src/measure/sound_passes.ts";
import { comparePairs, compareSamples, drift } from "../../src/measure/statistics.ts";
import { summarize } from "../../src/measure/summary.ts";
import { readTuning, writeTuning } from "../../src/tune/tuning_file.ts";
import { gpu } from "../support/gpu.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-sound-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SOME = [{} as PreparedDispatch];

describe("passes", () => {
  test.each([[-1], [0], [Number.NaN], [Infinity], [1e9]])(
    "of which one takes %d ms are measured again",
    async (wrong) => {
      const told = [
        [1, wrong],
        [wrong, 1],
        [1, 2],
      ];
      expect(await soundPasses(gpu, [SOME, SOME], async () => told.shift()!)).toEqual([1, 2]);
      expect(told).toEqual([]);
    },
  );

  test("that do nothing may take no time", async () => {
    expect(await soundPasses(gpu, [[], SOME], async () => [0, 1])).toEqual([0, 1]);
  });

  test("are given up after some tries, 0 alone is told as it is", async () => {
    let tries = 0;
    const always = (time_ms: number) => async (): Promise<number[]> => {
      tries++;
      return [time_ms];
    };
    await expect(soundPasses(gpu, [SOME], always(-1))).rejects.toThrow(ClockError);
    expect(tries).toBeLessThan(20);
    expect(await soundPasses(gpu, [SOME], always(0))).toEqual([0]);
    await expect(
      untilSound(
        async () => 1,
        () => false,
      ),
    ).rejects.toThrow(ClockError);
  });
});

const SETTINGS = { time_s: 0, min_samples: 5, noise: 1, timeout_s: 1 };
const BENCH = { quantum_ns: 1, settings: SETTINGS };

test("a round in which a contestant took no time is taken again", async () => {
  let calls = 0;
  const flaky = { time: async () => [calls++ % 3 === 0 ? 0 : 1] };
  const steady = { time: async () => [2] };
  const { rounds } = await measureInTurn(BENCH, [flaky, steady]);
  expect(rounds[0].length).toBe(rounds[1].length);
  for (const [time_ms] of rounds.flat()) expect(time_ms).toBeGreaterThan(0);
  const never = measureInTurn(BENCH, [{ time: async () => [0] }]);
  await expect(never).rejects.toThrow(ClockError);
});

test("a signal ends measuring between two runs", async () => {
  const controller = new AbortController();
  const time = async (): Promise<number[]> => {
    controller.abort();
    return [1];
  };
  const bench = { ...BENCH, signal: controller.signal };
  await expect(measureInTurn(bench, [{ time }])).rejects.toThrow(InterruptedError);
});

const ENVIRONMENT = {
  adapter: "a",
  driver: "d",
  software: true,
  timer_quantum_ns: 1,
  node: "20",
  webgpu: "1",
  platform: "linux x64",
  git: null,
};

function run(rows: SavedRun["rows"]): SavedRun {
  return { version: 1, date: "2026-01-02T03:04:05.678Z", environment: ENVIRONMENT, rows };
}

const timing = fc.record({
  samples_ms: fc.array(fc.double({ noDefaultInfinity: false }), { maxLength: 4 }),
  batch: fc.integer({ min: 1, max: 1000 }),
  converged: fc.boolean(),
  trusted: fc.boolean(),
});
const row = fc.record({
  kernel: fc.string({ unit: "binary" }),
  case: fc.string({ unit: "binary" }),
  shader_hash: fc.string(),
  checked: fc.constantFrom("case" as const, "kernel" as const),
  error: fc.string(),
  flops: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  bytes: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  cold: fc.option(timing),
  hot: fc.option(timing),
});

test("a profile that is written can be read again, and shown; another is refused", async () => {
  const property = fc.asyncProperty(fc.array(row, { maxLength: 3 }), async (rows) => {
    const profile = run(rows);
    const isSound = rows
      .flatMap(({ cold, hot }) => [cold, hot])
      .every(
        (t) =>
          t === null ||
          (t.samples_ms.length > 0 && t.samples_ms.every((ms) => ms >= 0 && ms < Infinity)),
      );
    const written = await saveRun(folder, "x", profile).then(
      () => true,
      () => false,
    );
    expect(written).toBe(isSound);
    if (!written) return;
    const read = await readRun(folder, "x");
    expect(JSON.stringify(read)).toBe(JSON.stringify(profile));
    const text = JSON.stringify([summarize(read, null, null), compareRuns(read, read, 0.03)]);
    expect(text).not.toContain("NaN");
  });
  await fc.assert(property, { numRuns: 80 });
});

test("ceilings and choices that no reader would take are not written", async () => {
  const ceilings = {
    version: 4,
    date: "2026-01-02T03:04:05.678Z",
    adapter: "a",
    driver: "d",
    bandwidth: [{ working_set_bytes: 1, copy_gbytes: 1, read_gbytes: 1, triad_gbytes: 1 }],
    gflops: Infinity,
    f16_gflops: null,
    empty_dispatch_us: 1,
  } as const;
  const file = join(folder, "ceilings.json");
  await expect(writeCeilings(file, ceilings)).rejects.toThrow(
    `${file}: the clock gave no ceiling for`,
  );
  expect(await readCeilings(file)).toBeNull();
  const change = { median: Number.NaN, low: 0, high: 0 };
  const step = { name: "x", date: "2026-01-02T03:04:05.678Z", choices: 1, change, pairs: 3 };
  const tuning = { version: 1, adapter: "a", driver: "d", steps: [step], entries: [] } as const;
  await expect(writeTuning(file, tuning)).rejects.toThrow(`${file}: not written: steps.0.change`);
  expect(await readTuning(file)).toBeNull();
});

test("noise has its likely cause beside it, where that is known", () => {
  const noisy = { samples_ms: [1, 2, 3], batch: 1, converged: false, trusted: true };
  const one = { kernel: "k", case: "c", shader_hash: "h", checked: "case", error: "" } as const;
  const summary = summarize(
    run([{ ...one, flops: 1, bytes: 1, cold: null, hot: noisy }]),
    null,
    null,
  );
  const line = "1 of 1 times were noisier than requested when the time was up";
  expect(remarks(summary)).toEqual([line]);
  expect(remarks(summary, 0.05)).toEqual([line]);
  expect(remarks(summary, 0.4)).toEqual([`${line}: other programs took 40 % of the processor`]);
});

test("of times of 0 nothing is said for sure, and no number is made up", () => {
  const zeros = [0, 0, 0, 0, 0, 0];
  const ones = [1, 1, 1, 1, 1, 1];
  for (const [a, b] of [
    [zeros, ones],
    [zeros, zeros],
  ]) {
    expect(comparePairs(a, b, 0.03).verdict).toBe("AMBIGUOUS");
    expect(compareSamples(a, b, 0.03).verdict).toBe("AMBIGUOUS");
  }
  expect(drift(zeros)).toBe(0);
  expect([percentText(Number.NaN, true), timeText(Number.NaN)]).toEqual(["? %", "?"]);
});
