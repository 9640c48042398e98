// The verdicts of `bench bins`, on rows made by hand.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { BinRow } from "../../../src/profile/bench/bins_bench.ts";
import {
  binLosses,
  binVerdicts,
  stepFinding,
  type BinVerdict,
} from "../../../src/profile/bench/bins_verdicts.ts";
import { binRow } from "../../support/bin_rows.ts";

const [FORWARD, LOGITS_STEP, BINOMIAL_STEP, MEMORY] = [0, 1, 2, 3];
const words = (verdicts: readonly BinVerdict[]): string[] => verdicts.map((v) => v.verdict);

test("nothing measured is neither met nor missed", () => {
  expect(words(binVerdicts([]))).toEqual(Array(4).fill("not measured"));
});

test("the lowest interval decides, and its problem is named", () => {
  const rows = [
    binRow(0, 100, {}),
    binRow(3, 20, {}),
    binRow(3, 60, { bins: 32 }),
    binRow(3, 40, { student: "logits" }),
    binRow(1, 60, { student: "logits", direction: "forward", bins: 64 }),
  ];
  const verdicts = binVerdicts(rows);
  expect(words(verdicts)).toEqual(["met", "met", "not met", "met"]);
  expect(verdicts[BINOMIAL_STEP].needed).toBe(2);
  expect(verdicts[BINOMIAL_STEP].most!.median).toBe(5);
  expect(verdicts[BINOMIAL_STEP].least!.median).toBeCloseTo(100 / 60, 12);
  expect(verdicts[BINOMIAL_STEP].at).toBe("6x48x80x32 from (pi, t), centres of the image");
  expect(verdicts[LOGITS_STEP].least!.median).toBe(2.5);
  expect(verdicts[MEMORY].least).toEqual({ median: 4, low: 4, high: 4 });
});

test("a median above what is needed does not meet it, an interval that holds it is ambiguous", () => {
  const ratio = { median: 3.23, low: 1.98, high: 7.13 };
  expect(binVerdicts([binRow(3, 31, { ratio })])[BINOMIAL_STEP].verdict).toBe("AMBIGUOUS");
  const below = { median: 1.9, low: 1.7, high: 2.01 };
  expect(binVerdicts([binRow(3, 52, { ratio: below })])[BINOMIAL_STEP].verdict).toBe("AMBIGUOUS");
});

test("a time too short for the clock settles nothing", () => {
  const row = binRow(3, 20, {});
  const brief = { ...row, time: { ...row.time!, trusted: false } };
  expect(binVerdicts([brief])[BINOMIAL_STEP].verdict).toBe("AMBIGUOUS");
});

test("a verdict always agrees with the intervals of all rows", () => {
  const end = fc.double({ min: 0.1, max: 5, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(end, end, end), { minLength: 1, maxLength: 5 }), (triples) => {
      const rows = triples.map((ends) => {
        const [low, median, high] = ends.toSorted((a, b) => a - b);
        return binRow(3, 50, { ratio: { low, median, high } });
      });
      const { verdict } = binVerdicts(rows)[BINOMIAL_STEP];
      expect(verdict === "met").toBe(rows.every(({ ratio }) => ratio!.low >= 2));
      expect(verdict === "not met").toBe(rows.some(({ ratio }) => ratio!.high < 2));
    }),
  );
});

test("of the forward pass only 64 and 128 bins count, of memory only 128 of the image", () => {
  const rows = [
    binRow(1, 90, { student: "logits", direction: "forward", bins: 32 }),
    binRow(0, 100, { centers: "pixel" }),
    binRow(3, 40, { centers: "pixel" }),
  ];
  const verdicts = binVerdicts(rows);
  expect(verdicts[FORWARD].verdict).toBe("not measured");
  expect(verdicts[MEMORY].verdict).toBe("not measured");
});

test("a level that is wrong meets nothing, whatever the others say", () => {
  const wrong = { error: "d_pi is 1 from level 0", time: null, ratio: null };
  const verdicts = binVerdicts([binRow(0, 100, {}), binRow(3, 20, {}), binRow(3, 20, wrong)]);
  expect(verdicts[BINOMIAL_STEP]).toMatchObject({ least: { median: 5 }, verdict: "WRONG" });
  expect(binVerdicts([binRow(3, 20, wrong)])[BINOMIAL_STEP]).toMatchObject({
    least: null,
    verdict: "WRONG",
  });
});

test("where fusing loses for sure is told by level, direction and input, the worst first", () => {
  const features = { student: "features", channels: 32, direction: "backward" } as const;
  const losing: BinRow[] = [
    binRow(2, 135, features),
    binRow(2, 150, { ...features, bins: 64 }),
    binRow(2, 50, { ...features, bins: 32 }),
    binRow(1, 125, { direction: "forward" }),
    binRow(1, 103, { direction: "forward", bins: 64 }), // its interval holds 1
    binRow(3, 20, {}),
  ];
  expect(binLosses(losing)).toMatchObject([
    { level: 2, ...features, rows: 2, of: 3, worst: { median: 100 / 150 } },
    { level: 1, direction: "forward", channels: 0, rows: 1, of: 2, worst: { median: 0.8 } },
  ]);
  expect(binLosses(losing)[0].at).toBe("6x48x80x64 from 32 features, centres of the image");
});

test("the finding is that of the least favourable input at 64 bins", () => {
  const rows = ([64, 128] as const).flatMap((bins) => [
    binRow(0, 100, { bins }),
    binRow(3, 25, { bins }),
    binRow(0, 100, { bins, student: "logits" }),
    binRow(3, 40, { bins, student: "logits" }),
  ]);
  expect(stepFinding(rows)).toEqual([
    "at 64 bins a fused distillation step is 2.5 times as fast as an unfused one [2.3, 2.8] (up to 4.0) and takes 0.25 of the memory",
  ]);
  const open = [binRow(0, 100, {}), binRow(3, 98, {})];
  expect(stepFinding(open)[0]).toMatch(
    /^at 128 bins .* \[0\.9, 1\.1\], AMBIGUOUS, and takes 0\.25/,
  );
  expect(stepFinding([binRow(0, 100, {})])).toEqual([]);
});
