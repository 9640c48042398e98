// PLY: the format's bytes, round trips, clouds of other programs, broken files.
import { expect, test } from "vitest";
import { readPly, writePly } from "../../src/formats/ply.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { expectRefused, FILE, tryDamaged } from "./damage.ts";

const CLOUD = {
  positions_m: Float32Array.of(1, -2, 0.5, 10, 20, 30),
  colors: Uint8Array.of(255, 0, 1, 2, 3, 4),
};

const HEADER = `ply
format binary_little_endian 1.0
comment made by hand
element vertex 2
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
end_header
`;

test("writes the format's bytes: a text header, then 15 bytes a point", () => {
  const file = Buffer.from(writePly(CLOUD, ["made\nby hand"]));
  expect(file.subarray(0, HEADER.length).toString()).toBe(HEADER);
  expect(file.subarray(HEADER.length).toString("hex")).toBe(
    "0000803f000000c00000003fff0001000020410000a0410000f041020304",
  );
});

test.each([0, 1, 2, 100])("a cloud of %i points comes back", (count) => {
  const random = randomStream(count);
  const cloud = {
    positions_m: Float32Array.from({ length: count * 3 }, () => random.normal() * 50),
    colors: Uint8Array.from({ length: count * 3 }, () => random.integer(256)),
  };
  expect(readPly(writePly(cloud), FILE)).toEqual(cloud);
});

test("the writer refuses lengths that do not belong together", () => {
  expect(() => writePly({ ...CLOUD, colors: new Uint8Array(3) })).toThrow(
    /6 coordinates, 3 colour/,
  );
  const four = { positions_m: new Float32Array(4), colors: new Uint8Array(4) };
  expect(() => writePly(four)).toThrow(/4 coordinates/);
});

test("reads doubles, other orders and spellings, more properties, and Windows line ends", () => {
  const header = [
    "ply",
    "format binary_little_endian 1.0",
    "obj_info by another program",
    "element vertex 1",
    "property uint8 blue",
    "property uint8 green",
    "property uint8 red",
    "property float64 x",
    "property double y",
    "property float32 z",
    "property short ring",
    "end_header",
    "",
  ].join("\r\n");
  const row = Buffer.alloc(3 + 8 + 8 + 4 + 2);
  row.set([3, 2, 1]);
  row.writeDoubleLE(0.1, 3);
  row.writeDoubleLE(-5, 11);
  row.writeFloatLE(2.5, 19);
  expect(readPly(Buffer.concat([Buffer.from(header), row]), FILE)).toEqual({
    positions_m: Float32Array.of(0.1, -5, 2.5),
    colors: Uint8Array.of(1, 2, 3),
  });
});

test("leaves other elements out, with lists before the vertices and after them", () => {
  const header = [
    "ply",
    "format binary_little_endian 1.0",
    "element camera 2",
    "property list uchar ushort marks",
    "property float focal",
    ...HEADER.split("\n").slice(3, -2),
    "element face 1",
    "property list int uint vertex_indices",
    "end_header",
    "",
  ].join("\n");
  const cameras = Buffer.from("0211112222000000000000000000", "hex");
  const face = Buffer.from("03000000" + "00000000".repeat(3), "hex");
  const vertices = writePly(CLOUD).subarray(-30);
  expect(readPly(Buffer.concat([Buffer.from(header), cameras, vertices, face]), FILE)).toEqual(
    CLOUD,
  );
});

const DATA = Buffer.from(writePly(CLOUD).subarray(-30));
const changed = (from: string, to: string): Uint8Array =>
  Buffer.concat([Buffer.from(HEADER.replace(from, to)), DATA]);

test.each<[string, Uint8Array, RegExp]>([
  ["no bytes", new Uint8Array(0), /not a PLY file/],
  ["a header without an end", Buffer.from("ply\nformat ascii 1.0\n"), /not a PLY file/],
  ["text", changed("binary_little_endian", "ascii"), /PLY format ascii 1\.0; save it as/],
  ["big-endian", changed("little", "big"), /PLY format binary_big_endian/],
  ["no format", changed("format binary_little_endian 1.0\n", ""), /PLY format none/],
  ["no vertices", Buffer.from("ply\nformat binary_little_endian 1.0\nend_header\n"), /no "element/],
  ["no vertices, but faces", changed("vertex 2", "face 2"), /the header has no "element vertex N"/],
  [
    "two vertex elements",
    changed("comment made by hand", "element vertex 0"),
    /vertex appears twice/,
  ],
  [
    "faces that are missing",
    changed("end_header", "element face 3\nproperty uchar flags\nend_header"),
    /3 rows of element face do not fit into the 0 bytes/,
  ],
  [
    "lists beyond the file",
    changed("end_header", "element face 9\nproperty list uint int i\nend_header"),
    /9 rows of element face do not fit/,
  ],
  [
    "a count of a list that is a fraction",
    changed("end_header", "element face 0\nproperty list float int i\nend_header"),
    /line 12: not a property/,
  ],
  ["a property before any element", changed("comment made", "property int"), /line 3: not a prop/],
  ["a count that is none", changed("vertex 2", "vertex -2"), /line 4: not an element with a count/],
  [
    "a list",
    changed("property uchar red", "property list uchar int red"),
    /element vertex has a list property/,
  ],
  ["an unknown type", changed("property float x", "property half x"), /line 5: not a property/],
  ["a property without a name", changed("float x", "float"), /line 5: not a property/],
  ["a repeated property", changed("float y", "float x"), /line 6: property x appears twice/],
  ["an unknown keyword", changed("comment", "remark"), /line 3: its keyword is unknown/],
  ["no z", changed("property float z\n", ""), /vertex property z is missing/],
  ["integer x", changed("float x", "int x"), /vertex property x is missing or not f32\/f64/],
  [
    "16-bit colours",
    changed("uchar red", "ushort red"),
    /vertex property red is missing or not u8/,
  ],
  [
    "too few points",
    changed("vertex 2", "vertex 3"),
    /3 rows of element vertex do not fit into the 30 bytes/,
  ],
  ["too many points", changed("vertex 2", "vertex 1"), /15 bytes after its last element/],
])("refuses %s", (_, bytes, pattern) => expectRefused(() => readPly(bytes, FILE), pattern));

test("a cut file is always refused, other damage never crashes", async () => {
  const bytes = writePly(CLOUD);
  const { cut, prefixes } = await tryDamaged(bytes, 1000, (damaged) => readPly(damaged, FILE));
  expect(cut).toBe(prefixes);
});
