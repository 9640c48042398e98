// numpy's `descr`: the type of one item of a .npy file, and items as host arrays. npy.ts reads the
// rest of the file. Source: numpy/lib/format.py `dtype_to_descr`, the array interface's "typestr".
import { InputError } from "../tensor/error.ts";
import { decodeElements, elementBytes, type ElementType, type HostData } from "./elements.ts";
import type { PythonLiteral } from "./python_literal.ts";

/** An item of one number. */
export interface ScalarDtype {
  kind: "scalar";
  type: ElementType;
  isBigEndian: boolean;
  /** Size of an item. */
  bytes: number;
}

/** An item of several named numbers. */
export interface StructuredDtype {
  kind: "structured";
  fields: readonly { name: string; offset: number; dtype: ScalarDtype }[];
  /** Size of an item, padding included. */
  bytes: number;
}

// Kind letter and size; booleans are bytes.
const TYPES = new Map<string, ElementType>([
  ["b1", "u8"],
  ["i1", "i8"],
  ["u1", "u8"],
  ["i2", "i16"],
  ["u2", "u16"],
  ["i4", "i32"],
  ["u4", "u32"],
  ["i8", "i64"],
  ["u8", "u64"],
  ["f2", "f16"],
  ["f4", "f32"],
  ["f8", "f64"],
]);

/**
 * The dtype that a header's `descr` states: a typestr such as `'<f4'` or a list of names and
 * typestrs. Throws `InputError` for pickles, texts, complex numbers, sub-arrays, nested structures.
 */
export function npyDtype(
  descr: PythonLiteral | undefined,
  file: string,
): ScalarDtype | StructuredDtype {
  if (!Array.isArray(descr)) return scalarDtype(descr, `${file}: header field descr`);
  const fields: StructuredDtype["fields"][number][] = [];
  let offset = 0;
  for (const field of descr as readonly PythonLiteral[]) {
    if (!Array.isArray(field) || field.length !== 2 || typeof field[0] !== "string") {
      throw new InputError(
        `${file}: header field descr: only (name, type) fields are read, not titles or ` +
          `sub-arrays; save the columns as a plain array`,
      );
    }
    const [name, type] = field as [string, PythonLiteral];
    const padding = name === "" && typeof type === "string" ? /^\|V(\d{1,4})$/.exec(type) : null;
    if (padding) {
      // An aligned C struct has nameless bytes between its fields.
      offset += Number(padding[1]);
      continue;
    }
    if (fields.some((other) => other.name === name)) {
      throw new InputError(`${file}: header field descr: ${JSON.stringify(name)} appears twice`);
    }
    const dtype = scalarDtype(type, `${file}: header field descr: ${JSON.stringify(name)}`);
    fields.push({ name, offset, dtype });
    offset += dtype.bytes;
  }
  if (fields.length === 0) throw new InputError(`${file}: header field descr has no fields`);
  return { kind: "structured", fields, bytes: offset };
}

const SHOWN_LENGTH = 40;

function scalarDtype(typestr: PythonLiteral | undefined, where: string): ScalarDtype {
  const match = typeof typestr === "string" ? /^([<>|=])([a-zA-Z]\d*)$/.exec(typestr) : null;
  const type = match ? TYPES.get(match[2]) : undefined;
  if (match && type !== undefined) {
    return { kind: "scalar", type, isBigEndian: match[1] === ">", bytes: elementBytes(type) };
  }
  if (match?.[2] === "O") {
    throw new InputError(`${where}: pickled Python objects are not read; save numbers instead`);
  }
  const found = JSON.stringify(typestr)?.slice(0, SHOWN_LENGTH);
  throw new InputError(`${where}: type ${found} is not one of ${[...TYPES.keys()].join(" ")}`);
}

/** Items of one number as a host array; shares memory with `items` where it can. */
export function readScalars(dtype: ScalarDtype, items: Uint8Array): HostData {
  return decodeElements(dtype.type, dtype.isBigEndian ? swapped(items, dtype.bytes) : items);
}

function swapped(items: Uint8Array, itemBytes: number): Uint8Array {
  const out = new Uint8Array(items);
  for (let at = 0; at < out.length; at += itemBytes) out.subarray(at, at + itemBytes).reverse();
  return out;
}

/** Items of F named numbers as f64 rows `[N, F]`; integers beyond 2^53 are rounded to nearest. */
export function readRecords(dtype: StructuredDtype, items: Uint8Array): Float64Array {
  const count = items.length / dtype.bytes;
  const rows = new Float64Array(count * dtype.fields.length);
  for (const [field, { offset, dtype: scalar }] of dtype.fields.entries()) {
    const column = new Uint8Array(count * scalar.bytes);
    for (let row = 0; row < count; row++) {
      const from = row * dtype.bytes + offset;
      column.set(items.subarray(from, from + scalar.bytes), row * scalar.bytes);
    }
    const values = readScalars(scalar, column);
    for (let row = 0; row < count; row++) {
      rows[row * dtype.fields.length + field] = Number(values[row]);
    }
  }
  return rows;
}
