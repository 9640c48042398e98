// RGB PNG: what an image program reads back.
import sharp from "sharp";
import { expect, test } from "vitest";
import { writeColorPng } from "../../src/formats/color_png.ts";

test("every byte of the picture comes back", async () => {
  const rgb = Uint8Array.from({ length: 5 * 7 * 3 }, (_, i) => (i * 37) % 256);
  const bytes = await writeColorPng(rgb, 5, 7);
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ height: 5, width: 7, channels: 3 });
  expect([...data]).toEqual([...rgb]);
});

test("refuses bytes that misfit the size", async () => {
  await expect(writeColorPng(new Uint8Array(5), 1, 2)).rejects.toThrow("5 samples for [1, 2, 3]");
});
