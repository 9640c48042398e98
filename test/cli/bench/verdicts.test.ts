// The first line of `bench bins`, on rows made by hand.
import { expect, test } from "vitest";
import { binsAnswer } from "../../../src/cli/bench/verdicts.ts";
import type { BinRow } from "../../../src/profile/bench/bins_bench.ts";
import { binLosses, binVerdicts } from "../../../src/profile/bench/bins_verdicts.ts";
import { binRow } from "../../support/bin_rows.ts";

const answer = (rows: readonly BinRow[], step: readonly BinRow[]): string =>
  binsAnswer(rows, binVerdicts(rows), binLosses(rows), step);

test("the first line has the bins, the whole step and where fusing loses", () => {
  const features = { student: "features", channels: 32, bins: 64, direction: "backward" } as const;
  const rows = [
    binRow(0, 100, { bins: 64 }),
    binRow(3, 25, { bins: 64 }),
    binRow(0, 100, features),
    binRow(2, 150, features),
  ];
  const step = [binRow(0, 100, {}), binRow(3, 80, {})];
  expect(answer(rows, step)).toMatch(
    /^at 64 bins a fused .* 4\.0 times .* 0\.25 of the memory; a whole training step of nano 1\.25 \[\d\.\d\d, \d\.\d\d\] times as fast; level 2 loses most, backward from 32 features: 0\.67 times; fusing is clearly slower in 1 of 2 rows; claims: /,
  );
});

test("a whole step that is not clearly faster says so, and one that was not timed is left out", () => {
  const rows = [binRow(0, 100, { bins: 64 }), binRow(3, 25, { bins: 64 })];
  const open = [binRow(0, 100, {}), binRow(3, 99, {})];
  expect(answer(rows, open)).toContain("times as fast, AMBIGUOUS; ");
  expect(answer(rows, [])).not.toContain("whole training step");
});
