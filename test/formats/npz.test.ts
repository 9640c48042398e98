// npz: archives of numpy itself, and a real LiDAR file of DDAD where it is at hand.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { writeNpy } from "../../src/formats/npy.ts";
import { readNpz } from "../../src/formats/npz.ts";
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
  const stored = readNpz(SAVEZ, FILE);
  expect([...stored.keys()]).toEqual(["depth", "k"]);
  expect(stored.get("depth")).toEqual({ shape: [1, 2], data: Float32Array.of(1, 2) });
  expect(stored.get("k")!.data).toEqual(Uint8Array.of(7));
  const compressed = readNpz(SAVEZ_COMPRESSED, FILE);
  expect(compressed.get("arr_0")).toEqual({ shape: [2, 2], data: new Float32Array(4) });
});

test("refuses members that are no arrays, naming them", async () => {
  const member = zipSync({ "a.txt": Uint8Array.of(1) });
  await expectRefused(() => readNpz(member, FILE), /member "a\.txt" is not a \.npy array/);
  const broken = zipSync({ "a.npy": writeNpy(Float32Array.of(1), [1]).subarray(0, 20) });
  await expectRefused(() => readNpz(broken, FILE), /member "a\.npy": the file ends inside/);
});

test.each([
  ["stored", SAVEZ],
  ["compressed", SAVEZ_COMPRESSED],
])("a cut %s archive is always refused, other damage never crashes", async (_, archive) => {
  const { cut, prefixes } = await tryDamaged(archive, 1000, (bytes) => readNpz(bytes, FILE));
  expect(cut).toBe(prefixes);
});

const LIDAR = "../shared/data/ddad-mini/scene_02/point_cloud/LIDAR";

test.skipIf(!existsSync(LIDAR))(`reads DDAD's point clouds (skipped without ${LIDAR})`, () => {
  const files = readdirSync(LIDAR).map((name) => join(LIDAR, name));
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const { shape, data } = readNpz(readFileSync(file), file).get("data")!;
    expect(data).toBeInstanceOf(Float64Array);
    expect(shape).toEqual([data.length / 4, 4]);
    expect(shape[0]).toBeGreaterThan(40_000);
    // x, y, z in metres and reflectance from 0 to 1: a spinning LiDAR sees 250 m at most.
    expect((data as Float64Array).every((value) => Math.abs(value) < 300)).toBe(true);
  }
});
