// nuScenes: the chain of poses, splits and lists, masks, and every broken table or file named.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DataSource, Split } from "../../../src/data/data_source.ts";
import { writeCloud } from "../../../src/data/nuscenes/cloud.ts";
import { nuscenes, type NuscenesOptions } from "../../../src/data/nuscenes/nuscenes.ts";
import { officialScenes } from "../../../src/data/nuscenes/splits.ts";
import { openData } from "../../../src/data/open_data.ts";
import type { RigSample } from "../../../src/data/rig_sample.ts";
import { InputError } from "../../../src/tensor/error.ts";
import { editTable, POINTS, token, writeNuscenes, type TableSet } from "./nuscenes_fixture.ts";

const SIZE = { height: 32, width: 64 };

let root = "";
let other = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-nuscenes-"));
  other = mkdtempSync(join(tmpdir(), "ringdepth-lists-"));
});
afterEach(() => {
  for (const folder of [root, other]) rmSync(folder, { recursive: true });
});

const open = async (options: Partial<NuscenesOptions> = {}): Promise<DataSource> =>
  await nuscenes(root, { split: "train", ...options });
const first = async (): Promise<RigSample> => await (await open()).sample(0, SIZE);
const idsOf = async (source: DataSource): Promise<string[]> =>
  await Promise.all(
    Array.from({ length: source.count }, async (_, i) => (await source.identify(i)).id),
  );

test("points go through both poses of the vehicle, and the last of a pixel wins", async () => {
  await writeNuscenes(root);
  const { cameras, groundTruth, sparse_depth_m, id, timestamp } = await first();
  expect(cameras.map(({ name }) => name)).toEqual(["CAM_FRONT", "CAM_BACK"]);
  // The LiDAR is 1 m ahead of the vehicle's origin, which then drives 1 m; the front camera is at
  // 1.5 m: 10 + 1 - 1 - 1.5. The point at 20 m comes earlier in the file.
  expect([...groundTruth[0].depth_m]).toEqual([Math.fround(8.5)]);
  // The point behind is at -8 + 1 - 1 m of the vehicle: the back camera stands at its origin.
  expect([...groundTruth[1].depth_m]).toEqual([8]);
  // At camera height the ray is the principal point (31.5, 15.5), half to even: (32, 16).
  expect([...groundTruth[0].pixels]).toEqual([16 * 64 + 32]);
  expect([...sparse_depth_m].filter((depth) => depth > 0)).toEqual([8.5, 8]);
  expect(id).toBe(`scene-0061/${token("a sample 0")}`);
  expect(timestamp).toBe("1532402927612460");
});

test("the order of the points decides, except by the rule nearest", async () => {
  await writeNuscenes(root);
  const [x, y, z] = POINTS;
  const cloud = writeCloud([...POINTS.slice(3), x, y, z]);
  writeFileSync(join(root, "samples/LIDAR_TOP/a0.pcd.bin"), cloud);
  const depth = async (rule?: NuscenesOptions["rule"]): Promise<number> =>
    (await (await open({ rule })).sample(0, SIZE)).groundTruth[0].depth_m[0];
  expect(await depth()).toBe(18.5);
  expect(await depth("vfdepth")).toBe(18.5);
  expect(await depth("dgp")).toBe(18.5);
  expect(await depth("nearest")).toBe(8.5);
});

test("each split has its scenes, whole and in order, by name or by version", async () => {
  await writeNuscenes(root);
  const a = [0, 1].map((i) => `scene-0061/${token(`a sample ${i}`)}`);
  const b = [0, 1].map((i) => `scene-0103/${token(`b sample ${i}`)}`);
  expect(await idsOf(await open())).toEqual(a);
  expect(await idsOf(await open({ split: "held-out" }))).toEqual(b);
  const at = async (parts: string, split: Split = "train"): Promise<string[]> =>
    await idsOf(await openData(`nuscenes:${root}@${parts}`, { split }));
  expect(await at("v1.0-mini")).toEqual(a);
  expect(await at("v1.0-mini:mini_val")).toEqual(b);
  expect(await at("mini_val,mini_train")).toEqual(b);
  expect(await at("mini_val,mini_train", "held-out")).toEqual(a);
  expect(await at("all:points=dgp")).toEqual([...a, ...b]);
  writeFileSync(join(root, "v1.0-mini/splits.json"), '{"rain": ["scene-0103"]}');
  expect(await at("rain")).toEqual(b);
});

test("the official splits have the numbers of scenes that the devkit states", () => {
  const sizes = ["train", "val", "test", "mini_train", "mini_val"] as const;
  expect(sizes.map((split) => officialScenes(split).size)).toEqual([700, 150, 150, 8, 2]);
  const all = sizes.slice(0, 3).flatMap((split) => [...officialScenes(split)]);
  expect(new Set(all).size).toBe(1000);
  for (const scene of officialScenes("mini_val")) {
    expect(["scene-0103", "scene-0916"]).toContain(scene);
    expect(officialScenes("val").has(scene)).toBe(true);
  }
});

test("a list of sample tokens is read as the literature writes it", async () => {
  await writeNuscenes(root);
  const list = join(other, "val.txt");
  // Trailing spaces, further words, Windows line ends, no newline at the end.
  writeFileSync(
    list,
    `${token("b sample 1")}  \r\n${token("a sample 0")} x\n\n${token("b sample 0")}`,
  );
  const source = await openData(`nuscenes:${root}@v1.0-mini:${list}`, { split: "held-out" });
  expect((await idsOf(source)).map((id) => id.slice(11))).toEqual(
    ["b sample 1", "a sample 0", "b sample 0"].map(token),
  );
});

test.each<[string, () => void, string, RegExp]>([
  [
    "an unknown token",
    () => list(`${token("a sample 0")}\nabc\n`),
    "",
    /line 2: .*sample\.json has no/,
  ],
  ["a token twice", () => list("a\nb\na\n"), "", /line 3: a is in line 1 already/],
  ["an empty list", () => list("\n \n"), "", /the list has no sample/],
  ["no list", () => {}, "", /list\.txt: cannot read: no such file/],
  ["a split of another version", () => {}, "val", /split val belongs to v1\.0-trainval/],
  [
    "an unknown split",
    () => {},
    "vall",
    /unknown split vall; expected mini_train, mini_val, all or/,
  ],
  [
    "a split without its scenes",
    () => splits(),
    "fog",
    /splits\.json: fog: scene\.json has no scene scene-0999/,
  ],
  ["three splits", () => {}, "a,b,c", /expected a split or a list of samples/],
])("a choice is refused: %s", async (_, prepare, choice, message) => {
  await writeNuscenes(root);
  prepare();
  const opened = open({ choice: choice === "" ? join(other, "list.txt") : choice });
  await expect(opened).rejects.toThrow(InputError);
  await expect(opened).rejects.toThrow(message);
});

const list = (text: string): void => writeFileSync(join(other, "list.txt"), text);
const splits = (): void =>
  writeFileSync(join(root, "v1.0-mini/splits.json"), '{"fog": ["scene-0999"]}');

test("masks of VFDepth: white is usable, whatever the alpha channel has", async () => {
  await writeNuscenes(root);
  mkdirSync(join(root, "nuscenes_mask"));
  const pixels = Buffer.alloc(64 * 32 * 4, 255);
  for (let i = 0; i < 64 * 16; i++) pixels.fill(0, (64 * 16 + i) * 4, (64 * 16 + i) * 4 + 4);
  await sharp(pixels, { raw: { width: 64, height: 32, channels: 4 } })
    .png()
    .toFile(join(root, "nuscenes_mask/CAM_BACK_mask.png"));
  const { usable } = await first();
  const back = usable.subarray(64 * 32);
  expect(usable.subarray(0, 64 * 32).every((value) => value === 1)).toBe(true);
  expect(back.reduce((sum, value) => sum + value, 0)).toBe(64 * 16);
  expect([back[0], back[64 * 31]]).toEqual([1, 0]);
});

const change =
  (table: string, index: number, fields: object) =>
  (set: TableSet): void => {
    Object.assign(set[table][index], fields);
  };

test.each<[string, (set: TableSet) => void, RegExp]>([
  [
    "unknown sensor",
    change("calibrated_sensor", 0, { sensor_token: "x" }),
    /calibrated_sensor\.json: record 0: sensor_token: sensor\.json has no record with token x/,
  ],
  [
    "unknown calibration",
    change("sample_data", 0, { calibrated_sensor_token: "x" }),
    /sample_data\.json: record 0: calibrated_sensor_token: calibrated_sensor\.json has no/,
  ],
  [
    "unknown sample",
    change("sample_data", 2, { sample_token: "x" }),
    /record 2: sample_token: sample\.json has no record/,
  ],
  [
    "unknown pose",
    change("sample_data", 0, { ego_pose_token: "x" }),
    /record 0: ego_pose_token: ego_pose\.json has no record/,
  ],
  [
    "unknown next sample",
    change("sample", 0, { next: "x" }),
    /sample\.json: record 0: next: sample\.json has no record/,
  ],
  [
    "unknown first sample",
    change("scene", 1, { first_sample_token: "x" }),
    /scene\.json: record 1: first_sample_token: sample\.json has no/,
  ],
  [
    "a circle of samples",
    change("sample", 1, { next: token("a sample 0") }),
    /record 1: next: sample [0-9a-f]+ is not the next sample of scene scene-0061/,
  ],
  ["a chain cut short", change("sample", 0, { next: "" }), /do not end at its last_sample_token/],
  [
    "a token twice",
    change("sample_data", 3, { token: token("a0k CAM_FRONT") }),
    /record 3: token: [0-9a-f]+ appears twice/,
  ],
  ["a scene twice", change("scene", 1, { name: "scene-0061" }), /scene scene-0061 appears twice/],
  [
    "two keyframes of a channel",
    change("sample_data", 1, { is_key_frame: true }),
    /record 1: sample_token: .*two keyframes of CAM_FRONT/,
  ],
  [
    "a missing field",
    (set) => delete set["sample"][0]["timestamp"],
    /sample\.json: record 0: timestamp: is missing/,
  ],
  [
    "a number as text",
    change("ego_pose", 0, { translation: ["1", 2, 3] }),
    /ego_pose\.json: record 0: translation: .*expected a list of 3 finite numbers/,
  ],
  [
    "NaN written as null",
    change("calibrated_sensor", 1, { translation: [null, 0, 0] }),
    /record 1: translation/,
  ],
  [
    "a quaternion that is none",
    change("ego_pose", 0, { rotation: [2, 0, 0, 0] }),
    /record 0: rotation: rotation \[2, 0, 0, 0\] has length 2/,
  ],
  [
    "intrinsics of another shape",
    change("calibrated_sensor", 0, {
      camera_intrinsic: [
        [1, 2],
        [3, 4],
      ],
    }),
    /record 0: camera_intrinsic/,
  ],
  [
    "a camera without intrinsics",
    change("calibrated_sensor", 0, { camera_intrinsic: [] }),
    /record 0: camera_intrinsic: is empty/,
  ],
  [
    "a modality that is none",
    change("sensor", 0, { modality: "sonar" }),
    /sensor\.json: record 0: modality/,
  ],
  [
    "a keyframe that may be one",
    change("sample_data", 0, { is_key_frame: 1 }),
    /record 0: is_key_frame: .*expected true or false/,
  ],
  [
    "a path out of the root",
    change("sample_data", 0, { filename: "../x.jpg" }),
    /sample_data\.json: record 0: .*the path has "\.\." in it/,
  ],
  [
    "an absolute path",
    change("sample_data", 4, { filename: "/etc/passwd" }),
    /sample_data\.json: record 4: .*the path is absolute/,
  ],
  [
    "a moment without LiDAR",
    change("sample_data", 4, { is_key_frame: false }),
    /sample [0-9a-f]+ of scene-0061: no LiDAR/,
  ],
  [
    "an image without a size",
    change("sample_data", 0, { width: 0 }),
    /record 0: .*camera CAM_FRONT: width is 0/,
  ],
])("opening fails with one line: %s", async (_, damage, message) => {
  await writeNuscenes(root, damage);
  await expect(open()).rejects.toThrow(InputError);
  await expect(open()).rejects.toThrow(message);
  await expect(open()).rejects.not.toThrow(/\n/);
});

test.each<[string, () => void, RegExp]>([
  [
    "a missing table",
    () => rmSync(join(root, "v1.0-mini/ego_pose.json")),
    /ego_pose\.json: cannot read: no such file/,
  ],
  [
    "a table cut short",
    () => editTable(root, "sample", (text) => text.slice(0, -30)),
    /sample\.json: not a valid JSON table: byte \d+: record 3 is cut short/,
  ],
  [
    "a table that is an object",
    () => editTable(root, "scene", () => "{}"),
    /scene\.json: not a valid JSON table: byte 0/,
  ],
  [
    "a key twice",
    () => editTable(root, "scene", (text) => text.replace("{", '{"name":"x",')),
    /scene\.json: record 0: key name appears twice/,
  ],
  ["two versions", () => cpVersion(), /has v1\.0-mini and v1\.0-other; name one/],
  ["a table outside", () => linkedTable(), /a link leads out of/],
])("opening fails with one line: %s", async (_, damage, message) => {
  await writeNuscenes(root);
  damage();
  await expect(open()).rejects.toThrow(InputError);
  await expect(open()).rejects.toThrow(message);
});

function cpVersion(): void {
  mkdirSync(join(root, "v1.0-other"));
  writeFileSync(join(root, "v1.0-other/sample_data.json"), "[]");
}

function linkedTable(): void {
  const file = join(root, "v1.0-mini/sensor.json");
  rmSync(file);
  writeFileSync(join(other, "sensor.json"), "[]");
  symlinkSync(join(other, "sensor.json"), file);
}

test.each<[string, Uint8Array | string | null, RegExp]>([
  ["missing", null, /a0\.pcd\.bin: cannot read: no such file/],
  [
    "cut short",
    writeCloud(POINTS).subarray(0, 50),
    /a0\.pcd\.bin: has 50 bytes; expected rows of 5 f32/,
  ],
  ["empty", "", /has 0 bytes/],
  ["NaN", writeCloud([1, 2, 3, 4, NaN, 6]), /a0\.pcd\.bin: y of point 1 is NaN/],
  ["infinite", writeCloud([1, 2, Infinity]), /z of point 0 is Infinity/],
  ["a PCD file", "# .PCD v0.7 - x\n", /is a PCD file/],
])("a cloud that is %s fails with one line", async (_, content, message) => {
  await writeNuscenes(root);
  const file = join(root, "samples/LIDAR_TOP/a0.pcd.bin");
  if (content === null) rmSync(file);
  else writeFileSync(file, content);
  await expect(first()).rejects.toThrow(InputError);
  await expect(first()).rejects.toThrow(message);
});

test("a broken moment can be skipped", async () => {
  await writeNuscenes(root, change("sample_data", 4, { is_key_frame: false }));
  const source = await open({ badSamples: "skip" });
  expect(source.count).toBe(2);
  await expect(source.sample(0, SIZE)).rejects.toThrow(/no LiDAR/);
  expect((await source.sample(1, SIZE)).cameras).toHaveLength(2);
});

test("projected depth is kept by content, and a damaged entry is replaced", async () => {
  await writeNuscenes(root);
  const cache = join(other, "depth");
  const depth = async (): Promise<number[]> => {
    const { groundTruth } = await (await open({ cache })).sample(0, SIZE);
    return groundTruth.flatMap(({ depth_m }) => [...depth_m]);
  };
  // Two readers that know nothing of each other fill the same folder.
  expect(await Promise.all([depth(), depth()])).toEqual([
    [8.5, 8],
    [8.5, 8],
  ]);
  const [entry] = filesIn(cache);
  expect(filesIn(cache)).toHaveLength(1);
  writeFileSync(entry, "broken");
  expect(await depth()).toEqual([8.5, 8]);
  expect(readFileSync(entry).length).toBeGreaterThan(100);
  writeFileSync(join(root, "samples/LIDAR_TOP/a0.pcd.bin"), writeCloud([0, 30, -0.3]));
  expect(await depth()).toEqual([28.5]);
  expect(filesIn(cache)).toHaveLength(2);
});

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".safetensors"))
    .map((name) => join(folder, name));
}
