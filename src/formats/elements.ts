// Little-endian elements of tensor files as host arrays, and back. Every machine with a WebGPU
// driver is little-endian, so host arrays view a file's bytes as they are.
import { InputError } from "../tensor/error.ts";
import { widenBfloat16, widenHalf } from "../tensor/half.ts";

/** Host arrays for a tensor file's elements: booleans become bytes, 64-bit integers stay exact. */
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

// By tag, not by instanceof: an array of another realm is an array too.
const TYPES: Readonly<Record<string, Exclude<ElementType, "f16" | "bf16">>> = {
  Float32Array: "f32",
  Float64Array: "f64",
  Int8Array: "i8",
  Uint8Array: "u8",
  Uint8ClampedArray: "u8",
  Int16Array: "i16",
  Uint16Array: "u16",
  Int32Array: "i32",
  Uint32Array: "u32",
  BigInt64Array: "i64",
  BigUint64Array: "u64",
};

/**
 * The element type that stores `data` as it is. Throws InputError naming `what` and the type found if
 * it is not a typed array, or one that no file of tensors holds.
 */
export function elementType(
  data: HostData | Uint8ClampedArray,
  what: string,
): Exclude<ElementType, "f16" | "bf16"> {
  const tag = Object.prototype.toString.call(data).slice("[object ".length, -1);
  if (ArrayBuffer.isView(data) && Object.hasOwn(TYPES, tag)) return TYPES[tag];
  throw new InputError(`${what} is of type ${tag}; expected ${Object.keys(TYPES).join(", ")}`);
}
/** The bytes of `data`, sharing its memory. */
export function encodeElements(data: HostData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Any numbers as f32: f64 and large integers are rounded to nearest, f32 is returned unchanged. */
export function toFloat32(data: HostData): Float32Array {
  if (data instanceof Float32Array) return data;
  return data instanceof BigInt64Array || data instanceof BigUint64Array
    ? Float32Array.from(data, Number)
    : new Float32Array(data);
}
