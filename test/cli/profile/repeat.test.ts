// `profile ceilings --repeat`: what lies too far apart fails the gate, by adapter.
import { expect, test } from "vitest";
import { compareCeilings } from "../../../src/cli/profile/repeat.ts";
import { tableLines } from "../../../src/cli/terminal/table.ts";
import { raisedCeilings, type Ceilings } from "../../../src/measure/ceilings.ts";

const MEASURED: Ceilings = {
  version: 4,
  date: "2026-01-02T03:04:05.678Z",
  adapter: "adapter",
  driver: "driver",
  bandwidth: [{ working_set_bytes: 2 ** 20, copy_gbytes: 100, read_gbytes: 80, triad_gbytes: 90 }],
  gflops: 1000,
  f16_gflops: null,
  empty_dispatch_us: 5,
};

/** Measurements that differ in arithmetic; what is printed, and the exit code. */
function repeated(
  software: boolean,
  gflops: readonly number[],
  unsettled: readonly string[] = [],
): { readonly code: number; readonly text: string } {
  const measured = gflops.map((rate) => ({ ...MEASURED, gflops: rate }));
  const { result, lines, failed } = compareCeilings(
    { software },
    measured.map((ceilings) => ({ ceilings, unsettled })),
    [MEASURED, ...measured].reduce(raisedCeilings),
  );
  const text = [...tableLines(result.table, "table"), ...lines].map((line) => `${line}\n`).join("");
  return { code: failed ? 1 : 0, text };
}

test("figures that come near each other pass, and are shown with what is kept", () => {
  const { code, text } = repeated(true, [900, 950, 980]);
  expect(code).toBe(0);
  expect(text).toMatch(/^f32 +900 +980 +8.9 % +1000 +GFLOP\/s$/m);
  expect(text).toContain("no figure is more than 10 % apart in 3 measurements\n");
});

test("one figure apart fails, however much was kept before", () => {
  const { code, text } = repeated(true, [900, 1000]);
  expect(code).toBe(1);
  expect(text).toContain("1 of 4 figures is more than 10 % apart in 2 measurements\n");
});

test("of a GPU half of that is asked", () => {
  expect(repeated(false, [900, 940]).code).toBe(0);
  expect(repeated(false, [900, 950]).code).toBe(1);
});

test("a figure that still rose when the time was up is not apart for sure", () => {
  const { code, text } = repeated(true, [900, 1000], ["f32"]);
  expect(code).toBe(0);
  expect(text).toContain("1 of 4 figures is more than 10 % apart in 2 measurements, AMBIGUOUS: ");
  expect(repeated(true, [900, 1000], ["f16"]).code).toBe(1);
});
