// Waiting for a device: the thread sleeps on a software adapter alone, and only while something is
// waited for.
import { setImmediate } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import type { Gpu } from "../../src/gpu/device.ts";
import { settled } from "../../src/gpu/settled.ts";

const unlessLost: Gpu["unlessLost"] = async (work) => await work;
const SOFTWARE = { facts: { software: true }, unlessLost } as Gpu;
const HARDWARE = { facts: { software: false }, unlessLost } as Gpu;
const sleeps = vi.spyOn(Atomics, "wait");

afterEach(() => sleeps.mockClear());

/** Resolves after as many turns of the event loop. */
async function turns(count: number): Promise<string> {
  for (let i = 0; i < count; i++) await setImmediate();
  return `${count} turns`;
}

test("on a software adapter the thread sleeps once a turn, at most a millisecond", async () => {
  expect(await settled(SOFTWARE, turns(20))).toBe("20 turns");
  expect(sleeps.mock.calls.length).toBeGreaterThan(15);
  expect(sleeps.mock.calls.length).toBeLessThan(25);
  for (const [, , , time_ms] of sleeps.mock.calls) {
    expect(time_ms).toBeGreaterThanOrEqual(0);
    expect(time_ms).toBeLessThanOrEqual(1);
  }
});

test("two waits at once sleep no more than one", async () => {
  await Promise.all([settled(SOFTWARE, turns(20)), settled(SOFTWARE, turns(20))]);
  expect(sleeps.mock.calls.length).toBeLessThan(25);
});

test("nothing waited for, no sleep; the next wait sleeps again", async () => {
  await settled(SOFTWARE, turns(3));
  await setImmediate();
  sleeps.mockClear();
  await turns(20);
  expect(sleeps).not.toHaveBeenCalled();
  await settled(SOFTWARE, turns(5));
  expect(sleeps).toHaveBeenCalled();
});

test("what fails is thrown on, and the sleep ends", async () => {
  const failing = turns(3).then(() => Promise.reject(new Error("lost")));
  await expect(settled(SOFTWARE, failing)).rejects.toThrow("lost");
  await setImmediate();
  sleeps.mockClear();
  await turns(10);
  expect(sleeps).not.toHaveBeenCalled();
});

test("hardware is asked in every turn", async () => {
  expect(await settled(HARDWARE, turns(20))).toBe("20 turns");
  expect(sleeps).not.toHaveBeenCalled();
});
