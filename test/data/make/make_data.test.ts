// The built-in rig written in the files of each format loads back to the same LiDAR depth, bit for bit,
// and to the same cameras.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { builtinRig } from "../../../src/data/builtin_rig.ts";
import { groundTruth } from "../../../src/data/depth_map.ts";
import { MADE_KINDS, makeData, type MadeKind } from "../../../src/data/make/make_data.ts";
import { openData } from "../../../src/data/open_data.ts";
import { sampleShape } from "../../../src/data/rig_sample.ts";

const SIZE = { height: 32, width: 64 };
const MOMENTS = { train: 2, "held-out": 1 };
const SPECS: { readonly [kind in MadeKind]: (path: string) => string } = {
  rig: (path) => `folder:${path}`,
  nuscenes: (path) => `nuscenes:${path}@v1.0-mini`,
  ddad: (path) => `ddad:${path}`,
};

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-make-"));
});
afterEach(() => rmSync(root, { recursive: true }));

test.each(MADE_KINDS)("%s loads back to the same depth, bit for bit", async (kind) => {
  const out = join(root, "set");
  const done: number[] = [];
  const onMoment = (count: number): number => done.push(count);
  const files = await makeData(kind, out, { moments: MOMENTS, size: SIZE, seed: 3, onMoment });
  expect(done).toEqual([1, 2, 3]);
  const written = readdirSync(out, { recursive: true, withFileTypes: true });
  expect(written.filter((entry) => entry.isFile())).toHaveLength(files);
  for (const split of ["train", "held-out"] as const) {
    const rig = builtinRig({ split, seed: 3, moments: MOMENTS[split] });
    const source = await openData(SPECS[kind](out), { split });
    expect(source.count).toBe(rig.count);
    for (let index = 0; index < rig.count; index++) {
      const expected = await rig.sample(index, SIZE);
      const found = await source.sample(index, SIZE);
      const depths = expected.sparse_depth_m.reduce((sum, depth) => sum + (depth > 0 ? 1 : 0), 0);
      expect(depths).toBeGreaterThan(150);
      // As bytes: a matcher takes seconds for arrays of this length.
      const isSame = (a: Float32Array | Uint8Array, b: Float32Array | Uint8Array): boolean =>
        Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
          Buffer.from(b.buffer, b.byteOffset, b.byteLength),
        );
      expect(isSame(found.sparse_depth_m, expected.sparse_depth_m)).toBe(true);
      const [views, height, width] = sampleShape(expected);
      for (let v = 0; v < views; v++) {
        const begin = v * height * width;
        const map = expected.sparse_depth_m.subarray(begin, begin + height * width);
        const truth = groundTruth(map, SIZE);
        expect([...found.groundTruth[v].pixels]).toEqual([...truth.pixels]);
        expect(isSame(found.groundTruth[v].depth_m, truth.depth_m)).toBe(true);
        const { name: _, ...camera } = expected.cameras[v];
        for (const [field, value] of Object.entries(camera)) {
          const own = [found.cameras[v][field as keyof typeof camera]].flat();
          const apart = own.map((number, i) => Math.abs(number - [value].flat()[i]));
          expect(Math.max(...apart)).toBeLessThan(1e-9);
        }
      }
      // PNG keeps every byte; JPEG does not.
      if (kind !== "nuscenes") expect(isSame(found.images, expected.images)).toBe(true);
    }
  }
});

test("a folder with files is not touched", async () => {
  mkdirSync(join(root, "set"));
  writeFileSync(join(root, "set/mine.txt"), "mine");
  const make = makeData("ddad", join(root, "set"), { moments: MOMENTS, size: SIZE, seed: 0 });
  await expect(make).rejects.toThrow(
    /set: has files already, such as mine\.txt; choose a new --out/,
  );
  expect(readdirSync(join(root, "set"))).toEqual(["mine.txt"]);
});
