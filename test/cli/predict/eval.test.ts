// `eval` under published protocols, of a folder of predictions and of a teacher.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EvaluationResult } from "../../../src/evaluate/protocol.ts";
import { writeFolder } from "../folder_fixture.ts";
import { cli } from "../run.ts";

let root = "";
const at = (...path: string[]): string => join(root, ...path);
let data: string[] = [];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-eval-"));
  await writeFolder(at("data"), true);
  data = ["--data", `folder:${at("data")}`];
  const trained = await cli(
    "train",
    ...data,
    "--size",
    "32x64",
    "--steps",
    "1",
    "--out",
    at("run"),
  );
  expect(trained.code).toBe(0);
  const predicted = await cli("predict", "--checkpoint", at("run"), "--out", at("depth"));
  expect(predicted.code).toBe(0);
});
afterAll(() => rmSync(root, { recursive: true }));

interface Shown extends EvaluationResult {
  readonly parts?: Readonly<Record<string, unknown>>;
  readonly maps?: string;
}

async function shown(...args: string[]): Promise<Shown> {
  const { code, stdout, stderr } = await cli("eval", ...args, "--json");
  expect(stderr).not.toContain("error");
  expect(code).toBe(0);
  return JSON.parse(stdout) as Shown;
}

test("a folder that predict wrote has the table of the student that wrote it", async () => {
  const student = await shown("--checkpoint", at("run"));
  const folder = await shown("--predictions", at("depth"), ...data);
  const tables = ["cameras", "all", "median_scaled", "shared_median_scaled", "images"] as const;
  for (const name of tables) expect(folder[name], name).toEqual(student[name]);
  // Without the npy files the PNGs are read, whose steps are 1/256 m.
  const [moment] = readdirSync(at("depth")).filter((name) => !name.startsWith("."));
  for (const camera of ["front", "rear"]) rmSync(at("depth", moment, `${camera}.npy`));
  const png = await shown("--predictions", at("depth"), ...data);
  expect(png.all.abs_rel).not.toBe(student.all.abs_rel);
  expect(png.all.abs_rel).toBeCloseTo(student.all.abs_rel, 3);
});

test("presets and their parts are named in the result, and change it", async () => {
  const checkpoint = ["--checkpoint", at("run")];
  const own = await shown(...checkpoint);
  expect(own).not.toHaveProperty("parts");
  const d = await shown(...checkpoint, "--protocol", "D");
  expect(d).toMatchObject({ protocol: "D (s3depth)", all: own.all, parts: { flip: false } });
  const b = await shown(...checkpoint, "--protocol", "packnet", "--cap", "20", "--no-mask");
  expect(b).toMatchObject({
    protocol: "B (packnet), changed: cap_m, mask",
    cap_m: 20,
    parts: { resize: "corners", median: "lower", cap_m: 20 },
  });
  expect(b.all.abs_rel).not.toBe(own.all.abs_rel);
  const c = await cli("eval", ...checkpoint, "--protocol", "C");
  expect(c).toMatchObject({ code: 2 });
  expect(c.stderr).toContain("more than 1 moments for batches of 4");
});

test("the terminal has a row per scaling, Markdown the columns of papers", async () => {
  const { stdout } = await cli("eval", "--checkpoint", at("run"), "--affine", "midas");
  const rows = ["all", "all, median-scaled", "all, shared median", "all, affine"];
  for (const row of rows) expect(stdout).toMatch(new RegExp(`^${row} +[0-9.]+ `, "m"));
  const md = await cli("eval", "--checkpoint", at("run"), "--protocol", "A", "--md");
  expect(md.code).toBe(0);
  expect(md.stdout).toMatch(/^\* protocol A \(surrounddepth\), depths 0.1 to /);
  expect(md.stdout).toContain("fused with mirrored images");
  expect(md.stdout).toContain(
    "| Scaling | Abs Rel | Sq Rel | RMSE | RMSE log | δ < 1.25 | δ < 1.25² | δ < 1.25³ |",
  );
  expect(md.stdout).toMatch(/^\| metric \| \d+\.\d{3} \|/m);
  expect(md.stdout).toMatch(/^\| shared median \| \d+\.\d{3} \|/m);
  expect(md.stdout).not.toContain("adapter");
});

test("a folder of relative maps is aligned, as predictions and as a teacher", async () => {
  writeFileSync(at("depth", "teacher.json"), JSON.stringify({ kind: "disparity", name: "model" }));
  const predicted = await shown("--predictions", at("depth"), ...data);
  expect(predicted).toMatchObject({ maps: "model", quantity: "disparity" });
  expect(predicted).not.toHaveProperty("median_scaled");
  const taught = await shown("--teacher", at("depth"), ...data);
  expect(taught.all).toEqual(predicted.all);
  rmSync(at("depth", "teacher.json"));
});

test("one thing is evaluated at a time, and it must be there", async () => {
  const cases: [string[], string][] = [
    [[], "nothing to evaluate; give one of --checkpoint, --predictions and --teacher"],
    [["--checkpoint", at("run"), "--predictions", at("depth")], "more than one thing to evaluate"],
    [["--predictions", at("depth")], "give --data"],
    [["--predictions", at("none"), ...data], "no such folder of predictions"],
    [["--teacher", at("none"), ...data], "no such file or folder"],
    [["--predictions", at("depth"), ...data, "--anchor"], "--anchor corrects a student"],
    [["--checkpoint", at("run"), "--protocol", "E"], "expected one of A (surrounddepth)"],
    [["--checkpoint", at("run"), "--crop", "1,2"], "--crop 1,2: expected none, garg, eigen"],
    [["--checkpoint", at("run"), "--min", "-1"], "--min -1: expected metres"],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await cli("eval", ...args);
    expect([args, code, stderr]).toEqual([args, 2, expect.stringContaining(message)]);
  }
});
