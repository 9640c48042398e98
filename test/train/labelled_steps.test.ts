// LiDAR on a share of the moments: how often a step has it, and a run that says nothing of the
// steps without.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loader } from "../../src/data/loader.ts";
import { withLidarShare } from "../../src/data/lidar_share.ts";
import { alignedTeacher } from "../../src/teacher/aligned_teacher.ts";
import { builtinModel } from "../../src/teacher/builtin_teacher.ts";
import { labelledSteps } from "../../src/train/loading/labelled_steps.ts";
import { train } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const FOLDER = "folder:/x";
const SHARE = { lidar: { share: 0.1 } };
const SMALL = { size: { height: 32, width: 32 } };
const BARE = { loss: { ckd: false, relation: "none" } };

test.each([
  [0.5, "with a teacher", SHARE],
  [0.8, "with a teacher and a larger share", { lidar: { share: 0.8 } }],
  [1, "without a teacher", { ...SHARE, teacher: { kind: "none" } }],
  [1, "where none is found", { ...SHARE, data: FOLDER }],
  [0.5, "with files", { ...SHARE, data: FOLDER, teacher: { path: "/maps" } }],
  [1, "without terms of the teacher", { ...SHARE, ...BARE }],
  [1, "with a teacher that needs it", { ...SHARE, teacher: { kind: "aligned" } }],
  [0.5, "with the truth as teacher", { ...SHARE, teacher: { kind: "oracle" } }],
  [0.25, "as chosen", { ...BARE, lidar: { share: 0.1, labelled_steps: 0.25 } }],
] as const)("%d of the steps have LiDAR %s", (steps, _when, more) => {
  expect(labelledSteps(tinyConfig(more))).toBe(steps);
});

test.each([{ lidar: { share: 0 } }, { lidar: { share: 1.5 } }, { lidar: { labelled_steps: 0 } }])(
  "%j is refused",
  (more) => {
    expect(() => tinyConfig(more)).toThrow(/lidar\./);
  },
);

test("a step without LiDAR on purpose is no fault", async () => {
  const root = mkdtempSync(join(tmpdir(), "ringdepth-lidar-"));
  try {
    const config = tinyConfig({ ...SHARE, ...SMALL, steps: 4 });
    const source = await withLidarShare(tinySource("train"), { share: 0.1, seed: 0 });
    const valid: number[] = [];
    const messages: string[] = [];
    const trained = await train({
      gpu,
      config,
      source,
      teacher: tinyTeacher,
      out: join(root, "run"),
      resume: false,
      onStep: ({ valid_pixels }) => valid.push(valid_pixels),
      onMessage: (message) => messages.push(message),
    });
    await trained.close();
    expect(messages).toEqual([]);
    expect(valid.map((pixels) => pixels > 2)).toEqual([true, false, true, false]);
    // A step depends on its number alone, so a resumed run sees what an unbroken one does.
    const options = { seed: config.seed, size: config.size, augment: true } as const;
    const labelled = { ...options, badSamples: "stop", labelledSteps: 0.5 } as const;
    const [whole, resumed] = [loader(source, labelled), loader(source, labelled)];
    const all: string[] = [];
    for (const step of [0, 1, 2, 3]) all.push((await whole.step(step)).sample.id);
    expect((await resumed.step(3)).sample.id).toBe(all[3]);
    expect([0, 1, 2, 3].map((step) => whole.isLabelled(step))).toEqual([true, false, true, false]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("an aligned teacher trains, and is masked where a moment has no LiDAR", async () => {
  const root = mkdtempSync(join(tmpdir(), "ringdepth-aligned-"));
  try {
    const teacher = { kind: "aligned" };
    const lidar = { share: 0.1, labelled_steps: 0.5 };
    const config = tinyConfig({ ...SMALL, steps: 2, teacher, lidar });
    const source = await withLidarShare(tinySource("train"), { share: 0.1, seed: 0 });
    const records: { silog: number; kl: number }[] = [];
    const trained = await train({
      gpu,
      config,
      source,
      teacher: alignedTeacher(builtinModel(0), source),
      out: join(root, "run"),
      resume: false,
      onStep: ({ terms }) => records.push({ silog: terms["silog"], kl: terms["kl"] }),
    });
    await trained.close();
    expect(records[0].silog).toBeGreaterThan(0);
    expect(records[0].kl).toBeGreaterThan(0);
    expect(records[1].silog).toBeLessThan(1e-2);
    expect(records[1].kl).toBe(0);
  } finally {
    rmSync(root, { recursive: true });
  }
});
