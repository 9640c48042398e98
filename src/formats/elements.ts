// Little-endian elements of tensor files as host arrays, and back. Every machine with a WebGPU
// driver is little-endian, so host arrays view a file's bytes as they are.
import { widenBfloat16, widenHalf } from "../tensor/half.ts";

/** What a tensor file's elements become on the host: booleans bytes, 64-bit integers exact. */
export type HostData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** An element type that has a host array; `f16` and `bf16` are widened to f32. */
export type ElementType =
  | "f16"
  | "bf16"
  | "f32"
  | "f64"
  | "i8"
  | "u8"
  | "i16"
  | "u16"
  | "i32"
  | "u32"
  | "i64"
  | "u64";

const ELEMENT_BYTES: Record<ElementType, 1 | 2 | 4 | 8> = {
  f16: 2,
  bf16: 2,
  f32: 4,
  f64: 8,
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
};

/** Bytes of one stored element. */
export function elementBytes(type: ElementType): 1 | 2 | 4 | 8 {
  return ELEMENT_BYTES[type];
}

/**
 * The elements in `bytes`, whose length is a multiple of the element's. The result shares memory
 * with `bytes` where these are aligned and need no widening, else it is a copy.
 */
export function decodeElements(type: ElementType, bytes: Uint8Array): HostData {
  // A typed array must start on a multiple of its element; tensor files promise no such thing.
  // (`slice` would not do: on a Buffer it shares memory.)
  const aligned = bytes.byteOffset % ELEMENT_BYTES[type] === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  const length = bytes.length / ELEMENT_BYTES[type];
  switch (type) {
    case "f16":
      return widenHalf(new Uint16Array(buffer, byteOffset, length));
    case "bf16":
      return widenBfloat16(new Uint16Array(buffer, byteOffset, length));
    case "f32":
      return new Float32Array(buffer, byteOffset, length);
    case "f64":
      return new Float64Array(buffer, byteOffset, length);
    case "i8":
      return new Int8Array(buffer, byteOffset, length);
    case "u8":
      return new Uint8Array(buffer, byteOffset, length);
    case "i16":
      return new Int16Array(buffer, byteOffset, length);
    case "u16":
      return new Uint16Array(buffer, byteOffset, length);
    case "i32":
      return new Int32Array(buffer, byteOffset, length);
    case "u32":
      return new Uint32Array(buffer, byteOffset, length);
    case "i64":
      return new BigInt64Array(buffer, byteOffset, length);
    case "u64":
      return new BigUint64Array(buffer, byteOffset, length);
  }
}

/** The element type that stores `data` as it is. */
export function elementType(data: HostData): Exclude<ElementType, "f16" | "bf16"> {
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Float64Array) return "f64";
  if (data instanceof Int8Array) return "i8";
  if (data instanceof Uint8Array) return "u8";
  if (data instanceof Int16Array) return "i16";
  if (data instanceof Uint16Array) return "u16";
  if (data instanceof Int32Array) return "i32";
  if (data instanceof Uint32Array) return "u32";
  return data instanceof BigInt64Array ? "i64" : "u64";
}

/** The bytes of `data`, sharing its memory. */
export function encodeElements(data: HostData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Any numbers as f32: f64 and large integers are rounded to nearest, f32 is returned as it is. */
export function toFloat32(data: HostData): Float32Array {
  if (data instanceof Float32Array) return data;
  return data instanceof BigInt64Array || data instanceof BigUint64Array
    ? Float32Array.from(data, Number)
    : new Float32Array(data);
}
