// A folder of images with a rig.json: what it may hold, and one clear line for what it may not.
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { folder } from "../../src/data/folder.ts";
import { loader } from "../../src/data/loader.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { writeNpy } from "../../src/formats/npy.ts";
import { writeDepthPng } from "../../src/formats/png16.ts";
import { InputError } from "../../src/tensor/error.ts";

const NATIVE = { height: 4, width: 8 };
const SIZE = { height: 2, width: 4 };

let root = "";
const at = (...path: string[]): string => join(root, ...path);

function camera(name: string, rotation: number[]): Record<string, unknown> {
  const pinhole = { fx: 8, fy: 8, cx: 3.5, cy: 1.5, rotation, translation_m: [0, 0, 1.5] };
  return { name, width: 8, height: 4, ...pinhole };
}

const RIG = {
  cameras: [camera("rear", [0.5, -0.5, -0.5, 0.5]), camera("front", [0.5, -0.5, 0.5, -0.5])],
};

const writeRig = (rig: unknown): void => writeFileSync(at("rig.json"), JSON.stringify(rig));

/** A depth map of the native size: 5 m, and 3 m at pixel (row 2, column 6). */
function depthMap(): Float32Array {
  return new Float32Array(32).fill(5).fill(3, 22, 23);
}

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-folder-"));
  writeRig(RIG);
  for (const moment of ["b", "a"]) {
    mkdirSync(at("images", moment), { recursive: true });
    for (const name of ["front", "rear"]) {
      const background = name === "front" ? "#ff0000" : "#0000ff";
      const image = sharp({ create: { ...NATIVE, channels: 3, background } });
      await image.png().toFile(at("images", moment, `${name}.png`));
    }
  }
});
afterEach(() => rmSync(root, { recursive: true }));

async function writeDepth(): Promise<void> {
  for (const moment of ["a", "b"]) {
    mkdirSync(at("depth", moment), { recursive: true });
    const png = await writeDepthPng({ ...NATIVE, depth_m: depthMap() });
    writeFileSync(at("depth", moment, "front.png"), png);
    writeFileSync(at("depth", moment, "rear.npy"), writeNpy(depthMap(), [4, 8]));
  }
}

const read = async (): Promise<RigSample> => (await folder(root, "train")).sample(0, SIZE);

test("without depth/ a folder can only be predicted", async () => {
  const source = await folder(root, "train");
  expect([source.canTrain, source.count]).toEqual([false, 2]);
  expect(source.cameras.map(({ name }) => name)).toEqual(["front", "rear"]);
  const sample = await source.sample(0, SIZE);
  expect(sample.id).toBe("folder/a");
  expect([...sample.images.subarray(0, 3)]).toEqual([255, 0, 0]);
  expect([...sample.images.subarray(24, 27)]).toEqual([0, 0, 255]);
  expect(sample.sparse_depth_m.every((depth) => depth === 0)).toBe(true);
  expect(sample.groundTruth).toEqual([]);
});

test("depth is read from 16-bit PNG and npy alike, nearest of each pixel", async () => {
  await writeDepth();
  const source = await folder(root, "train");
  expect(source.canTrain).toBe(true);
  const { sparse_depth_m, groundTruth } = await source.sample(0, SIZE);
  expect([...sparse_depth_m]).toEqual([5, 5, 5, 5, 5, 5, 5, 3, 5, 5, 5, 5, 5, 5, 5, 3]);
  expect(groundTruth.map(({ pixels }) => pixels.length)).toEqual([32, 32]);
});

test("the ring of rig.json holds, and moments can be held out", async () => {
  writeRig({ ...RIG, ring: ["rear", "front"], held_out: ["b"], cap_m: 50 });
  const train = await folder(root, "train");
  const held = await folder(root, "held-out");
  expect(train.cameras.map(({ name }) => name)).toEqual(["rear", "front"]);
  expect(train.protocol.cap_m).toBe(50);
  expect([train.count, held.count]).toEqual([1, 1]);
  expect((await held.sample(0, SIZE)).id).toBe("folder/b");
});

test("black in a mask is the vehicle itself", async () => {
  mkdirSync(at("mask"));
  const black = sharp({ create: { ...NATIVE, channels: 3, background: "black" } });
  await black.png().toFile(at("mask", "rear.png"));
  expect([...(await read()).usable]).toEqual([...Array(8).fill(1), ...Array(8).fill(0)]);
});

test("a rig of 20,000 cameras is refused in seconds, not minutes", async () => {
  const cameras = Array.from({ length: 20_000 }, (_, i) => camera(`c${i}`, [1, 0, 0, 0]));
  const ring = cameras.map(({ name }) => name);
  writeRig({ cameras, ring, held_out: Array.from({ length: 200_000 }, (_, i) => `m${i}`) });
  const before = process.cpuUsage();
  await expect(folder(root, "train")).rejects.toThrow(/held_out: there is no folder images\/m0/);
  writeRig({ cameras, ring });
  await expect(folder(root, "train")).rejects.toThrow(/: unknown camera \w+; rig\.json has c0, c1/);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(5);
});

describe("names are compared as people read them:", () => {
  test("files in NFD, rig.json in NFC, and the other way round", async () => {
    const [composed, apart] = ["r\u00fcck", "ru\u0308ck"];
    for (const [written, onDisk] of [
      [composed, apart],
      [apart, composed],
    ]) {
      rmSync(root, { recursive: true });
      mkdirSync(at("images", `${onDisk}_1`), { recursive: true });
      mkdirSync(at("depth", `${written}_1`), { recursive: true });
      mkdirSync(at("mask"));
      const names = [camera(written, [0.5, -0.5, 0.5, -0.5])];
      writeRig({ cameras: names, ring: [onDisk], held_out: [`${written}_1`] });
      const png = sharp({ create: { ...NATIVE, channels: 3, background: "white" } }).png();
      await png.clone().toFile(at("images", `${onDisk}_1`, `${onDisk}.png`));
      await png.toFile(at("mask", `${onDisk}.png`));
      writeFileSync(at("depth", `${written}_1`, `${onDisk}.npy`), writeNpy(depthMap(), [4, 8]));
      const source = await folder(root, "held-out");
      const sample = await source.sample(0, SIZE);
      expect([sample.id, sample.cameras[0].name]).toEqual([`folder/${composed}_1`, composed]);
    }
  });

  test("two moments or cameras that read the same are refused", async () => {
    mkdirSync(at("images", "u\u0308"));
    mkdirSync(at("images", "\u00fc"));
    await expect(folder(root, "train")).rejects.toThrow(
      /two entries have this name in different Unicode/,
    );
    rmSync(at("images", "u\u0308"), { recursive: true });
    rmSync(at("images", "\u00fc"), { recursive: true });
    const twice = ["u\u0308", "\u00fc"].map((name) => camera(name, [0.5, -0.5, 0.5, -0.5]));
    writeRig({ cameras: twice });
    await expect(folder(root, "train")).rejects.toThrow(/camera \u00fc appears twice/);
    writeRig({ cameras: [...RIG.cameras, camera("Front", [1, 0, 0, 0])] });
    await expect(folder(root, "train")).rejects.toThrow(/front and Front differ in case only/);
  });
});

test("what systems and tools leave behind is left out, everywhere", async () => {
  await writeDepth();
  mkdirSync(at("mask"));
  const hidden = [".ipynb_checkpoints", "@eaDir", "__MACOSX", "lost+found", ".Trash-0", "CVS"];
  const tools = [...hidden, "a~", "#a#", "a.bak", "a.orig"];
  const leftovers = ["front.png~", "#front.png#", "~$front.png", ".front.png.swp", "front.png.swp"];
  leftovers.push("front.png.bak", "front.png.part", "front.png.tmp", "front.png.orig");
  for (const directory of ["images", "depth", "images/a", "depth/a", "mask"]) {
    for (const name of tools) mkdirSync(at(directory, name));
    for (const name of [".DS_Store", "Thumbs.db", "desktop.ini", "._front.png", ...leftovers]) {
      writeFileSync(at(directory, name), "x");
    }
  }
  const source = await folder(root, "train");
  expect(source.count).toBe(2);
  expect((await source.sample(0, SIZE)).id).toBe("folder/a");
});

test("a moment folder that is a link is read, one that leads nowhere is named", async () => {
  mkdirSync(at("elsewhere"));
  renameSync(at("images", "b"), at("elsewhere", "b"));
  symlinkSync(at("elsewhere", "b"), at("images", "b"));
  const source = await folder(root, "train");
  expect((await source.sample(1, SIZE)).id).toBe("folder/b");
  rmSync(at("elsewhere"), { recursive: true });
  await expect(folder(root, "train")).rejects.toThrow(/images.b: no such folder/);
  symlinkSync(at("gone"), at("depth"));
  await expect(folder(root, "train")).rejects.toThrow(/depth: is not a folder/);
});

test("images beside the moments are named", async () => {
  writeFileSync(at("images", "front.JPG"), "");
  await expect(folder(root, "train")).rejects.toThrow(
    /front\.JPG: is not in the folder of a moment/,
  );
});

describe("a set with one incomplete moment", () => {
  test.each<[string, () => void | Promise<void>, RegExp]>([
    [
      "without an image",
      () => rmSync(at("images", "a", "rear.png")),
      /images.a: no file for camera rear/,
    ],
    ["without images", () => rmSync(at("images", "a"), { recursive: true }), /^$/],
    [
      "without a depth map",
      async () => {
        await writeDepth();
        rmSync(at("depth", "a", "front.png"));
      },
      /depth.a: no file for camera front/,
    ],
    [
      "with a link that leads nowhere",
      () => {
        rmSync(at("images", "a"), { recursive: true });
        symlinkSync(at("gone"), at("images", "a"));
      },
      /images.a: no such folder/,
    ],
    [
      "with an empty image",
      () => writeFileSync(at("images", "a", "front.png"), ""),
      /front\.png: the file is empty/,
    ],
    [
      "with an image cut short",
      () => truncateSync(at("images", "a", "front.png"), 60),
      /front\.png: PNG: .* cut short/,
    ],
  ])(
    "%s is read where bad samples may be skipped, else refused by name",
    async (_, damage, message) => {
      await damage();
      const messages: string[] = [];
      const onSkip = (text: string): number => messages.push(text);
      const source = await folder(root, "train", "skip");
      const options = { seed: 0, size: { height: 32, width: 32 }, augment: false, onSkip } as const;
      const ids: string[] = [];
      const samples = loader(source, { ...options, badSamples: "skip" });
      for await (const { id } of samples.all()) ids.push(id);
      expect(ids).toEqual(["folder/b"]);
      if (message.source === "^$") return; // Whoever deletes the folder of a moment means it.
      expect(samples.skipped).toBe(1);
      expect(messages).toEqual([expect.stringMatching(message)]);
      const strict = async (): Promise<RigSample> =>
        await (await folder(root, "train")).sample(0, SIZE);
      await expect(strict()).rejects.toThrow(message);
    },
  );
});

test("masks that leave no pixel of any camera are named", async () => {
  mkdirSync(at("mask"));
  const black = sharp({ create: { ...NATIVE, channels: 3, background: "black" } }).png();
  for (const name of ["front", "rear"]) await black.clone().toFile(at("mask", `${name}.png`));
  await expect(read()).rejects.toThrow(/sample folder\/a: its masks leave no usable pixel/);
});

test("null in rig.json is the default", async () => {
  const plain = await folder(root, "train");
  writeRig({ ...RIG, ring: null, held_out: null, min_m: null, cap_m: null });
  const { protocol, count } = await folder(root, "train");
  expect([protocol, count]).toEqual([plain.protocol, plain.count]);
  expect(protocol).toEqual({ name: "folder", min_m: 0.1, cap_m: 80 });
});

test("rig.json may begin with a byte order mark, of UTF-8 or UTF-16", async () => {
  writeFileSync(at("rig.json"), `\ufeff${JSON.stringify(RIG)}`);
  expect((await folder(root, "train")).count).toBe(2);
  writeFileSync(at("rig.json"), Buffer.from(`\ufeff${JSON.stringify(RIG)}`, "utf16le"));
  expect((await folder(root, "train")).count).toBe(2);
});

test.each<[string, () => void | Promise<void>, RegExp]>([
  [
    "a misspelt key",
    () => writeRig({ ...RIG, held_outs: [] }),
    /rig\.json: Unrecognized key: "held_outs"/,
  ],
  [
    "a misspelt key of a camera",
    () => writeRig({ cameras: [{ ...RIG.cameras[0], focal: 3 }] }),
    /rig\.json: cameras\[0\]: Unrecognized key: "focal"/,
  ],
  ["a missing key", () => writeRig({ cameras: [{ name: "front" }] }), /cameras\[0\]\.width: /],
  [
    "an unknown camera in the ring",
    () => writeRig({ ...RIG, ring: ["front", "left"] }),
    /ring: unknown camera left; rig\.json has rear, front/,
  ],
  [
    "a camera left out of the ring",
    () => writeRig({ ...RIG, ring: ["rear"] }),
    /camera front is missing/,
  ],
  [
    "a camera twice",
    () => writeRig({ cameras: [...RIG.cameras, RIG.cameras[0]] }),
    /camera rear appears twice/,
  ],
  [
    "cap_m below min_m",
    () => writeRig({ ...RIG, min_m: 5, cap_m: 3 }),
    /rig\.json: cap_m 3 is not above min_m 5/,
  ],
  [
    "a quaternion of zeros",
    () => writeRig({ cameras: [camera("front", [0, 0, 0, 0])] }),
    /rig\.json: camera front: rotation \[0, 0, 0, 0\] has length 0/,
  ],
  [
    "a focal length of 0",
    () => writeRig({ cameras: [{ ...RIG.cameras[0], fx: 0 }] }),
    /camera rear: fx is 0; expected a focal length/,
  ],
  [
    "a focal length beyond all numbers",
    () => writeFileSync(at("rig.json"), JSON.stringify(RIG).replace('"fx":8', '"fx":1e999')),
    /rig\.json: cameras\[0\]\.fx: /,
  ],
  [
    "an image size of 0",
    () => writeRig({ cameras: [{ ...RIG.cameras[0], width: 0 }] }),
    /camera rear: width is 0; expected a whole number of pixels/,
  ],
  [
    "an image size beyond the limit",
    () => writeRig({ cameras: [{ ...RIG.cameras[0], width: 1e5, height: 1e5 }] }),
    /camera rear: 100000 x 100000 pixels; at most 89478485/,
  ],
  [
    "an unknown moment",
    () => writeRig({ ...RIG, held_out: ["z"] }),
    /held_out: there is no folder images.z/,
  ],
  [
    "a file of an unknown camera",
    () => writeFileSync(at("images", "a", "left.png"), ""),
    /left\.png: unknown camera left; rig\.json has front, rear/,
  ],
  [
    "a camera without its image",
    () => rmSync(at("images", "b", "rear.png")),
    /images.b: no file for camera rear/,
  ],
  [
    "a moment without depth where others have it",
    async () => {
      await writeDepth();
      rmSync(at("depth", "b"), { recursive: true });
    },
    /depth.b: no such folder/,
  ],
  ["no images", () => rmSync(at("images"), { recursive: true }), /images: no such folder/],
])("opening fails with one line for %s", async (_, damage, message) => {
  await damage();
  const opened = folder(root, "train");
  await expect(opened).rejects.toThrow(InputError);
  await expect(opened).rejects.toThrow(message);
});

test.each<[string, () => void, RegExp]>([
  [
    "NaN in a depth map",
    () =>
      writeFileSync(at("depth", "a", "rear.npy"), writeNpy(depthMap().fill(NaN, 9, 10), [4, 8])),
    /rear\.npy: depth at row 1, column 1 is NaN; expected metres/,
  ],
  [
    "a negative depth",
    () => writeFileSync(at("depth", "a", "rear.npy"), writeNpy(depthMap().fill(-1, 9), [4, 8])),
    /rear\.npy: depth at row 1, column 1 is -1/,
  ],
  [
    "a depth map of another size",
    () => writeFileSync(at("depth", "a", "rear.npy"), writeNpy(depthMap(), [8, 4])),
    /rear\.npy: depth map \[8, 4\]; its camera has \[4, 8\]/,
  ],
  [
    "a broken image",
    () => writeFileSync(at("images", "a", "front.png"), "no picture"),
    /front\.png: cannot decode the image/,
  ],
])("reading a sample fails with one line for %s", async (_, damage, message) => {
  await writeDepth();
  damage();
  await expect(read()).rejects.toThrow(InputError);
  await expect(read()).rejects.toThrow(message);
});

test("a missing folder is named", async () => {
  await expect(folder("/nowhere", "train")).rejects.toThrow("folder:/nowhere: no such folder");
});
