// One truth about shaders: what is checked, timed, run in a graph and held against published vectors
// is the text on disk, at once and without a table being made; what does not fit the table is
// refused. The shaders of these tests are a changed copy that RINGDEPTH_SHADERS names.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { relu } from "../../src/graph/ops/activation.ts";
import { activation } from "../../src/kernels/activation.ts";
import { checkCase } from "../../src/kernels/check/check.ts";
import { gemm } from "../../src/kernels/gemm.ts";
import { shaders } from "../../src/kernels/shaders.gen.ts";
import { shaderText } from "../../src/engine/shader_text.ts";
import { specialize } from "../../src/engine/specialize.ts";
import { tunedKernel } from "../../src/engine/tuning.ts";
import { hashesOf } from "../../src/tune/tuning_file.ts";
import { runCase } from "../../tools/oracle/run.ts";
import { OFFERS, plain } from "../../tools/oracle/sources/offers.ts";
import { readCases } from "../../tools/oracle/vectors.ts";
import { ownCache } from "../cli/own_cache.ts";
import { cli } from "../cli/run.ts";
import { gpu } from "../support/gpu.ts";
import { runGraph } from "../support/run_graph.ts";

ownCache();
const folder = mkdtempSync(join(tmpdir(), "ringdepth-shaders-"));
beforeEach(() => {
  cpSync("shaders", folder, { recursive: true });
  process.env["RINGDEPTH_SHADERS"] = folder;
});
afterEach(() => {
  delete process.env["RINGDEPTH_SHADERS"];
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Changes a file of the copy, as an editor does. */
function edit(file: string, from: string, to: string): void {
  const text = readFileSync(join(folder, file), "utf8");
  expect(text).toContain(from);
  writeFileSync(
    join(folder, file),
    text.replace(from, () => to),
  );
}

/** How a kernel with a flipped sign shows: at once, in each of the ways to run it. */
const flipSign = (): void => {
  edit("activation.wgsl", "y[i] = apply(x[i]);", "y[i] = -apply(x[i]);");
  edit("activation_vec4.wgsl", "y[i] = values(", "y[i] = -values(");
  edit("activation_subgroup.wgsl", "y[i] = values(", "y[i] = -values(");
};

describe("a sign that is flipped on disk shows at once in", () => {
  beforeEach(flipSign);

  test("check, and says where the text is from", async () => {
    const { code, stderr, stdout } = await cli("check", "activation");
    expect(code).toBe(3);
    expect(stderr).toContain(`shaders are read from ${folder} (RINGDEPTH_SHADERS)\n`);
    expect(stderr).toMatch(/activation, case .*elements differ/);
    expect(stdout).not.toContain(" 0 wrong");
  });

  test("bench kernels: no time", async () => {
    const { code, stdout } = await cli("bench", "kernels", "activation ");
    expect(code).toBe(3);
    expect(stdout).toMatch(/^activation_(?:subgroup|vec4) .*WRONG/m);
  });

  test("profile: no time", async () => {
    const { code, stdout } = await cli(
      "profile",
      "activation",
      "--cases",
      "own",
      "--case",
      "elu prime",
    );
    expect(code).toBe(3);
    expect(stdout).toContain("WRONG");
  });

  test("the tests of a kernel", async () => {
    const { message } = await checkCase(gpu, activation, activation.cases[0]);
    expect(message).toContain("elements differ");
  });

  test("a plan, as training and prediction have it; one that was made before keeps its text", async () => {
    const build: Parameters<typeof runGraph>[0] = (g) => ({ y: relu(g.input("x", [2])) });
    expect((await runGraph(build, { x: [1, 2] }))["y"]).toEqual(Float32Array.of(-1, -2));
    edit("activation.wgsl", "y[i] = -apply(x[i]);", "y[i] = apply(x[i]);");
    expect((await runGraph(build, { x: [1, 2] }))["y"]).toEqual(Float32Array.of(1, 2));
  });

  test("the oracle", async () => {
    const tensor = { shape: [2], dtype: "float32", data: [1, 2] };
    const one = {
      op: "Relu",
      id: "a case",
      inputs: [{ name: "x", ...tensor }],
      outputs: [{ name: "y", ...tensor }],
    };
    const text = JSON.stringify({ header: {}, cases: [one] });
    const given = plain(readCases(text, "onnx", "onnx/Relu.json")[0]);
    const failures = await runCase(gpu, OFFERS["onnx"]["Relu"], given);
    expect(failures.map(({ path }) => path)).toEqual(["gpu"]);
  });

  test("what tuning files remember of a shader", () => {
    const flipped = hashesOf([activation]);
    delete process.env["RINGDEPTH_SHADERS"];
    expect(hashesOf([activation])).not.toEqual(flipped);
  });
});

test("a tuned kernel has the text of today", () => {
  const { shapes, attributes } = gemm.cases[0];
  const tuned = tunedKernel(gemm, { TM: 8 });
  edit("gemm.wgsl", "// Memory", "// of today\n// Memory");
  const { code } = specialize(tuned, shapes, attributes, false).source;
  expect(code).toContain("// of today\n");
  expect(code).toContain("const TM: u32 = 8u;");
});

describe("what does not fit the table is refused, naming the file and the way out:", () => {
  const RUN = "run npm run shaders";
  test.each<[string, () => void, string]>([
    [
      "another binding",
      () => edit("scale_by.wgsl", "> x: array", "> xs: array"),
      `shaders/scale_by.wgsl: its bindings are not those of the table of shaders: ${RUN}`,
    ],
    [
      "another field of Params",
      () => edit("scale_by.wgsl", "struct Params {\n", "struct Params {\n    more: u32,\n"),
      `shaders/scale_by.wgsl: its params are not those of the table of shaders: ${RUN}`,
    ],
    [
      "another default of an override",
      () => edit("scale_by.wgsl", "override WG: u32 = 256u", "override WG: u32 = 128u"),
      `shaders/scale_by.wgsl: its overrides are not those of the table of shaders: ${RUN}`,
    ],
    [
      "another tuned line",
      () => edit("scale_by.wgsl", "// tune: 1 2 4 8", "// tune: 1 2 4 8 16"),
      `shaders/scale_by.wgsl: its "// tune:" lines are not those of the table of shaders: ${RUN}`,
    ],
    [
      "another constant of the host",
      () =>
        edit("adamw.wgsl", "const BLOCK: u32 = 64u; // host", "const BLOCK: u32 = 32u; // host"),
      `shaders/adamw.wgsl: its constants are not those of the table of shaders: ${RUN}`,
    ],
    [
      "another feature",
      () => edit("scale_by.wgsl", "struct Params", "enable subgroups;\nstruct Params"),
      `shaders/scale_by.wgsl: its features are not those of the table of shaders: ${RUN}`,
    ],
    [
      "a broken header",
      () => edit("scale_by.wgsl", "// Memory", "// Memry"),
      'shaders/scale_by.wgsl: the header lacks "Memory"',
    ],
    [
      "a product that compilers fold",
      () => edit("scale_by.wgsl", "= factor * x[i];", "= factor * x[i] + 0.0 * x[params.n];"),
      "shaders/scale_by.wgsl:37: a product with a literal 0.0: leave it out, or use select",
    ],
    [
      "a snippet that the library has otherwise",
      () => edit("lib/is_finite.wgsl", "\nfn ", "\n\nfn "),
      "its snippet is_finite is not what shaders/lib/is_finite.wgsl has: run npm run shaders",
    ],
    [
      "a file that is gone",
      () => rmSync(join(folder, "scale_by.wgsl")),
      "scale_by.wgsl: no such file; RINGDEPTH_SHADERS names its folder",
    ],
  ])("%s", async (_, change, message) => {
    change();
    for (const args of [["check"], ["bench", "kernels"]]) {
      const { code, stderr, stdout } = await cli(...args);
      expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^ringdepth: /);
      expect(stderr).toContain(message);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    }
  });
});

test("a new file is asked for by name, and remarked where everything is checked", async () => {
  cpSync(join(folder, "scale_by.wgsl"), join(folder, "scale_by_new.wgsl"));
  const { code, stderr } = await cli("check", "scale_by_n*");
  expect(code).toBe(2);
  expect(stderr).toContain("shaders/scale_by_new.wgsl is not in the table of shaders: run npm run");
  expect((await cli("check", "scale_by")).stderr).toContain("shaders/scale_by_new.wgsl is not in");
  rmSync(join(folder, "scale_by_new.wgsl"));
});

test("line ends of another system and a byte order mark are no change", () => {
  const text = readFileSync(join(folder, "scale_by.wgsl"), "utf8");
  writeFileSync(join(folder, "scale_by.wgsl"), `\uFEFF${text.replaceAll("\n", "\r\n")}`);
  expect(shaderText(shaders.scale_by)).toBe(text);
});
