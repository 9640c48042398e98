// Files that are wrong in one way each, made by hand, and what the error says of it. Each is refused
// at once by an InputError of one line; files that only look wrong are read.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ddad } from "../../src/data/ddad.ts";
import { folder } from "../../src/data/folder.ts";
import { readEvents } from "../../src/formats/events.ts";
import { readNpy, writeNpy } from "../../src/formats/npy.ts";
import { readPfm } from "../../src/formats/pfm.ts";
import { readGrey16Png } from "../../src/formats/png16.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { DGP_FILES, writeDgp } from "../data/dgp_fixture.ts";
import { pngChunk, pngData, pngFile, pngHeader } from "../support/png_parts.ts";
import { expectRefused, FILE, SOON_MS } from "./damage.ts";

type Bad = [name: string, bytes: Uint8Array, pattern: RegExp];

async function expectSoon(read: () => unknown, pattern: RegExp): Promise<void> {
  const began = performance.now();
  await expectRefused(read, pattern);
  expect(performance.now() - began).toBeLessThan(SOON_MS);
}

describe("safetensors", () => {
  const file = (header: string | Uint8Array, body = 0, length?: bigint): Uint8Array => {
    const text = Buffer.from(header as string);
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(length ?? BigInt(text.length));
    return Buffer.concat([size, text, Buffer.alloc(body)]);
  };
  const one = (dtype: string, shape: string, offsets: string): string =>
    `{"a":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`;

  // One per kind of error of the reference reader, then what it leaves to others.
  test.each<Bad>([
    ["HeaderTooSmall", Buffer.from("1234567"), /7 bytes are too few for a safetensors file/],
    ["HeaderTooLarge", file("{}", 0, 100_000_001n), /header of 100000001 bytes/],
    ["InvalidHeaderLength", file("{}", 0, 90n), /header of 90 bytes in a file of 10/],
    ["InvalidHeader", file(Buffer.from([0x7b, 0xff, 0x7d])), /not UTF-8/],
    ["InvalidHeaderStart", file("[]"), /does not start with/],
    ["InvalidHeaderDeserialization", file('{"a":}'), /not valid JSON: line 1, column 6/],
    ["TensorNotFound", file('{"a":null}'), /"a": its header entry is not an object/],
    ["TensorInvalidInfo", file(one("F32", "[2]", "[0,4]"), 4), /takes 8 bytes/],
    ["InvalidOffset", file(one("U8", "[1]", "[4,5]"), 5), /begin at 4, expected 0 \(a hole\)/],
    ["InvalidTensorView", file(one("U8", "[2]", "[2,0]"), 2), /data_offsets \[2,0\]/],
    ["MetadataIncompleteBuffer", file(one("U8", "[1]", "[0,1]"), 3), /2 bytes after the last/],
    [
      "ValidationOverflow",
      file(one("F32", "[4294967296,4294967296]", "[0,0]")),
      /impossibly large/,
    ],
    ["MisalignedSlice", file(one("F4", "[3]", "[0,2]"), 2), /12 bits, not whole bytes/],
    ["an unknown dtype", file(one("F31", "[1]", "[0,4]"), 4), /unknown dtype "F31"/],
    [
      "an overlap",
      file(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},' +
          '"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        3,
      ),
      /an overlap/,
    ],
    ["a key twice", file('{"a":{},"a":{}}'), /"a" appears twice/],
    ["offsets of NaN", file(one("U8", "[1]", "[NaN,1]"), 1), /not valid JSON/],
    ["a shape of 1e400", file(one("U8", "[1e400]", "[0,1]"), 1), /whole numbers/],
    ["an axis of 2^53 + 1", file(one("U8", "[9007199254740993]", "[0,1]"), 1), /whole numbers/],
    ["a name with an escape sequence", file('{"\\u001b[2J":1}'), /\\u001b\[2J/],
  ])("%s", async (_, bytes, pattern) => expectSoon(() => readSafetensors(bytes, FILE), pattern));
});

describe("npy", () => {
  const file = (header: string, body = 0): Uint8Array => {
    const text = Buffer.from(`${header}\n`, "latin1");
    const start = Buffer.from("\x93NUMPY\x01\0\0\0", "latin1");
    start.writeUInt16LE(text.length, 8);
    return Buffer.concat([start, text, Buffer.alloc(body)]);
  };
  const of = (descr: string, shape: string, order = "False"): string =>
    `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;

  test.each<Bad>([
    ["a header over 10,000 bytes", file(" ".repeat(10_001)), /header has 10002 bytes/],
    ["object dtype", file(of("'|O'", "(1,)"), 8), /pickled Python objects/],
    ["text dtype", file(of("'<U4'", "(1,)"), 16), /type "<U4"/],
    ["complex dtype", file(of("'<c8'", "(1,)"), 8), /type "<c8"/],
    ["a dtype of no size", file(of("'<f'", "(1,)"), 4), /type "<f"/],
    ["half a double", file(of("'<f6'", "(1,)"), 6), /type "<f6"/],
    ["a negative axis", file(of("'<f4'", "(-1,)")), /whole numbers from 0/],
    ["an axis that is a fraction", file(of("'<f4'", "(1.5,)")), /no Python literal/],
    ["a huge product", file(of("'<f4'", "(4294967296, 4294967296)")), /impossibly large/],
    ["Fortran order as a number", file(of("'<f4'", "(1,)", "1"), 4), /fortran_order/],
    ["code instead of a literal", file(of("__import__('os')", "(1,)")), /no Python literal/],
    [
      "version 9",
      Buffer.concat([Buffer.from("\x93NUMPY\x09\0", "latin1"), Buffer.alloc(80)]),
      /version 9\.0/,
    ],
    ["version 1.1", Buffer.from("\x93NUMPY\x01\x01\x02\0{}", "latin1"), /version 1\.1/],
    ["a space of another alphabet", file(of("'<f4'", "(0,)\u00a0")), /no Python literal/],
    ["a depth of tuples", file("(".repeat(5000)), /no Python literal/],
    ["two dicts", file(`${of("'<f4'", "(0,)")} {}`), /no Python literal/],
    ["a key twice", file("{'descr': '<f4', 'descr': '<f4'}"), /no Python literal/],
    ["one byte too few", file(of("'<f4'", "(2,)"), 7), /it is cut short/],
    ["an archive's name for it", Buffer.from("PK\x03\x04aaaaaaaaaa"), /not a \.npy file/],
  ])("%s", async (_, bytes, pattern) => expectSoon(() => readNpy(bytes, FILE), pattern));

  test("big-endian, Fortran order and 0 elements are no faults", () => {
    expect(readNpy(file(of("'>f4'", "(0, 3)", "True")), FILE).shape).toEqual([0, 3]);
    expect(readNpy(file(of("'>u2'", "(2,)"), 4), FILE).data).toEqual(new Uint16Array(2));
  });
});

describe("PNG", () => {
  const ROWS = Buffer.from("000001000002", "hex");
  const HEADER = pngHeader(1, 2);
  const DATA = pngData(ROWS);
  const END = pngChunk("IEND");
  const GOOD = pngFile(HEADER, DATA, END);
  const patched = (at: number, value: number): Uint8Array => {
    const copy = Buffer.from(GOOD);
    copy[at < 0 ? copy.length + at : at] = value;
    return copy;
  };
  const packed = (bytes: Uint8Array): Uint8Array => deflateSync(bytes);

  test.each<Bad>([
    ["another signature", patched(3, 0x48), /not a PNG file/],
    ["line ends of another system", patched(4, 0x0a), /not a PNG file/],
    ["a wrong checksum of IHDR", patched(29, 1), /checksum of IHDR at byte 8/],
    ["a wrong checksum of IDAT", patched(45, 1), /checksum of IDAT at byte 33/],
    ["a wrong checksum of IEND", patched(-1, 1), /checksum of IEND/],
    ["no IEND", pngFile(HEADER, DATA), /ends without IEND/],
    ["IEND with content", pngFile(HEADER, DATA, pngChunk("IEND", ROWS)), /IEND is not empty/],
    ["no image data", pngFile(HEADER, END), /no image data/],
    ["no IHDR", pngFile(DATA, END), /IHDR is not its first chunk/],
    ["two IHDR", pngFile(HEADER, HEADER, DATA, END), /IHDR is not its first chunk/],
    ["a short IHDR", pngFile(pngChunk("IHDR", Buffer.alloc(12)), DATA, END), /IHDR of 12 bytes/],
    ["no columns", pngFile(pngHeader(0, 2), DATA, END), /a size of 0 x 2/],
    ["no rows", pngFile(pngHeader(1, 0), DATA, END), /a size of 1 x 0/],
    ["a size above 2^31", pngFile(pngHeader(2 ** 31, 1), DATA, END), /a size of 2147483648 x 1/],
    ["16 bits of a palette", pngFile(pngHeader(1, 2, 16, 3), DATA, END), /type 3 of 16 bits/],
    ["12 bits", pngFile(pngHeader(1, 2, 12), DATA, END), /type 0 of 12 bits/],
    ["colour type 5", pngFile(pngHeader(1, 2, 16, 5), DATA, END), /colour type 5/],
    ["another compression", pngFile(pngHeader(1, 2, 16, 0, 1), DATA, END), /compression 1/],
    [
      "another filter method",
      pngFile(pngHeader(1, 2, 16, 0, 0, 64), DATA, END),
      /filter method 64/,
    ],
    ["interlace 2", pngFile(pngHeader(1, 2, 16, 0, 0, 0, 2), DATA, END), /interlace 2/],
    ["a palette without PLTE", pngFile(pngHeader(1, 2, 8, 3), DATA, END), /PLTE is missing/],
    ["PLTE in grey", pngFile(HEADER, pngChunk("PLTE", ROWS), DATA, END), /PLTE in a grey image/],
    [
      "PLTE of 257 colours",
      pngFile(pngHeader(1, 2, 8, 3), pngChunk("PLTE", Buffer.alloc(771)), DATA, END),
      /PLTE of 771 bytes/,
    ],
    ["image data in two places", pngFile(HEADER, DATA, pngChunk("tEXt"), DATA, END), /interrupted/],
    [
      "a critical chunk of its own",
      pngFile(HEADER, pngChunk("ABCD"), DATA, END),
      /chunk ABCD is not/,
    ],
    ["a chunk without a type", pngFile(HEADER, pngChunk("1\x1b[m"), DATA, END), /has no type/],
    ["a chunk longer than the file", patched(33, 0x7f), /chunk at byte 33 is cut short/],
    [
      "an unknown filter",
      pngFile(HEADER, pngData(Buffer.from("050001000002", "hex")), END),
      /filter 5/,
    ],
    [
      "a row too few",
      pngFile(HEADER, pngData(ROWS.subarray(3)), END),
      /unpacks to 3 bytes, expected 6/,
    ],
    ["a row too many", pngFile(HEADER, pngData(Buffer.alloc(9)), END), /cannot be unpacked/],
    [
      "a torn stream",
      pngFile(HEADER, pngChunk("IDAT", packed(ROWS).subarray(0, 9)), END),
      /unpacked/,
    ],
    ["no zlib stream", pngFile(HEADER, pngChunk("IDAT", ROWS), END), /cannot be unpacked/],
    ["8 bits", pngFile(pngHeader(1, 2, 8), pngData(Buffer.alloc(4)), END), /PNG of 8-bit grey/],
    [
      "an alpha channel",
      pngFile(pngHeader(1, 2, 16, 4), pngData(Buffer.alloc(10)), END),
      /and alpha/,
    ],
    [
      "less data than any packing needs",
      pngFile(pngHeader(4000, 4000), pngChunk("IDAT", Buffer.alloc(20)), END),
      /20 bytes of image data are too few/,
    ],
  ])("%s", async (_, bytes, pattern) =>
    expectSoon(async () => await readGrey16Png(bytes, FILE), pattern),
  );

  test.each<[string, Uint8Array]>([
    ["animated", pngFile(HEADER, pngChunk("acTL", ROWS), DATA, pngChunk("fdAT", ROWS), END)],
    ["with unknown ancillary chunks", pngFile(HEADER, pngChunk("abCd", ROWS), DATA, END)],
    [
      "with a gamma and a profile",
      pngFile(HEADER, pngChunk("gAMA", ROWS), pngChunk("iCCP"), DATA, END),
    ],
    ["with a packed text of 100 MB", pngFile(HEADER, textBomb(), DATA, END)],
    ["in pieces", pngFile(HEADER, ...pieces(packed(ROWS)), END)],
    ["with bytes after its end", Buffer.concat([GOOD, Buffer.from("more")])],
  ])("an image %s is read as any other", async (_, bytes) => {
    const before = process.memoryUsage().arrayBuffers;
    expect(await readGrey16Png(bytes, FILE)).toEqual({
      height: 2,
      width: 1,
      data: Uint16Array.of(1, 2),
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
  });
});

function textBomb(): Uint8Array {
  const text = deflateSync(new Uint8Array(1e8), { level: 1 });
  return pngChunk("zTXt", Buffer.concat([Buffer.from("Comment\0\0"), text]));
}

function pieces(stream: Uint8Array): Uint8Array[] {
  return Array.from(stream, (byte) => pngChunk("IDAT", Uint8Array.of(byte)));
}

describe("manifests", () => {
  let root = "";
  const { set, scene, calibration } = DGP_FILES;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "ringdepth-bad-"));
    await writeDgp(root);
    mkdirSync(join(root, "images", "a"), { recursive: true });
  });
  afterAll(() => rmSync(root, { recursive: true }));

  type Edit = (text: string) => string | Uint8Array;
  const put =
    (content: string | Uint8Array): Edit =>
    () =>
      content;
  const swap =
    (from: string | RegExp, to: string): Edit =>
    (text) => {
      expect(text).toMatch(from);
      return text.replace(from, to);
    };

  const WORDS = Array.from({ length: 100_001 }, (_, i) => `"k${i}":0`).join();
  test.each<[string, string, Edit, RegExp]>([
    ["no bytes", set, put(""), /line 1, column 1: expected a value/],
    ["NUL bytes", set, put("\0\0\0"), /line 1, column 1/],
    ["half an object", scene, swap(/\}$/, ""), /expected "," or the end/],
    ["two objects", set, (text) => text + text, /text after the end/],
    ["a comma too many", calibration, swap("]", ",]"), /expected a value/],
    ["single quotes", set, (text) => text.replaceAll('"', "'"), /a key in double quotes/],
    ["a comment", set, (text) => `// about\n${text}`, /line 1, column 1/],
    ["NaN", calibration, swap('"fx":40', '"fx":NaN'), /expected a value/],
    ["Infinity", calibration, swap('"fx":40', '"fx":Infinity'), /expected a value/],
    ["a leading zero", calibration, swap('"fx":40', '"fx":040'), /expected ","/],
    [
      "a raw line break in a text",
      scene,
      swap("CAMERA_01", "CAM\nERA"),
      /a string that does not end/,
    ],
    ["a wrong escape", scene, swap("CAMERA_01", "\\x41"), /a string that does not end/],
    ["Latin-1", scene, put(Buffer.from('{"name":"é"}', "latin1")), /not text in UTF-8/],
    ["a key twice", set, swap("{", '{"scene_splits":{},'), /"scene_splits" appears twice/],
    ["a list for an object", set, put("[]"), /ddad\.json: .*expected/],
    ["null", set, put("null"), /ddad\.json: .*expected/],
    ["a number for a list", set, swap(/\[[^\]]*\]/, "3"), /filenames: .*expected array/],
    ["a million levels", set, put("[".repeat(1e6)), /more than 128 levels/],
    ["a million levels of objects", scene, put('{"a":'.repeat(1e6)), /more than 128 levels/],
    ["100,001 keys", scene, put(`{${WORDS}}`), /more than 100000 keys/],
    ["70 MB of spaces", scene, put(" ".repeat(7e7)), /70000000 bytes; at most 67108864/],
    ["no split", set, swap('"0"', '"7"'), /no "0" or "TRAIN"/],
    ["no scenes", set, put('{"scene_splits":{"0":{"filenames":[]}}}'), /no sample/],
    ["no samples", scene, swap('"samples"', '"sample"'), /samples: /],
    [
      "a text for a focal length",
      calibration,
      swap('"fx":40', '"fx":"forty"'),
      /intrinsics\[1\]\.fx/,
    ],
    ["a focal length of 0", calibration, swap(/"fx":40/g, '"fx":0'), /CAMERA_0|camera/],
    ["a quaternion of length 0.9", calibration, swap('"qw":1', '"qw":0.9'), /rotation/],
    ["a key without a reading", scene, swap('["l"', '["m"'), /no datum with key m/],
    ["names that are fewer", calibration, swap('"LIDAR",', ""), /2 names, 3 intrinsics/],
  ])("%s", async (_, file, edit, pattern) => {
    const path = join(root, file);
    const good = readFileSync(path);
    writeFileSync(path, edit(good.toString("utf8")));
    const began = performance.now();
    const error = await ddad(root, "train").then(
      () => null,
      (reason: unknown) => reason as Error,
    );
    const time_ms = performance.now() - began;
    writeFileSync(path, good);
    expect(error?.name).toBe("InputError");
    expect(error?.message).toMatch(pattern);
    expect(error?.message).not.toMatch(/\p{Cc}/u);
    expect(time_ms).toBeLessThan(SOON_MS);
  });

  test("a byte order mark and UTF-16 are no faults", async () => {
    for (const encoding of ["utf8", "utf16le"] as const) {
      const path = join(root, set);
      const good = readFileSync(path);
      writeFileSync(path, Buffer.from(`\ufeff${good.toString("utf8")}`, encoding));
      expect((await ddad(root, "train")).count).toBe(1);
      writeFileSync(path, good);
    }
  });

  test.each<[string, string, RegExp]>([
    ["a misspelt key", '{"cameras":[],"rings":[]}', /rig\.json: /],
    ["no cameras", '{"cameras":[]}', /cameras: /],
    ["a deep value", `{"cameras":${"[".repeat(200)}`, /more than 128 levels/],
    ["an own prototype", '{"__proto__":{"cameras":[]}}', /rig\.json: /],
  ])("rig.json with %s", async (_, text, pattern) => {
    writeFileSync(join(root, "rig.json"), text);
    await expect(folder(root, "train")).rejects.toThrow(pattern);
  });
});

describe("others", () => {
  test.each<[string, () => unknown, RegExp]>([
    [
      "an event file of noise",
      () => readEvents(Buffer.alloc(64, 7), FILE),
      /checksum of its length/,
    ],
    ["an event of 2^63 bytes", () => readEvents(hugeEvent(), FILE), /checksum|cut short/],
    ["a PFM of 10^9 columns", () => readPfm(Buffer.from("Pf\n999999999 9\n-1\n"), FILE), /pixels/],
    [
      "a PFM with a scale of NaN",
      () => readPfm(Buffer.from("Pf\n1 1\nNaN\n0000"), FILE),
      /not a PFM/,
    ],
    [
      "an npy in place of a PFM",
      () => readPfm(writeNpy(new Float32Array(1), [1]), FILE),
      /not a PFM/,
    ],
  ])("%s", async (_, read, pattern) => expectSoon(read, pattern));
});

function hugeEvent(): Uint8Array {
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64LE(2n ** 63n, 0);
  return bytes;
}

describe("bombs are refused before they take memory", () => {
  test.each<[string, () => Uint8Array, RegExp]>([
    [
      "a PNG of 2^31 - 1 columns and rows",
      () =>
        pngFile(pngHeader(2 ** 31 - 1, 2 ** 31 - 1), pngData(Buffer.alloc(9)), pngChunk("IEND")),
      /2147483647 x 2147483647 pixels; at most 89478485/,
    ],
    [
      "a PNG of 16,000 x 16,000 pixels",
      () => pngFile(pngHeader(16_000, 16_000), pngData(Buffer.alloc(9)), pngChunk("IEND")),
      /16000 x 16000 pixels; at most 89478485/,
    ],
    [
      "a PNG of 100 MB from 100 kB",
      () => pngFile(pngHeader(7000, 7142), pngData(Buffer.alloc(1e8)), pngChunk("IEND")),
      /\d{5,6} bytes that unpack to 99\d{6,7} are refused/,
    ],
  ])("%s", async (_, make, pattern) => {
    const bytes = make();
    const before = process.memoryUsage().arrayBuffers;
    await expectSoon(async () => await readGrey16Png(bytes, FILE), pattern);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32e6);
  });

  test("a safetensors header of 1.2 million empty tensors", async () => {
    const entry = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';
    const names = Array.from({ length: 100_001 }, (_, i) => `"tensor.${i}":${entry}`);
    const header = Buffer.from(`{${names.join()},${`"and more":${entry},`.repeat(1_100_000)}}`);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const bytes = Buffer.concat([length, header]);
    await expectSoon(() => readSafetensors(bytes, FILE), /more than 100000 keys in one object/);
  });
});
