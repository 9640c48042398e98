// The vehicle's own body in view: it changes the bins of the world by less than one, for the built-in
// teacher and for files, disparity and depth.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { writeNpy } from "../../src/formats/npy.ts";
import { builtinTeacher } from "../../src/teacher/builtin_teacher.ts";
import { fileTeacher } from "../../src/teacher/file_teacher.ts";
import { usableAt } from "../../src/teacher/relative_depth.ts";
import type { Teacher } from "../../src/teacher/teacher.ts";
import { indexOf } from "../support/teacher_index.ts";

const SIZE = { height: 64, width: 128 };
const HALF = { height: 32, width: 64 };
const PLANE = HALF.height * HALF.width;
const BINS = 64;
const SIDE_REAR = 2;

const options = { split: "train", seed: 0, moments: 1 } as const;
const withBody = await builtinRig({ ...options, body: "car" }).sample(0, SIZE);
/** The same street without the car, where the pixels that it would hide are left out. */
const bare: RigSample = {
  ...(await builtinRig(options).sample(0, SIZE)),
  usable: withBody.usable,
};

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "ringdepth-body-"));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

/** A folder with the dense depth of a sample as maps of a foundation model. */
async function folder(kind: "depth" | "disparity", sample: RigSample): Promise<string> {
  const path = await mkdtemp(join(root, "maps-"));
  await mkdir(join(path, sample.id), { recursive: true });
  await writeFile(join(path, "teacher.json"), JSON.stringify({ kind, name: "a model" }));
  const plane = SIZE.height * SIZE.width;
  for (const [view, { name }] of sample.cameras.entries()) {
    const depth_m = sample.dense_depth_m!.subarray(view * plane, (view + 1) * plane);
    const farthest = depth_m.map((d) => (d > 0 ? d : 200));
    const map = kind === "depth" ? farthest : farthest.map((d) => 1 / d);
    await writeFile(join(path, sample.id, `${name}.npy`), writeNpy(map, [SIZE.height, SIZE.width]));
  }
  return path;
}

/** The largest change of the world's index in bins, and that where nobody asks what is the body. */
async function changes(of: (sample: RigSample) => Promise<Teacher>): Promise<[number, number]> {
  const index = async (sample: RigSample, usable: Uint8Array): Promise<Float32Array> =>
    await indexOf(await of(sample), { ...sample, usable }, HALF);
  const all = withBody.usable.map(() => 1);
  const [asked, unasked, without] = [
    await index(withBody, withBody.usable),
    await index(withBody, all),
    await index(bare, withBody.usable),
  ];
  const worst = [0, 0];
  for (const view of withBody.cameras.keys()) {
    const own = withBody.usable.subarray(view * 4 * PLANE, (view + 1) * 4 * PLANE);
    usableAt(own, SIZE, HALF).forEach((flag, pixel) => {
      if (flag === 0) return;
      const at = view * PLANE + pixel;
      [asked, unasked].forEach((map, i) => {
        worst[i] = Math.max(worst[i], BINS * Math.abs(map[at] - without[at]));
      });
    });
  }
  return [worst[0], worst[1]];
}

test("the car hides 26 % of a side-rear view", () => {
  const own = withBody.usable.subarray(SIDE_REAR * 4 * PLANE, (SIDE_REAR + 1) * 4 * PLANE);
  expect(own.filter((flag) => flag === 0).length / own.length).toBeCloseTo(0.26, 2);
});

test.each<[string, (sample: RigSample) => Promise<Teacher>]>([
  ["built-in", async () => await Promise.resolve(builtinTeacher(0))],
  ["disparity files", async (sample) => await fileTeacher(await folder("disparity", sample))],
  ["depth files", async (sample) => await fileTeacher(await folder("depth", sample))],
])("%s: the world keeps its bins", async (name, of) => {
  const [asked, unasked] = await changes(of);
  expect(asked).toBeLessThan(1);
  // A body is a percentile of disparity, much nearer than the world; of depth it is one of many.
  if (name !== "depth files") expect(unasked).toBeGreaterThan(20);
});
