// Elements of tensor files on the host: alignment, round trips, conversion.
import { expect, test } from "vitest";
import { readNpy, writeNpy } from "../../src/formats/npy.ts";
import { writePly } from "../../src/formats/ply.ts";
import { writeDepthPng } from "../../src/formats/png16.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { InputError } from "../../src/tensor/error.ts";
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

test.each(ARRAYS.map((data) => ({ type: elementType(data, "a"), data })))(
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

const FLOATS = Float32Array.of(1, 2, 3);
const WRITERS: Readonly<Record<string, (data: never) => Uint8Array>> = {
  writeNpy: (data) => writeNpy(data, [3]),
  writeSafetensors: (data) => writeSafetensors([{ name: "a", shape: [3], data }]),
  "writePly, points": (positions_m) => writePly({ positions_m, colors: Uint8Array.of(1, 2, 3) }),
  "writePly, colours": (colors) => writePly({ positions_m: FLOATS, colors }),
};

test.each(Object.entries(WRITERS))("%s names a type that it does not write", (_, write) => {
  const wrong = [[1, 2, 3], "123", undefined, null, new DataView(new ArrayBuffer(3))];
  for (const data of [...wrong, new ArrayBuffer(3), { length: 3 }]) {
    expect(() => write(data as never)).toThrow(/\bis of type \w+; expected Float32Array/);
  }
});

test("arrays of other types are written as what they are, or refused", async () => {
  const clamped = Uint8ClampedArray.of(1, 2, 300);
  expect(readNpy(writeNpy(clamped as never, [3]), "a.npy").data).toEqual(Uint8Array.of(1, 2, 255));
  const file = writeSafetensors([{ name: "a", shape: [3], data: clamped as never }]);
  expect(readSafetensors(file, "a").tensors.get("a")!.data).toEqual(Uint8Array.of(1, 2, 255));
  // Colours of 0 to 1 would all be black; points of big integers have no f32.
  const points = { positions_m: FLOATS, colors: Float32Array.of(0.5, 1, 1) as never };
  expect(() => writePly(points)).toThrow("writePly: colors are not bytes");
  const big = {
    positions_m: BigInt64Array.of(1n, 2n, 3n) as never,
    colors: Uint8Array.of(1, 2, 3),
  };
  expect(() => writePly(big)).toThrow("writePly: positions_m are whole numbers");
  for (const depth_m of [["1"], [null], [1n], [undefined], BigInt64Array.of(1n)]) {
    const png = writeDepthPng({ height: 1, width: 1, depth_m: depth_m as never });
    await expect(png).rejects.toThrow(InputError);
  }
});
