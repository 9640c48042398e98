// PFM: the format's bytes, round trips, broken files.
import { expect, test } from "vitest";
import { readPfm, writePfm } from "../../src/formats/pfm.ts";
import { expectRefused, FILE, tryDamaged } from "./damage.ts";

function pfm(header: string, ...samples: number[]): Uint8Array {
  return Buffer.concat([Buffer.from(header), Buffer.from(Float32Array.from(samples).buffer)]);
}

test("the first row in the file is the bottom one", () => {
  const file = pfm("Pf\n2 3\n-1.000000\n", 5, 6, 3, 4, 1, 2);
  const image = {
    height: 3,
    width: 2,
    channels: 1 as const,
    data: Float32Array.of(1, 2, 3, 4, 5, 6),
  };
  expect(readPfm(file, FILE)).toEqual(image);
  expect(Buffer.from(writePfm(image))).toEqual(Buffer.from(file));
});

test("reads big-endian samples, other scales and line ends, and keeps NaN and infinity", () => {
  const swapped = Buffer.from(Float32Array.of(1.5, -2).buffer).swap32();
  const big = Buffer.concat([Buffer.from("Pf 2 1 1e0\n"), swapped]);
  expect(readPfm(big, FILE).data).toEqual(Float32Array.of(1.5, -2));
  expect([...swapped]).toEqual([0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0]); // The input is left as it was.
  const windows = pfm("Pf\r\n2 1\r\n-0.0039\r\n", NaN, Infinity);
  expect(readPfm(windows, FILE).data).toEqual(Float32Array.of(NaN, Infinity));
});

test.each([
  [1, 1, 1],
  [1, 7, 3],
  [5, 1, 1],
  [4, 3, 3],
] as const)("an image of %i x %i x %i comes back", (height, width, channels) => {
  const data = Float32Array.from({ length: height * width * channels }, (_, i) => i / 7);
  const image = { height, width, channels, data };
  expect(readPfm(writePfm(image), FILE)).toEqual(image);
});

test("the writer refuses sizes that misfit", () => {
  const image = { height: 2, width: 2, channels: 1 as const, data: new Float32Array(3) };
  expect(() => writePfm(image)).toThrow(/3 samples for \[2, 2, 1\]/);
});

test.each<[string, Uint8Array, RegExp]>([
  ["no bytes", new Uint8Array(0), /not a PFM file/],
  ["another format", pfm("P5\n1 1\n255\n", 1), /not a PFM file/],
  ["a negative width", pfm("Pf\n-1 1\n-1\n", 1), /not a PFM file/],
  ["a scale that is a word", pfm("Pf\n1 1\nx\n", 1), /not a PFM file/],
  ["a height of 0", pfm("Pf\n1 0\n-1\n"), /must not be 0/],
  ["a scale of 0", pfm("Pf\n1 1\n0.0\n", 1), /must not be 0/],
  ["a file cut short", pfm("Pf\n2 1\n-1\n", 1), /take 8 bytes, the file has 4; it is cut short/],
  ["colour cut short", pfm("PF\n1 1\n-1\n", 1), /1 x 1 x 3 .* take 12 bytes, the file has 4/],
  ["too many samples", pfm("Pf\n1 1\n-1\n", 1, 2), /take 4 bytes, the file has 8; it is damaged/],
  ["a size beyond all files", pfm("Pf\n999999999 999999999\n-1\n", 1), /at most 89478485 are read/],
])("refuses %s", (_, bytes, pattern) => expectRefused(() => readPfm(bytes, FILE), pattern));

test("a cut file is always refused, other damage never crashes", async () => {
  const bytes = pfm("Pf\n3 2\n-1\n", 1, 2, 3, 4, 5, 6);
  const { cut, prefixes } = await tryDamaged(bytes, 1000, (damaged) => readPfm(damaged, FILE));
  expect(cut).toBe(prefixes);
});
