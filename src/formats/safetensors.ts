// safetensors files: named tensors behind a JSON header. Accepts and refuses the same files as the
// Rust reference (0.8); knows nothing about networks or the meaning of names.
//
//   u64 header length N (little-endian) | N bytes of JSON, space-padded | tensors, back to back
//   JSON: {"__metadata__": {text: text}, name: {"dtype", "shape", "data_offsets": [begin, end]}}
import { InputError } from "../tensor/error.ts";
import { formatShape, size, type Shape } from "../tensor/shape.ts";
import {
  decodeElements,
  elementType,
  encodeElements,
  type ElementType,
  type HostData,
} from "./elements.ts";
import { parseJson } from "./json.ts";
import { LIMITS } from "./limits.ts";

// In the reference's order, by alignment, which is also the order of its writer (backwards).
const BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** A dtype of the format, as spelt in the header. */
export type SafetensorsDtype = keyof typeof BITS;

/** A tensor as read: its values on the host, and its bytes in the file. */
export interface StoredTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: Shape;
  /**
   * F16 and BF16 are widened to f32, BOOL is bytes, 64-bit integers are bigint arrays; a dtype
   * without a host array (F4, F6, F8, C64) stays bytes. May share memory with the file.
   */
  readonly data: HostData;
  /** The tensor's bytes in the file; shares its memory. */
  readonly bytes: Uint8Array;
}

/** A safetensors file as read; tensors in file order. */
export interface SafetensorsFile {
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: Record<string, string>;
}

/** A tensor to write; its dtype follows from the array. */
export interface NewTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly data: HostData;
}

const ELEMENT_TYPES: Partial<Record<SafetensorsDtype, ElementType>> = {
  BOOL: "u8",
  U8: "u8",
  I8: "i8",
  I16: "i16",
  U16: "u16",
  F16: "f16",
  BF16: "bf16",
  I32: "i32",
  U32: "u32",
  F32: "f32",
  F64: "f64",
  I64: "i64",
  U64: "u64",
};

const LENGTH_BYTES = 8;
const MAX_HEADER_BYTES = LIMITS.safetensors_header_bytes;
const METADATA = "__metadata__";

/**
 * Reads a whole safetensors file. Throws `InputError` naming `file` and the tensor for everything
 * that the Rust reference refuses (header length, UTF-8, JSON, holes, overlaps, sizes), for
 * repeated keys and for more than `LIMITS.json_keys` tensors.
 */
export function readSafetensors(bytes: Uint8Array, file: string): SafetensorsFile {
  const headerBytes = headerLength(bytes, file);
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + headerBytes), file);
  const body = bytes.subarray(LENGTH_BYTES + headerBytes);
  const { [METADATA]: metadata, ...rest } = header;
  const entries = Object.entries(rest)
    .map(([name, info]) => {
      const where = `${file}: tensor ${JSON.stringify(name)}`;
      return { name, where, ...parseEntry(info, where) };
    })
    .sort((a, b) => a.begin - b.begin || a.end - b.end);

  const tensors = new Map<string, StoredTensor>();
  let next = 0;
  for (const { name, where, dtype, shape, begin, end } of entries) {
    if (begin !== next) {
      throw new InputError(
        `${where}: data_offsets begin at ${begin}, expected ${next} ` +
          `(${begin > next ? "a hole" : "an overlap"}); the file is damaged`,
      );
    }
    if (end > body.length) {
      throw new InputError(
        `${where}: data_offsets end at ${end}, but only ${body.length} bytes follow ` +
          `the header; the file is cut short`,
      );
    }
    const raw = body.subarray(begin, end);
    const type = ELEMENT_TYPES[dtype];
    const data = type === undefined ? raw : decodeElements(type, raw);
    tensors.set(name, { dtype, shape, data, bytes: raw });
    next = end;
  }
  if (next !== body.length) {
    throw new InputError(
      `${file}: ${body.length - next} bytes after the last tensor; the file is damaged`,
    );
  }
  return { tensors, metadata: parseMetadata(metadata, file) };
}

function headerLength(bytes: Uint8Array, file: string): number {
  if (bytes.length < LENGTH_BYTES) {
    throw new InputError(
      `${file}: ${bytes.length} bytes are too few for a safetensors file (at least 8)`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES);
  const length = Number(view.getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw new InputError(
      `${file}: header of ${length} bytes, ${MAX_HEADER_BYTES} at most; not a safetensors file`,
    );
  }
  if (LENGTH_BYTES + length > bytes.length) {
    throw new InputError(
      `${file}: header of ${length} bytes in a file of ${bytes.length}; the file is cut short`,
    );
  }
  return length;
}

function parseHeader(bytes: Uint8Array, file: string): Record<string, unknown> {
  const first = bytes.find((byte) => !JSON_SPACE.includes(byte));
  if (first !== 0x7b) {
    throw new InputError(`${file}: the header does not start with "{"; not a safetensors file`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(`${file}: the header is not UTF-8; the file is damaged`);
  }
  const header = parseJson(text, `${file}: header`, MAX_HEADER_BYTES);
  // JavaScript reads 1.0, 1e2 and -0 as whole numbers, the reference does not. Quotes within a name
  // are escaped, so that no name can look like these fields.
  if (/"(?:shape|data_offsets)"\s*:\s*\[[^\]]*(?:\d[.eE]|-0)/.test(text)) {
    throw new InputError(`${file}: header: shape and data_offsets are whole numbers from 0`);
  }
  return header as Record<string, unknown>;
}

const JSON_SPACE: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];

interface Entry {
  readonly dtype: SafetensorsDtype;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

function parseEntry(info: unknown, where: string): Entry {
  if (!isRecord(info)) throw new InputError(`${where}: its header entry is not an object`);
  const { dtype, shape, data_offsets } = info;
  if (!isDtype(dtype)) throw new InputError(`${where}: unknown dtype ${JSON.stringify(dtype)}`);
  if (!isCounts(shape)) {
    throw new InputError(
      `${where}: shape ${JSON.stringify(shape)} is not a list of whole numbers from 0`,
    );
  }
  if (!isCounts(data_offsets) || data_offsets.length !== 2 || data_offsets[0] > data_offsets[1]) {
    throw new InputError(
      `${where}: data_offsets ${JSON.stringify(data_offsets)} are not [begin, end], begin <= end`,
    );
  }
  const [begin, end] = data_offsets as [number, number];
  const expected = storedBytes(dtype, shape, where);
  if (end - begin !== expected) {
    throw new InputError(
      `${where}: ${dtype} ${formatShape(shape)} takes ${expected} bytes, data_offsets give ` +
        `${end - begin}`,
    );
  }
  return { dtype, shape, begin, end };
}

function storedBytes(dtype: SafetensorsDtype, shape: Shape, where: string): number {
  let bits: number = BITS[dtype];
  for (const axis of shape) {
    bits *= axis;
    // Checked axis by axis: a later 0 would hide an overflow, which the reference refuses.
    if (!Number.isSafeInteger(bits)) {
      throw new InputError(`${where}: shape ${formatShape(shape)} is impossibly large`);
    }
  }
  if (bits % 8 !== 0) {
    throw new InputError(
      `${where}: ${dtype} ${formatShape(shape)} takes ${bits} bits, not whole bytes`,
    );
  }
  return bits / 8;
}

function parseMetadata(metadata: unknown, file: string): Record<string, string> {
  if (metadata === undefined || metadata === null) return {};
  if (!isRecord(metadata)) throw new InputError(`${file}: ${METADATA} is not an object`);
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string") {
      throw new InputError(`${file}: ${METADATA} ${JSON.stringify(key)} is not a string`);
    }
  }
  return metadata as Record<string, string>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === "string" && Object.hasOwn(BITS, value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((axis) => Number.isSafeInteger(axis) && axis >= 0);
}

/**
 * The bytes of a safetensors file, the same for the same content: tensors by alignment (largest
 * first), then name; metadata by key; header padded with spaces to a multiple of 8, as the
 * reference writes it, so that every tensor is aligned. Throws InputError if a name repeats, a
 * shape does not fit its data, or the data is not a typed array of a known type.
 */
export function writeSafetensors(
  tensors: readonly NewTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const rank = Object.keys(BITS);
  const sorted = tensors
    .map((tensor) => {
      const type = elementType(tensor.data, `writeSafetensors: tensor "${tensor.name}"`);
      return { ...tensor, dtype: type.toUpperCase() };
    })
    .sort((a, b) => rank.indexOf(b.dtype) - rank.indexOf(a.dtype) || byBytes(a.name, b.name));

  const items: string[] = [];
  const keys = Object.keys(metadata).sort(byBytes);
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
    items.push(`"${METADATA}":{${pairs.join(",")}}`);
  }
  const names = new Set([METADATA]);
  let end = 0;
  for (const { name, dtype, shape, data } of sorted) {
    if (names.has(name)) throw new InputError(`writeSafetensors: name "${name}" is taken`);
    names.add(name);
    if (size(shape) !== data.length) {
      throw new InputError(
        `writeSafetensors: tensor "${name}" ${formatShape(shape)} has ${data.length} elements`,
      );
    }
    const begin = end;
    end += data.byteLength;
    const info = { dtype, shape, data_offsets: [begin, end] };
    items.push(`${JSON.stringify(name)}:${JSON.stringify(info)}`);
  }

  const header = new TextEncoder().encode(`{${items.join(",")}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(header, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerBytes;
  for (const { data } of sorted) {
    file.set(encodeElements(data), offset);
    offset += data.byteLength;
  }
  return file;
}

/** The order of Rust's strings: by UTF-8 bytes, which differs from UTF-16 order beyond U+FFFF. */
function byBytes(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => new TextEncoder().encode(text));
  const first = left.findIndex((byte, i) => byte !== right[i]);
  return first === -1 ? left.length - right.length : left[first] - (right[first] ?? -1);
}
