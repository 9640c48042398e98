// Masks of DDAD in every published layout; the layout decides the polarity.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ddad } from "../../src/data/ddad.ts";
import { InputError } from "../../src/tensor/error.ts";
import { writeDgp } from "./dgp_fixture.ts";

const SIZE = { height: 32, width: 64 };

let root = "";
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-masks-"));
  await writeDgp(root);
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes a mask with white in the left quarter. */
async function mask(file: string, width = 64): Promise<void> {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  const pixels = Buffer.alloc(width * 32);
  for (let row = 0; row < 32; row++) pixels.fill(255, row * width, row * width + width / 4);
  await sharp(pixels, { raw: { width, height: 32, channels: 1 } })
    .png()
    .toFile(join(root, file));
}

/** Usable pixels of CAMERA_01 and CAMERA_09. */
async function usable(): Promise<number[]> {
  const { usable: all } = await (await ddad(root, "train")).sample(0, SIZE);
  const count = (from: number): number =>
    all.subarray(from, from + 32 * 64).reduce((sum, value) => sum + value, 0);
  return [count(0), count(32 * 64)];
}

const ALL = 32 * 64;
const WHITE = ALL / 4;

test("vidar: by number, white is usable", async () => {
  await mask("masks/09.png");
  expect(await usable()).toEqual([ALL, WHITE]);
});

test("one folder per scene: white is usable", async () => {
  await mask("mask/000000/CAMERA_01.png");
  await mask("mask/000001/CAMERA_09.png");
  expect(await usable()).toEqual([WHITE, ALL]);
});

test("SurroundDepth: one folder per camera, black is usable", async () => {
  await mask("mask/CAMERA_01/000000/mask.png");
  await mask("mask/CAMERA_09/000000/mask.png");
  await mask("mask/CAMERA_09/000001/mask.png");
  expect(await usable()).toEqual([ALL - WHITE, ALL - WHITE]);
});

test.each([
  ["mask_idx_dict.pkl", Buffer.from("80027d71004b004b0373 2e".replace(" ", ""), "hex")],
  ["mask_idx_dict.json", '{"0": 3, "1": 0}'],
])("VFDepth: sets of masks by scene, from %s, white is usable", async (name, content) => {
  await mask("ddad_mask/3/CAMERA_09_mask.png");
  await mask("ddad_mask/0/CAMERA_01_mask.png");
  writeFileSync(join(root, "ddad_mask", name), content);
  expect(await usable()).toEqual([ALL, WHITE]);
});

test.each<[string, readonly string[], Record<string, string>, RegExp]>([
  [
    "a scene without its mask of a camera",
    ["mask/CAMERA_01/000000/mask.png", "mask/CAMERA_09/000001/mask.png"],
    {},
    /CAMERA_09.000000.mask\.png: no such mask; scene 000000 has none/,
  ],
  ["a scene without masks", ["mask/000001/CAMERA_01.png"], {}, /mask.000000: no such folder of/],
  [
    "an unknown camera in a scene",
    ["mask/000000/CAMERA_02.png"],
    {},
    /CAMERA_02\.png: matches no camera/,
  ],
  [
    "pictures beside folders",
    ["mask/CAMERA_01.png", "mask/000000/CAMERA_09.png"],
    {},
    /CAMERA_01\.png: is next to folders of masks; keep one layout/,
  ],
  [
    "an index without the scene",
    ["ddad_mask/3/CAMERA_09_mask.png"],
    { "ddad_mask/mask_idx_dict.json": '{"1": 3}' },
    /mask_idx_dict\.json: names no set of masks for scene 000000/,
  ],
  [
    "an index that is broken",
    ["ddad_mask/3/CAMERA_09_mask.png"],
    { "ddad_mask/mask_idx_dict.json": '{"0": "3"}' },
    /mask_idx_dict\.json: 0: /,
  ],
  [
    "a set that is not there",
    ["ddad_mask/3/CAMERA_09_mask.png"],
    { "ddad_mask/mask_idx_dict.json": '{"0": 2}' },
    /ddad_mask.2: cannot list/,
  ],
  [
    "two folders",
    ["ddad_mask/CAMERA_09.png", "mask/CAMERA_09.png"],
    {},
    /a second folder of masks; the other is/,
  ],
])("%s is named", async (_, masks, files, message) => {
  for (const file of masks) await mask(file);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(root, file), content);
  await expect(usable()).rejects.toThrow(InputError);
  await expect(usable()).rejects.toThrow(message);
});

test("a mask of another size is named", async () => {
  await mask("mask/CAMERA_01/000000/mask.png", 32);
  await expect(usable()).rejects.toThrow(/mask\.png: image is 32 x 32 pixels/);
});
