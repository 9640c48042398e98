// DDAD: geometry and tolerance of the format on a tiny written data set, every broken file named,
// and the real scene where it is at hand.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import { project } from "../../src/data/camera.ts";
import { ddad } from "../../src/data/ddad.ts";
import { inverse, transform } from "../../src/data/pose.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { InputError } from "../../src/tensor/error.ts";
import { DGP_FILES, POINTS, cloudBytes, writeDgp } from "./dgp_fixture.ts";

const SIZE = { height: 32, width: 64 };

let root = "";
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-ddad-"));
  await writeDgp(root);
});
afterEach(() => rmSync(root, { recursive: true }));

const read = async (): Promise<RigSample> => (await ddad(root, "train")).sample(0, SIZE);

function edit(file: string, from: string | RegExp, to: string): void {
  const text = readFileSync(join(root, file), "utf8");
  const changed = text.replace(from, to);
  expect(changed).not.toBe(text);
  writeFileSync(join(root, file), changed);
}

test("points go from the cloud through the world into each camera, nearest first", async () => {
  const { sparse_depth_m, cameras, id, timestamp } = await read();
  expect(cameras.map(({ name }) => name)).toEqual(["CAMERA_01", "CAMERA_09"]);
  // Ahead and behind at camera height: the pixels around the principal point (31.5, 15.5).
  const depths = [...sparse_depth_m].flatMap((depth, i) => (depth > 0 ? [[i, depth]] : []));
  expect(depths.map(([, depth]) => depth)).toEqual([10, 8]);
  const [front, back] = depths.map(([i]) => i % (32 * 64));
  for (const pixel of [front, back]) {
    expect([15, 16]).toContain(Math.floor(pixel / 64));
    expect([31, 32]).toContain(pixel % 64);
  }
  expect(id).toBe("000000/15616458249936530");
  expect(timestamp).toBe("2464-11-12T01:04:09.936530Z");
});

test("a calibration's own pose puts the points at the same pixels", async () => {
  // The fixture's vehicle does not move between cloud and image, so both ways must agree.
  const { cameras, groundTruth } = await read();
  const own = transform(inverse(cameras[0]), [10, 0, 1.5]);
  const [, , depth_m] = project(cameras[0], own);
  expect(groundTruth[0].depth_m[0]).toBeCloseTo(depth_m, 5);
  expect(POINTS[1]).toContain(10);
});

test("images are those of their cameras, in ring order", async () => {
  const { images } = await read();
  expect(images[0]).toBeGreaterThan(150);
  expect(images[32 * 64 * 3 + 2]).toBeGreaterThan(150);
});

test("fields may be in camelCase, defaults absent, numbers in texts", async () => {
  edit(DGP_FILES.scene, /datum_keys/g, "datumKeys");
  edit(DGP_FILES.scene, /calibration_key/g, "calibrationKey");
  edit(DGP_FILES.scene, /point_cloud":\{/g, 'pointCloud":{');
  edit(DGP_FILES.scene, /"x":100/g, '"x":"100"');
  edit(DGP_FILES.scene, /"qx":0,/, "");
  expect([...(await read()).sparse_depth_m].filter((depth) => depth > 0)).toEqual([10, 8]);
});

test("without masks all is usable; white is usable, black is the vehicle", async () => {
  expect((await read()).usable.every((value) => value === 1)).toBe(true);
  mkdirSync(join(root, "masks"));
  const left = { create: { width: 32, height: 32, channels: 3, background: "white" } } as const;
  await sharp({ create: { width: 64, height: 32, channels: 3, background: "black" } })
    .composite([{ input: await sharp(left).png().toBuffer(), left: 0, top: 0 }])
    .png()
    .toFile(join(root, "masks", "CAMERA_09.png"));
  const { usable } = await read();
  const back = usable.subarray(32 * 64);
  expect(usable.subarray(0, 32 * 64).every((value) => value === 1)).toBe(true);
  expect([back[0], back[31], back[32], back[63]]).toEqual([1, 1, 0, 0]);
});

test.each<[string, () => void, RegExp]>([
  [
    "a missing ddad.json",
    () => rmSync(join(root, DGP_FILES.set)),
    /ddad\.json: cannot read: no such file/,
  ],
  [
    "a scene that is not JSON",
    () => writeFileSync(join(root, DGP_FILES.scene), "{"),
    /scene_ab\.json: not valid JSON/,
  ],
  [
    "a field of the wrong type",
    () => edit(DGP_FILES.calibration, '"fx":40', '"fx":[]'),
    /cd\.json: intrinsics\[1\]\.fx: /,
  ],
  [
    "a key without a reading",
    () => edit(DGP_FILES.scene, '["l"', '["m"'),
    /samples\[0\]: no datum with key m/,
  ],
  [
    "an unknown camera",
    () => edit(DGP_FILES.scene, '"name":"CAMERA_09"', '"name":"CAMERA_02"'),
    /unknown camera CAMERA_02; .*cd\.json has LIDAR, CAMERA_01, CAMERA_09/,
  ],
  [
    "a quaternion that is none",
    () => edit(DGP_FILES.calibration, '"qw":1', '"qw":0.9'),
    /cd\.json: LIDAR: rotation .* has length 0\.9/,
  ],
  [
    "lists of different lengths",
    () => edit(DGP_FILES.calibration, '"LIDAR",', ""),
    /2 names, 3 intrinsics and 3 extrinsics/,
  ],
  [
    "a moment without cloud",
    () => edit(DGP_FILES.scene, '["l",', "["),
    /samples\[0\]: no point cloud/,
  ],
])("opening fails with one line for %s", async (_, damage, message) => {
  damage();
  const opened = ddad(root, "train");
  await expect(opened).rejects.toThrow(InputError);
  await expect(opened).rejects.toThrow(message);
  await expect(opened).rejects.not.toThrow(/\n/);
});

test.each<[string, () => void, RegExp]>([
  [
    "an image cut short",
    () => {
      const file = join(root, DGP_FILES.back);
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.subarray(0, bytes.length - 40));
    },
    /CAMERA_09.15616458249936530\.jpg: cannot decode the image/,
  ],
  [
    "an image that is none",
    () => writeFileSync(join(root, DGP_FILES.front), "not a picture"),
    /CAMERA_01.15616458249936530\.jpg: cannot decode the image/,
  ],
  [
    "an image of another size",
    () => edit(DGP_FILES.scene, '"width":64', '"width":80'),
    /image is 64 x 32 pixels .*; its camera has 80 x 32/,
  ],
  [
    "a missing image",
    () => rmSync(join(root, DGP_FILES.front)),
    /CAMERA_01.15616458249936530\.jpg: cannot read: no such file/,
  ],
  [
    "a cloud cut short",
    () => {
      const file = join(root, DGP_FILES.cloud);
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.subarray(0, bytes.length >> 1));
    },
    /15616458250027900\.npz/,
  ],
  [
    "a NaN in a cloud",
    () =>
      writeFileSync(
        join(root, DGP_FILES.cloud),
        cloudBytes([
          [1, 2, 3, 0],
          [4, NaN, 6, 0],
        ]),
      ),
    /15616458250027900\.npz: Y of point 1 is NaN/,
  ],
])("reading a sample fails with one line for %s", async (_, damage, message) => {
  damage();
  await expect(read()).rejects.toThrow(InputError);
  await expect(read()).rejects.toThrow(message);
});

test("a missing folder is named", async () => {
  await expect(ddad("/nowhere/ddad", "train")).rejects.toThrow(
    "ddad:/nowhere/ddad: no such folder",
  );
});

test("a split that the set does not have is named", async () => {
  edit(DGP_FILES.set, /,"1":.*\]\}\}/, "}");
  await expect(ddad(root, "held-out")).rejects.toThrow(
    /scene_splits has no "1" or "VAL" \(held-out\)/,
  );
});

const MINI = "../shared/data/ddad-mini";

test.skipIf(!existsSync(MINI))(
  `the real scene in ${MINI} (skipped where it is absent)`,
  async () => {
    const source = await ddad(MINI, "train");
    expect(source.count).toBe(3);
    expect(source.cameras.map(({ name }) => name.slice(-2))).toEqual([
      "01",
      "05",
      "07",
      "09",
      "08",
      "06",
    ]);
    const sample = await source.sample(0, { height: 96, width: 160 });
    // The clouds of this scene hold 47 to 49 thousand points; most of them fall into some camera.
    const truth = sample.groundTruth.map(({ depth_m }) => depth_m.length);
    expect(truth.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(40_000);
    for (const { depth_m } of sample.groundTruth) expect(Math.max(...depth_m)).toBeLessThan(260);
    // The road ahead: the lowest ten rows of the front camera see ground 5 to 15 m away.
    const road = sample.sparse_depth_m.subarray(86 * 160, 96 * 160).filter((depth) => depth > 0);
    expect(road.length).toBeGreaterThan(20);
    expect(road.toSorted()[road.length >> 1]).toBeGreaterThan(5);
    expect(road.toSorted()[road.length >> 1]).toBeLessThan(15);
  },
);
