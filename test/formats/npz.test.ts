// npz: archives of numpy itself, and a real LiDAR file of DDAD where it is at hand.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { writeNpy } from "../../src/formats/npy.ts";
import { openNpz, readNpz } from "../../src/formats/npz.ts";
import { expectRefused, FILE, tryDamaged } from "./damage.ts";

// numpy 2.4.6: b = io.BytesIO()
// np.savez(b, depth=np.array([[1, 2]], "<f4"), k=np.array([7], "u1")); b64encode(b.getvalue())
const SAVEZ = Buffer.from(
  "UEsDBC0AAAAAAAAAIQCxRkXq//////////8JABQAZGVwdGgubnB5AQAQAIgAAAAAAAAAiAAAAAAAAACTTlVNUFkBAHYA" +
    "eydkZXNjcic6ICc8ZjQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMSwgMiksIH0gICAgICAgICAg" +
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgCgAAgD8AAABAUEsDBC0AAAAAAAAA" +
    "IQBOF8Up//////////8FABQAay5ucHkBABAAgQAAAAAAAACBAAAAAAAAAJNOVU1QWQEAdgB7J2Rlc2NyJzogJ3x1MScs" +
    "ICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgxLCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAg" +
    "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKB1BLAQItAy0AAAAAAAAAIQCxRkXqiAAAAIgAAAAJAAAAAAAA" +
    "AAAAAACAAQAAAABkZXB0aC5ucHlQSwECLQMtAAAAAAAAACEAThfFKYEAAACBAAAABQAAAAAAAAAAAAAAgAHDAAAAay5u" +
    "cHlQSwUGAAAAAAIAAgBqAAAAewEAAAAA",
  "base64",
);
// np.savez_compressed(b, np.zeros((2, 2), "<f4"))
const SAVEZ_COMPRESSED = Buffer.from(
  "UEsDBC0AAAAIAAAAIQBPpDwS//////////8JABQAYXJyXzAubnB5AQAQAJAAAAAAAAAASQAAAAAAAACb7BfqGxDJyFDG" +
    "UK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgpGmjoKtQpkAy4GNAAAUEsBAi0D" +
    "LQAAAAgAAAAhAE+kPBJJAAAAkAAAAAkAAAAAAAAAAAAAAIABAAAAAGFycl8wLm5weVBLBQYAAAAAAQABADcAAACEAAAA" +
    "AAA=",
  "base64",
);

test("reads numpy's own archives, stored and compressed", () => {
  const stored = openNpz(SAVEZ, FILE);
  expect(stored.names).toEqual(["depth", "k"]);
  expect(stored.read("depth")).toEqual({ shape: [1, 2], data: Float32Array.of(1, 2) });
  expect(stored.read("k").data).toEqual(Uint8Array.of(7));
  const compressed = openNpz(SAVEZ_COMPRESSED, FILE);
  expect(compressed.read("arr_0")).toEqual({ shape: [2, 2], data: new Float32Array(4) });
});

const ARRAY = writeNpy(Float32Array.of(1, 2), [2]);
const OBJECTS = npyOf("|O");
const TEXTS = npyOf("<U3");

/** A .npy file of one element of another type than numbers. */
function npyOf(descr: string): Uint8Array {
  const bytes = Buffer.from(writeNpy(new Float32Array(1), [1]));
  const header = bytes.toString("latin1").replace("'<f4'", `'${descr}'`.padEnd(5));
  return Buffer.from(header, "latin1");
}

test.each<[string, Record<string, Uint8Array>]>([
  ["pickled objects", { "labels.npy": OBJECTS, "data.npy": ARRAY }],
  ["texts", { "names.npy": TEXTS, "data.npy": ARRAY }],
  ["a note", { "README.txt": Buffer.from("hello"), "data.npy": ARRAY }],
  ["a folder", { "more/": new Uint8Array(0), "data.npy": ARRAY }],
  ["a damaged array", { "a.npy": ARRAY.subarray(0, 20), "data.npy": ARRAY }],
  ["a name without ending for the wanted one", { "a.npy": OBJECTS, data: ARRAY }],
  ["no array of the name", { "a.npy": OBJECTS, "b.txt": ARRAY, "points.npy": ARRAY }],
])("reads the wanted array beside %s", (_, members) => {
  const { data } = readNpz(zipSync(members), FILE, "data");
  expect(data).toEqual(Float32Array.of(1, 2));
});

test.each<[string, Record<string, Uint8Array>, RegExp]>([
  ["is pickled", { "data.npy": OBJECTS, "a.npy": ARRAY }, /member "data\.npy": .*pickled/],
  ["is cut short", { "data.npy": ARRAY.subarray(0, 20) }, /member "data\.npy": .*ends inside/],
  ["is missing", { "a.txt": Uint8Array.of(1) }, /no array "data"; the archive has no array/],
  ["is missing and others are bad", { "a.npy": OBJECTS }, /member "a\.npy": .*pickled/],
])("names the wanted array where it %s", async (_, members, pattern) => {
  await expectRefused(() => readNpz(zipSync(members), FILE, "data"), pattern);
});

test.each([
  ["stored", SAVEZ],
  ["compressed", SAVEZ_COMPRESSED],
])("a cut %s archive is always refused, other damage never crashes", async (_, archive) => {
  const { cut, prefixes } = await tryDamaged(archive, 1000, (bytes) => {
    readNpz(bytes, FILE, "data");
  });
  expect(cut).toBe(prefixes);
});

const LIDAR = "../shared/data/ddad-mini/scene_02/point_cloud/LIDAR";

test.skipIf(!existsSync(LIDAR))(`reads DDAD's point clouds (skipped without ${LIDAR})`, () => {
  const files = readdirSync(LIDAR).map((name) => join(LIDAR, name));
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const { shape, data } = readNpz(readFileSync(file), file, "data");
    expect(data).toBeInstanceOf(Float64Array);
    expect(shape).toEqual([data.length / 4, 4]);
    expect(shape[0]).toBeGreaterThan(40_000);
    // x, y, z in metres and reflectance from 0 to 1: a spinning LiDAR sees 250 m at most.
    expect((data as Float64Array).every((value) => Math.abs(value) < 300)).toBe(true);
  }
});
