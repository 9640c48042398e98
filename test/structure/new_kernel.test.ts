// `npm run new-kernel` in a scratch copy: what it writes compiles and is right at once; what it
// cannot write it refuses, and then it writes nothing.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const COPIED = ["bench", "package.json", "shaders", "src", "test", "tools", "tsconfig.json"];
const folder = mkdtempSync(join(tmpdir(), "ringdepth-new-kernel-"));

beforeAll(() => {
  for (const name of [...COPIED, ".oxfmtrc.json", "vitest.config.ts"]) {
    cpSync(name, join(folder, name), { recursive: true });
  }
  symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function run(...command: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8" });
}
const newKernel = (...words: string[]): ReturnType<typeof run> =>
  run("--import", "tsx", "tools/new_kernel/main.ts", ...words);

test.each([
  [["Huber"], '"Huber" is not a name: lower-case words joined by _'],
  [["huber", "x"], "n, v, x and y have a meaning in the shader: choose another name"],
  [["huber", "delta", "delta"], "the numbers need different names"],
  [["gemm"], "shaders/gemm.wgsl is already there: nothing was written"],
])("%j is refused", (words, message) => {
  const { status, stderr } = newKernel(...words);
  expect(status).toBe(words[0] === "gemm" ? 1 : 2);
  expect(stderr).toContain(`new-kernel: ${message}`);
});

test("a family of two numbers compiles, is right and is on every list", () => {
  const { status, stderr } = newKernel("soft_step", "width", "height");
  expect(status, stderr).toBe(0);
  const types = run("node_modules/typescript/bin/tsc", "--noEmit");
  expect(types.stdout).toBe("");
  for (const tool of ["tools/shaders.ts", "tools/readme.ts"]) {
    expect(run("--import", "tsx", tool, "--check").status, tool).toBe(0);
  }
  const format = run("node_modules/oxfmt/bin/oxfmt", "--check", "src", "test", "tools", "bench");
  expect(format.status, format.stdout).toBe(0);
  const check = run("tools/ringdepth.js", "check", "soft_step*");
  expect(check.stdout).toContain("10 cases of 2 kernels, 0 wrong");
  expect(readFileSync(join(folder, "test/oracle/README.md"), "utf8")).toContain(
    "#### soft_step_grad",
  );
}, 300_000);

test("what holds for every kernel holds for the new ones", () => {
  const files = ["kernels/shapes", "profile/kernel/axis_lengths", "structure/gradients"];
  const found = run(
    "node_modules/vitest/vitest.mjs",
    "run",
    ...files.map((f) => `test/${f}.test.ts`),
  );
  expect(found.status, found.stdout).toBe(0);
}, 120_000);

test("a formula that differs between shader and twin shows", () => {
  const file = join(folder, "shaders/soft_step.wgsl");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replace("return params.width * v * v;", "return params.width * v;"));
  expect(run("tools/ringdepth.js", "check", "soft_step").status).toBe(3);
});
