// `ringdepth export`: the file and the lines about it, the check where a runtime is installed, and what
// is refused.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { initialStore } from "../../../src/graph/cpu_store.ts";
import { predictionNetwork } from "../../../src/train/network.ts";
import { checkModel } from "../../../src/train/onnx/check_model.ts";
import { findOnnxRuntime } from "../../../src/train/onnx/runtime.ts";
import { studentModel } from "../../../src/train/onnx/student_model.ts";
import { readStudent, writeStudent } from "../../../src/train/student_file.ts";
import { originOf } from "../../../src/train/student_origin.ts";
import { gpu } from "../../support/gpu.ts";
import { tinyConfig, tinySource } from "../../train/tiny.ts";
import { readModel } from "../../train/onnx/read_model.ts";
import { cli } from "../run.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-export-"));
afterAll(() => rmSync(folder, { recursive: true }));
const student = join(folder, "student.safetensors");
const config = tinyConfig();
const source = tinySource("train");
const views = source.cameras.length;
const installed = await findOnnxRuntime();

beforeAll(async () => {
  const { g } = predictionNetwork(config, { views, size: config.size, depth_max_m: 80 });
  const origin = await originOf(source);
  await writeStudent(student, initialStore(g, 1), { config, depth_max_m: 80, steps: 3, origin });
});

test("writes the model of a student's own rig and says whether it was checked", async () => {
  const out = join(folder, "own.onnx");
  const { code, stdout } = await cli("export", student, "--out", out);
  expect(code).toBe(0);
  const { height, width } = config.size;
  expect(stdout).toContain(`${out}: nano, opset 17`);
  expect(stdout).toContain(`input  images [views, 3, ${height}, ${width}]: RGB from 0 to 1`);
  expect(stdout).toContain(
    "missing" in installed
      ? "not checked: onnxruntime-node is not installed"
      : "checked: onnxruntime-node",
  );
  const { inputs, metadata } = readModel(readFileSync(out));
  expect(inputs[0].shape).toEqual(["views", 3, height, width]);
  expect(metadata.get("cameras")).toBe(source.cameras.map(({ name }) => name).join(", "));
});

test("has other cameras and another size on request, and JSON with the same facts", async () => {
  const out = join(folder, "other.onnx");
  const wanted = ["--views", "1", "--size", "64x32", "--json"];
  const { code, stdout } = await cli("export", student, "--out", out, ...wanted);
  expect(code).toBe(0);
  const json = JSON.parse(stdout) as Record<string, unknown>;
  expect(json).toMatchObject({ out, student: "nano", opset: 17 });
  expect(json["outputs"]).toMatchObject([{ name: "depth_m", shape: [1, 1, 64, 32] }]);
  expect((json["checked"] === null) === (json["not_checked"] !== null)).toBe(true);
});

test("a student as safetensors is the same student", async () => {
  const out = join(folder, "copy.safetensors");
  const { code, stdout } = await cli("export", student, "--out", out);
  expect([code, stdout]).toEqual([0, `student: ${out}\n`]);
  expect(readFileSync(out).equals(readFileSync(student))).toBe(true);
});

test.each([
  ["a name of another kind", ["--out", join(folder, "a.pb")], "ends in .onnx or .safetensors"],
  ["its own file", ["--out", student], "names the same file"],
  ["a folder that is not there", ["--out", join(folder, "no", "a.onnx")], "cannot write"],
  [
    "a size for a student",
    ["--out", join(folder, "b.safetensors"), "--views", "2"],
    "leave --views",
  ],
  ["a size that is none", ["--out", join(folder, "c.onnx"), "--size", "50x50"], "multiples of 32"],
])("%s is refused", async (_, options, message) => {
  const { code, stderr } = await cli("export", student, ...options);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

describe("a runtime", () => {
  const size = config.size;
  /** A package of that name whose session gives `depth`. */
  function fake(name: string, depth: string): string {
    const at = join(folder, name, "node_modules", "onnxruntime-node");
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, "package.json"), '{ "version": "9.9.9", "main": "main.js" }');
    writeFileSync(
      join(at, "main.js"),
      `exports.Tensor = class { constructor(type, data, dims) { this.dims = dims; } };
exports.InferenceSession = { create: async (model) => ({ run: async ({ images }) => {
  const [views, , height, width] = images.dims;
  return { depth_m: { data: new Float32Array(views * height * width).fill(${depth}) } };
} }) };`,
    );
    return join(folder, name, "package.json");
  }

  test.each([
    ["another depth", "7"],
    ["no number", "NaN"],
  ])("that gives %s shows in the check", async (name, depth) => {
    const found = await findOnnxRuntime([fake(`gives ${name}`, depth)]);
    if (!("runtime" in found)) throw new Error(found.missing);
    const file = await readStudent(student);
    const model = studentModel(file, "any", size);
    const check = await checkModel(gpu, found.runtime, file, model, { views: [1, 2], size });
    expect(check.worst <= 1e-4).toBe(false);
    expect(check).toMatchObject({
      runtime: "onnxruntime-node 9.9.9",
      views: [1, 2],
      model_m: Number(depth),
    });
  });

  test("that is missing or broken is named", async () => {
    const none = await findOnnxRuntime([join(folder, "empty", "package.json")]);
    expect(none).toEqual({ missing: "onnxruntime-node is not installed" });
    const place = fake("broken", "1");
    const main = join(folder, "broken", "node_modules", "onnxruntime-node", "main.js");
    writeFileSync(main, "throw new Error('no library')");
    const broken = await findOnnxRuntime([place]);
    expect(broken).toEqual({ missing: "onnxruntime-node cannot be loaded: no library" });
  });
});
