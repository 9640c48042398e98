// A folder of images with a rig.json: what it may hold, and one clear line for what it may not.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import { folder } from "../../src/data/folder.ts";
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
    /camera rear stands twice/,
  ],
  ["an unknown moment", () => writeRig({ ...RIG, held_out: ["z"] }), /held_out: no images.z/],
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
