// Whole commands on a tiny data set: what train writes, eval and predict read, and a signal ends.
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { takeLock } from "../../src/formats/lock_file.ts";
import { readNpy } from "../../src/formats/npy.ts";
import { firstRunWatch } from "../../src/gpu/pipelines.ts";
import { readPly } from "../../src/formats/ply.ts";
import { readDepthPng } from "../../src/formats/png16.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { METRIC_NAMES } from "../../src/evaluate/metrics.ts";
import { DGP_FILES, writeDgp } from "../data/dgp_fixture.ts";
import { writeFolder } from "./folder_fixture.ts";
import { gpu } from "../support/gpu.ts";
import { cli } from "./run.ts";

let root = "";
const at = (...path: string[]): string => join(root, ...path);
const SMALL = ["--size", "32x64"];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-commands-"));
  await writeFolder(at("data"), true);
  await writeFolder(at("images_only"), false);
  const run = await cli(
    "train",
    ...SMALL,
    "--data",
    `folder:${at("data")}`,
    "--steps",
    "3",
    "--out",
    at("run"),
  );
  expect(run.stderr).toBe("");
  expect(run.code).toBe(0);
  expect(run.stdout).toMatch(/^adapter: /);
  expect(run.stdout).toContain("AbsRel of the best constant depth per camera");
  expect(run.stdout).toContain(at("run", "report.html"));
});
afterAll(() => rmSync(root, { recursive: true }));

test("train writes the run folder", () => {
  expect(readdirSync(at("run")).toSorted()).toEqual([
    ".ringdepth-files.json",
    "checkpoints",
    "config.yaml",
    "depth",
    "events.out.tfevents.ringdepth",
    "metrics.jsonl",
    "report.html",
    "student.safetensors",
    "tuning.json",
  ]);
  expect(readdirSync(at("run", "checkpoints"))).toEqual(["step-3.safetensors"]);
  expect(readdirSync(at("run", "depth")).toSorted()).toEqual([
    ".ringdepth-files.json",
    "folder_m2_front.png",
    "folder_m2_panorama.png",
    "folder_m2_rear.png",
  ]);
  const lines = readFileSync(at("run", "metrics.jsonl"), "utf8").trim().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual([1, 2, 3]);
});

test("train does not write over a run that is there", async () => {
  const { code, stderr } = await cli("train", "--out", at("run"));
  expect(code).toBe(2);
  expect(stderr).toContain("holds a run already");
});

test("a finished run that is resumed is evaluated again and stays as it is", async () => {
  const before = readFileSync(at("run", "student.safetensors"));
  const { code, stdout } = await cli("train", "--resume", "--out", at("run"), "--json");
  expect(code).toBe(0);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  expect(result).toMatchObject({ steps: 3, interrupted: false, run: at("run") });
  expect(readFileSync(at("run", "student.safetensors")).equals(before)).toBe(true);
});

test("eval --json prints the metrics by camera and nothing else on stdout", async () => {
  const { code, stdout } = await cli(
    "eval",
    "--checkpoint",
    at("run", "student.safetensors"),
    "--json",
  );
  expect(code).toBe(0);
  const result = JSON.parse(stdout) as Record<string, Record<string, unknown>>;
  expect(result).toMatchObject({ protocol: "folder", cap_m: 80 });
  expect(Object.keys(result["cameras"])).toEqual(["front", "rear"]);
  for (const metrics of [result["all"], ...Object.values(result["cameras"])]) {
    for (const name of METRIC_NAMES) expect(metrics).toHaveProperty(name, expect.any(Number));
  }
});

test("eval reads a checkpoint as it reads a student", async () => {
  const [student, checkpoint] = await Promise.all(
    ["student.safetensors", "checkpoints/step-3.safetensors"].map((file) =>
      cli("eval", "--checkpoint", at("run", file), "--json"),
    ),
  );
  expect(checkpoint).toEqual(student);
});

test("eval says how many of its moments were trained on, and by what the metres are taken", async () => {
  // A run folder stands for its student.
  const held = await cli("eval", "--checkpoint", at("run"));
  expect(held.stdout).toContain("depths 0.1 to 80 m, 1 held-out moment\n");
  expect(held.stdout).toContain(
    "focal reference, 500 px, and depths up to 80 m, from its training",
  );
  cpSync(at("data"), at("another_name"), { recursive: true });
  const rig = JSON.parse(readFileSync(at("data", "rig.json"), "utf8")) as object;
  const shared = { ...rig, held_out: [], cap_m: 30 };
  writeFileSync(at("another_name", "rig.json"), JSON.stringify(shared));
  const args = ["eval", "--checkpoint", at("run"), "--data", `folder:${at("another_name")}`];
  const { code, stdout } = await cli(...args);
  expect(code).toBe(0);
  expect(stdout).toContain("depths 0.1 to 80 m, 2 of 3 moments were trained on\n");
  expect(stdout).toContain("the student was trained on some of these moments");
  expect(stdout).toContain("(training on this data would use 30 m)");
  expect(stdout).not.toContain("held-out");
  const json = JSON.parse((await cli(...args, "--json")).stdout) as unknown;
  const metres_by = {
    focal_reference_px: 500,
    depth_max_m: 80,
    trained_with: `folder:${at("data")}`,
  };
  expect(json).toMatchObject({ moments: 3, trained_on: 2, metres_by });
});

test("a run whose data moved says so, goes on with --data, and refuses other data", async () => {
  cpSync(at("run"), at("moved_run"), { recursive: true });
  const config = readFileSync(at("run", "config.yaml"), "utf8");
  const gone = config.replaceAll(at("data"), at("gone"));
  writeFileSync(at("moved_run", "config.yaml"), gone);
  const resume = ["train", "--resume", "--out", at("moved_run")];
  const lost = await cli(...resume);
  expect(lost.code).toBe(2);
  expect(lost.stderr).toContain(
    "no such folder; if the data moved, give its new place with --data",
  );
  await writeFolder(at("other_data"), true);
  cpSync(at("data/images/m2"), at("other_data/images/m0"), { recursive: true });
  const other = await cli(...resume, "--data", `folder:${at("other_data")}`);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("the images of its moment 1 of 2 are not those of training");
  // A run that was refused leaves nothing behind that splits the steps of later ones.
  expect(firstRunWatch(gpu)).toBeNull();
  const { code, stderr } = await cli(...resume, "--data", `folder:${at("data")}`);
  expect([code, stderr]).toEqual([0, ""]);
  expect(readFileSync(at("moved_run", "config.yaml"), "utf8")).toBe(config);
});

test("predict writes every file of every moment, for a folder without depth too", async () => {
  const data = `folder:${at("images_only")}`;
  const student = at("run", "student.safetensors");
  const { code } = await cli(
    "predict",
    "--checkpoint",
    student,
    "--data",
    data,
    "--out",
    at("depth"),
  );
  expect(code).toBe(0);
  expect(readdirSync(at("depth"))).toEqual(["folder_m2"]);
  expect(readdirSync(at("depth", "folder_m2")).toSorted()).toEqual([
    ".ringdepth-files.json",
    "front.npy",
    "front.png",
    "front_color.png",
    "panorama.png",
    "points.ply",
    "rear.npy",
    "rear.png",
    "rear_color.png",
  ]);
  const bytes = (name: string): Uint8Array => readFileSync(at("depth", "folder_m2", name));
  const { shape, data: depth_m } = readNpy(bytes("front.npy"), "front.npy");
  expect(shape).toEqual([32, 64]);
  expect(depth_m).toBeInstanceOf(Float32Array);
  const png = await readDepthPng(bytes("front.png"), "front.png");
  const worst_m = Math.max(...png.depth_m.map((d, i) => Math.abs(d - Number(depth_m[i]))));
  expect(worst_m).toBeLessThanOrEqual(0.5 / 256 + 1e-5);
  const { positions_m, colors } = readPly(bytes("points.ply"), "points.ply");
  expect(positions_m.length).toBeGreaterThan(0);
  expect(colors).toHaveLength(positions_m.length);
});

test("a camera that a manifest names ../../../x/evil is written below --out", async () => {
  await writeDgp(at("evil", "data"));
  for (const file of [DGP_FILES.scene, DGP_FILES.calibration]) {
    const path = at("evil", "data", file);
    const text = readFileSync(path, "utf8").replaceAll('"CAMERA_01"', '"../../../x/evil"');
    writeFileSync(path, text);
  }
  mkdirSync(at("evil", "x"));
  for (const name of ["evil.png", "evil.npy"]) writeFileSync(at("evil", "x", name), "canary");
  const student = at("run", "student.safetensors");
  const data = `ddad:${at("evil", "data")}`;
  const out = at("evil", "a", "out");
  const run = await cli("predict", "--checkpoint", student, "--data", data, "--out", out);
  expect(run.code, run.stderr).toBe(0);
  const folder = join(out, "000000_15616458249936530");
  expect(readdirSync(out)).toEqual(["000000_15616458249936530"]);
  expect(readdirSync(folder).filter((name) => name.endsWith(".npy"))).toEqual([
    "%2E.%2F..%2F..%2Fx%2Fevil.npy",
    "CAMERA_09.npy",
  ]);
  expect(readdirSync(at("evil")).toSorted()).toEqual(["a", "data", "x"]);
  for (const name of readdirSync(at("evil", "x"))) {
    expect(readFileSync(at("evil", "x", name), "utf8")).toBe("canary");
  }
});

test("predict keeps files that it did not write, and shares no folder with another process", async () => {
  const student = at("run", "student.safetensors");
  const data = `folder:${at("images_only")}`;
  const out = at("shared");
  mkdirSync(join(out, "folder_m2"), { recursive: true });
  writeFileSync(join(out, "folder_m2", "front.npy"), "mine");
  const predict = ["predict", "--checkpoint", student, "--data", data, "--out", out];
  const kept = await cli(...predict);
  expect(kept.code).toBe(2);
  expect(kept.stderr).toMatch(/folder_m2.front\.npy: was not written by ringdepth; it stays/);
  expect(readFileSync(join(out, "folder_m2", "front.npy"), "utf8")).toBe("mine");
  expect(readdirSync(join(out, "folder_m2"))).toEqual(["front.npy"]);
  const lock = await takeLock(join(out, "ringdepth.lock"), "a test");
  const locked = await cli(...predict);
  await lock.release();
  expect(locked.code).toBe(2);
  expect(locked.stderr).toContain(`in use by process ${process.pid} on `);
});

test("a set with one incomplete moment is evaluated where bad samples may be skipped", async () => {
  await writeFolder(at("incomplete"), true);
  rmSync(at("incomplete", "depth", "m0", "rear.npy"));
  const data = `folder:${at("incomplete")}`;
  const student = at("run", "student.safetensors");
  const evaluate = ["eval", "--checkpoint", student, "--data", data, "--split", "train", "--json"];
  const refused = await cli(...evaluate);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/depth.m0: no file for camera rear/);
  const skipped = await cli(...evaluate, "--skip-bad-samples");
  expect(skipped.code, skipped.stderr).toBe(0);
  expect(skipped.stderr).toMatch(/sample 0 left out: .*depth.m0: no file for camera rear/);
});

test("a broken sample may be left out and counted", async () => {
  await writeFolder(at("broken"), true);
  writeFileSync(at("broken", "images", "m0", "rear.jpg"), "not an image");
  const out = at("broken_run");
  const data = `folder:${at("broken")}`;
  const run = await cli(
    "train",
    ...SMALL,
    "--steps",
    "2",
    "--data",
    data,
    "--skip-bad-samples",
    "--out",
    out,
  );
  expect(run.code).toBe(0);
  expect(run.stderr).toMatch(/^ringdepth: sample 0 left out: .*rear\.jpg: [^\n]*\n$/);
  expect(run.stdout).toContain("broken samples left out of training: 1");
});

test("check --network prints the error of every parameter and dumps the step", async () => {
  const dump = at("dump");
  const { code, stdout } = await cli(
    "check",
    "--network",
    "nano",
    ...SMALL,
    "--dump",
    dump,
    "--json",
  );
  expect(code).toBe(0);
  const { parameters } = JSON.parse(stdout) as {
    parameters: { name: string; shape: number[]; relative_error: number }[];
  };
  const weights = readSafetensors(
    readFileSync(join(dump, "weights.safetensors")),
    "weights",
  ).tensors;
  expect(parameters.map(({ name }) => name).toSorted()).toEqual([...weights.keys()].toSorted());
  for (const { relative_error } of parameters) expect(relative_error).toBeLessThanOrEqual(1e-3);
  const read = (name: string): Map<string, unknown> =>
    readSafetensors(readFileSync(join(dump, `${name}.safetensors`)), name).tensors;
  expect([...read("losses").keys()].toSorted()).toEqual(
    ["kl", "loss", "relation", "silog", "valid_count"]
      .flatMap((name) => [name, `cpu/${name}`])
      .toSorted(),
  );
  expect([...read("batch").keys()].toSorted()).toEqual([
    "depth_m",
    "focal_scale",
    "images",
    "teacher_pi",
    "teacher_t",
    "usable",
    "valid",
  ]);
  expect(read("gradients").size).toBe(2 * parameters.length);
  expect([...read("outputs").keys()]).toContain("cpu/depth_m");
});

test("SIGINT writes a checkpoint, says how to go on and exits with 130", async () => {
  const out = at("stopped");
  const args = [
    "train",
    ...SMALL,
    "--data",
    `folder:${at("data")}`,
    "--steps",
    "5000",
    "--out",
    out,
  ];
  const child = spawn(process.execPath, ["tools/ringdepth.js", ...args]);
  let stdout = "";
  let signalled = false;
  child.stdout.on("data", (text: Buffer) => {
    stdout += text.toString();
    if (!signalled && stdout.includes("student: nano")) {
      signalled = true;
      setTimeout(() => child.kill("SIGINT"), 1000);
    }
  });
  const code = await new Promise((resolve) => child.on("exit", resolve));
  expect(code).toBe(130);
  const step = /stopped after step (\d+) of 5000/.exec(stdout)?.[1];
  expect(existsSync(join(out, "checkpoints", `step-${step}.safetensors`))).toBe(true);
  expect(stdout).toContain(`ringdepth train --resume --out ${out}`);
});
