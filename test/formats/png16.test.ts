// 16-bit PNG and depth in it: exact samples, rounding, saturation, other and broken images.
import sharp from "sharp";
import type { Sharp } from "sharp";
import { expect, test } from "vitest";
import {
  readDepthPng,
  readGrey16Png,
  writeDepthPng,
  writeGrey16Png,
} from "../../src/formats/png16.ts";
import { expectRefused, FILE, tryDamaged } from "./damage.ts";

test.each([
  [1, 1],
  [3, 5],
  [256, 256],
])("every sample of a %i x %i image comes back", async (height, width) => {
  const data = Uint16Array.from({ length: height * width }, (_, i) => 65535 - ((i * 7919) % 65536));
  const bytes = await writeGrey16Png({ height, width, data });
  expect(await readGrey16Png(bytes, FILE)).toEqual({ height, width, data });
});

test("the file says 16 bits, grey, in PNG's big-endian order", async () => {
  const bytes = await writeGrey16Png({ height: 1, width: 1, data: Uint16Array.of(0x1234) });
  expect([...bytes.subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
  expect([...bytes.subarray(24, 26)]).toEqual([16, 0]); // Bit depth and colour type in IHDR.
});

test.each([
  ["interlaced", { progressive: true }],
  ["with every filter", { adaptiveFiltering: true }],
  ["unpacked", { compressionLevel: 0 }],
])("reads an image %s as it was written", async (_, options) => {
  for (const [height, width] of [
    [1, 1],
    [3, 5],
    [2, 9],
    [37, 64],
  ]) {
    const data = Uint16Array.from({ length: height * width }, (_sample, i) => (i * i * 31) % 65536);
    const bytes = await sharp(data, { raw: { width, height, channels: 1 } })
      .toColourspace("grey16")
      .png(options)
      .toBuffer();
    expect(await readGrey16Png(bytes, FILE)).toEqual({ height, width, data });
  }
});

test("depth rounds to 1/256 m, saturates, and keeps 0 as none", async () => {
  const depth_m = Float32Array.of(0, 1, 1 / 512, 0.0019, 10.001, 80, 255.999, 1000, Infinity);
  const bytes = await writeDepthPng({ height: 3, width: 3, depth_m });
  const { data } = await readGrey16Png(bytes, FILE);
  expect([...data]).toEqual([0, 256, 1, 0, 2560, 20480, 65535, 65535, 65535]);
  const read = await readDepthPng(bytes, FILE);
  expect(read).toMatchObject({ height: 3, width: 3 });
  expect([...read.depth_m.subarray(4, 7)]).toEqual([10, 80, 65535 / 256]);
});

test("every depth in range is off by half a step at most", async () => {
  const depth_m = Float32Array.from({ length: 500 }, (_, i) => 0.1 + i * 0.5117);
  const read = await readDepthPng(await writeDepthPng({ height: 5, width: 100, depth_m }), FILE);
  const worst = Math.max(...depth_m.map((depth, i) => Math.abs(depth - read.depth_m[i])));
  expect(worst).toBeLessThanOrEqual(1 / 512);
  expect(worst).toBeGreaterThan(1 / 600); // A finer file would mean that the scale is wrong.
});

test("the writers refuse what they cannot store", async () => {
  const image = { height: 1, width: 2, depth_m: Float32Array.of(1, NaN) };
  await expect(writeDepthPng(image)).rejects.toThrow("depth NaN m at row 0, column 1");
  const negative = { height: 2, width: 1, depth_m: Float32Array.of(1, -0.5) };
  await expect(writeDepthPng(negative)).rejects.toThrow("depth -0.5 m at row 1, column 0");
  const misfit = { height: 2, width: 2, data: new Uint16Array(3) };
  await expect(writeGrey16Png(misfit)).rejects.toThrow("3 samples for [2, 2]");
});

const raw = (channels: 1 | 3): Sharp =>
  sharp(new Uint8Array(4 * channels), { raw: { width: 2, height: 2, channels } });

test.each<[string, () => Promise<Uint8Array>, RegExp]>([
  [
    "8-bit grey",
    () => raw(1).toColourspace("b-w").png().toBuffer(),
    /PNG of 8-bit grey; save it as 16-bit grey/,
  ],
  ["8-bit colour", () => raw(3).png().toBuffer(), /PNG of 8-bit colour; save it/],
  ["16-bit colour", () => raw(3).toColourspace("rgb16").png().toBuffer(), /PNG of 16-bit colour/],
  ["JPEG", () => raw(3).jpeg().toBuffer(), /not a PNG file/],
  ["a text", () => Promise.resolve(Buffer.from("not an image")), /not a PNG file/],
  ["no bytes", () => Promise.resolve(new Uint8Array(0)), /not a PNG file/],
])("refuses %s", async (_, image, pattern) => {
  const bytes = await image();
  await expectRefused(() => readDepthPng(bytes, FILE), pattern);
});

test("a damaged file is refused, or gives the same samples", async () => {
  const data = Uint16Array.from({ length: 1200 }, (_, i) => (i * 7919) % 65536);
  const image = { height: 30, width: 40, data };
  const bytes = await writeGrey16Png(image);
  const count = await tryDamaged(bytes, 300, async (damaged) => {
    expect(await readGrey16Png(damaged, FILE)).toEqual(image);
  });
  expect(count.cut).toBe(count.prefixes);
  expect(count.flipped).toBe(300); // Every byte is under a checksum or fixed.
});
