// Elements of tensor files on the host: alignment, round trips, conversion.
import { expect, test } from "vitest";
import {
  decodeElements,
  elementBytes,
  elementType,
  encodeElements,
  toFloat32,
  type HostData,
} from "../../src/formats/elements.ts";

const ARRAYS: HostData[] = [
  Float32Array.of(1.5, -0, NaN, Infinity),
  Float64Array.of(0.1, 2 ** 60),
  Int8Array.of(-128, 127),
  Uint8Array.of(0, 255),
  Int16Array.of(-32768, 1),
  Uint16Array.of(65535, 1),
  Int32Array.of(-(2 ** 31), 1),
  Uint32Array.of(2 ** 32 - 1, 1),
  BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n),
  BigUint64Array.of(2n ** 64n - 1n),
];

test.each(ARRAYS.map((data) => ({ type: elementType(data), data })))(
  "$type elements come back from any offset of a buffer",
  ({ type, data }) => {
    const bytes = encodeElements(data);
    expect(bytes.length).toBe(data.length * elementBytes(type));
    for (let offset = 0; offset < 9; offset++) {
      const moved = new Uint8Array(offset + bytes.length);
      moved.set(bytes, offset);
      expect(decodeElements(type, moved.subarray(offset))).toEqual(data);
      expect(decodeElements(type, Buffer.from(moved.buffer, offset))).toEqual(data);
    }
  },
);

test("aligned elements share the file's memory, others are copies", () => {
  const file = new Uint8Array(16);
  expect(decodeElements("f32", file.subarray(4, 8)).buffer).toBe(file.buffer);
  expect(decodeElements("f32", file.subarray(5, 9)).buffer).not.toBe(file.buffer);
});

test("halves decode to f32", () => {
  expect(decodeElements("f16", Uint8Array.of(0x00, 0x3c))).toEqual(Float32Array.of(1));
  expect(decodeElements("bf16", Uint8Array.of(0x80, 0x3f))).toEqual(Float32Array.of(1));
});

test("any numbers convert to f32, rounded to nearest", () => {
  const same = Float32Array.of(3);
  expect(toFloat32(same)).toBe(same);
  expect(toFloat32(Float64Array.of(0.1))).toEqual(Float32Array.of(Math.fround(0.1)));
  expect(toFloat32(BigInt64Array.of(-5n, 2n ** 24n + 1n))).toEqual(Float32Array.of(-5, 2 ** 24));
  expect(toFloat32(Uint8Array.of(7))).toEqual(Float32Array.of(7));
});
