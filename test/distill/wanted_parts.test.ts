// A fitted teacher gives the parts that the losses read: every choice builds with them, and each of
// them is missed by the choices that want it.
import { expect, test } from "vitest";
import { BASELINES } from "../../src/distill/baselines.ts";
import { RELATIONS } from "../../src/distill/relations.ts";
import { wantedParts } from "../../src/distill/wanted_parts.ts";
import { INDEX_ONLY, type TeacherParts } from "../../src/teacher/teacher.ts";
import { lossNetwork } from "../../src/train/network.ts";
import { tinyConfig } from "../train/tiny.ts";

const CHOICES: readonly Record<string, unknown>[] = [
  ...RELATIONS.map((relation) => ({ relation })),
  ...BASELINES.map((baseline) => ({ baseline })),
  ...["silog", "stopped", "symmetric", "none"].map((cross_term) => ({ cross_term })),
];
const BINOMIAL: TeacherParts = { ...INDEX_ONLY, index: false, binomial: true };

test.each(CHOICES)("%j builds with the parts that it wants", (choice) => {
  const config = tinyConfig({ loss: { relation_grid: [2, 4], ...choice } });
  const { centers, embedding, depth_m } = wantedParts(config.loss);
  const build = (parts: Partial<TeacherParts>): unknown =>
    lossNetwork(config, {
      views: 3,
      size: config.size,
      depth_max_m: 80,
      teacher: { ...BINOMIAL, centers, embedding: embedding ? 4 : 0, depth_m, ...parts },
    });
  expect(() => build({})).not.toThrow();
  if (centers) expect(() => build({ centers: false })).toThrow("bin centres of the teacher");
  if (depth_m) expect(() => build({ depth_m: false })).toThrow(/metres|depth/);
});
