// Folders of predictions: the names and formats that are read, and the faults that are named.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it, test } from "vitest";
import { predictionFolder, type PredictedMaps } from "../../src/evaluate/prediction_folder.ts";
import { writeNpy } from "../../src/formats/npy.ts";
import { writeGrey16Png } from "../../src/formats/png16.ts";

const CAMERAS = [{ name: "front" }, { name: "rear" }];
let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-predictions-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(bytes: Uint8Array | string, ...path: string[]): void {
  const file = join(root, ...path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}
const npy = (values: number[], shape: number[] = [1, 2]): Uint8Array =>
  writeNpy(Float32Array.from(values), shape);
const png = async (...data: number[]): Promise<Uint8Array> =>
  await writeGrey16Png({ height: 1, width: data.length, data: Uint16Array.from(data) });

async function read(id: string, png_scale?: number): Promise<PredictedMaps> {
  const folder = await predictionFolder(root, { none_m: 80, ...(png_scale && { png_scale }) });
  return await folder.maps({ id, cameras: CAMERAS });
}

it("reads a moment under folders, and as predict names it", async () => {
  put(npy([1, 2]), "a", "b", "front.npy");
  put(npy([3, 4], [1, 2, 1]), "a", "b", "rear.npy");
  expect(await read("a/b")).toEqual({
    values: Float32Array.of(1, 2, 3, 4),
    size: { height: 1, width: 2 },
  });
  put(npy([5, 6]), "c_d", "front.npy");
  put(npy([7, 8]), "c_d", "rear.npy");
  expect([...(await read("c/d")).values]).toEqual([5, 6, 7, 8]);
});

it("reads 16-bit PNG in steps per metre, and prefers npy beside it", async () => {
  put(await png(256, 640), "m", "front.png");
  put(await png(256, 640), "m", "rear.png");
  put(npy([9, 9]), "m", "rear.npy");
  expect([...(await read("m")).values]).toEqual([1, 2.5, 9, 9]);
  expect([...(await read("m", 128)).values]).toEqual([2, 5, 9, 9]);
});

it("takes the quantity from teacher.json, where 0 metres means none", async () => {
  put(await png(256, 0), "m", "front.png");
  put(npy([-1, 3]), "m", "rear.npy");
  put(JSON.stringify({ kind: "disparity", name: "model" }), "teacher.json");
  const folder = await predictionFolder(root, { none_m: 80 });
  expect(folder).toMatchObject({ name: "model", quantity: "disparity" });
  expect([...(await read("m")).values]).toEqual([256, 0, -1, 3]);
  put(JSON.stringify({ kind: "metric_depth", name: "model" }), "teacher.json");
  put(npy([0, 3]), "m", "rear.npy");
  expect([...(await read("m")).values]).toEqual([256, 80, 80, 3]);
});

it("reads the masks that teacher.json declares, at the size of their maps", async () => {
  put(JSON.stringify({ kind: "metric_depth", name: "model", mask: true }), "teacher.json");
  put(npy([1, 2]), "m", "front.npy");
  put(npy([3, 4]), "m", "rear.npy");
  await expect(read("m")).rejects.toThrow(/camera front: no mask .*front\.mask with \.npy/);
  put(npy([5, 0]), "m", "front.mask.npy");
  put(await png(0, 0, 1, 255), "m", "rear.mask.png");
  expect(await read("m")).toEqual({
    values: Float32Array.of(1, 2, 3, 4),
    size: { height: 1, width: 2 },
    counts: Uint8Array.of(1, 0, 0, 1),
  });
  for (const bad of [-1, Number.NaN, Infinity]) {
    put(npy([1, bad]), "m", "front.mask.npy");
    await expect(read("m")).rejects.toThrow(`row 0, column 1 is ${bad}; expected 0 where`);
  }
});

test.each<[string, () => void | Promise<void>, string]>([
  ["no folder of the moment", () => undefined, "sample x/y: "],
  ["no map of a camera", () => put(npy([1, 2]), "x_y", "front.npy"), "camera rear: no prediction"],
  ["another size", () => put(npy([1, 2], [2, 1]), "x_y", "rear.npy"), "rear.npy: has 2x1 pixels"],
  ["another rank", () => put(npy([1, 2], [2]), "x_y", "rear.npy"), "rear.npy: has shape [2]"],
  ["an empty map", () => put(npy([], [0, 2]), "x_y", "rear.npy"), "rear.npy: the map is empty"],
  ["NaN", () => put(npy([1, Number.NaN]), "x_y", "rear.npy"), "rear.npy: row 0, column 1 is NaN"],
  [
    "a negative depth",
    () => put(npy([-1, 2]), "x_y", "rear.npy"),
    "column 0 is -1; expected a depth",
  ],
  ["no depth", () => put(npy([0, 2]), "x_y", "rear.npy"), "a teacher.json of kind metric_depth"],
  ["a file cut short", () => put(npy([1, 2]).subarray(0, 70), "x_y", "rear.npy"), "rear.npy: "],
  ["8 bits", () => put("no picture", "x_y", "rear.png"), "rear.png: "],
  [
    "bins without depth",
    () => put(JSON.stringify({ kind: "logits", name: "m" }), "teacher.json"),
    "teacher.json: kind has no depth to evaluate; expected one of disparity",
  ],
])("names the file for %s", async (_, write, message) => {
  if (message !== "sample x/y: ") put(npy([1, 2]), "x_y", "front.npy");
  await write();
  await expect(read("x/y")).rejects.toThrow(message);
});

it("stays inside its folder, whatever a moment is called", async () => {
  await expect(read("../../etc")).rejects.toThrow("sample ../../etc: ");
  await expect(predictionFolder(join(root, "none"), { none_m: 80 })).rejects.toThrow(
    "no such folder of predictions",
  );
});
