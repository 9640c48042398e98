// What the watch tells of: new texts of shaders, by their own file or by a snippet of the library.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { binary } from "../../../src/kernels/binary.ts";
import { scaleBy } from "../../../src/kernels/scale_by.ts";
import { shaderText } from "../../../src/engine/shader_text.ts";
import { kernelWith, withCaret } from "../../../src/measure/shader_source.ts";
import { changedShaders, type ChangedShader } from "../../../src/profile/kernel/watch.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ringdepth-watch-"));
  cpSync("shaders", folder, { recursive: true });
  process.env["RINGDEPTH_SHADERS"] = folder;
});
afterEach(() => {
  delete process.env["RINGDEPTH_SHADERS"];
  rmSync(folder, { recursive: true });
});

/** Watches `scale_by` and `binary`, and gives what is told of after each of the edits. */
async function toldOf(...edits: readonly (() => void)[]): Promise<ChangedShader[]> {
  const texts = [scaleBy, binary].map(({ shader }) => [shader.name, shaderText(shader)] as const);
  const end = new AbortController();
  const watch = changedShaders(new Map(texts), end.signal);
  const told: ChangedShader[] = [];
  for (const act of edits) {
    const next = watch.next();
    act();
    const { value } = await next;
    if (value !== undefined) told.push(value as ChangedShader);
  }
  end.abort();
  await watch.next();
  return told;
}

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(join(folder, file), "utf8");
  expect(text).toContain(from);
  writeFileSync(join(folder, file), text.replace(from, to));
}

test("an edit of a shader is told with its text", async () => {
  const [told] = await toldOf(() => edit("scale_by.wgsl", "factor * x", "-factor * x"));
  expect(told).toMatchObject({ stem: "scale_by", pasted: [] });
  expect(told.code).toContain("-factor * x");
  expect(kernelWith(scaleBy, told.code).fault).toBe("");
});

test("an edit of a snippet is told of the shaders that have it, pasted as it will be", async () => {
  const [told, after] = await toldOf(
    () => edit("lib/unravel.wgsl", "fn unravel(", "// once more\nfn unravel("),
    () => edit("lib/unravel.wgsl", "// once more\n", ""),
  );
  expect(told).toMatchObject({ stem: "binary", pasted: ["unravel"] });
  expect(told.code).toContain("// once more\nfn unravel(");
  expect(after).toMatchObject({ stem: "binary", pasted: [], code: shaderText(binary.shader) });
});

test("an edit of a snippet within a shader is no text that runs", async () => {
  const [told] = await toldOf(() =>
    edit("binary.wgsl", "// <lib unravel>\n", "// <lib unravel>\n\n"),
  );
  expect(told).toMatchObject({ stem: "binary", pasted: [] });
  const { fault } = kernelWith(binary, told.code);
  expect(fault).toContain("its snippet unravel is not what shaders/lib/unravel.wgsl has");
});

test("an error within a snippet is shown where an editor has it", () => {
  const code = shaderText(binary.shader);
  const lines = code.split("\n");
  const mark = lines.indexOf("// <lib unravel>");
  const shown = withCaret(`shaders/binary.wgsl:${mark + 3}:2: no`, code);
  expect(shown).toBe(`shaders/lib/unravel.wgsl:2:2 error: no\n 2 | ${lines[mark + 2]}\n   |  ^`);
});
