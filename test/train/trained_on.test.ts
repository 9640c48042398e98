// Evaluations say how many of their moments the student was trained on, by what the images hold:
// another split, a copy and another name of the same moment do not hide it.
import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ddad } from "../../src/data/ddad.ts";
import type { DataSource } from "../../src/data/data_source.ts";
import { folder } from "../../src/data/folder.ts";
import { withLidarShare } from "../../src/data/lidar_share.ts";
import { loader } from "../../src/data/loader.ts";
import { placeOf } from "../../src/data/order.ts";
import { describeMoments } from "../../src/train/evaluation_words.ts";
import {
  formatMoments,
  parseMoments,
  recordMoments,
  trainedIds,
} from "../../src/train/training_moments.ts";
import { writeFolder } from "../cli/folder_fixture.ts";
import { DGP_FILES, writeDgp } from "../data/dgp_fixture.ts";
import { writeAsFolder } from "./dgp_folder.ts";
import { tinySource } from "./tiny.ts";

let root = "";
const at = (...path: string[]): string => join(root, ...path);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-trained-on-"));
  await writeFolder(at("data"), true);
  await writeDgp(at("dgp"));
});
afterAll(() => rmSync(root, { recursive: true }));

const EVERYWHERE = { share: 1, steps: 1 };
const ALL = { steps: 1000, seed: 0, maySkip: false, lidar: EVERYWHERE };

async function knownIds(trained: DataSource, evaluated: DataSource): Promise<string[]> {
  const moments = await recordMoments(trained);
  expect(parseMoments(formatMoments(moments), "test")).toEqual(moments);
  return [...(await trainedIds(evaluated, moments, ALL))].toSorted();
}

test("splits that are apart share nothing, one split is all known", async () => {
  const [train, heldOut] = [
    await folder(at("data"), "train"),
    await folder(at("data"), "held-out"),
  ];
  expect(await knownIds(train, heldOut)).toEqual([]);
  expect(await knownIds(train, train)).toEqual(["folder/m0", "folder/m1"]);
  expect(await knownIds(tinySource("train"), tinySource("held-out"))).toEqual([]);
});

test("a set whose scene is in both splits is known in both", async () => {
  const [train, heldOut] = [await ddad(at("dgp"), "train"), await ddad(at("dgp"), "held-out")];
  expect(await knownIds(train, heldOut)).toHaveLength(1);
});

test("a copy under another name with other moment names is known", async () => {
  cpSync(at("data"), at("copy"), { recursive: true });
  for (const kind of ["images", "depth"]) {
    renameSync(at("copy", kind, "m1"), at("copy", kind, "renamed"));
  }
  const train = await folder(at("data"), "train");
  const copy = await folder(at("copy"), "train");
  expect(await knownIds(train, copy)).toEqual(["folder/m0", "folder/renamed"]);
});

test("moments of other images are not known by their names", async () => {
  await writeFolder(at("other"), true);
  for (const camera of ["front", "rear"]) {
    cpSync(at("data/images/m2", `${camera}.jpg`), at("other/images/m0", `${camera}.jpg`));
  }
  const train = await folder(at("data"), "train");
  expect(await knownIds(train, await folder(at("other"), "train"))).toEqual(["folder/m1"]);
});

test("the same images in another form of data are known", async () => {
  const train = await ddad(at("dgp"), "train");
  const images = { CAMERA_01: at("dgp", DGP_FILES.front), CAMERA_09: at("dgp", DGP_FILES.back) };
  writeAsFolder(at("as_folder"), train, { any: images });
  expect(await knownIds(train, await folder(at("as_folder"), "held-out"))).toEqual(["folder/any"]);
});

test("only what the steps came to counts, unless others may have taken their places", async () => {
  const source = tinySource("train");
  const moments = await recordMoments(source);
  const one = { steps: 1, seed: 4, maySkip: false, lidar: EVERYWHERE };
  const seen = await trainedIds(source, moments, one);
  const first = placeOf(0, source.count, 4).order[0];
  expect([...seen]).toEqual([`tiny/train/${first}`]);
  expect((await trainedIds(source, moments, { ...one, maySkip: true })).size).toBe(4);
});

test("with LiDAR on a share of the moments, what the loader gave counts", async () => {
  const seed = 4;
  const source = await withLidarShare(tinySource("train"), { share: 0.5, seed });
  const moments = await recordMoments(source);
  const size = { height: 32, width: 32 };
  for (const steps of [0.25, 0.5, 1]) {
    const samples = loader(source, {
      seed,
      size,
      augment: false,
      badSamples: "stop",
      labelledSteps: steps,
    });
    const given = new Set<string>();
    for (let step = 0; step < 6; step++) {
      const progress = { steps: step, seed, maySkip: false, lidar: { share: 0.5, steps } };
      expect(await trainedIds(source, moments, progress)).toEqual(given);
      given.add((await samples.step(step)).sample.id);
    }
  }
});

test("a moment whose image cannot be read is not known, and does not stop the others", async () => {
  cpSync(at("data"), at("broken"), { recursive: true });
  const broken = await folder(at("broken"), "train");
  rmSync(at("broken/images/m0/front.jpg"));
  const train = await folder(at("data"), "train");
  expect(await knownIds(train, broken)).toEqual(["folder/m1"]);
  expect(await knownIds(broken, train)).toEqual(["folder/m1"]);
});

test("a change behind the part that is hashed shows in the length, not in itself", async () => {
  cpSync(at("data"), at("longer"), { recursive: true });
  writeFileSync(at("longer/images/m0/front.jpg"), "x", { flag: "a" });
  const train = await folder(at("data"), "train");
  expect(await knownIds(train, await folder(at("longer"), "train"))).toEqual(["folder/m1"]);
});

test.each([
  ["held-out", 12, 0, "12 held-out moments"],
  ["held-out", 1, 0, "1 held-out moment"],
  ["held-out", 3, 3, "3 of 3 moments were trained on"],
  ["train", 3, 1, "1 of 3 moments was trained on"],
  ["train", 3, 0, "3 moments of the train split, none trained on"],
  ["held-out", 3, null, "3 moments; it is not known whether the student was trained on them"],
] as const)("%s moments, %d, %s of them known: %s", (split, moments, trained_on, words) => {
  expect(describeMoments(split, { moments, trained_on })).toBe(words);
});
