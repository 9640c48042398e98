// Images by their content: JPEG and PNG whole to their end, everything else named and refused.
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage, decodeMask } from "../../src/data/image_file.ts";
import { LIMITS } from "../../src/formats/limits.ts";
import { InputError } from "../../src/tensor/error.ts";
import { pngData, pngFile, pngHeader } from "../support/png_parts.ts";

const SIZE = { height: 24, width: 40 };
const raw = { ...SIZE, channels: 3 } as const;
const NOISE = Uint8Array.from({ length: 24 * 40 * 3 }, (_, i) => (i * 7919 + (i >> 3)) % 251);
const noise = sharp(NOISE, { raw });

const decode = (bytes: Uint8Array): Promise<Uint8Array> =>
  decodeImage(bytes, "folder/front.jpg", SIZE, SIZE);
const jpeg = await noise.clone().jpeg().toBuffer();

/** The bytes with `text` at `at`. */
function withBytes(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed.set(values, at);
  return changed;
}

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

describe("other formats are refused by name, whatever the file is called:", () => {
  test.each<[string, () => Promise<Uint8Array> | Uint8Array, RegExp]>([
    ["GIF", () => noise.clone().gif().toBuffer(), /it is GIF; only JPEG and PNG/],
    ["TIFF", () => noise.clone().tiff().toBuffer(), /it is TIFF; /],
    ["WebP", () => noise.clone().webp().toBuffer(), /it is WebP; /],
    ["AVIF", () => noise.clone().avif({ effort: 0 }).toBuffer(), /it is AVIF; /],
    ["SVG", () => latin1('<svg xmlns="http://www.w3.org/2000/svg"/>'), /it is SVG; /],
    [
      "SVG after a prolog",
      () => latin1('<?xml version="1.0"?>\n<!-- x -->\n<svg/>'),
      /it is SVG; /,
    ],
    ["SVG after a byte order mark", () => latin1("\u00ef\u00bb\u00bf<svg/>"), /it is SVG; /],
    ["compressed SVG", () => latin1("\u001f\u008b\u0008xxxxxx"), /it is gzip; /],
    ["BMP", () => latin1("BM............"), /it is BMP; /],
    ["PDF", () => latin1("%PDF-1.7"), /it is PDF; /],
    ["a page", () => latin1("<!DOCTYPE html><p>"), /it is a text in XML or HTML; /],
    ["something else", () => latin1("a secret that nobody quotes"), /its format is unknown; /],
  ])("%s", async (_, make, message) => {
    const decoded = decode(await make());
    await expect(decoded).rejects.toThrow(InputError);
    await expect(decoded).rejects.toThrow(message);
    await expect(decoded).rejects.not.toThrow(/secret/);
  });
});

test("a PNG named .jpg and a JPEG named .png are what they are", async () => {
  const png = await noise.clone().png().toBuffer();
  expect(await decode(png)).toEqual(NOISE);
  const named = await decodeImage(jpeg, "folder/front.png", SIZE, SIZE);
  expect(named).toHaveLength(NOISE.length);
});

describe("a file cut short anywhere is refused, with and without an end marker:", () => {
  test.each<[string, () => Promise<Uint8Array>]>([
    ["JPEG", () => Promise.resolve(jpeg)],
    ["progressive JPEG", () => noise.clone().jpeg({ progressive: true }).toBuffer()],
    ["grey JPEG", () => noise.clone().greyscale().jpeg().toBuffer()],
    ["PNG", () => noise.clone().png().toBuffer()],
    ["interlaced PNG", () => noise.clone().png({ progressive: true }).toBuffer()],
  ])("%s", async (_, make) => {
    const whole = await make();
    await decode(whole);
    const step = Math.ceil(whole.length / 60);
    for (let length = 0; length < whole.length; length += step) {
      const cut = Uint8Array.from(whole.subarray(0, length));
      await expect(decode(cut), `${length} bytes`).rejects.toThrow(InputError);
      const ended = Uint8Array.of(...cut, 0xff, 0xd9);
      await expect(decode(ended), `${length} bytes and an end`).rejects.toThrow(InputError);
    }
  });
});

test("an empty file is called empty", async () => {
  await expect(decode(new Uint8Array(0))).rejects.toThrow("folder/front.jpg: the file is empty");
});

test("a size beyond the limit is refused by the header alone", async () => {
  const limit = new RegExp(`pixels; at most ${LIMITS.image_pixels} are read`);
  const bomb = pngFile(pngHeader(2 ** 31 - 1, 2 ** 31 - 1, 8, 2), pngData(new Uint8Array(9)));
  await expect(decode(bomb)).rejects.toThrow(limit);
  await expect(decode(pngFile(pngHeader(0, 4, 8, 2)))).rejects.toThrow(/a size of 0 x 4/);
  const sof = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  const big = withBytes(jpeg, sof + 5, 0xff, 0xff, 0xff, 0xff);
  await expect(decode(big)).rejects.toThrow(limit);
});

describe("a mask", () => {
  /** A mask file of these levels, left half first. */
  async function mask(left: number, right: number, bits: 8 | 16 = 8): Promise<Uint8Array> {
    const pixels = Uint16Array.from({ length: 24 * 40 }, (_, i) => (i % 40 < 20 ? left : right));
    if (bits === 8) {
      return sharp(Uint8Array.from(pixels), { raw: { ...SIZE, channels: 1 } })
        .png()
        .toBuffer();
    }
    const image = sharp(pixels, { raw: { ...SIZE, channels: 1 } });
    return image.toColourspace("grey16").png().toBuffer();
  }
  const halves = async (bytes: Uint8Array): Promise<number[]> => {
    const usable = await decodeMask(bytes, "mask/front.png", SIZE, SIZE);
    return [usable[0], usable[39]];
  };

  test.each<[string, () => Promise<Uint8Array>, number[]]>([
    ["white and black", () => mask(255, 0), [1, 0]],
    ["128 and 127", () => mask(128, 127), [1, 0]],
    ["labels 1 and 0", () => mask(1, 0), [1, 0]],
    ["labels 1 alone", () => mask(1, 1), [1, 1]],
    ["black all over", () => mask(0, 0), [0, 0]],
    ["16 bits, white and black", () => mask(65_535, 0, 16), [1, 0]],
    ["16 bits, labels 1 and 0", () => mask(1, 0, 16), [1, 0]],
  ])("of %s", async (_, make, expected) => {
    expect(await halves(await make())).toEqual(expected);
  });

  test.each<[string, () => Promise<Uint8Array>, RegExp]>([
    ["levels 0 and 100", () => mask(100, 0), /no usable pixel: its brightest level is 100 of 255/],
    ["labels 0 and 2", () => mask(2, 0), /no usable pixel: its brightest level is 2 of 255/],
    ["8 bits written as 16", () => mask(255, 0, 16), /brightest level is 255 of 65535/],
  ])("of %s is named", async (_, make, message) => {
    await expect(halves(await make())).rejects.toThrow(message);
  });

  test("with a channel of transparency counts by grey levels where all is opaque", async () => {
    const rgba = (alpha: (pixel: number) => number): Promise<Uint8Array> => {
      const bytes = Uint8Array.from({ length: 24 * 40 * 4 }, (_, i) => {
        const pixel = Math.floor(i / 4);
        if (i % 4 === 3) return alpha(pixel);
        return pixel % 40 < 20 ? 255 : 0;
      });
      return sharp(bytes, { raw: { ...SIZE, channels: 4 } })
        .png()
        .toBuffer();
    };
    expect(await halves(await rgba(() => 255))).toEqual([1, 0]);
    const painted = rgba((pixel) => (pixel % 40 < 20 ? 0 : 255));
    await expect(halves(await painted)).rejects.toThrow("the mask is transparent in places");
  });
});
