// Reads published test vectors: `<folder>/<source>/<Operator>.json`, each a header and cases of
// tensors with the values that an operator must give. Knows the file format, no operator.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { widenHalf } from "../../src/tensor/half.ts";
import { InputError } from "../../src/tensor/error.ts";
import { formatShape, size, type Shape } from "../../src/tensor/shape.ts";

/** Element types of the vectors. */
export const DTYPES = [
  "float16",
  "float32",
  "float64",
  "bool",
  "int8",
  "uint8",
  "int32",
  "uint32",
  "int64",
  "uint64",
] as const;
/** One of the element types. */
export type DType = (typeof DTYPES)[number];

/**
 * A tensor of a case: its values, rounded to its dtype, as doubles (64-bit integers beyond 2^53
 * lose their last bits).
 */
export interface VectorTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: Float64Array;
}

/**
 * How near a result must come; several bounds add up as in NumPy's allclose, `ulp` stands alone.
 */
export interface Tolerance {
  readonly atol?: number;
  readonly rtol?: number;
  /** Units in the last place of the output's dtype. */
  readonly ulp?: number;
  /** Units in the last place of float64. */
  readonly ulp64?: number;
}

/** One published case. */
export interface VectorCase {
  readonly id: string;
  /** Folder it came from. */
  readonly source: string;
  /** File it came from, for messages. */
  readonly file: string;
  /** The operator in the source's own name, under which it is counted. */
  readonly operator: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The whole record, for the keys that only some sources have (args, nodes, optimizer …). */
  readonly record: Readonly<Record<string, unknown>>;
  /** null: an optional input left out. */
  readonly inputs: readonly (VectorTensor | null)[];
  readonly outputs: readonly (VectorTensor | null)[];
  /** Gradients of a loss by the outputs; empty in cases without gradients. */
  readonly d_outputs: readonly (VectorTensor | null)[];
  /** Expected gradients by inputs of the same name. */
  readonly gradients: readonly VectorTensor[];
  /** Values along a trajectory, named `tensor@iterationK` (optimisers only). */
  readonly expected: readonly VectorTensor[];
  readonly tolerance: Tolerance;
  /** Why the case cannot be read, such as an unknown element type; else null. */
  readonly unreadable: string | null;
}

/** A tensor that this reader cannot interpret: the case is not offered. */
export class UnknownValueError extends InputError {
  override name = "UnknownValueError";
}

/** Tolerance of cases in the source `own` that state none. */
export const OWN_TOLERANCE: Tolerance = { atol: 1e-5, rtol: 1e-4 };

const tensorRecord = z.object({
  name: z.string().default(""),
  shape: z.array(z.int().min(0)),
  dtype: z.string().default("float32"),
  data: z.array(z.unknown()).optional(),
  b64: z.string().optional(),
});
const toleranceRecord = z.object({
  atol: z.number().min(0).optional(),
  rtol: z.number().min(0).optional(),
  ulp: z.number().min(0).optional(),
  ulp64: z.number().min(0).optional(),
});
const optionalTensor = tensorRecord.nullable();
const caseRecord = z.looseObject({
  id: z.string(),
  op: z.string().optional(),
  attrs: z.record(z.string(), z.unknown()).nullish(),
  inputs: z.array(optionalTensor).default([]),
  outputs: z.array(optionalTensor).default([]),
  dy: z.union([tensorRecord, z.array(optionalTensor)]).optional(),
  grads: z.array(tensorRecord).default([]),
  expected: z.array(tensorRecord).default([]),
  tol: toleranceRecord.optional(),
});
const fileRecord = z.object({
  header: z
    .looseObject({ tolerance: z.union([toleranceRecord, z.string()]).optional() })
    .optional(),
  cases: z.array(z.unknown()),
});

/** Names of the sources in a folder of vectors: its sub-folders that hold JSON files. */
export function vectorSources(folder: string): string[] {
  if (!isFolder(folder)) throw new InputError(`${folder}: no such folder of test vectors`);
  const sources = readdirSync(folder)
    .filter((name) => isFolder(join(folder, name)) && jsonFiles(join(folder, name)).length > 0)
    .toSorted();
  if (sources.length === 0) {
    throw new InputError(`${folder}: holds no vectors; expected <source>/<Operator>.json below it`);
  }
  return sources;
}

/**
 * All cases of one source, file by file; one that is damaged is unreadable, with its reason. Throws
 * InputError for a file that is no JSON of cases.
 */
export function readSource(folder: string, source: string): VectorCase[] {
  const path = join(folder, source);
  return jsonFiles(path).flatMap((name) => {
    const file = join(path, name);
    return readCases(readFileSync(file, "utf8"), source, file);
  });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function jsonFiles(path: string): string[] {
  return readdirSync(path)
    .filter((name) => name.endsWith(".json"))
    .toSorted();
}

/**
 * The cases in the text of one file. In the source `own` each case names its operator, elsewhere
 * the file does.
 */
export function readCases(text: string, source: string, file: string): VectorCase[] {
  let json: unknown;
  try {
    json = JSON.parse(plainJson(text));
  } catch (error) {
    throw new InputError(`${file}: not JSON: ${(error as Error).message}`, { cause: error });
  }
  const { header, cases } = checked(fileRecord, json, file);
  const shared = typeof header?.tolerance === "object" ? header.tolerance : undefined;
  return cases.map((item, i) => {
    const at = `${file}: case ${i}`;
    const parsed = caseRecord.safeParse(item);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const why = `${at}: ${issue?.path.join(".")}: ${issue?.message}`;
      const operator = source === "own" ? "unknown" : basename(file, ".json");
      return {
        ...NOTHING,
        id: nameOf(item) ?? `case ${i}`,
        source,
        file,
        operator,
        unreadable: why,
      };
    }
    const record = parsed.data;
    const where = `${file}: ${record.id}`;
    const named = source === "own" ? record.op : basename(file, ".json");
    if (named === undefined) throw new InputError(`${where}: needs "op"`);
    let unreadable: string | null = null;
    const tensor = (given: z.infer<typeof tensorRecord>): VectorTensor => {
      try {
        return decode(given);
      } catch (error) {
        if (!(error instanceof UnknownValueError)) throw error;
        unreadable ??= error.message;
        const { name, shape } = given;
        return { name, shape, dtype: "float32", values: new Float64Array(size(shape)) };
      }
    };
    const optional = (given: z.infer<typeof optionalTensor>): VectorTensor | null =>
      given === null ? null : tensor(given);
    const { dy = [] } = record;
    const read = {
      id: record.id,
      source,
      file,
      operator: named,
      attributes: record.attrs ?? {},
      record,
      inputs: record.inputs.map(optional),
      outputs: record.outputs.map(optional),
      d_outputs: Array.isArray(dy) ? dy.map(optional) : [tensor(dy)],
      gradients: record.grads.map(tensor),
      expected: record.expected.map(tensor),
      tolerance: record.tol ?? shared ?? (source === "own" ? OWN_TOLERANCE : {}),
    };
    return { ...read, unreadable };
  });
}

function nameOf(item: unknown): string | null {
  if (typeof item !== "object" || item === null || !("id" in item)) return null;
  return typeof item.id === "string" ? item.id : null;
}

/** JSON as Python writes it, with a byte order mark and bare NaN and Infinity, as plain JSON. */
function plainJson(text: string): string {
  return text
    .replace(/^\ufeff/, "")
    .replaceAll(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (part) =>
      part.startsWith('"') ? part : `"${part}"`,
    );
}

/** A case of which nothing could be read. */
const NOTHING = {
  attributes: {},
  record: {},
  inputs: [],
  outputs: [],
  d_outputs: [],
  gradients: [],
  expected: [],
  tolerance: {},
};

function checked<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new InputError(`${where}: ${issue?.path.join(".")}: ${issue?.message}`);
}

function decode(record: z.infer<typeof tensorRecord>): VectorTensor {
  const { name, shape, data, b64 } = record;
  const dtype = DTYPES.find((known) => known === record.dtype);
  if (dtype === undefined) {
    throw new UnknownValueError(`tensor ${name} has elements of type ${record.dtype}`);
  }
  if ((data === undefined) === (b64 === undefined)) {
    throw new UnknownValueError(`tensor ${name} needs either data or b64`);
  }
  const values =
    data === undefined ? fromBytes(b64!, dtype, `tensor ${name}`) : fromNumbers(data, dtype, name);
  if (values.length !== size(shape)) {
    const what = `tensor ${name}${formatShape(shape)}`;
    throw new UnknownValueError(`${what} needs ${size(shape)} numbers, has ${values.length}`);
  }
  return { name, shape, dtype, values };
}

/**
 * Decimals are the shortest that give the float back exactly, so they are rounded to the dtype
 * before use.
 */
function fromNumbers(data: readonly unknown[], dtype: DType, name: string): Float64Array {
  const doubles = Float64Array.from(data, (item, i) => {
    const value = numberFrom(item);
    if (value !== null && holds(dtype, value)) return value;
    const shown = typeof item === "object" && item !== null ? "a list" : JSON.stringify(item);
    throw new UnknownValueError(`tensor ${name} has ${shown} at index ${i}, no ${dtype}`);
  });
  return dtype === "float32" ? Float64Array.from(Float32Array.from(doubles)) : doubles;
}

/** A number as JSON or a word has it; null where it is none. */
function numberFrom(item: unknown): number | null {
  if (typeof item === "number") return item;
  if (typeof item === "boolean") return Number(item);
  if (typeof item !== "string") return null;
  if (/^[+-]?\d+(\.\d*)?(e[+-]?\d+)?$/i.test(item)) return Number(item);
  const [, sign = "", word = ""] = /^([+-]?)(nan|inf|infinity)$/i.exec(item) ?? [];
  if (word === "") return null;
  if (word.toLowerCase() === "nan") return Number.NaN;
  return sign === "-" ? -Infinity : Infinity;
}

/** Least and greatest of the integers; 64-bit ones lose their last bits beyond 2^53. */
const INTEGERS: Partial<Record<DType, readonly [least: number, most: number]>> = {
  bool: [0, 255],
  int8: [-128, 127],
  uint8: [0, 255],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
};

function holds(dtype: DType, value: number): boolean {
  const range = INTEGERS[dtype];
  if (range === undefined) return true;
  return Number.isInteger(value) && value >= range[0] && value <= range[1];
}

function fromBytes(b64: string, dtype: DType, what: string): Float64Array {
  const bytes = Uint8Array.from(Buffer.from(b64, "base64"));
  if (bytes.length % BYTES[dtype] !== 0) {
    throw new UnknownValueError(`${what}: ${bytes.length} bytes are no whole number of ${dtype}`);
  }
  const { buffer } = bytes;
  switch (dtype) {
    case "float16":
      return Float64Array.from(widenHalf(new Uint16Array(buffer)));
    case "float32":
      return Float64Array.from(new Float32Array(buffer));
    case "float64":
      return new Float64Array(buffer);
    case "bool":
    case "uint8":
      return Float64Array.from(bytes);
    case "int8":
      return Float64Array.from(new Int8Array(buffer));
    case "int32":
      return Float64Array.from(new Int32Array(buffer));
    case "uint32":
      return Float64Array.from(new Uint32Array(buffer));
    case "int64":
      return Float64Array.from(new BigInt64Array(buffer), Number);
    case "uint64":
      return Float64Array.from(new BigUint64Array(buffer), Number);
    default:
      return dtype satisfies never;
  }
}

const BYTES: Record<DType, number> = {
  float16: 2,
  float32: 4,
  float64: 8,
  bool: 1,
  int8: 1,
  uint8: 1,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
};
