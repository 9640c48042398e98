// Whole commands on a tiny data set: what train writes, eval and predict read, and a signal ends.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readNpy } from "../../src/formats/npy.ts";
import { readPly } from "../../src/formats/ply.ts";
import { readDepthPng } from "../../src/formats/png16.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { METRIC_NAMES } from "../../src/evaluate/metrics.ts";
import { writeFolder } from "./folder_fixture.ts";
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
    ["cross", "kl", "loss", "relation", "silog", "valid_count"]
      .flatMap((name) => [name, `cpu/${name}`])
      .toSorted(),
  );
  expect([...read("batch").keys()].toSorted()).toEqual([
    "depth_m",
    "focal_scale",
    "images",
    "teacher",
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
