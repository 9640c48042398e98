// Twenty steps of the tiny rig for every choice of the losses, the spacing and the balance: each one
// trains from end to end, and learns.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Teacher } from "../../src/teacher/teacher.ts";
import { train } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const BINS = 8;
/** The tiny teacher with bin centres of its own: log-spaced up to the cap. */
const WITH_CENTERS: Teacher = {
  ...tinyTeacher,
  parts: { ...tinyTeacher.parts, centers: true },
  maps: async (sample, size) => {
    const maps = await tinyTeacher.maps(sample, size);
    const centers = Float32Array.from(
      { length: maps.index!.length * BINS },
      (_, i) => 80 ** ((i % BINS) / BINS - 1),
    );
    return { ...maps, centers };
  },
};

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-choices-"));
});
afterAll(() => rmSync(root, { recursive: true }));

// Together these have every value of every choice.
test.each([
  ["l1", { supervised: "l1", cross_term: "stopped", kl_domain: "lidar" }, { spacing: "disparity" }],
  ["berhu", { supervised: "berhu", cross_term: "symmetric" }, { spacing: "uniform" }],
  [
    "silog",
    { silog_lambda: 0.5, cross_term: "none", balance: "gradient_norm", balance_step: 3 },
    { kind: "softmax_bins", centers: "softplus", spacing: "disparity" },
  ],
])("%s %j %j", async (name, loss, head) => {
  const config = tinyConfig({
    steps: 20,
    checkpoint_every: 100,
    size: { height: 32, width: 32 },
    head: { bins: BINS, ...head },
    loss: { relation_grid: [2, 2], ...loss },
  });
  const out = join(root, name);
  const trained = await train({
    gpu,
    config,
    source: tinySource("train"),
    teacher: WITH_CENTERS,
    out,
    resume: false,
  });
  const { records } = trained.folder;
  await trained.close();
  expect(records).toHaveLength(20);
  const hasCross = loss.cross_term === "symmetric";
  expect(Object.keys(records[0].terms)).toEqual(
    ["silog", "kl", "cross", "relation"].filter((term) => term !== "cross" || hasCross),
  );
  const mean = (from: number): number =>
    records.slice(from, from + 5).reduce((sum, { terms }) => sum + terms["silog"] / 5, 0);
  expect(mean(15)).toBeLessThan(mean(0));
  expect(records.filter(({ balance }) => balance !== undefined).map(({ step }) => step)).toEqual(
    "balance" in loss ? [4] : [],
  );
});
