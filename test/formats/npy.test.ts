// npy: bytes of numpy 2.4 itself, round trips, and every kind of broken header.
import { expect, test } from "vitest";
import type { HostData } from "../../src/formats/elements.ts";
import { readNpy, writeNpy } from "../../src/formats/npy.ts";
import { size } from "../../src/tensor/shape.ts";
import { expectRefused, FILE, tryDamaged } from "./damage.ts";

/** A version 1 file as numpy lays it out: header padded with spaces to a multiple of 64. */
function npy(header: string, dataHex = "", version = 1): Uint8Array {
  const fixed = version === 1 ? 10 : 12;
  const text = Buffer.from(header, version === 3 ? "utf8" : "latin1");
  const length = Math.ceil((fixed + text.length + 1) / 64) * 64 - fixed;
  const start = Buffer.alloc(fixed);
  start.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  if (version === 1) start.writeUInt16LE(length, 8);
  else start.writeUInt32LE(length, 8);
  const padding = `${" ".repeat(length - text.length - 1)}\n`;
  return Buffer.concat([start, text, Buffer.from(padding), Buffer.from(dataHex, "hex")]);
}

function plain(descr: string, shape: string, dataHex = "", isFortran = "False"): Uint8Array {
  return npy(`{'descr': '${descr}', 'fortran_order': ${isFortran}, 'shape': ${shape}, }`, dataHex);
}

// Data bytes printed by numpy 2.4.6: b = io.BytesIO(); np.save(b, ARRAY); b.getvalue()[128:].hex()
test.each<[string, Uint8Array, number[], HostData]>([
  [
    "np.array([[1, 2, 3], [4, 5, .1]], '<f4')",
    plain("<f4", "(2, 3)", "0000803f0000004000004040000080400000a040cdcccc3d"),
    [2, 3],
    Float32Array.of(1, 2, 3, 4, 5, 0.1),
  ],
  [
    "np.array([1, -2, 6e-8, 65504, inf, nan], '<f2')",
    plain("<f2", "(6,)", "003c00c00100ff7b007c007e"),
    [6],
    Float32Array.of(1, -2, 2 ** -24, 65504, Infinity, NaN),
  ],
  ["np.array(3.5)", plain("<f8", "()", "0000000000000c40"), [], Float64Array.of(3.5)],
  ["np.zeros((0, 4), '<u2')", plain("<u2", "(0, 4)"), [0, 4], new Uint16Array(0)],
  [
    "np.asfortranarray(np.arange(6, dtype='<i4').reshape(2, 3))",
    plain("<i4", "(2, 3)", "000000000300000001000000040000000200000005000000", "True"),
    [2, 3],
    Int32Array.of(0, 1, 2, 3, 4, 5),
  ],
  [
    "np.asfortranarray(np.arange(24, dtype='u1').reshape(2, 3, 4))",
    plain("|u1", "(2, 3, 4)", "000c04100814010d05110915020e06120a16030f07130b17", "True"),
    [2, 3, 4],
    Uint8Array.from({ length: 24 }, (_, i) => i),
  ],
  ["np.array([True, False, True])", plain("|b1", "(3,)", "010001"), [3], Uint8Array.of(1, 0, 1)],
  [
    "np.array([2**53 + 1, -1])",
    plain("<i8", "(2,)", "0100000000002000ffffffffffffffff"),
    [2],
    BigInt64Array.of(2n ** 53n + 1n, -1n),
  ],
  ["np.array([1, 256], '>i2')", plain(">i2", "(2,)", "00010100"), [2], Int16Array.of(1, 256)],
])("reads %s", (_, bytes, shape, data) => {
  expect(readNpy(bytes, FILE)).toEqual({ shape, data });
});

test("reads versions 2 and 3, whose headers may be long and UTF-8", () => {
  const header = "{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }";
  expect(readNpy(npy(header, "01000200", 2), FILE).data).toEqual(Uint16Array.of(1, 2));
  const named = "{'descr': [('é', '<u2')], 'fortran_order': False, 'shape': (1,), }";
  expect(readNpy(npy(named, "0100", 3), FILE)).toEqual({
    shape: [1, 1],
    data: Float64Array.of(1),
    fields: ["é"],
  });
});

test("reads headers of Python 2, which wrote long integers", () => {
  expect(readNpy(plain("|u1", "(2L,)", "0102"), FILE).shape).toEqual([2]);
});

test("reads structured arrays as named f64 columns", () => {
  // np.array([(1.5, 2, 3), (-1, 250, 2**40)], dtype=[("X", "<f8"), ("ring", "u1"), ("t", "<i8")])
  const header =
    "{'descr': [('X', '<f8'), ('ring', '|u1'), ('t', '<i8')], " +
    "'fortran_order': False, 'shape': (2,), }";
  const data = "000000000000f83f020300000000000000000000000000f0bffa0000000000010000";
  expect(readNpy(npy(header, data), FILE)).toEqual({
    shape: [2, 3],
    data: Float64Array.of(1.5, 2, 3, -1, 250, 2 ** 40),
    fields: ["X", "ring", "t"],
  });
});

test("skips the padding of aligned structures", () => {
  // np.array([(1, 2.5)], dtype=np.dtype([("a", "u1"), ("b", "<f8")], align=True))
  const header =
    "{'descr': [('a', '|u1'), ('', '|V7'), ('b', '<f8')], 'fortran_order': False, 'shape': (1,), }";
  expect(readNpy(npy(header, "011c3fa0e67f00000000000000000440"), FILE)).toEqual({
    shape: [1, 2],
    data: Float64Array.of(1, 2.5),
    fields: ["a", "b"],
  });
});

test("writes numpy's bytes", () => {
  // b = io.BytesIO(); np.save(b, np.array([1, 2, 3], "<f4")); b.getvalue().hex()
  const golden =
    "934e554d5059010076007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a20" +
    `46616c73652c20277368617065273a2028332c292c207d20${"20".repeat(59)}0a` +
    "0000803f0000004000004040";
  const bytes = writeNpy(Float32Array.of(1, 2, 3), [3]);
  expect(Buffer.from(bytes).toString("hex")).toBe(golden);
});

test("any array comes back, from any offset of a buffer", () => {
  const shapes = [[], [0], [3, 0, 2], [1], [7], [2, 3], [1, 1, 1, 5], Array<number>(30).fill(1)];
  for (const [i, Data] of [
    Float32Array,
    Float64Array,
    Int8Array,
    Uint8Array,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
  ].entries()) {
    for (const shape of shapes) {
      const data = new Data(size(shape)).map((_, at) => at * 3 + i);
      const bytes = writeNpy(data, shape);
      const moved = new Uint8Array(bytes.length + i);
      moved.set(bytes, i);
      expect(readNpy(moved.subarray(i), FILE)).toEqual({ shape, data });
    }
  }
  const wide = BigUint64Array.of(2n ** 64n - 1n);
  expect(readNpy(writeNpy(wide, [1]), FILE).data).toEqual(wide);
  expect(() => writeNpy(wide, [2])).toThrow(/\[2\] does not have 1 elements/);
});

const header = (text: string): Uint8Array => npy(text);
const BAD_VERSION = plain("<f4", "(0,)");
BAD_VERSION[6] = 4;
const LONG_HEADER = npy("", "", 2);
new DataView(LONG_HEADER.buffer, LONG_HEADER.byteOffset).setUint32(8, 10_001, true);

test.each<[string, Uint8Array, RegExp]>([
  ["no bytes", new Uint8Array(0), /not a \.npy file/],
  ["another magic", Buffer.from("PK\x03\x04 and so on"), /not a \.npy file/],
  ["an unknown version", BAD_VERSION, /version 4\.0; only 1\.0, 2\.0 and 3\.0 are read/],
  ["a header too long to be one", LONG_HEADER, /the header has 10001 bytes/],
  [
    "a file that ends in its header",
    plain("<f4", "(0,)").subarray(0, 60),
    /ends inside its header/,
  ],
  ["a header that is no dict", header("(1, 2)"), /not a dict of descr, fortran_order, shape/],
  ["a header that is no literal", header("{'descr': x}"), /no Python literal at character 10/],
  ["a header without shape", header("{'descr': '<f4', 'fortran_order': False}"), /not a dict of/],
  ["an order of 0", plain("<f4", "(0,)", "", "0"), /field fortran_order is not True or False/],
  ["a shape that is a number", plain("<f4", "3"), /field shape is not a tuple/],
  ["a negative axis", plain("<f4", "(-1,)"), /field shape is not a tuple/],
  ["65 axes", plain("|u1", `(${"1,".repeat(65)})`, "00"), /field shape is not a tuple/],
  ["a shape beyond all memory", plain("<f4", "(9007199254740991, 0, 2)"), /impossibly large/],
  [
    "data cut short",
    plain("<f4", "(2,)", "00"),
    /\[2\] takes 8 bytes of data, the file has 1; .*cut/,
  ],
  ["too much data", plain("<f4", "(1,)", "0000000000"), /takes 4 bytes of data, the file has 5/],
  ["pickled objects", plain("|O", "(1,)", "80"), /field descr: pickled Python objects/],
  ["texts", plain("<U3", "(1,)"), /field descr: type "<U3" is not one of/],
  ["complex numbers", plain("<c8", "(1,)"), /field descr: type "<c8"/],
  ["a descr of None", header("{'descr': None, 'fortran_order': False, 'shape': ()}"), /type null/],
  ["no fields", header("{'descr': [], 'fortran_order': False, 'shape': (0,)}"), /has no fields/],
  [
    "a sub-array",
    header("{'descr': [('p', '<f4', (3,))], 'fortran_order': False, 'shape': (0,)}"),
    /not titles or sub-arrays/,
  ],
  [
    "a nested structure",
    header("{'descr': [('p', [('x', '<f4')])], 'fortran_order': False, 'shape': (0,)}"),
    /"p": type/,
  ],
  [
    "a repeated field",
    header("{'descr': [('x', '<f4'), ('x', '<f4')], 'fortran_order': False, 'shape': (0,)}"),
    /"x" appears twice/,
  ],
])("refuses %s", (_, bytes, pattern) => expectRefused(() => readNpy(bytes, FILE), pattern));

test("a cut file is always refused; other damage is refused or changes values only", async () => {
  const bytes = plain("<f8", "(2, 2)", "00".repeat(32));
  const { cut, prefixes } = await tryDamaged(bytes, 2000, (damaged) => readNpy(damaged, FILE));
  expect(cut).toBe(prefixes);
});
