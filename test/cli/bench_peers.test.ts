// The parts of `bench peers` that need no other engine: layouts, problems, rows and their ratios.
import { expect, test } from "vitest";
import { difference, inverse, ORDERS, permuted, random } from "../../bench/peers/contender.ts";
import { allCases } from "../../bench/peers/problems.ts";
import { geometricMean, markdown, toRow, type Outcome } from "../../bench/peers/table.ts";
import type { Ceilings } from "../../src/measure/ceilings.ts";
import { size } from "../../src/tensor/shape.ts";

test("an image goes to channels first and back", () => {
  const image = random("image", [2, 3, 5, 7]);
  const there = permuted(image, ORDERS.channelsFirst);
  expect(there.shape).toEqual([2, 7, 3, 5]);
  // element [1, 2, 4, 6] becomes [1, 6, 2, 4]
  expect(there.data[((1 * 7 + 6) * 3 + 2) * 5 + 4]).toBe(image.data.at(-1));
  expect(permuted(there, inverse(ORDERS.channelsFirst))).toEqual(image);
});

test("results differ by their worst element, and by NaN or another length without bound", () => {
  const ours = Float32Array.of(1, -4);
  expect(difference([ours], [Float32Array.of(1, -4.5)])).toBeCloseTo(0.125, 7);
  expect(difference([ours], [Float32Array.of(NaN, -4)])).toBe(Infinity);
  expect(difference([ours], [Float32Array.of(1)])).toBe(Infinity);
  expect(difference([ours], [])).toBe(Infinity);
});

test("problems have names of their own, work to do, and numbers that fill their shapes", () => {
  const cases = allCases();
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  expect(cases.map(({ problem }) => problem.op)).toContain("step");
  for (const { name, flops, inputs } of cases) {
    expect(flops, name).toBeGreaterThan(0);
    for (const { shape, data } of Object.values(inputs)) expect(data.length).toBe(size(shape));
  }
});

const CEILINGS: Ceilings = {
  gflops: 100,
  gflops_f16: null,
  bandwidth: [{ working_set_bytes: 1, copy_gbytes: 10, read_gbytes: 10, triad_gbytes: 10 }],
} as unknown as Ceilings;
const timed = (times_ms: number[], error = 0): Outcome => ({
  kind: "timed",
  times_ms,
  difference: error,
});

test("the ratio is to the fastest engine whose results agree", () => {
  const [peer] = allCases();
  const costs = [{ flops: 1e8, bytes: 0 }];
  const peers = {
    slow: timed([9, 8, 10]),
    fast: timed([4, 6, 5]),
    wrong: timed([1], 0.5),
    absent: { kind: "failed", reason: "it has no | this" },
  } as const;
  const row = toRow(peer, { times_ms: [2, 2.5, 3], costs }, peers, CEILINGS, [50]);
  expect(row.best).toEqual({ engine: "fast", ratio: 2 });
  expect(row.ceiling_share).toBeCloseTo(0.4, 12);
  expect(row.cells.map(({ time_ms }) => time_ms)).toEqual([9, 5, null, null]);
  const alone = toRow(peer, { times_ms: [2], costs }, { wrong: peers.wrong }, CEILINGS, null);
  expect(alone.best).toBeNull();
  const half = { ...row, best: { engine: "fast", ratio: 8 } };
  expect(geometricMean([row, half, alone])).toBeCloseTo(4, 12);
  expect(geometricMean([alone])).toBeNull();
  const [, , line] = markdown([row]);
  expect(line).toContain("| 2.00 (fast) | 40 % |");
  expect(line).toContain("| WRONG | - |");
});
