// Coloured point clouds as binary PLY, readable by MeshLab, CloudCompare and Open3D. No meshes.
// Source: Greg Turk's "The PLY Polygon File Format" (1994).
//
//   text header: ply, format, comments, element vertex N, properties, end_header | N packed rows
import { InputError } from "../tensor/error.ts";
import { checkOptions } from "../tensor/options.ts";
import { elementBytes, elementType, type ElementType } from "./elements.ts";
import { LIMITS } from "./limits.ts";

/** Points and their sRGB colours. */
export interface PointCloud {
  /** `[N, 3]`: x, y, z in metres. */
  readonly positions_m: Float32Array;
  /** `[N, 3]`: red, green, blue. */
  readonly colors: Uint8Array;
}

const FORMAT = "binary_little_endian 1.0";
const POSITION = ["x", "y", "z"];
const COLOR = ["red", "green", "blue"];
const ROW_BYTES = 15;

/**
 * The bytes of a binary little-endian PLY; each comment is one line. Throws
 * InputError on unequal lengths and for arrays of other types.
 */
export function writePly(cloud: PointCloud, comments: readonly string[] = []): Uint8Array {
  checkOptions("writePly", cloud, { positions_m: "any", colors: "any" });
  const { positions_m, colors } = cloud;
  if (elementType(colors, "writePly: colors") !== "u8") {
    throw new InputError("writePly: colors are not bytes; give a Uint8Array of 0 to 255");
  }
  if (!elementType(positions_m, "writePly: positions_m").startsWith("f")) {
    throw new InputError("writePly: positions_m are whole numbers; give a Float32Array");
  }
  const count = positions_m.length / 3;
  if (!Number.isInteger(count) || colors.length !== positions_m.length) {
    throw new InputError(
      `writePly: ${positions_m.length} coordinates, ${colors.length} colour samples`,
    );
  }
  const lines = [
    "ply",
    `format ${FORMAT}`,
    ...comments.map((comment) => `comment ${comment.replace(/\s+/g, " ")}`),
    `element vertex ${count}`,
    ...POSITION.map((name) => `property float ${name}`),
    ...COLOR.map((name) => `property uchar ${name}`),
    "end_header",
    "",
  ];
  const header = new TextEncoder().encode(lines.join("\n"));
  const file = new Uint8Array(header.length + count * ROW_BYTES);
  file.set(header);
  const view = new DataView(file.buffer, header.length);
  for (let point = 0; point < count; point++) {
    for (let axis = 0; axis < 3; axis++) {
      const from = point * 3 + axis;
      view.setFloat32(point * ROW_BYTES + axis * 4, positions_m[from], true);
      view.setUint8(point * ROW_BYTES + 12 + axis, colors[from]);
    }
  }
  return file;
}

// Both spellings of the format's scalar types.
const TYPES = new Map<string, ElementType>([
  ["char", "i8"],
  ["int8", "i8"],
  ["uchar", "u8"],
  ["uint8", "u8"],
  ["short", "i16"],
  ["int16", "i16"],
  ["ushort", "u16"],
  ["uint16", "u16"],
  ["int", "i32"],
  ["int32", "i32"],
  ["uint", "u32"],
  ["uint32", "u32"],
  ["float", "f32"],
  ["float32", "f32"],
  ["double", "f64"],
  ["float64", "f64"],
]);

interface Property {
  readonly name: string;
  readonly type: ElementType;
  /** The type of the count before the values of a list; none where there is one value. */
  readonly listOf?: ElementType;
}

interface Element {
  readonly name: string;
  readonly count: number;
  readonly properties: Property[];
}

interface Header {
  readonly elements: readonly Element[];
  readonly begin: number;
}

/**
 * Reads the vertices of a binary little-endian PLY: float or double x y z and uchar red green blue,
 * all scalar. Other properties and other elements, such as faces, are ignored. Throws `InputError`
 * naming `file`.
 */
export function readPly(bytes: Uint8Array, file: string): PointCloud {
  const { elements, begin } = parseHeader(bytes, file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let cloud: PointCloud | undefined;
  let at = begin;
  for (const element of elements) {
    const rowBytes = fixedBytes(element);
    const isVertex = element.name === "vertex";
    if (isVertex && rowBytes === null) {
      throw new InputError(`${file}: element vertex has a list property; export the points alone`);
    }
    const columns = isVertex ? vertexColumns(element, file) : null;
    const end = rowBytes === null ? endOfLists(view, at, element) : at + element.count * rowBytes;
    if (end > bytes.length) {
      throw new InputError(
        `${file}: ${element.count} rows of element ${element.name} do not fit into the ` +
          `${bytes.length - at} bytes that are left; the file is cut short or damaged`,
      );
    }
    if (columns !== null) {
      const rows = new DataView(bytes.buffer, bytes.byteOffset + at, end - at);
      cloud = readVertices(rows, element.count, columns);
    }
    at = end;
  }
  if (at !== bytes.length) {
    throw new InputError(
      `${file}: ${bytes.length - at} bytes after its last element; the file is damaged`,
    );
  }
  if (cloud === undefined) throw new InputError(`${file}: the header has no "element vertex N"`);
  return cloud;
}

interface Column {
  readonly type: ElementType;
  readonly offset: number;
}

/** The columns of x y z and of red green blue; throws if one is missing or has another type. */
function vertexColumns({ properties }: Element, file: string): Column[][] {
  const columns = (names: readonly string[], types: readonly ElementType[]): Column[] =>
    names.map((name) => {
      const index = properties.findIndex((property) => property.name === name);
      const type = properties[index]?.type;
      if (type === undefined || !types.includes(type)) {
        throw new InputError(
          `${file}: vertex property ${name} is missing or not ${types.join("/")}`,
        );
      }
      const before = properties.slice(0, index);
      return { type, offset: before.reduce((sum, one) => sum + elementBytes(one.type), 0) };
    });
  return [columns(POSITION, ["f32", "f64"]), columns(COLOR, ["u8"])];
}

function readVertices(view: DataView, count: number, [position, color]: Column[][]): PointCloud {
  const rowBytes = view.byteLength / Math.max(1, count);
  const cloud = { positions_m: new Float32Array(count * 3), colors: new Uint8Array(count * 3) };
  for (let point = 0; point < count; point++) {
    const row = point * rowBytes;
    for (let axis = 0; axis < 3; axis++) {
      const { type, offset } = position[axis];
      cloud.positions_m[point * 3 + axis] =
        type === "f32" ? view.getFloat32(row + offset, true) : view.getFloat64(row + offset, true);
      cloud.colors[point * 3 + axis] = view.getUint8(row + color[axis].offset);
    }
  }
  return cloud;
}

/** Bytes of one row; null if a list makes rows differ. */
function fixedBytes({ properties }: Element): number | null {
  if (properties.some(({ listOf }) => listOf !== undefined)) return null;
  return properties.reduce((sum, { type }) => sum + elementBytes(type), 0);
}

/** End of the rows of an element with lists; beyond the file if it is cut short. */
function endOfLists(view: DataView, begin: number, { count, properties }: Element): number {
  let at = begin;
  for (let row = 0; row < count; row++) {
    for (const { type, listOf } of properties) {
      if (listOf === undefined) at += elementBytes(type);
      else if (at + elementBytes(listOf) > view.byteLength) return Infinity;
      else at += elementBytes(listOf) + readCount(view, at, listOf) * elementBytes(type);
    }
    if (at > view.byteLength) return Infinity;
  }
  return at;
}

function readCount(view: DataView, at: number, type: ElementType): number {
  if (type === "u8" || type === "i8") return view.getUint8(at);
  return type === "u16" || type === "i16" ? view.getUint16(at, true) : view.getUint32(at, true);
}

function parseHeader(bytes: Uint8Array, file: string): Header {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, LIMITS.ply_header_bytes));
  const end = /\nend_header\r?\n/.exec(start);
  if (!/^ply\r?\n/.test(start) || !end) {
    throw new InputError(`${file}: not a PLY file (it needs "ply" and "end_header" lines)`);
  }
  const elements: Element[] = [];
  let format = "none";
  for (const [i, line] of start.slice(0, end.index).split(/\r?\n/).slice(1).entries()) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    const fail = (fault: string): never => {
      throw new InputError(`${file}: header line ${i + 2}: ${fault}`);
    };
    if (keyword === "comment" || keyword === "obj_info") continue;
    if (keyword === "format") {
      format = words.join(" ").slice(0, 40);
    } else if (keyword === "element") {
      const [name, count] = words as [string?, string?];
      if (name === undefined || !/^\d{1,10}$/.test(count ?? ""))
        fail("not an element with a count");
      if (elements.some((element) => element.name === name)) fail(`element ${name} appears twice`);
      elements.push({ name: name!, count: Number(count), properties: [] });
    } else if (keyword === "property") {
      const property = parseProperty(words);
      const properties = elements.at(-1)?.properties;
      if (property === null || properties === undefined) fail("not a property of an element");
      else if (properties.some(({ name }) => name === property.name)) {
        fail(`property ${property.name} appears twice`);
      } else properties.push(property);
    } else fail("its keyword is unknown");
  }
  if (format !== FORMAT) {
    throw new InputError(`${file}: PLY format ${format}; save it as ${FORMAT}`);
  }
  return { elements, begin: end.index + end[0].length };
}

function parseProperty(words: readonly string[]): Property | null {
  const isList = words[0] === "list";
  const [spelling, name] = words.slice(isList ? 2 : 0) as [string?, string?];
  const type = TYPES.get(spelling ?? "");
  const listOf = TYPES.get(words[1] ?? "");
  if (type === undefined || name === undefined) return null;
  if (!isList) return { name, type };
  return listOf === undefined || listOf.startsWith("f") ? null : { name, type, listOf };
}
