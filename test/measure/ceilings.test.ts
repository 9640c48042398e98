// Ceilings as they are kept and compared, and measured on the adapter of the tests: what they are,
// not how high.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hasTimestamps } from "../../src/gpu/timestamps.ts";
import type { Form } from "../../src/measure/best_rates.ts";
import { ceilingTensors } from "../../src/measure/ceiling_dispatch.ts";
import {
  accessFigure,
  prepareForms,
  prepareLaunch,
  workingSets,
} from "../../src/measure/ceiling_forms.ts";
import {
  ceilingsFile,
  raisedCeilings,
  readCeilings,
  writeCeilings,
  type Ceilings,
} from "../../src/measure/ceilings.ts";
import { ceilingsSpread } from "../../src/measure/ceilings_spread.ts";
import { gpu } from "../support/gpu.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-ceilings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const MEASURED: Ceilings = {
  version: 4,
  date: "2026-01-02T03:04:05.678Z",
  adapter: "adapter",
  driver: "driver",
  bandwidth: [{ working_set_bytes: 2 ** 20, copy_gbytes: 100, read_gbytes: 80, triad_gbytes: 90 }],
  gflops: 1000,
  f16_gflops: 2000,
  empty_dispatch_us: 5,
};
const file = ceilingsFile(folder, { name: "An Adapter", driver: "1.2" });

test("of two measurements the most that was reached is kept, size by size", () => {
  const [low, high] = [
    { working_set_bytes: 2 ** 20, copy_gbytes: 90, read_gbytes: 95, triad_gbytes: 90 },
    { working_set_bytes: 2 ** 30, copy_gbytes: 9, read_gbytes: 8, triad_gbytes: 7 },
  ];
  const later = {
    ...MEASURED,
    date: "2026-01-03T03:04:05.678Z",
    bandwidth: [low, high],
    gflops: 900,
    f16_gflops: 2100,
    empty_dispatch_us: 6,
  };
  expect(raisedCeilings(MEASURED, later)).toEqual({
    ...later,
    bandwidth: [{ ...low, copy_gbytes: 100 }, high],
    gflops: 1000,
    empty_dispatch_us: 5,
  });
  expect(raisedCeilings({ ...MEASURED, f16_gflops: null }, later).f16_gflops).toBe(2100);
  const neither = { ...MEASURED, f16_gflops: null };
  expect(raisedCeilings(neither, neither).f16_gflops).toBeNull();
});

describe("ceilings in a file", () => {
  test("are read as they were written, with half precision or without", async () => {
    expect(await readCeilings(file)).toBeNull();
    for (const ceilings of [MEASURED, { ...MEASURED, f16_gflops: null }]) {
      await writeCeilings(file, ceilings);
      expect(await readCeilings(file)).toEqual(ceilings);
    }
  });

  test("of another version count as none, so that they are measured anew", async () => {
    const { f16_gflops: _, ...older } = MEASURED;
    writeFileSync(file, JSON.stringify({ ...older, version: 1 }));
    expect(await readCeilings(file)).toBeNull();
  });

  test.each(["{", "[]", '{"version":4}', JSON.stringify({ ...MEASURED, gflops: -1 })])(
    "%s is refused by its name",
    async (text) => {
      writeFileSync(file, text);
      await expect(readCeilings(file)).rejects.toThrow(`${file}: not a file of ceilings`);
    },
  );
});

test("the spread of measurements is the highest by the lowest of each figure", () => {
  const [access] = MEASURED.bandwidth;
  const again = {
    ...MEASURED,
    bandwidth: [{ ...access, read_gbytes: 100 }],
    gflops: 900,
  };
  const measured = [
    { ceilings: MEASURED, unsettled: [] },
    { ceilings: again, unsettled: [accessFigure("triad", 2 ** 20)] },
  ];
  expect(ceilingsSpread(measured)).toEqual([
    { figure: "copy 1 MiB", unit: "GB/s", lowest: 100, highest: 100, difference: 0, settled: true },
    {
      figure: "read 1 MiB",
      unit: "GB/s",
      lowest: 80,
      highest: 100,
      difference: 0.25,
      settled: true,
    },
    { figure: "triad 1 MiB", unit: "GB/s", lowest: 90, highest: 90, difference: 0, settled: false },
    {
      figure: "f32",
      unit: "GFLOP/s",
      lowest: 900,
      highest: 1000,
      difference: 1000 / 900 - 1,
      settled: true,
    },
    { figure: "f16", unit: "GFLOP/s", lowest: 2000, highest: 2000, difference: 0, settled: true },
  ]);
  expect(ceilingsSpread([])).toEqual([]);
});

describe.skipIf(!hasTimestamps(gpu))("forms on the adapter", () => {
  test("every figure has forms that reach something, and memory is given back", async () => {
    const before = gpu.memory.live_bytes;
    const sets = workingSets(gpu);
    const tensors = ceilingTensors(gpu, sets.at(-1)!);
    const quick = { quantum_ns: 1, samples: 2 };
    const one = await prepareForms(tensors, { ...quick, workers: 1 });
    const forms = [...one, await prepareLaunch(tensors, quick)];
    const figures = new Set(forms.map(({ figure }) => figure));
    expect(figures.size).toBe(3 * sets.length + (gpu.facts.features.has("shader-f16") ? 3 : 2));
    const rateOf = async (some: readonly Form[], name: string): Promise<number> =>
      await some.find(({ figure }) => figure === name)!.rate();
    for (const name of ["f32", "launch", `triad ${sets[0]}`, `read ${sets.at(-1)}`]) {
      const rate = await rateOf(forms, name);
      expect(rate, name).toBeGreaterThan(0);
      expect(rate, name).toBeLessThan(Infinity);
    }
    // Of one of as many workers: no noise comes near the factor.
    const ofMany = await prepareForms(tensors, { ...quick, workers: 1e6 });
    expect((await rateOf(ofMany, "f32")) / (await rateOf(forms, "f32"))).toBeGreaterThan(1e4);
    gpu.check();
    tensors.destroy();
    expect(gpu.memory.live_bytes).toBe(before);
  });

  test("no working set is larger than the adapter can bind", () => {
    const limits = { maxStorageBufferBindingSize: 2 ** 23, maxBufferSize: 2 ** 30 };
    expect(workingSets({ facts: { software: false }, limits })).toEqual([2 ** 21, 2 ** 23]);
  });
});
