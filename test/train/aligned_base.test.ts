// The evaluation of a base aligned to LiDAR, and what it says where no view has a fit.
import { expect, test } from "vitest";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import type { DataSource } from "../../src/data/data_source.ts";
import { evaluateAligned } from "../../src/train/teacher/evaluate_teacher.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig } from "./tiny.ts";

const config = tinyConfig({ size: { height: 32, width: 64 } });
const heldOut = builtinRig({ split: "held-out", seed: 0, moments: 1 });

test("a view without a fit does not count, and none at all is reported", async () => {
  const messages: string[] = [];
  const without = (views: number): DataSource => ({
    ...heldOut,
    sample: async (...asked) => {
      const sample = await heldOut.sample(...asked);
      const sparse_depth_m = sample.sparse_depth_m.slice();
      sparse_depth_m.fill(0, 0, (views * sparse_depth_m.length) / sample.cameras.length);
      return { ...sample, sparse_depth_m };
    },
  });
  const tell = (message: string): void => void messages.push(message);
  const whole = (await evaluateAligned(config, heldOut, tell, () => gpu))!;
  expect(messages).toEqual([]);
  expect(whole.all.abs_rel).toBeLessThan(0.2);
  const part = (await evaluateAligned(config, without(2), tell, () => gpu))!;
  const names = heldOut.cameras.map(({ name }) => name);
  expect(Object.keys(part.cameras)).toEqual(names.slice(2));
  expect(part.cameras[names[3]]).toEqual(whole.cameras[names[3]]);
  expect(await evaluateAligned(config, without(6), tell, () => gpu)).toBeNull();
  expect(messages.at(-2)).toMatch(/^the aligned base is not evaluated: evaluation: no image/);
  expect(messages.at(-1)).toContain("6 of 6 views had no fit");
});
