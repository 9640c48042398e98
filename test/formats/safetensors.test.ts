// safetensors: round trips, bytes of the format, and every fault that the Rust reference refuses.
import { expect, test } from "vitest";
import {
  readSafetensors,
  writeSafetensors,
  type NewTensor,
} from "../../src/formats/safetensors.ts";
import { permutation, randomStream } from "../../src/tensor/random.ts";
import { size } from "../../src/tensor/shape.ts";
import { expectRefused, FILE, tryDamaged } from "./damage.ts";

/** A file of a header text and as many zero bytes of data; the length can be overruled. */
function file(header: string, dataBytes = 0, headerLength?: bigint): Uint8Array {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerLength ?? BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

function tensor(dtype: string, shape: unknown, offsets: unknown): string {
  return JSON.stringify({ dtype, shape, data_offsets: offsets });
}

// The example of the format's description, byte for byte as the Rust writer lays it out.
const GOLDEN = file(
  '{"__metadata__":{"format":"torch"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},' +
    '"a":{"dtype":"U8","shape":[],"data_offsets":[8,9]}}     ',
  9,
);
GOLDEN.set([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 7], GOLDEN.length - 9);

test("writes the reference's bytes: alignment descending, then name, header padded to 8", () => {
  const tensors: NewTensor[] = [
    { name: "a", shape: [], data: Uint8Array.of(7) },
    { name: "b", shape: [2], data: Float32Array.of(1, -2) },
  ];
  expect(Buffer.from(writeSafetensors(tensors, { format: "torch" }))).toEqual(Buffer.from(GOLDEN));
});

test("reads the reference's bytes", () => {
  const { tensors, metadata } = readSafetensors(GOLDEN, FILE);
  expect(metadata).toEqual({ format: "torch" });
  expect([...tensors.keys()]).toEqual(["b", "a"]);
  expect(tensors.get("b")).toMatchObject({
    dtype: "F32",
    shape: [2],
    data: Float32Array.of(1, -2),
  });
  expect(tensors.get("a")).toMatchObject({ dtype: "U8", shape: [], data: Uint8Array.of(7) });
});

const DTYPES = [
  Float32Array,
  Float64Array,
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
];
const SHAPES = [[], [0], [3, 0, 2], [1], [7], [2, 3], [1, 1, 1, 5], [4, 3, 2]];

test("any tensors come back, and their order does not change the bytes", () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = randomStream(seed);
    const tensors = Array.from({ length: 1 + random.integer(12) }, (_, i): NewTensor => {
      const shape = SHAPES[random.integer(SHAPES.length)];
      const data = new DTYPES[random.integer(DTYPES.length)](size(shape));
      const bytes = new Uint8Array(data.buffer);
      for (let at = 0; at < bytes.length; at++) bytes[at] = random.integer(256);
      return { name: `${["z", "__proto__", "é\n", "𝄞", "0"][i % 5]}${i}`, shape, data };
    });
    const metadata = { seed: `${seed}`, ["__proto__"]: "p", "": "" };
    const bytes = writeSafetensors(tensors, metadata);
    const back = readSafetensors(bytes, FILE);
    expect(back.metadata).toEqual(metadata);
    expect(back.tensors.size).toBe(tensors.length);
    for (const { name, shape, data } of tensors) {
      const read = back.tensors.get(name)!;
      expect(read.shape).toEqual(shape);
      // Bytes, since two NaNs of other payloads would count as equal.
      expect(Buffer.from(read.bytes)).toEqual(Buffer.from(data.buffer));
      expect(read.data).toEqual(data);
    }
    const shuffled = permutation(tensors.length, seed).map((i) => tensors[i]);
    expect(writeSafetensors(shuffled, { ...metadata })).toEqual(bytes);
  }
});

test("every tensor that we write is aligned to its element", () => {
  const bytes = writeSafetensors([
    { name: "byte", shape: [3], data: Uint8Array.of(1, 2, 3) },
    { name: "double", shape: [1], data: Float64Array.of(1) },
    { name: "short", shape: [1], data: Uint16Array.of(1) },
  ]);
  for (const { data } of readSafetensors(bytes, FILE).tensors.values()) {
    expect(data.buffer).toBe(bytes.buffer); // A view: no copy was needed.
  }
});

test("the writer refuses repeated names, the reserved name and shapes that misfit", () => {
  const data = Float32Array.of(1);
  const one = { name: "a", shape: [1], data };
  expect(() => writeSafetensors([one, one])).toThrow(/"a" is taken/);
  expect(() => writeSafetensors([{ ...one, name: "__metadata__" }])).toThrow(/taken/);
  expect(() => writeSafetensors([{ ...one, shape: [2] }])).toThrow(/"a" \[2\] has 1 elements/);
});

test("reads unaligned tensors, as writers without padding leave them", () => {
  const bytes = file(`{"a":${tensor("F32", [1], [0, 4])}} `, 4);
  for (let shift = 0; shift < 8; shift++) {
    const moved = new Uint8Array(bytes.length + shift);
    moved.set(bytes, shift);
    const { tensors } = readSafetensors(moved.subarray(shift), FILE);
    expect(tensors.get("a")!.data).toEqual(Float32Array.of(0));
  }
});

test("widens F16 and BF16, keeps BOOL as bytes, and F8 and C64 as raw bytes", () => {
  const bytes = file(
    `{"h":${tensor("F16", [1], [0, 2])},"b":${tensor("BF16", [1], [2, 4])},` +
      `"t":${tensor("BOOL", [1], [4, 5])},"f":${tensor("F8_E4M3", [1], [5, 6])},` +
      `"c":${tensor("C64", [1], [6, 14])},"n":${tensor("F4", [2, 1], [14, 15])}}`,
    15,
  );
  bytes.set([0x00, 0x3c, 0x80, 0x3f, 1, 0x38], bytes.length - 15);
  const { tensors } = readSafetensors(bytes, FILE);
  expect(tensors.get("h")!.data).toEqual(Float32Array.of(1));
  expect([...tensors.get("h")!.bytes]).toEqual([0x00, 0x3c]);
  expect(tensors.get("b")!.data).toEqual(Float32Array.of(1));
  expect(tensors.get("t")!.data).toEqual(Uint8Array.of(1));
  expect([...(tensors.get("f")!.data as Uint8Array)]).toEqual([0x38]);
  expect(tensors.get("c")!.data.length).toBe(8);
  expect(tensors.get("n")!.data.length).toBe(1);
});

test("reads what the reference reads: no tensors, empty ones, padding, more fields", () => {
  expect(readSafetensors(file("{}"), FILE).tensors.size).toBe(0);
  expect(readSafetensors(file("{}   "), FILE).metadata).toEqual({});
  const header =
    `{"e":${tensor("F32", [0, 5], [4, 4])},"a":${tensor("U8", [4], [0, 4])},` +
    `"f":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"more":1}}`;
  expect([...readSafetensors(file(header, 4), FILE).tensors.keys()]).toEqual(["f", "a", "e"]);
});

test("reads metadata of null and white space before the header, as the reference does", () => {
  const header = `{"__metadata__":null,"a":${tensor("U8", [1], [0, 1])}}`;
  for (const space of ["", " ", "\n\t\r "]) {
    const { tensors, metadata } = readSafetensors(file(`${space}${header}`, 1), FILE);
    expect([...tensors.keys()]).toEqual(["a"]);
    expect(metadata).toEqual({});
  }
});

const U8 = (begin: number, end: number): string => tensor("U8", [end - begin], [begin, end]);

test.each<[string, Uint8Array, RegExp]>([
  ["no bytes", new Uint8Array(0), /0 bytes are too few for a safetensors file/],
  ["a header too long to be one", file("{}", 0, 100_000_001n), /header of 100000001 bytes/],
  ["a header length of 2^63", file("{}", 0, 2n ** 63n), /header of 9223372036854776000 bytes/],
  ["a header beyond the file", file("{}", 0, 3n), /header of 3 bytes in a file of 10/],
  ["an empty header", file(""), /does not start with "\{"/],
  ["a header that is a list", file("[1]"), /does not start with "\{"/],
  ["a header of spaces", file(" \n "), /does not start with "\{"/],
  ["a header behind a byte order mark", file("\ufeff{}"), /does not start with "\{"/],
  ["a header that is not UTF-8", file("{}", 1, 3n).fill(0xff, 10), /not UTF-8/],
  ["a header that is not JSON", file('{"a":\n}'), /not valid JSON/],
  ["two values in the header", file("{}{}"), /not valid JSON/],
  ["a duplicate tensor", file(`{"a":${U8(0, 1)},"a":${U8(0, 1)}}`, 1), /"a" appears twice/],
  ["a duplicate field", file(`{"a":{"dtype":"U8","dtype":"U8"}}`), /"dtype" appears twice/],
  ["metadata that is a text", file('{"__metadata__":"x"}'), /__metadata__ is not an object/],
  ["metadata with a number", file('{"__metadata__":{"k":1}}'), /__metadata__ "k" is not a string/],
  ["an entry that is a list", file('{"a":[]}'), /"a": its header entry is not an object/],
  ["an unknown dtype", file(`{"a":${tensor("F31", [], [0, 4])}}`, 4), /"a": unknown dtype "F31"/],
  ["a dtype of Object", file(`{"a":${tensor("toString", [], [0, 1])}}`, 1), /unknown dtype/],
  ["no dtype", file('{"a":{"shape":[],"data_offsets":[0,1]}}', 1), /unknown dtype undefined/],
  ["a negative axis", file(`{"a":${tensor("U8", [-1], [0, 0])}}`), /shape \[-1\] is not a list/],
  [
    "half an axis",
    file(`{"a":${tensor("U8", [0.5], [0, 0])}}`),
    /shape and data_offsets are whole/,
  ],
  ["an axis of 1.0", file('{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', 1), /whole/],
  ["an offset of 1e0", file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1e0]}}', 1), /whole/],
  ["an offset of -0", file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[-0,1]}}', 1), /whole/],
  ["a header cut short", file('{"a":{"dtype":"U8"'), /not valid JSON: line 1, column 19/],
  [
    "a shape that is a number",
    file(`{"a":${tensor("U8", 1, [0, 1])}}`, 1),
    /shape 1 is not a list/,
  ],
  ["one offset", file(`{"a":${tensor("U8", [1], [0])}}`, 1), /data_offsets \[0\] are not/],
  ["offsets backwards", file(`{"a":${tensor("U8", [1], [1, 0])}}`, 1), /data_offsets \[1,0\]/],
  [
    "an offset of null",
    file(`{"a":${tensor("U8", [1], [null, 1])}}`, 1),
    /data_offsets \[null,1\]/,
  ],
  [
    "a shape whose product overflows",
    file(`{"a":${tensor("F32", [2 ** 40, 2 ** 40, 0], [0, 0])}}`),
    /impossibly large/,
  ],
  ["half bytes", file(`{"a":${tensor("F4", [3], [0, 2])}}`, 2), /12 bits, not whole bytes/],
  ["a shape that misfits", file(`{"a":${tensor("F32", [2], [0, 4])}}`, 4), /takes 8 bytes.* 4$/],
  ["a hole at the start", file(`{"a":${U8(1, 2)}}`, 2), /"a": .* begin at 1, expected 0 \(a hole/],
  [
    "a hole",
    file(`{"a":${U8(0, 1)},"b":${U8(2, 3)}}`, 3),
    /"b": .* begin at 2, expected 1 \(a hole/,
  ],
  ["an overlap", file(`{"a":${U8(0, 2)},"b":${U8(1, 3)}}`, 3), /"b": .*expected 2 \(an overlap\)/],
  ["a tensor beyond the file", file(`{"a":${U8(0, 9)}}`, 4), /"a": .* end at 9, but only 4 bytes/],
  ["bytes after the last tensor", file(`{"a":${U8(0, 1)}}`, 3), /2 bytes after the last tensor/],
])("refuses %s", (_, bytes, pattern) => expectRefused(() => readSafetensors(bytes, FILE), pattern));

test("a cut file is always refused; other damage is refused or changes values only", async () => {
  const { cut, prefixes } = await tryDamaged(GOLDEN, 2000, (bytes) => readSafetensors(bytes, FILE));
  expect(cut).toBe(prefixes);
});
