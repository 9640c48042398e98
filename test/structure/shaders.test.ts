// The tool behind `npm run shaders`, in a scratch copy: it pastes snippets, compiles, and writes all
// or nothing.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, expect, test } from "vitest";

const TABLE = "src/kernels/shaders.gen.ts";
const TOOL = fileURLToPath(new URL("../../tools/shaders.ts", import.meta.url));
const TSX = import.meta.resolve("tsx");
const folder = mkdtempSync(join(tmpdir(), "ringdepth-shaders-"));
const at = (file: string): string => join(folder, file);

beforeEach(() => {
  rmSync(folder, { recursive: true });
  mkdirSync(at("src/kernels"), { recursive: true });
  cpSync("shaders", at("shaders"), { recursive: true });
  for (const file of [TABLE, "src/kernels/activation.ts", "src/kernels/scale_by.ts"]) {
    cpSync(file, at(file));
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(at(file), "utf8");
  expect(text).toContain(from);
  writeFileSync(
    at(file),
    text.replace(from, () => to),
  );
}

/** Every file of the copy by name, but those of the editor's doing. */
function everything(): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /\.(wgsl|ts|tmp)$/.test(name)).toSorted();
  return Object.fromEntries(files.map((name) => [name, readFileSync(at(name), "utf8")]));
}

function runTool(...args: string[]): { status: number | null; stdout: string; errors: string[] } {
  const command = ["--import", TSX, TOOL, ...args];
  const run = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
  const errors = run.stderr
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("Warning:"));
  return { status: run.status, stdout: run.stdout, errors };
}

test("what breaks a rule or does not compile is named, and nothing at all is written", () => {
  edit("shaders/gemm.wgsl", "// Memory", "// Memry");
  edit("shaders/concat.wgsl", "@binding(1)", "@binding(7)");
  edit("shaders/pad.wgsl", "struct Params {\n", "struct Params {\n    corner: vec2u,\n");
  edit("shaders/unary.wgsl", "// <lib erf>\n", "// <lib erf>\n// edited here\n");
  edit("shaders/binary.wgsl", "// </lib>", "// <end>");
  edit("shaders/silog_grad.wgsl", "\n@compute @workgroup_size(WG)", "");
  edit("shaders/scale_by.wgsl", "let factor = ", "let factor = nought + ");
  edit("shaders/lib/floor_div.wgsl", "let q = a / b;", "let q = a / c;");
  rmSync(at("shaders/activation.wgsl"));
  const before = everything();
  const { status, errors } = runTool();
  expect(status).toBe(1);
  expect(everything()).toEqual(before);
  expect(errors).toEqual([
    "src/kernels/activation.ts names shaders.activation: there is no shaders/activation.wgsl",
    expect.stringMatching(/^shaders\/binary\.wgsl: a mark of a snippet lacks its partner/),
    expect.stringMatching(/^shaders\/concat\.wgsl: binding \w+ is 7, expected 1: dense from 0$/),
    'shaders/gemm.wgsl: the header lacks "Memory"',
    expect.stringMatching(/^shaders\/pad\.wgsl:\d+: expected fields of `struct Params` as /),
    'shaders/silog_grad.wgsl: the line above fn silog_grad must be "@compute @workgroup_size(...)"',
    expect.stringMatching(
      /^shaders\/unary\.wgsl: its snippet erf was edited here; edit shaders\/lib\/erf\.wgsl/,
    ),
    // once, and where an editor has it: in the library
    expect.stringMatching(/^shaders\/lib\/floor_div\.wgsl:3:\d+: unresolved value 'c'/),
    expect.stringMatching(/^shaders\/scale_by\.wgsl:32:\d+: unresolved value 'nought'/),
    `nothing was written: ${TABLE} is as it was`,
  ]);
});

test("a snippet is edited once: every shader that has it follows, and --check asks for it", () => {
  edit("shaders/lib/floor_div.wgsl", "fn floor_div(", "// once more\nfn floor_div(");
  const stale = runTool("--check");
  expect(stale.status).toBe(1);
  const having = readdirSync(at("shaders")).filter(
    (file) =>
      file.endsWith(".wgsl") &&
      readFileSync(at(`shaders/${file}`), "utf8").includes("// <lib floor_div>"),
  );
  expect(having.length).toBeGreaterThan(2);
  for (const file of having) {
    expect(stale.errors).toContain(
      `shaders/${file}: its snippets are not current: run npm run shaders`,
    );
  }
  const { status, stdout, errors } = runTool();
  expect({ status, errors }).toEqual({ status: 0, errors: [] });
  expect(stdout).toContain(`; snippets pasted into ${having[0].replace(".wgsl", "")}, `);
  for (const file of having) {
    expect(readFileSync(at(`shaders/${file}`), "utf8")).toContain(
      "// <lib floor_div>\n" + readFileSync(at("shaders/lib/floor_div.wgsl"), "utf8") + "// </lib>",
    );
  }
  rmSync(at(TABLE));
  expect(runTool("--check").errors).toEqual([`${TABLE} is missing: run npm run shaders`]);
});

test("a table that is half merged or lacks a shader is said in one line", () => {
  for (const name of ["src", "tools", "package.json", "tsconfig.json"]) {
    cpSync(name, at(name), { recursive: true });
  }
  symlinkSync(join(process.cwd(), "node_modules"), at("node_modules"));
  const table = readFileSync(at(TABLE), "utf8");
  const whole = table.split("\n");
  const saidOf = (text: string): object => {
    writeFileSync(at(TABLE), text);
    const command = [at("tools/ringdepth.js"), "check", "conv2d"];
    const { status, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
    return { status, stderr };
  };
  expect(saidOf(`<<<<<<< HEAD\n${table}`)).toEqual({
    status: 2,
    stderr: `ringdepth: ${TABLE} is missing or broken: run npm run shaders\n`,
  });
  expect(saidOf(whole.filter((line) => !line.startsWith("  conv2d_register:")).join("\n"))).toEqual(
    {
      status: 2,
      stderr:
        "ringdepth: the table of shaders lacks shaders/conv2d_register.wgsl: run npm run shaders\n",
    },
  );
});
