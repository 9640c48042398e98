// numpy's .npy arrays, versions 1 to 3; no pickles. Source: numpy/lib/format.py ("NEP 1").
//
//   0x93 "NUMPY" | u8 major | u8 minor | header length u16 (v1) or u32 (v2, v3), little-endian
//   header: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, spaces, "\n" | elements
import { InputError } from "../tensor/error.ts";
import { checkShape, formatShape, size, type Shape } from "../tensor/shape.ts";
import { elementType, encodeElements, type HostData } from "./elements.ts";
import { LIMITS } from "./limits.ts";
import { npyDtype, readRecords, readScalars } from "./npy_dtype.ts";
import { parsePythonLiteral, type PythonLiteral } from "./python_literal.ts";

/** An array as read, always row-major. */
export interface NpyArray {
  /** Axes; a structured array of F fields has one more, of length F, at the end. */
  readonly shape: Shape;
  /** Halves are widened to f32, booleans bytes; the fields of a structured array are all f64. */
  readonly data: HostData;
  /** Names along the last axis if the file's dtype is structured, e.g. `["X", "Y", "Z"]`. */
  readonly fields?: readonly string[];
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const { npy_header_bytes: MAX_HEADER_BYTES, npy_axes: MAX_AXES } = LIMITS;

/** Reads a .npy file; throws `InputError` naming `file` and the header field that is wrong. */
export function readNpy(bytes: Uint8Array, file: string): NpyArray {
  const { text, begin } = headerText(bytes, file);
  const header = parseHeader(text, file);
  const dtype = npyDtype(header.get("descr"), file);
  const isFortran = header.get("fortran_order");
  if (typeof isFortran !== "boolean") {
    throw new InputError(`${file}: header field fortran_order is not True or False`);
  }
  const shape = parseShape(header.get("shape"), dtype.bytes, file);

  const expected = size(shape) * dtype.bytes;
  const body = bytes.subarray(begin);
  if (body.length !== expected) {
    throw new InputError(
      `${file}: shape ${formatShape(shape)} takes ${expected} bytes of data, the file has ` +
        `${body.length}; ${body.length < expected ? "it is cut short" : "it is damaged"}`,
    );
  }
  const inOrder = isFortran && shape.length > 1 ? toRowMajor(body, shape, dtype.bytes) : body;
  if (dtype.kind === "scalar") return { shape, data: readScalars(dtype, inOrder) };
  return {
    shape: [...shape, dtype.fields.length],
    data: readRecords(dtype, inOrder),
    fields: dtype.fields.map(({ name }) => name),
  };
}

function headerText(bytes: Uint8Array, file: string): { text: string; begin: number } {
  if (bytes.length < 12 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new InputError(`${file}: not a .npy file (it does not start with \\x93NUMPY)`);
  }
  const major = bytes[6];
  if (major < 1 || major > 3 || bytes[7] !== 0) {
    throw new InputError(
      `${file}: .npy version ${major}.${bytes[7]}; only 1.0, 2.0 and 3.0 are read`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES) {
    throw new InputError(
      `${file}: the header has ${length} bytes; the limit is ${MAX_HEADER_BYTES}`,
    );
  }
  const start = major === 1 ? 10 : 12;
  const begin = start + length;
  if (begin > bytes.length) {
    throw new InputError(`${file}: the file ends inside its header; it is cut short`);
  }
  try {
    const encoding = major === 3 ? "utf-8" : "latin1";
    const text = new TextDecoder(encoding, { fatal: true }).decode(bytes.subarray(start, begin));
    return { text, begin };
  } catch {
    throw new InputError(`${file}: the header is not UTF-8; the file is damaged`);
  }
}

const HEADER_FIELDS = ["descr", "fortran_order", "shape"];

function parseHeader(text: string, file: string): Map<string, PythonLiteral> {
  let header: PythonLiteral;
  try {
    header = parsePythonLiteral(text);
  } catch (error) {
    throw new InputError(`${file}: header: ${(error as Error).message}; the file is damaged`);
  }
  if (!(header instanceof Map) || [...header.keys()].sort().join() !== HEADER_FIELDS.join()) {
    throw new InputError(`${file}: the header is not a dict of ${HEADER_FIELDS.join(", ")}`);
  }
  return header;
}

function parseShape(shape: PythonLiteral | undefined, itemBytes: number, file: string): Shape {
  const isAxis = (axis: PythonLiteral): axis is number =>
    typeof axis === "number" && Number.isSafeInteger(axis) && axis >= 0;
  if (!Array.isArray(shape) || shape.length > MAX_AXES || !shape.every(isAxis)) {
    throw new InputError(`${file}: header field shape is not a tuple of whole numbers from 0`);
  }
  // Zeros are left out, because they would hide that the other axes are impossibly long.
  if (!Number.isSafeInteger(size(shape.filter((axis) => axis > 0)) * itemBytes)) {
    throw new InputError(`${file}: shape ${formatShape(shape)} is impossibly large`);
  }
  return shape;
}

/** Items stored first axis fastest, reordered to last axis fastest. */
function toRowMajor(items: Uint8Array, shape: Shape, itemBytes: number): Uint8Array {
  const out = new Uint8Array(items.length);
  const steps: number[] = [];
  let step = itemBytes;
  for (const axis of shape) {
    steps.push(step);
    step *= axis;
  }
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; to += itemBytes) {
    for (let byte = 0; byte < itemBytes; byte++) out[to + byte] = items[from + byte];
    // The next index, last axis first, and where its item lies.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < shape[axis]) break;
      from -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

const DESCRIPTIONS = {
  f32: "<f4",
  f64: "<f8",
  i8: "|i1",
  u8: "|u1",
  i16: "<i2",
  u16: "<u2",
  i32: "<i4",
  u32: "<u4",
  i64: "<i8",
  u64: "<u8",
} as const;

/**
 * The bytes of a version 1 .npy file, as `numpy.save` writes it. Throws InputError if
 * `shape` does not fit and for data that is not a typed array of a known type.
 */
export function writeNpy(data: HostData, shape: Shape): Uint8Array {
  const descr = DESCRIPTIONS[elementType(data, "writeNpy: data")];
  checkShape("writeNpy", shape);
  if (size(shape) !== data.length) {
    throw new InputError(`writeNpy: ${formatShape(shape)} does not have ${data.length} elements`);
  }
  const axes = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${axes}, }`;
  const begin = Math.ceil((10 + header.length + 1) / 64) * 64; // Aligned for programs that map the file.
  const file = new Uint8Array(begin + data.byteLength);
  file.set([...MAGIC, 1, 0]);
  new DataView(file.buffer).setUint16(8, begin - 10, true);
  file.set(new TextEncoder().encode(`${header.padEnd(begin - 11)}\n`), 10);
  file.set(encodeElements(data), begin);
  return file;
}
