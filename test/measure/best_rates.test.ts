// The best of rounds: what other work takes away is found again, under a clock that is made up.
import { expect, test } from "vitest";
import { bestRates, type Form, type RoundSettings } from "../../src/measure/best_rates.ts";

const SETTINGS = { rounds: 2, within: 0.02, timeout_s: 100, watch: () => () => false };
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

async function measured(
  forms: readonly Form[],
  settings: Partial<RoundSettings> = {},
): Promise<{ readonly rates: Record<string, number>; readonly unsettled: readonly string[] }> {
  const given = { ...SETTINGS, ...settings };
  const [{ rates, unsettled }] = await bestRates(forms, given, 1, SILENT, clock_ms);
  return { rates: Object.fromEntries(rates), unsettled };
}

test("a figure is the best of its forms, and ends once both halves of the rounds agree", async () => {
  const [lanes, runs] = [form("copy", 8, 9.9, 5, 9.8), form("copy", 1, 2, 10, 3)];
  expect(await measured([lanes, runs])).toEqual({ rates: { copy: 10 }, unsettled: [] });
  expect([lanes.calls(), runs.calls()]).toEqual([4, 4]);
});

test("a best that stands alone is not believed: rounds go on, for all figures", async () => {
  // Of six rounds 7 against 10, of seven likewise; of twelve 10 is in the first half.
  const late = form("read", 5, 6, 7, 6, 10, 6, 6, 6, 6, 6, 6, 9.9);
  const steady = form("f32", 60);
  expect(await measured([late, steady])).toEqual({ rates: { read: 10, f32: 60 }, unsettled: [] });
  expect([late.calls(), steady.calls()]).toEqual([12, 12]);
});

test("what rises to the end is told when the time is up, with the best there was", async () => {
  let rate = 1;
  const rising: Form = {
    figure: "read",
    rate: async () => (seconds++, await Promise.resolve((rate *= 1.1))),
  };
  const { rates, unsettled } = await measured([rising, form("f32", 60)], { timeout_s: 10 });
  expect(rates["read"]).toBeCloseTo(1.1 ** 5);
  expect(unsettled).toEqual(["read"]);
});

test("there is a round however short the time", async () => {
  const found = await measured([form("read", 4)], { timeout_s: 0 });
  expect(found).toEqual({ rates: { read: 4 }, unsettled: ["read"] });
});

test("disturbed rounds confirm nothing: a core that another program holds takes half of each", async () => {
  const held = form("read", 5, 5, 5, 5, 10);
  const watch = (): (() => boolean) => () => held.calls() <= 4;
  expect((await measured([held], { watch })).rates).toEqual({ read: 10 });
  expect(held.calls()).toBe(8);
});

test("what a disturbed round reached counts all the same", async () => {
  const lucky = form("read", 10, 9, 9, 9, 9);
  const watch = (): (() => boolean) => () => lucky.calls() === 1;
  expect(await measured([lucky], { watch })).toEqual({ rates: { read: 10 }, unsettled: [] });
});

test("several measurements are made in turn, round by round, until all have settled", async () => {
  const odd = form("read", 3, 20, 2, 10, 3, 20, 2, 10);
  const found = await bestRates([odd], SETTINGS, 2, SILENT, clock_ms);
  expect(found.map(({ rates }) => rates.get("read"))).toEqual([3, 20]);
  expect(found.map(({ unsettled }) => unsettled)).toEqual([[], []]);
  expect(odd.calls()).toBe(8);
  const brief = { ...SETTINGS, timeout_s: 0 };
  const first = await bestRates([form("f32", 5, 6)], brief, 2, SILENT, clock_ms);
  expect(first.map(({ rates }) => rates.get("f32"))).toEqual([5, 6]);
});
