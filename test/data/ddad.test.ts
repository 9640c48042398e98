// DDAD: geometry and tolerance of the format on a tiny written data set, every broken file named,
// and the real scene where it is at hand.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { project } from "../../src/data/camera.ts";
import { ddad } from "../../src/data/ddad.ts";
import { loader } from "../../src/data/loader.ts";
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
    "a quaternion of zeros",
    () => edit(DGP_FILES.calibration, /"rotation":\{"qw":1\}/, '"rotation":{"qw":0,"qx":0}'),
    /cd\.json: LIDAR: rotation \[0, 0, 0, 0\] has length 0/,
  ],
  [
    "a field in both spellings",
    () => edit(DGP_FILES.set, /^\{/, '{"sceneSplits":{},'),
    /ddad\.json: field scene_splits appears twice, in two spellings/,
  ],
  [
    "a camera of which the calibration has two",
    () => edit(DGP_FILES.calibration, '"LIDAR"', '"CAMERA_01"'),
    /cd\.json: names: sensor CAMERA_01 appears twice/,
  ],
  [
    "two sensors that differ in case only",
    () => edit(DGP_FILES.calibration, '"LIDAR"', '"camera_01"'),
    /names: sensor CAMERA_01 and camera_01 differ in case only/,
  ],
  [
    "two images of one camera",
    () => edit(DGP_FILES.scene, '"name":"CAMERA_09"', '"name":"CAMERA_01"'),
    /samples\[0\]: two images of camera CAMERA_01/,
  ],
  [
    "a focal length of 0",
    () => edit(DGP_FILES.calibration, '"fx":40', '"fx":0'),
    /camera CAMERA_01: fx is 0; expected a focal length/,
  ],
  [
    "a negative focal length",
    () => edit(DGP_FILES.calibration, '"fy":40', '"fy":-40'),
    /camera CAMERA_01: fy is -40/,
  ],
  [
    "a focal length beyond all numbers",
    () => edit(DGP_FILES.calibration, '"fx":40', '"fx":"1e999"'),
    /camera CAMERA_01: fx is Infinity/,
  ],
  [
    "an image without a size",
    () => edit(DGP_FILES.scene, '"width":64', '"width":0'),
    /camera CAMERA_09: width is 0|camera CAMERA_01: width is 0/,
  ],
  [
    "a time that is none",
    () => edit(DGP_FILES.scene, "2464-11-12T01:04:10.027900Z", "yesterday"),
    /scene_ab\.json: data\[0\]\.id\.timestamp: expected a time such as/,
  ],
  [
    "a key of two data",
    () => edit(DGP_FILES.scene, '"key":"l"', '"key":"CAMERA_01"'),
    /scene_ab\.json: two data have the key CAMERA_01/,
  ],
  [
    "a scene that appears twice",
    () =>
      edit(
        DGP_FILES.set,
        `["${DGP_FILES.scene}"]`,
        `["${DGP_FILES.scene}","./${DGP_FILES.scene}"]`,
      ),
    /ddad\.json: scene 000000.scene_ab\.json appears twice in train/,
  ],
  [
    "masks beside a scene, where none are read",
    () => mkdirSync(join(root, "000000", "mask")),
    /000000.mask: not read; masks are read from .*masks.CAMERA\.png/,
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

test("null and absent fields hold their defaults, a byte order mark is read over", async () => {
  edit(DGP_FILES.set, /^\{/, '\ufeff{"metadata":null,"name":null,');
  edit(DGP_FILES.scene, /^\{/, '{"metadata":null,"ontology_files":null,');
  edit(DGP_FILES.scene, /"index":"0"/, '"index":null');
  edit(DGP_FILES.calibration, '"rotation":{"qw":1}', '"rotation":null');
  edit(DGP_FILES.calibration, '"translation":{}', '"translation":null');
  edit(DGP_FILES.scene, '"point_cloud":{', '"image":null,"point_cloud":{');
  expect([...(await read()).sparse_depth_m].filter((depth) => depth > 0)).toEqual([10, 8]);
});

test("names are compared in one Unicode normalisation and without regard to case", async () => {
  edit(DGP_FILES.scene, /"name":"CAMERA_01"/g, '"name":"r\u00fcck"');
  edit(DGP_FILES.calibration, '"CAMERA_01"', '"Ru\u0308ck"');
  mkdirSync(join(root, "masks"));
  const black = sharp({ create: { width: 64, height: 32, channels: 3, background: "black" } });
  await black.png().toFile(join(root, "masks", "ru\u0308ck.png"));
  const { cameras, usable } = await read();
  expect(cameras[0].name).toBe("R\u00fcck");
  expect([usable[0], usable[32 * 64]]).toEqual([0, 1]);
});

describe("of three moments one is broken:", () => {
  interface Scene {
    samples: { datum_keys: string[]; calibration_key: string }[];
    data: { key: string; datum: { image?: { filename: string; pose: unknown } } }[];
  }
  const change = (damage: (scene: Scene) => void): void => {
    const file = join(root, DGP_FILES.scene);
    const scene = JSON.parse(readFileSync(file, "utf8")) as Scene;
    const [first] = scene.samples;
    scene.samples.push({ ...first }, { ...first });
    damage(scene);
    writeFileSync(file, JSON.stringify(scene));
  };
  const keys = (scene: Scene, ...own: string[]): void => {
    scene.samples[0].datum_keys = own;
  };
  test.each<[string, (scene: Scene) => void, RegExp]>([
    ["no cloud", (scene) => keys(scene, "CAMERA_09", "CAMERA_01"), /samples\[0\]: no point cloud/],
    [
      "a camera missing",
      (scene) => keys(scene, "l", "CAMERA_09"),
      /cameras CAMERA_01, CAMERA_09; |cameras CAMERA_09; other samples have/,
    ],
    ["an unknown key", (scene) => keys(scene, "l", "gone"), /samples\[0\]: no datum with key gone/],
    [
      "an unknown calibration",
      (scene) => {
        scene.samples[0].calibration_key = "gone";
      },
      /gone\.json: cannot read: no such file/,
    ],
    [
      "a calibration with a bad path",
      (scene) => {
        scene.samples[0].calibration_key = "../cd";
      },
      /the path has "\.\." in it/,
    ],
    [
      "a broken pose",
      (scene) => {
        const image = structuredClone(scene.data.find(({ key }) => key === "CAMERA_09")!);
        image.key = "bad";
        image.datum.image!.pose = { rotation: { qw: 3 } };
        scene.data.push(image);
        keys(scene, "l", "CAMERA_01", "bad");
      },
      /rotation \[3, 0, 0, 0\] has length 3/,
    ],
    [
      "an image missing",
      (scene) => {
        const image = structuredClone(scene.data.find(({ key }) => key === "CAMERA_09")!);
        image.key = "bad";
        image.datum.image!.filename = "rgb/CAMERA_09/gone.jpg";
        scene.data.push(image);
        keys(scene, "l", "CAMERA_01", "bad");
      },
      /gone\.jpg: cannot read: no such file/,
    ],
  ])("%s, which is skipped and counted, or refused", async (_, damage, message) => {
    change(damage);
    const messages: string[] = [];
    const onSkip = (text: string): number => messages.push(text);
    const source = await ddad(root, "train", "skip");
    const samples = loader(source, {
      seed: 0,
      size: SIZE,
      augment: false,
      badSamples: "skip",
      onSkip,
    });
    const ids: string[] = [];
    for await (const { id } of samples.all()) ids.push(id);
    expect(new Set(ids).size).toBe(2);
    expect(samples.skipped).toBe(1);
    expect(messages).toEqual([expect.stringMatching(message)]);
    const strict = async (): Promise<void> => {
      const all = await ddad(root, "train");
      for (let i = 0; i < all.count; i++) await all.sample(i, SIZE);
    };
    await expect(strict()).rejects.toThrow(message);
  });
});

test("scenes in folders of one name keep ids of their own", async () => {
  cpSync(join(root, "000000"), join(root, "other", "000000"), { recursive: true });
  const both = [DGP_FILES.scene, `other/${DGP_FILES.scene}`];
  writeFileSync(
    join(root, DGP_FILES.set),
    JSON.stringify({ scene_splits: { "0": { filenames: both } } }),
  );
  const source = await ddad(root, "train");
  const ids = [(await source.sample(0, SIZE)).id, (await source.sample(1, SIZE)).id];
  expect(ids).toEqual(["000000/15616458249936530", "other/000000/15616458249936530"]);
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

test("splits by name, and lists of samples as SurroundDepth writes them", async () => {
  cpSync(join(root, "000000"), join(root, "000001"), { recursive: true });
  const renamed = (file: string): string => file.replace("000000", "000001");
  edit(renamed(DGP_FILES.scene), /15616458249936530/g, "1561645824993653");
  for (const file of [DGP_FILES.front, DGP_FILES.back].map(renamed)) {
    renameSync(join(root, file), join(root, file.replace("936530", "93653")));
  }
  const splits = {
    "0": { filenames: [DGP_FILES.scene] },
    TEST: { filenames: [renamed(DGP_FILES.scene)] },
  };
  writeFileSync(
    join(root, DGP_FILES.set),
    JSON.stringify({ metadata: { name: "x" }, scene_splits: splits }),
  );
  const ids = async (choice: string): Promise<string[]> => {
    const source = await ddad(root, "held-out", "stop", { choice });
    return await Promise.all(
      Array.from({ length: source.count }, async (_, i) => (await source.identify(i)).id),
    );
  };
  const [a, b] = ["000000/15616458249936530", "000001/1561645824993653"];
  expect(await ids("train")).toEqual([a]);
  expect(await ids("test")).toEqual([b]);
  expect(await ids("all")).toEqual([a, b]);
  const list = join(root, "val.txt");
  // Ids of 16 and of 17 digits: as numbers, the longer ones would not be exact.
  writeFileSync(list, `1561645824993653  \n15616458249936530 `);
  expect(await ids(list)).toEqual([b, a]);
  writeFileSync(list, `${b}\n`);
  expect(await ids(`train,${list}`)).toEqual([b]);
  writeFileSync(list, "15616458249936531\n");
  await expect(ids(list)).rejects.toThrow(
    /val\.txt: line 1: no scene of ddad\.json has a sample 1561/,
  );
  await expect(ids("trian")).rejects.toThrow(/scene_splits has no "trian"/);
});

test("a list with an id that two scenes have must name the scene", async () => {
  cpSync(join(root, "000000"), join(root, "000001"), { recursive: true });
  edit(DGP_FILES.set, /"1":\{"filenames":\["000000/, '"1":{"filenames":["000001');
  const list = join(root, "val.txt");
  writeFileSync(list, "15616458249936530");
  await expect(ddad(root, "train", "stop", { choice: list })).rejects.toThrow(
    /line 1: 15616458249936530 is a sample of two scenes: 000000.*, 000001/,
  );
  writeFileSync(list, "000001/15616458249936530");
  expect((await ddad(root, "train", "stop", { choice: list })).count).toBe(1);
});

test("clouds may be structured arrays in any order of fields, and formats numbers", async () => {
  const before = await read();
  const header =
    "{'descr': [('INTENSITY', '<f4'), ('Z', '<f8'), ('X', '<f8'), ('Y', '>f8')], 'fortran_order': False, 'shape': (4,), }";
  const bytes = Buffer.alloc(10 + 118 + 4 * 28, " ");
  bytes.set([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]);
  bytes.write(header, 10);
  bytes.write("\n", 127);
  POINTS.forEach(([x, y, z, intensity], i) => {
    const at = 128 + i * 28;
    bytes.writeFloatLE(intensity, at);
    bytes.writeDoubleLE(z, at + 4);
    bytes.writeDoubleLE(x, at + 12);
    bytes.writeDoubleBE(y, at + 20);
  });
  writeFileSync(join(root, DGP_FILES.cloud), zipSync({ "data.npy": bytes }));
  expect(await read()).toEqual(before);
  writeFileSync(join(root, DGP_FILES.cloud), cloudBytes(POINTS));
  edit(DGP_FILES.scene, '["X","Y","Z","INTENSITY"]', "[0,1,2,3]");
  expect(await read()).toEqual(before);
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
