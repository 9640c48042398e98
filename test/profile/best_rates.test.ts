// The best of rounds: what other work takes away is found again, under a clock that is made up.
import { expect, test } from "vitest";
import { bestRates, type Form } from "../../src/profile/best_rates.ts";

const SETTINGS = { rounds: 3, confirmed: 2, within: 0.02, timeout_s: 100 };
const SILENT = (): void => undefined;

/** A form that reaches the rates in turn, the last again and again, one second each. */
function form(
  figure: string,
  ...rates: readonly number[]
): Form & { readonly calls: () => number } {
  let calls = 0;
  return {
    figure,
    rate: async () => {
      seconds++;
      return await Promise.resolve(rates[Math.min(calls++, rates.length - 1)]);
    },
    calls: () => calls,
  };
}
let seconds = 0;
const clock_ms = (): number => 1000 * seconds;

test("a figure is the best of its forms, and ends once other rounds come near", async () => {
  const [lanes, runs] = [form("copy", 8, 9.9, 5), form("copy", 1, 2, 10)];
  const rates = await bestRates([lanes, runs], SETTINGS, SILENT, clock_ms);
  expect(rates).toEqual(new Map([["copy", 10]]));
  expect([lanes.calls(), runs.calls()]).toEqual([3, 3]);
});

test("a best that stands alone is not believed: rounds go on for this figure alone", async () => {
  const [disturbed, steady] = [form("read", 5, 6, 7, 10, 3, 9.9), form("f32", 60)];
  const rates = await bestRates([disturbed, steady], SETTINGS, SILENT, clock_ms);
  expect([...rates.values()]).toEqual([10, 60]);
  expect([disturbed.calls(), steady.calls()]).toEqual([6, 3]);
});

test("what never repeats itself ends by the time-out, with the best there was", async () => {
  let rate = 1;
  const rising: Form = {
    figure: "read",
    rate: async () => (seconds++, await Promise.resolve((rate *= 1.1))),
  };
  const rates = await bestRates([rising], { ...SETTINGS, timeout_s: 10 }, SILENT, clock_ms);
  expect(rates.get("read")).toBeCloseTo(1.1 ** 10);
});

test("there is a round however short the time", async () => {
  const rates = await bestRates([form("read", 4)], { ...SETTINGS, timeout_s: 0 }, SILENT, clock_ms);
  expect(rates.get("read")).toBe(4);
});
