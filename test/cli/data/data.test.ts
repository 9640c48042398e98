// `ringdepth data`: made sets are inspected, a missing image is counted and named, the sheet shows LiDAR.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeNuscenes } from "../../data/nuscenes/nuscenes_fixture.ts";
import { cli } from "../run.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-data-"));
});
afterEach(() => rmSync(root, { recursive: true }));

test("a made set is inspected, and its sheet has the points", async () => {
  const set = join(root, "set");
  const size = ["--size", "32x64", "--train", "1", "--held-out", "1", "--json"];
  const made = await cli("data", "make", "nuscenes", "--out", set, ...size);
  expect(made.code).toBe(0);
  expect(JSON.parse(made.stdout)).toMatchObject({ data: `nuscenes:${set}`, files: 27 });
  const sheet = join(root, "sheet.png");
  const { code, stdout } = await cli("data", "inspect", `nuscenes:${set}`, "--sheet", sheet);
  expect(code).toBe(0);
  expect(stdout).toMatch(/nuScenes v1\.0-mini in .*, 1 moments of 1 scene, 6 cameras/);
  expect(stdout).toMatch(/CAM_FRONT: 64 x 32, fx 50\.7 px/);
  expect(stdout).toMatch(
    /held-out: 1 moments, all images and depths are there; (\d+) to \1 true depths per moment, \1 in/,
  );
  const { width, height } = await sharp(readFileSync(sheet)).metadata();
  expect([width, height]).toEqual([3 * 64, 2 * 32]);
  const again = await cli("data", "make", "nuscenes", "--out", set, ...size);
  expect(again.code).toBe(2);
  expect(again.stderr).toMatch(/has files already/);
});

test("a missing image is counted and named", async () => {
  await writeNuscenes(root);
  rmSync(join(root, "samples/CAM_BACK/b1.jpg"));
  const { code, stdout } = await cli("data", "inspect", `nuscenes:${root}`, "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    splits: [
      { split: "train", moments: 2, unreadable: 0, fault: null },
      { split: "held-out", moments: 2, unreadable: 1, fault: expect.stringContaining("b1.jpg") },
    ],
    sheet: null,
  });
});

test("a broken cloud is counted and named with its moment, beside the images", async () => {
  await writeNuscenes(root);
  const cloud = join(root, "samples/LIDAR_TOP/a1.pcd.bin");
  const bytes = readFileSync(cloud);
  bytes.writeFloatLE(Number.NaN, 24);
  writeFileSync(cloud, bytes);
  rmSync(join(root, "samples/CAM_BACK/a1.jpg"));
  const found = await cli("data", "inspect", `nuscenes:${root}`);
  expect(found.code).toBe(0);
  expect(found.stdout).toMatch(/train: 2 moments, 1 cannot be read; 3 to 3 true depths per moment/);
  expect(found.stdout).toMatch(/^ {2}moment 1: .*a1\.jpg: cannot read/m);
  expect(found.stdout).toMatch(/^ {2}moment 1: .*a1\.pcd\.bin: y of point 1 is NaN/m);
  const quick = await cli("data", "inspect", `nuscenes:${root}`, "--no-points", "--json");
  expect(JSON.parse(quick.stdout)).toMatchObject({
    splits: [
      { unreadable: 1, faults: [{ moment: 1 }], depths: null },
      { unreadable: 0, faults: [], depths: null },
    ],
  });
});

test.each([
  [["make", "kitti", "--out", "x"], /kind kitti: expected rig, nuscenes, ddad/],
  [["inspect", "nuscenes:/nowhere"], /no such folder/],
  [["inspect", "rig", "--split", "val"], /--split val: expected train or held-out/],
  [
    ["inspect", "rig", "--moment", "48", "--sheet", "SHEET"],
    /--moment 48: train has moments 0 to 47/,
  ],
])("%j is one clear line and exit code 2", async (args, message) => {
  const own = args.map((arg) => (arg === "SHEET" ? join(root, "s.png") : arg));
  const { code, stderr } = await cli("data", ...own);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
  expect(existsSync(join(root, "s.png"))).toBe(false);
});

test("a broken table is exit code 2 with file and field", async () => {
  await writeNuscenes(root);
  writeFileSync(join(root, "v1.0-mini/scene.json"), '[{"token":"a","token":"b"}]');
  const { code, stderr } = await cli("data", "inspect", `nuscenes:${root}`);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^ringdepth: .*scene\.json: record 0: key token appears twice\n$/);
});
