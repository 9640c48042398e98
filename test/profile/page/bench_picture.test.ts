// The picture of `bench bins` from rows made by hand.
import { expect, test } from "vitest";
import type { BinRow } from "../../../src/profile/bench/bins_bench.ts";
import { binsPicture } from "../../../src/profile/page/bench_picture.ts";
import { binRow } from "../../support/bin_rows.ts";

const rowsOf = (changes: Partial<BinRow>): BinRow[] =>
  [16, 64, 256].flatMap((bins) =>
    ([0, 1, 3] as const).map((level) => binRow(level, bins / (level + 1), { ...changes, bins })),
  );
const COLORS = ["#d55e00", "#0072b2", "#009e73"];

test("two bands of two panels, in each a line a level, on a ground of its own", () => {
  const svg = binsPicture([...rowsOf({}), ...rowsOf({ student: "logits" })], "an <adapter>");
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="800" height="658"/);
  expect(svg).toContain('<rect width="800" height="658" rx="6" fill="#ffffff"/>');
  expect(svg).toContain("an &lt;adapter&gt;");
  // titled by the finding; the ratios at the most bins stand at the ends of the lines
  expect(svg).toContain("At 64 bins a fused distillation step is");
  expect(svg).toContain("1/4.0");
  expect(svg.match(/aria-label="line"/g)).toHaveLength(4);
  // a line in each of four panels, and the dash of the legend
  for (const color of COLORS) {
    expect(svg.match(new RegExp(`<(path|line) [^>]*stroke="${color}"`, "g"))!.length).toBe(5 + 12);
  }
});

test("centres of the image and the first size are shown where there are others", () => {
  const svg = binsPicture(
    [
      ...rowsOf({ centers: "pixel" }),
      ...rowsOf({}),
      ...rowsOf({ height: 96, width: 160 }),
      ...rowsOf({ direction: "forward" }),
    ],
    "",
  );
  expect(svg).toContain("6x48x80 pixels, centres of the image");
  expect(svg.match(/<circle /g)).toHaveLength(2 * 9);
});

test("without a step there is nothing to draw", () => {
  expect(() => binsPicture(rowsOf({ direction: "forward" }), "")).toThrow("--svg: no step");
  expect(() => binsPicture(rowsOf({ time: null }), "")).toThrow("--svg: no step");
});
