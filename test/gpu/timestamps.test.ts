// Stamps of passes: one order for all of them, whichever query set they are in.
import { expect, test } from "vitest";
import { NoAdapterError } from "../../src/gpu/errors.ts";
import { encodePass } from "../../src/gpu/encode.ts";
import { hasTimestamps, passStamps, timePasses } from "../../src/gpu/timestamps.ts";
import { gpu } from "../support/gpu.ts";

const clocked = test.skipIf(!hasTimestamps(gpu));

clocked("more passes than a query set holds are stamped all the same", async () => {
  const before = gpu.memory.live_bytes;
  const stamps = passStamps(gpu, 2050);
  const encoder = gpu.device.createCommandEncoder();
  for (let i = 0; i < stamps.passes; i++) encodePass(encoder, "empty", [], stamps.writes(i));
  stamps.resolve(encoder);
  gpu.device.queue.submit([encoder.finish()]);
  const times = await stamps.read();
  stamps.destroy();
  expect(times).toHaveLength(2050);
  // Empty passes may overlap on a GPU, but none ends before it begins, and sets follow each other.
  expect(times.filter(({ begin_ns, end_ns }) => begin_ns === 0n || end_ns < begin_ns)).toEqual([]);
  expect(times[2049].begin_ns).toBeGreaterThan(times[0].begin_ns);
  expect(gpu.memory.live_bytes).toBe(before);
});

clocked("stamps are used again for the next submit", async () => {
  const stamps = passStamps(gpu, 1);
  const ends: bigint[] = [];
  for (let i = 0; i < 3; i++) {
    const encoder = gpu.device.createCommandEncoder();
    encodePass(encoder, "empty", [], stamps.writes(0));
    stamps.resolve(encoder);
    gpu.device.queue.submit([encoder.finish()]);
    ends.push((await stamps.read())[0].end_ns);
  }
  stamps.destroy();
  expect(ends[1]).toBeGreaterThan(ends[0]);
  expect(ends[2]).toBeGreaterThan(ends[1]);
});

clocked("no groups take no time", async () => {
  expect(await timePasses(gpu, [])).toEqual([]);
});

test("an adapter without a clock is refused by name", () => {
  const facts = { ...gpu.facts, features: new Set<string>() };
  expect(() => passStamps({ ...gpu, facts }, 1)).toThrow(NoAdapterError);
});
