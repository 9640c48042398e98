// Teacher maps with metres, bins, centres, an embedding or a mask: what becomes of each kind, and
// what is said of files that are wrong.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import { writeNpy } from "../../src/formats/npy.ts";
import { checkedMaps } from "../../src/teacher/checked_teacher.ts";
import { fileModel, fileTeacher, type StudentUnits } from "../../src/teacher/file_teacher.ts";
import type { TeacherMaps } from "../../src/teacher/teacher.ts";
import { InputError } from "../../src/tensor/error.ts";

const [H, W, K, E] = [4, 6, 8, 3];
const SIZE = { height: H, width: W };
const PLANE = H * W;
const rig = builtinRig({ split: "train", seed: 0, moments: 1 });
const sample = await rig.sample(0, { height: 2 * H, width: 2 * W });
const units: StudentUnits = { bins: K, scale: rig };
/** Metres of a centre of 1 in a view. */
const unit_m = (view: number): number => {
  const { fx, width } = sample.cameras[view];
  return 80 * (fx / width / (rig.focalReference_px / 640));
};

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "teacher-kinds-"));
});
afterAll(() => rmSync(root, { recursive: true }));

type Arrays = Readonly<Record<string, readonly [Float32Array, number[]]>>;
let folders = 0;
/** A folder in which every camera has the same arrays, by suffix. */
function folder(about: Record<string, unknown>, arrays: Arrays): string {
  const path = join(root, String(folders++));
  mkdirSync(join(path, sample.id), { recursive: true });
  writeFileSync(join(path, "teacher.json"), JSON.stringify({ name: "a model", ...about }));
  for (const { name } of sample.cameras) {
    for (const [suffix, [data, shape]] of Object.entries(arrays)) {
      writeFileSync(join(path, sample.id, `${name}${suffix}.npy`), writeNpy(data, shape));
    }
  }
  return path;
}
const array = (axes: number[], value: (i: number) => number): readonly [Float32Array, number[]] => {
  const length = axes.reduce((a, b) => a * b, 1);
  return [Float32Array.from({ length }, (_, i) => value(i)), axes];
};
const read = async (path: string): Promise<TeacherMaps> =>
  await checkedMaps(await fileTeacher(path, units), sample, SIZE, K);

const DEPTH = array([H, W], (i) => (i === 5 ? 0 : 2 + i));
const BINOMIAL = array([H, W, 2], (i) => (i % 2 === 0 ? 0.3 + i / 1000 : 2));
const CENTERS = array([H, W, K], (i) => 1 + (i % K) + i / 1000);

describe("a folder of", () => {
  test("metric depth gives metres, and places in log depth before the focal scale", async () => {
    const { depth_m, index } = await read(folder({ kind: "metric_depth" }, { "": DEPTH }));
    for (const view of [0, 3]) {
      expect(depth_m!.subarray(view * PLANE, (view + 1) * PLANE)).toEqual(DEPTH[0]);
      const place = Math.log((10 / unit_m(view)) * 80) / Math.log(80);
      expect(index![view * PLANE + 8]).toBeCloseTo(place, 6);
      expect(index![view * PLANE + 5]).toBe(1);
    }
    // The rear camera's focal length is another one.
    expect(index![8]).not.toBeCloseTo(index![3 * PLANE + 8], 3);
  });

  test("metric depth at twice the size is a mean over pixels that have one", async () => {
    const twice = array([2 * H, 2 * W], (i) => (i === 0 ? 8 : i === 1 ? 4 : i < 12 ? 3 : 0));
    const { depth_m } = await read(folder({ kind: "metric_depth" }, { "": twice }));
    expect(depth_m!.subarray(0, 3)).toEqual(Float32Array.of(6, 3, 3));
    expect(depth_m![W]).toBe(0);
  });

  test("log depth gives places that ascend with it", async () => {
    const log = array([H, W], (i) => Math.log(1 + i));
    const { index, ...rest } = await read(folder({ kind: "log_depth" }, { "": log }));
    expect(index!.subarray(0, PLANE)).toEqual(index!.slice(0, PLANE).toSorted());
    expect(rest).toEqual({});
    const model = await fileModel(folder({ kind: "relative_depth" }, { "": log }));
    expect(model.kind).toBe("depth");
    const logarithms = await fileModel(folder({ kind: "log_depth" }, { "": log }));
    expect(logarithms.kind).toBe("log_depth");
  });

  test("(pi, t) gives them as they are", async () => {
    const { pi, t } = await read(folder({ kind: "binomial", bins: K }, { "": BINOMIAL }));
    expect(pi!.subarray(0, PLANE)).toEqual(BINOMIAL[0].filter((_, i) => i % 2 === 0));
    expect(t).toEqual(new Float32Array(sample.cameras.length * PLANE).fill(2));
  });

  test("logits gives the log-binomial of their mean and variance", async () => {
    // Those of a plain binomial with pi = 0.3: t is 1.
    const choose = (k: number): number => {
      let log = 0;
      for (let i = 1; i <= k; i++) log += Math.log((K - i) / i);
      return log;
    };
    const logit = (k: number): number =>
      choose(k) + k * Math.log(0.3) + (K - 1 - k) * Math.log(0.7);
    const logits = array([H, W, K], (i) => logit(i % K) - 40);
    const { pi, t } = await read(folder({ kind: "logits", bins: K }, { "": logits }));
    for (const i of [0, 100]) {
      expect(pi![i]).toBeCloseTo(0.3, 5);
      expect(t![i]).toBeCloseTo(1, 4);
    }
    const sharp = array([H, W, K], (i) => (i % K === 2 ? 500 : 0));
    const found = await read(folder({ kind: "logits", bins: K }, { "": sharp }));
    expect(found.pi![7]).toBeCloseTo(2 / (K - 1), 6);
    expect(found.t![7]).toBeCloseTo(0.0212, 6);
  });

  test("centres in metres gives them in the student's units", async () => {
    const about = { kind: "binomial", bins: K, centers: true };
    const { centers } = await read(folder(about, { "": BINOMIAL, ".centers": CENTERS }));
    for (const view of [0, 3]) {
      const own = centers!.subarray(view * PLANE * K, (view + 1) * PLANE * K);
      own.forEach((c, i) => expect(c * unit_m(view)).toBeCloseTo(CENTERS[0][i], 4));
    }
  });

  test("an embedding and a mask beside any kind", async () => {
    const embedding = array([H, W, E], (i) => Math.sin(i));
    const mask = array([H, W], (i) => (i % 3 === 0 ? 0 : 255));
    const about = { kind: "disparity", embedding: E, mask: true };
    const found = await read(folder(about, { "": DEPTH, ".embedding": embedding, ".mask": mask }));
    expect(found.embedding!.subarray(0, PLANE * E)).toEqual(embedding[0]);
    expect(found.mask!.subarray(0, 4)).toEqual(Float32Array.of(0, 1, 1, 0));
    expect(found.index).toHaveLength(sample.cameras.length * PLANE);
  });
});

describe("is refused by file:", () => {
  const camera = sample.cameras[0].name;
  const reading =
    (arrays: Arrays, about: Record<string, unknown>): (() => Promise<unknown>) =>
    async () =>
      await read(folder(about, arrays));
  const set = ([data, axes]: readonly [Float32Array, number[]], i: number, value: number) =>
    [data.map((v, k) => (k === i ? value : v)), axes] as const;
  const bins = { kind: "binomial", bins: K };
  test.each<[string, () => Promise<unknown>, string]>([
    ["a kind nobody knows", reading({ "": DEPTH }, { kind: "metres" }), "teacher.json: kind"],
    ["a key nobody knows", reading({ "": DEPTH }, { kind: "depth", scale: 2 }), "teacher.json"],
    ["bins that are not counted", reading({}, { kind: "binomial" }), "need the number of bins"],
    ["other bins", reading({}, { kind: "binomial", bins: 64 }), "set head.bins to 64"],
    [
      "a negative depth",
      reading({ "": set(DEPTH, 7, -1) }, { kind: "metric_depth" }),
      `${camera}.npy: element [1, 1] is -1; expected metres`,
    ],
    [
      "depth of several channels",
      reading({ "": BINOMIAL }, { kind: "metric_depth" }),
      `${camera}.npy: has shape [4, 6, 2], expected [h, w]`,
    ],
    [
      "pi above 1",
      reading({ "": set(BINOMIAL, 4, 1.5) }, bins),
      `${camera}.npy: element [0, 2, 0] is 1.5; expected pi`,
    ],
    [
      "t of 0",
      reading({ "": set(BINOMIAL, 5, 0) }, bins),
      "element [0, 2, 1] is 0; expected t above 0",
    ],
    [
      "logits of other bins",
      reading({ "": BINOMIAL }, { kind: "logits", bins: K }),
      "expected [h, w, 8]",
    ],
    [
      "centres that are missing",
      reading({ "": BINOMIAL }, { ...bins, centers: true }),
      "no teacher map",
    ],
    [
      "centres that fall",
      reading({ "": BINOMIAL, ".centers": set(CENTERS, 9, 0.5) }, { ...bins, centers: true }),
      "element [0, 1, 1] is 0.5; centres must ascend",
    ],
    [
      "an embedding with NaN",
      reading(
        { "": DEPTH, ".embedding": array([H, W, E], (i) => (i === 4 ? Number.NaN : 0)) },
        { kind: "depth", embedding: E },
      ),
      `${camera}.embedding.npy: element [0, 1, 1] is NaN`,
    ],
    [
      "a mask below 0",
      reading({ "": DEPTH, ".mask": array([H, W], () => -1) }, { kind: "depth", mask: true }),
      `${camera}.mask.npy: element [0, 0] is -1; expected 0 where`,
    ],
  ])("%s", async (_, act, message) => {
    await expect(act()).rejects.toThrow(InputError);
    await expect(act()).rejects.toThrow(message);
  });

  test("a kind with bins where a relative map is needed, or with no student to fit", async () => {
    const path = folder(bins, { "": BINOMIAL });
    await expect(fileModel(path)).rejects.toThrow("kind binomial is not a relative map");
    await expect(fileTeacher(path)).rejects.toThrow("needs a student's bins");
  });
});

test("identity follows the bytes of every file and what is declared", async () => {
  const about = { kind: "depth", mask: true };
  const mask = array([H, W], () => 1);
  const identity = async (arrays: Arrays, changed = {}): Promise<string> =>
    await (
      await fileTeacher(folder({ ...about, ...changed }, arrays), units)
    ).identity!(sample);
  const first = await identity({ "": DEPTH, ".mask": mask });
  expect(await identity({ "": DEPTH, ".mask": mask })).toBe(first);
  const other = array([H, W], (i) => (i === 0 ? 0 : 1));
  expect(await identity({ "": DEPTH, ".mask": other })).not.toBe(first);
  expect(await identity({ "": DEPTH, ".mask": mask }, { kind: "disparity" })).not.toBe(first);
});
