// The relations are different losses: one step each on the tiny rig, with a teacher that has every
// part. That they train is in choices.test.ts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RELATIONS } from "../../src/distill/relations.ts";
import type { Teacher } from "../../src/teacher/teacher.ts";
import { train } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

/** The tiny teacher, its index again as depth and, with its square, as an embedding. */
const complete: Teacher = {
  name: "complete",
  parts: { ...tinyTeacher.parts, embedding: 2, depth_m: true },
  maps: async (sample, size) => {
    const maps = await tinyTeacher.maps(sample, size);
    const index = maps.index!;
    const embedding = new Float32Array(2 * index.length);
    index.forEach((v, i) => embedding.set([v, v * v], 2 * i));
    return { ...maps, depth_m: index.map((v) => 1 + 79 * v), embedding };
  },
};

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-relations-"));
});
afterAll(() => rmSync(root, { recursive: true }));

test("the relations of one first step differ, but for cosine and aligned", async () => {
  const losses = new Map<string, number>();
  for (const relation of RELATIONS) {
    const config = tinyConfig({
      steps: 1,
      size: { height: 32, width: 64 },
      loss: { ckd: false, relation, relation_grid: [2, 4], ramp: 0 },
    });
    const source = tinySource("train");
    const out = join(root, relation);
    const run = await train({ gpu, config, source, teacher: complete, out, resume: false });
    const { terms } = run.folder.records[0];
    await run.close();
    if (relation !== "none") losses.set(relation, terms["relation"]);
    else expect(terms).not.toHaveProperty("relation");
  }
  expect(losses.get("aligned")).toBe(losses.get("cosine"));
  expect(new Set(losses.values()).size).toBe(losses.size - 1);
});
