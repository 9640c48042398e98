// Coloured point clouds as binary PLY, which MeshLab, CloudCompare and Open3D open. No meshes.
// Source: Greg Turk's "The PLY Polygon File Format" (1994).
//
//   text header: ply, format, comments, element vertex N, properties, end_header | N packed rows
import { InputError } from "../tensor/error.ts";
import { elementBytes, type ElementType } from "./elements.ts";

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

/** The bytes of a binary little-endian PLY; each comment is one line. Throws on unequal lengths. */
export function writePly(cloud: PointCloud, comments: readonly string[] = []): Uint8Array {
  const { positions_m, colors } = cloud;
  const count = positions_m.length / 3;
  if (!Number.isInteger(count) || colors.length !== positions_m.length) {
    throw new Error(`writePly: ${positions_m.length} coordinates, ${colors.length} colour samples`);
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
  readonly type: ElementType;
  readonly offset: number;
}

interface Header {
  readonly count: number;
  readonly properties: Map<string, Property>;
  readonly rowBytes: number;
  readonly begin: number;
}

const MAX_HEADER_BYTES = 65_536; // Room for many comments; a body is not searched for the end.

/**
 * Reads a binary little-endian PLY whose only element is `vertex`, with float or double x y z and
 * uchar red green blue; other scalar properties are left out. Throws `InputError` naming `file`.
 */
export function readPly(bytes: Uint8Array, file: string): PointCloud {
  const { count, properties, rowBytes, begin } = parseHeader(bytes, file);
  const columns = (names: readonly string[], types: readonly ElementType[]): Property[] =>
    names.map((name) => {
      const property = properties.get(name);
      if (property && types.includes(property.type)) return property;
      throw new InputError(`${file}: vertex property ${name} is missing or not ${types.join("/")}`);
    });
  const position = columns(POSITION, ["f32", "f64"]);
  const color = columns(COLOR, ["u8"]);
  const expected = count * rowBytes;
  if (bytes.length - begin !== expected) {
    throw new InputError(
      `${file}: ${count} vertices take ${expected} bytes, the file has ${bytes.length - begin} ` +
        `after its header; it is cut short or damaged`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + begin, expected);
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

function parseHeader(bytes: Uint8Array, file: string): Header {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, MAX_HEADER_BYTES));
  const end = /\nend_header\r?\n/.exec(start);
  if (!/^ply\r?\n/.test(start) || !end) {
    throw new InputError(`${file}: not a PLY file (it needs "ply" and "end_header" lines)`);
  }
  const properties = new Map<string, Property>();
  let count: number | undefined;
  let rowBytes = 0;
  let format = "none";
  for (const line of start.slice(0, end.index).split(/\r?\n/).slice(1)) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    const where = `${file}: header line ${JSON.stringify(line)}`;
    if (keyword === "comment" || keyword === "obj_info") continue;
    if (keyword === "format") {
      format = words.join(" ");
    } else if (keyword === "element") {
      if (words[0] !== "vertex" || count !== undefined || !/^\d{1,10}$/.test(words[1] ?? "")) {
        throw new InputError(
          `${where}: only one "element vertex N" is read; export the points alone`,
        );
      }
      count = Number(words[1]);
    } else if (keyword === "property") {
      const [spelling, name] = words as [string?, string?];
      const type = TYPES.get(spelling ?? "");
      if (type === undefined || name === undefined || count === undefined || properties.has(name)) {
        throw new InputError(`${where}: not a scalar property of vertex with its own name`);
      }
      properties.set(name, { type, offset: rowBytes });
      rowBytes += elementBytes(type);
    } else {
      throw new InputError(`${where}: unknown keyword`);
    }
  }
  if (format !== FORMAT) {
    throw new InputError(`${file}: PLY format ${format}; save it as ${FORMAT}`);
  }
  if (count === undefined) throw new InputError(`${file}: the header has no "element vertex N"`);
  return { count, properties, rowBytes, begin: end.index + end[0].length };
}
