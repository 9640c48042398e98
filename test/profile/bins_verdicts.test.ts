// The verdicts of `bench bins`, on rows made by hand.
import { expect, test } from "vitest";
import { binVerdicts, type BinVerdict } from "../../src/profile/bins_verdicts.ts";
import { binRow } from "../support/bin_rows.ts";

const [FORWARD, LOGITS_STEP, BINOMIAL_STEP, MEMORY] = [0, 1, 2, 3];
const met = (verdicts: readonly BinVerdict[]): unknown[] => verdicts.map((v) => v.met);

test("nothing measured is neither met nor missed", () => {
  expect(met(binVerdicts([]))).toEqual([null, null, null, null]);
});

test("the least ratio decides, and its problem is named", () => {
  const rows = [
    binRow(0, 100, {}),
    binRow(3, 20, {}),
    binRow(3, 60, { bins: 32 }),
    binRow(3, 40, { student: "logits" }),
    binRow(1, 60, { student: "logits", direction: "forward", bins: 64 }),
  ];
  const verdicts = binVerdicts(rows);
  expect(met(verdicts)).toEqual([true, true, false, true]);
  expect(verdicts[BINOMIAL_STEP]).toMatchObject({ needed: 2, most: 5 });
  expect(verdicts[BINOMIAL_STEP].least).toBeCloseTo(100 / 60, 12);
  expect(verdicts[BINOMIAL_STEP].at).toBe("6x48x80x32 from (pi, t), centres of the image");
  expect(verdicts[LOGITS_STEP].least).toBe(2.5);
  expect(verdicts[MEMORY]).toMatchObject({ needed: 4, least: 4 });
});

test("of the forward pass only 64 and 128 bins count, of memory only 128 of the image", () => {
  const rows = [
    binRow(1, 90, { student: "logits", direction: "forward", bins: 32 }),
    binRow(0, 100, { centers: "pixel" }),
    binRow(3, 40, { centers: "pixel" }),
  ];
  const verdicts = binVerdicts(rows);
  expect(verdicts[FORWARD].met).toBe(null);
  expect(verdicts[MEMORY].met).toBe(null);
});

test("a level that is wrong meets nothing, whatever the others say", () => {
  const wrong = { error: "d_pi is 1 from level 0", time: null, ratio: null };
  const verdicts = binVerdicts([binRow(0, 100, {}), binRow(3, 20, {}), binRow(3, 20, wrong)]);
  expect(verdicts[BINOMIAL_STEP]).toMatchObject({ least: 5, met: false });
  expect(binVerdicts([binRow(3, 20, wrong)])[BINOMIAL_STEP]).toMatchObject({
    least: null,
    met: false,
  });
});
