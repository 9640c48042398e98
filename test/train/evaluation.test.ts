// Evaluation of maps on moments: fusion with mirrored images, the overlap of cameras, and maps of a
// teacher.
import { expect, test } from "vitest";
import { PRESETS, presetNamed } from "../../src/evaluate/parts.ts";
import { mirrored, reversedViews } from "../../src/evaluate/flip.ts";
import { oracleTeacher } from "../../src/teacher/oracle_teacher.ts";
import { evaluateMaps } from "../../src/train/evaluation.ts";
import { folderMaps, teacherMaps } from "../../src/train/map_sources.ts";
import { evaluate } from "../../src/train/evaluate_student.ts";
import type { Predictor } from "../../src/train/predictor.ts";
import { evaluateTeacher } from "../../src/train/teacher/evaluate_teacher.ts";
import { tinyConfig, tinySource } from "./tiny.ts";

const source = tinySource("held-out");
const { protocol, focalReference_px } = source;
const config = tinyConfig();
const { size } = config;
const fail = (text: string): never => expect.fail(text);

/** A network that predicts the row's depth, plus 1 m in the left half of what it sees. */
function leftHeavy(seen: Uint8Array[]): Predictor {
  const scale = { protocol, focalReference_px, normalization: { mean: 0, deviation: 1 } };
  return {
    student: { config, depth_max_m: 80, steps: 1, origin: { scale, cameras: null, moments: null } },
    size,
    predict: async ({ cameras, images }) => {
      seen.push(images);
      const length = cameras.length * size.height * size.width;
      return await Promise.resolve(
        Float32Array.from({ length }, (_, i) => (i % size.width < size.width / 2 ? 11 : 10)),
      );
    },
    destroy: () => undefined,
  };
}

test("protocol A predicts mirrored images too and fuses both; the others do not", async () => {
  const row = (await source.sample(0, size)).groundTruth[0].depth_m;
  expect(row).toHaveLength(size.height * size.width);
  for (const { name, parts } of PRESETS) {
    const seen: Uint8Array[] = [];
    await evaluate(leftHeavy(seen), source, "stop", fail, { parts });
    expect(seen, name).toHaveLength((name === "surrounddepth" ? 2 : 1) * source.count);
    if (name !== "surrounddepth") continue;
    // The ring of the mirrored images runs the other way.
    const views = source.cameras.length;
    expect(seen[1]).toEqual(reversedViews(mirrored(seen[0], size, 3), views));
    expect(mirrored(reversedViews(seen[1], views), size, 3)).toEqual(seen[0]);
  }
  const plain = await evaluate(leftHeavy([]), source, "stop", fail, {
    parts: presetNamed("D").parts,
  });
  const fused = await evaluate(leftHeavy([]), source, "stop", fail, {
    parts: presetNamed("A").parts,
  });
  expect(fused.result.all.abs_rel).not.toBe(plain.result.all.abs_rel);
});

test("the overlap and the agreement are evaluated on request", async () => {
  const found = await evaluate(leftHeavy([]), source, "stop", fail, { overlap: true });
  const without = await evaluate(leftHeavy([]), source, "stop", fail);
  expect(without).toMatchObject({ overlap: null, agreement: null });
  expect(found.result).toEqual(without.result);
  expect(found.overlap!.all.abs_rel).not.toBe(found.result.all.abs_rel);
  expect(found.agreement!.points).toBeGreaterThan(0);
});

test("the metres of a teacher are evaluated like any others", async () => {
  const oracle = oracleTeacher({ protocol, focalReference_px });
  const maps = teacherMaps(oracle, config, 80);
  const { result, consistency } = await evaluateMaps(maps, source, "stop", fail);
  expect(result.all.abs_rel).toBeLessThan(0.2);
  expect(consistency.pairs.length).toBeGreaterThan(0);
  const relative = { ...oracle, parts: { ...oracle.parts, depth_m: false, mask: false } };
  const index = teacherMaps(
    { ...relative, maps: async (...of) => ({ index: (await oracle.maps(...of)).index! }) },
    config,
    80,
  );
  const aligned = await evaluateMaps(index, source, "stop", fail);
  expect(aligned.consistency.pairs).toEqual([]);
  expect(aligned.result).not.toHaveProperty("median_scaled");
  expect(aligned.result.all.abs_rel).toBeLessThan(0.5);
});

test("pixels that a teacher masks are left out of every number, and counted", async () => {
  const oracle = oracleTeacher({ protocol, focalReference_px });
  const half = size.width / 2;
  const isLeft = (i: number): boolean => i % half < half / 2;
  const wrong = (isMasked: boolean): typeof oracle => ({
    ...oracle,
    maps: async (...of) => {
      const { depth_m, mask, ...maps } = await oracle.maps(...of);
      const masked = mask!.map((own, i) => (isMasked && isLeft(i) ? 0 : own));
      return { ...maps, depth_m: depth_m!.map((d, i) => (isLeft(i) ? 79 : d)), mask: masked };
    },
  });
  const of = async (isMasked: boolean): ReturnType<typeof evaluateMaps> =>
    await evaluateMaps(teacherMaps(wrong(isMasked), config, 80), source, "stop", fail);
  const [without, found] = [await of(false), await of(true)];
  expect(without.masked_pixels).toBe(0);
  expect(without.result.all.abs_rel).toBeGreaterThan(1);
  expect(found.masked_pixels).toBe((source.count * 3 * size.height * size.width) / 2);
  expect(found.result.all.abs_rel).toBeLessThan(0.2);
  const { all } = found.consistency;
  expect(all === undefined || all.relative < without.consistency.all!.relative).toBe(true);
  const lines: string[] = [];
  const say = (text: string): void => void lines.push(text);
  const fitted = await evaluateTeacher(wrong(true), source, config, say);
  expect(fitted.all).toEqual(found.result.all);
  expect(lines).toEqual([expect.stringMatching(/^teacher .*[\d,]+ true depths are masked/)]);
});

test("fused maps count where both of them do", async () => {
  const [height, width] = [1, 4];
  const folder = (counts?: Uint8Array): Parameters<typeof folderMaps>[0] => ({
    name: "maps",
    quantity: "metres",
    maps: async () =>
      await Promise.resolve({
        values: new Float32Array(4).fill(9),
        size: { height, width },
        ...(counts && { counts }),
      }),
  });
  const sample = await source.sample(0, size);
  const [own, other] = [Uint8Array.of(1, 1, 0, 1), Uint8Array.of(0, 1, 1, 1)];
  const fused = async (a?: Uint8Array, b?: Uint8Array): Promise<unknown> =>
    (await (await folderMaps(folder(a), source, size, folder(b))).of(sample)).counts;
  expect(await fused(own, other)).toEqual(Uint8Array.of(1, 1, 0, 0));
  expect(await fused(own)).toEqual(own);
  expect(await fused(undefined, other)).toEqual(Uint8Array.of(1, 1, 1, 0));
  expect(await fused()).toBeUndefined();
});
