// What a resumed run may change: the place of its data, where it is the same data. What it keeps:
// the scale of its metres, whatever the source says now.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DataSource } from "../../src/data/data_source.ts";
import { InputError } from "../../src/tensor/error.ts";
import { readStudent } from "../../src/train/student_file.ts";
import { earlierOrigin, originOf, requireSameData } from "../../src/train/student_origin.ts";
import { runOrigin } from "../../src/train/resume.ts";
import { train, type TrainedRun } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-resume-"));
});
afterAll(() => rmSync(root, { recursive: true }));

const source = tinySource("train");
const config = tinyConfig({ steps: 4, checkpoint_every: 2, data: "folder:/old" });

async function run(name: string, more: Partial<Parameters<typeof train>[0]>): Promise<TrainedRun> {
  const all = { gpu, config, source, teacher: tinyTeacher, resume: false, ...more };
  const trained = await train({ ...all, out: join(root, name) });
  await trained.close();
  return trained;
}

async function stopped(name: string): Promise<void> {
  const controller = new AbortController();
  const onStep = (): void => controller.abort();
  const { interrupted } = await run(name, { signal: controller.signal, onStep });
  expect(interrupted).toBe(true);
}

test("moved data is accepted, and neither its place nor its scale changes a weight", async () => {
  await run("whole", {});
  await stopped("moved");
  const moved: DataSource = {
    ...source,
    name: "folder:/new",
    protocol: { ...source.protocol, cap_m: 50 },
    focalReference_px: 900,
  };
  await run("moved", { resume: true, source: moved, config: { ...config, data: "folder:/new" } });
  const [whole, other] = await Promise.all(
    ["whole", "moved"].map((name) => readStudent(join(root, name), (text) => expect.fail(text))),
  );
  expect(other.config.data).toBe("folder:/new");
  expect(readFileSync(join(root, "moved", "config.yaml"), "utf8")).toContain("folder:/new");
  expect({ ...other.origin, depth_max_m: other.depth_max_m }).toEqual({
    ...whole.origin,
    depth_max_m: 80,
  });
  const student = (name: string): Buffer => {
    const bytes = readFileSync(join(root, name, "student.safetensors"));
    return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
  };
  expect(student("moved").equals(student("whole"))).toBe(true);
});

const content = (index: number): DataSource["identify"] => {
  return async (i) => ({
    ...(await source.identify(i)),
    ...(i === index && { content: "other images" }),
  });
};

test.each<[string, Partial<DataSource>, string]>([
  ["a moment more", { count: 5 }, "it has 5 moments, the run was trained on 4"],
  ["other images", { identify: content(2) }, "the images of its moment 3 of 4 are not those"],
  ["other moments", tinySource("held-out"), "its moment 1 of 4 has another id than in training"],
  [
    "other cameras",
    { cameras: source.cameras.map((one, i) => (i === 1 ? { ...one, name: "SIDE" } : one)) },
    "its cameras are CAM_FRONT, SIDE, CAM_BACK_LEFT, the run was trained on CAM_FRONT, ",
  ],
  [
    "another calibration",
    { cameras: source.cameras.map((one, i) => (i === 1 ? { ...one, fx: 700 } : one)) },
    "camera CAM_FRONT_LEFT has another calibration",
  ],
])("%s: refused, with what differs and what to do", async (_name, change, message) => {
  const stored = await originOf(source);
  const found = await originOf({ ...source, ...change });
  const refuse = (): void => requireSameData(stored, found, "folder:/new");
  expect(refuse).toThrow(InputError);
  expect(refuse).toThrow(`folder:/new: ${message}`);
  expect(refuse).toThrow("give its place with --data");
});

test("a checkpoint of an earlier version goes on with its own scale and a message", async () => {
  const messages: string[] = [];
  const onMessage = (text: string): number => messages.push(text);
  const found = await originOf(source);
  const about = { config: { ...config, data: "ddad:/x" }, source, onMessage };
  const { scale, moments } = runOrigin(about, { depth_max_m: 200 }, found);
  expect(scale).toEqual(earlierOrigin("ddad:/x", 200).scale);
  expect(moments).toEqual(found.moments);
  expect(messages).toEqual([expect.stringContaining("cannot be checked")]);
});
