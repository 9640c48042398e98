// Every baseline trains: some steps to a finite student that its file gives back.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { BASELINES, PROJECTION } from "../../src/distill/baselines.ts";
import type { Teacher } from "../../src/teacher/teacher.ts";
import { loadPredictor } from "../../src/train/predictor.ts";
import { readStudent } from "../../src/train/student_file.ts";
import { train } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const root = mkdtempSync(join(tmpdir(), "ringdepth-baselines-"));
afterAll(() => rmSync(root, { recursive: true }));

const [STEPS, FEATURES] = [12, 5];
/** The teacher of the tiny rig with metres and an embedding beside. */
const teacher: Teacher = {
  ...tinyTeacher,
  parts: { ...tinyTeacher.parts, depth_m: true, embedding: FEATURES },
  maps: async (sample, size) => {
    const maps = await tinyTeacher.maps(sample, size);
    const index = maps.index!;
    return {
      ...maps,
      depth_m: index.map((place) => 2 + 30 * place),
      embedding: Float32Array.from({ length: FEATURES * index.length }, (_, i) =>
        Math.cos(3 * index[Math.floor(i / FEATURES)] + i),
      ),
    };
  },
};

test.each(BASELINES.filter((baseline) => baseline !== "none"))(
  "%s falls over some steps",
  async (baseline) => {
    // By itself a term must fall.
    const own = { baseline, ramp: 0, weights: { silog: 0 } };
    const loss = { ckd: false, relation: "none", relation_grid: [2, 4], ...own };
    const config = tinyConfig({ steps: STEPS, loss });
    const source = tinySource("train");
    const out = join(root, baseline);
    const trained = await train({ gpu, config, source, teacher, out, resume: false });
    const terms = trained.folder.records.map((record) => record.terms["baseline"]);
    await trained.close();
    expect(terms.length).toBe(STEPS);
    expect(terms.every((value) => Number.isFinite(value) && value > 0)).toBe(true);
    const mean = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(terms.slice(-4))).toBeLessThan(mean(terms.slice(0, 4)));

    const file = await readStudent(trained.folder.student);
    expect(file.config.loss.baseline).toBe(baseline);
    const names = trained.store.layout.slots.map(({ name }) => name);
    expect(names.includes(PROJECTION)).toBe(baseline === "fitnets");
    // The one baseline whose parameter no predictor has.
    if (baseline !== "fitnets") return;
    const predictor = await loadPredictor(gpu, file, source);
    try {
      const depth_m = await predictor.predict(await source.sample(0, config.size));
      expect(depth_m.every((value) => value > 0)).toBe(true);
    } finally {
      predictor.destroy();
    }
  },
);
