// Masks by name: used where the name can mean one camera, else named. None is passed over.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Camera } from "../../src/data/camera.ts";
import { findMasks } from "../../src/data/masks.ts";
import { InputError } from "../../src/tensor/error.ts";

const SIZE = { height: 4, width: 8 };
const NAMES = ["CAMERA_01", "rück", "front"];
const black = { create: { ...SIZE, channels: 3, background: "black" } } as const;
const PNG = await sharp(black).png().toBuffer();
const JPEG = await sharp(black).jpeg().toBuffer();

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-masks-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(file: string, bytes: Uint8Array | string = PNG): void {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

/** Names of the cameras that have a mask. */
async function masked(): Promise<string[]> {
  const masks = await findMasks(root, NAMES);
  const found: string[] = [];
  for (const name of NAMES) {
    const usable = await masks.of({ ...SIZE, name } as Camera, SIZE);
    if (usable === null) continue;
    expect(usable.every((value) => value === 0)).toBe(true);
    found.push(name);
  }
  return found;
}

describe("a mask is used when it is called", () => {
  test.each<[string, string]>([
    ["mask/front.png", "front"],
    ["masks/front.png", "front"],
    ["Mask/front.png", "front"],
    ["MASKS/FRONT.PNG", "front"],
    ["mask/Front.Png", "front"],
    ["mask/camera_01.png", "CAMERA_01"],
    ["mask/front_mask.png", "front"],
    ["mask/mask_front.png", "front"],
    ["mask/ru\u0308ck.png", "rück"],
    ["mask/R\u00dcCK.png", "rück"],
  ])("%s", async (file, camera) => {
    put(file);
    put(join(dirname(file), "README.md"), "how these were made");
    put(join(dirname(file), ".DS_Store"), "");
    expect(await masked()).toEqual([camera]);
  });

  test.each(["mask/front.jpg", "mask/front.jpeg", "mask/front.png"])("%s, a JPEG", async (file) => {
    put(file, JPEG);
    expect(await masked()).toEqual(["front"]);
  });
});

test("without masks there are none, nor in an empty folder", async () => {
  expect(await masked()).toEqual([]);
  mkdirSync(join(root, "masks"));
  expect(await masked()).toEqual([]);
});

test("pictures of anything else than the cameras are left alone", async () => {
  for (const file of ["previews/overview.png", "images/front.png", "extra/m0/front.png"]) put(file);
  put("extra/front.txt", "");
  put("mask/front.png");
  put("mask/front.png~", "");
  expect(await masked()).toEqual(["front"]);
});

describe("what is not read is named:", () => {
  test.each<[string, readonly string[], RegExp]>([
    ["a camera that is unknown", ["mask/left.png"], /mask.left\.png: matches no camera/],
    [
      "a number more",
      ["mask/front_1.png"],
      /front_1\.png: matches no camera .*CAMERA_01, rück, front/,
    ],
    ["another ending", ["mask/front.bmp"], /front\.bmp: matches no camera and is not read/],
    ["an array", ["mask/front.npy"], /front\.npy: matches no camera and is not read/],
    ["a folder of a moment", ["mask/m0/front.png"], /mask.m0: matches no camera/],
    ["two of one camera", ["mask/front.png", "mask/Front.jpg"], /: a second mask for one camera/],
    [
      "two folders",
      ["mask/front.png", "masks/front.png"],
      /a second folder of masks; the other is/,
    ],
    [
      "a folder of another name",
      ["ego_masks/front.png"],
      /ego_masks: not read; masks are read from/,
    ],
    [
      "a folder of such a name",
      ["occlusion/front.png"],
      /occlusion: not read; masks are read from/,
    ],
    ["a picture of a camera", ["valid/front.png"], /valid.front\.png: not read, but named like/],
    ["one by its loose name", ["vehicle/Mask_RU\u0308CK.PNG"], /not read, but named like/],
    ["one beside masks", ["mask/front.png", "ego/camera_01.jpg"], /ego.camera_01\.jpg: not read/],
    ["a file beside the folders", ["mask.png"], /mask\.png: not read; masks are read from/],
  ])("%s", async (_, files, message) => {
    for (const file of files) put(file);
    await expect(masked()).rejects.toThrow(InputError);
    await expect(masked()).rejects.toThrow(message);
  });
});
