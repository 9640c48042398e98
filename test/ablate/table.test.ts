// The table of an ablation from invented records: means, spreads, paired gains, and what is said
// where a number does not exist.
import { expect, test } from "vitest";
import { axisPoints } from "../../src/ablate/axes.ts";
import type { CellRecord } from "../../src/ablate/cell_file.ts";
import { ablationPage } from "../../src/ablate/page.ts";
import { planAblation, type AblationPlan } from "../../src/ablate/plan.ts";
import { parseRows } from "../../src/ablate/rows.ts";
import { ablationTable, type AblationTable, type TableRow } from "../../src/ablate/table.ts";
import { markdown } from "../../src/ablate/text_table.ts";
import { resolveConfig } from "../../src/train/config.ts";

function record(abs_rel: number, more: Partial<CellRecord["result"]> = {}): CellRecord {
  const others = { sq_rel: 1, rmse: 2, rmse_log: 0.3, a1: abs_rel, a2: 0.8, a3: 0.9, silog: 20 };
  const result = {
    metrics: { abs_rel, ...others },
    median_scaled_abs_rel: 0.2,
    disagreement: 0.25,
    moments: 4,
    trained_on: 0,
    skipped_samples: 0,
    adapter: "test",
    date: "2026-01-01T00:00:00.000Z",
    time_s: 1,
    ...more,
  };
  return { config: "", result, failure: null };
}

const failure: CellRecord = {
  config: "",
  result: null,
  failure: { reason: "step 3: | <b>loss</b> is NaN", wrong_input: false, date: "2026" },
};

function tableOf(
  seeds: readonly number[],
  records: Readonly<Record<string, CellRecord>>,
  reference = "supervised",
): AblationTable {
  const rows = parseRows("supervised,both", resolveConfig({}, "test"));
  const plan: AblationPlan = planAblation({ given: {}, rows, points: axisPoints({}), seeds });
  return ablationTable(plan, new Map(Object.entries(records)), reference);
}

test("gains are paired by seed, in percent of the reference, better above 0", () => {
  const { rows, notes } = tableOf([0, 1], {
    "supervised.seed-0": record(0.2),
    "supervised.seed-1": record(0.4),
    "both.seed-0": record(0.18),
    "both.seed-1": record(0.32),
  });
  const [supervised, both] = rows;
  expect(supervised.mean.abs_rel).toBeCloseTo(0.3, 12);
  expect(supervised.spread.abs_rel).toBeCloseTo(0.1 * Math.SQRT2, 12);
  expect(supervised.gain).toEqual({});
  // 10 % and 20 %: 15 ± 12.706 x 7.071 / √2.
  const [percent, low, high] = both.gain.abs_rel!;
  expect(percent).toBeCloseTo(15, 10);
  expect([low, high]).toEqual([expect.closeTo(-48.531, 2), expect.closeTo(78.531, 2)]);
  // More pixels within 25 % is better.
  expect(both.gain.a1![0]).toBeCloseTo(-15, 10);
  expect(both.gain.disagreement).toEqual([0, 0, 0]);
  expect(both.disagreement).toBe(0.25);
  expect(both.seeds["1"].abs_rel).toBe(0.32);
  expect(notes).toEqual([]);
});

test("one seed has a gain without an interval, and says so", () => {
  const table = tableOf([4], {
    "supervised.seed-4": record(0.2),
    "both.seed-4": record(0.19),
  });
  expect(table.rows[1].gain.abs_rel).toEqual([expect.closeTo(5, 10)]);
  expect(table.rows[1].spread).toEqual({});
  expect(table.notes).toEqual(["one seed: no spread and no interval of a gain"]);
});

test("failed and open cells are shown; pairs are those that both rows have", () => {
  const table = tableOf([0, 1, 2, 3], {
    "supervised.seed-0": record(0.2),
    "supervised.seed-1": record(0.2),
    "supervised.seed-2": failure,
    "both.seed-0": record(0.1),
    "both.seed-1": record(0.1),
    "both.seed-2": record(0.1, { disagreement: null, adapter: "other", trained_on: 2 }),
  });
  const [supervised, both] = table.rows;
  expect(supervised.failed).toEqual({ "2": failure.failure!.reason });
  expect(both.gain.abs_rel).toEqual([50, 50, 50]);
  expect(Object.keys(both.gain_by_seed)).toEqual(["0", "1"]);
  for (const part of [
    "supervised, seed 2, failed: step 3",
    "supervised: not yet trained: seed 3",
    "both: the AbsRel gain is the same at every seed",
    "no neighbouring views overlap",
    "some evaluated moments were trained on",
    "cells ran on different adapters: test; other",
  ]) {
    expect(table.notes.some((note) => note.startsWith(part))).toBe(true);
  }
  const about = { title: "T", facts: [["data", "a|b"]] as const };
  const text = markdown(table, about);
  expect(text).toContain("2, 1 failed |");
  expect(text).toContain("&lt;b&gt;loss");
  const page = ablationPage(table, about);
  expect(page).not.toMatch(/NaN[^<]*<\/td>|<b>loss|undefined|<script/);
  expect(page).toContain('class="bad">failed');
  expect(page).toContain("<svg");
});

test("the plots of all points of an axis have one scale", () => {
  const row = (beams: number, gain: number): TableRow => ({
    name: "both",
    axes: { beams },
    seeds: {},
    failed: {},
    mean: {},
    spread: {},
    gain: { abs_rel: [gain, gain - 2, gain + 2] },
    gain_by_seed: { "0": { abs_rel: gain - 1 }, "1": { abs_rel: gain + 1 } },
  });
  const table = { reference: "supervised", rows: [row(32, -6), row(4, 20)], notes: [] };
  const page = ablationPage(table, { title: "T", facts: [] });
  const plots = [...page.matchAll(/<svg[^]*?<\/svg>/g)].map(([svg]) =>
    [...svg.matchAll(/>([\d.\u2212]+)<\/text>/g)].map(([, tick]) => tick),
  );
  expect(plots).toHaveLength(2);
  expect(plots[0]).toContain("20");
  expect(plots[1]).toEqual(plots[0]);
});

test("nothing finished, and no reference row, give a table without numbers", () => {
  const empty = tableOf([0, 1], { "both.seed-0": failure });
  expect(empty.rows[1].mean).toEqual({});
  expect("disagreement" in empty.rows[1]).toBe(false);
  expect(ablationPage(empty, { title: "T", facts: [] })).toContain("No row has a gain yet.");
  const other = tableOf([0, 1], { "both.seed-0": record(0.1) }, "slow");
  expect(other.notes).toContain("no row slow: no gains");
});

test("a reference of 0 gives no gain", () => {
  const { rows } = tableOf([0], { "supervised.seed-0": record(0), "both.seed-0": record(0.1) });
  expect(rows[1].gain.abs_rel).toBeUndefined();
});
