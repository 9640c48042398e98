// Shaders from disk and from git, and what is said of those that do not compile.
import { expect, test } from "vitest";
import type { AnyKernel } from "../../src/engine/kernel.ts";
import { shaderText } from "../../src/engine/shader_text.ts";
import { scaleBy } from "../../src/kernels/scale_by.ts";
import { git } from "../../src/measure/environment.ts";
import { kernelAt } from "../../src/measure/shader_revision.ts";
import { compileFault, kernelOnDisk, withCaret } from "../../src/measure/shader_source.ts";
import { doctored } from "../support/doctored.ts";
import { gpu } from "../support/gpu.ts";

const problem = scaleBy.cases[0];
const edited = (from: string, to: string): AnyKernel => doctored(scaleBy, from, to);

test("a kernel on disk is the one of the table", async () => {
  const { kernel, fault } = kernelOnDisk(scaleBy);
  expect(fault).toBe("");
  expect(kernel.shader).toEqual({ ...scaleBy.shader, code: shaderText(scaleBy.shader) });
  expect(await compileFault(gpu, { kernel, fault }, problem)).toBe("");
});

test.skipIf((await git("rev-parse", "HEAD")) === null)("a kernel is found in git", async () => {
  const { kernel, fault } = await kernelAt(scaleBy, "HEAD");
  expect(fault).toBe("");
  expect(kernel.shader.name).toBe("scale_by");
  expect(kernel.shader.code).toMatch(/^\/\/ scale_by — /);
});

test("a commit that is none, or an option, is refused", async () => {
  await expect(kernelAt(scaleBy, "no-such-commit")).rejects.toThrow("scale_by@no-such-commit");
  await expect(kernelAt(scaleBy, "--output=x")).rejects.toThrow("git has no such shader");
});

test("a syntax error has file, line, column, the line and a caret", async () => {
  const kernel = edited("params.slot % 4u];", "params.slot % 4u]];");
  const lines = (await compileFault(gpu, { kernel, fault: "" }, problem)).split("\n");
  expect(lines[0]).toMatch(/^shaders\/scale_by\.wgsl:32:\d+ error: \S/);
  expect(lines[1]).toMatch(/^ 32 \| {5}let factor = scalars/);
  const column = Number(/:32:(\d+)/.exec(lines[0])![1]);
  expect(lines[2].indexOf("^")).toBe(" 32 | ".length + column - 1);
});

test("the compiler is asked before the rules of the header", async () => {
  const broken = edited("let factor =", "let factor");
  const fault = "shaders/scale_by.wgsl: a rule";
  expect(await compileFault(gpu, { kernel: broken, fault }, problem)).toContain(":32:");
  expect(await compileFault(gpu, { kernel: scaleBy, fault }, problem)).toBe(fault);
});

test("a param that the twin does not give is named", async () => {
  const params = [...scaleBy.shader.params, { name: "stride", type: "u32" }] as const;
  const kernel: AnyKernel = { ...scaleBy, shader: { ...scaleBy.shader, params } };
  const fault = await compileFault(gpu, { kernel, fault: "" }, problem);
  expect(fault).toContain("params.stride is undefined");
});

test("tabs before the caret stay, and a message without a place stays as it is", () => {
  expect(withCaret("shaders/a.wgsl:2:3: no", "x\n\t\ty")).toBe(
    "shaders/a.wgsl:2:3 error: no\n 2 | \t\ty\n   | \t\t^",
  );
  expect(withCaret("shaders/a.wgsl: no entry", "x")).toBe("shaders/a.wgsl: no entry");
});
