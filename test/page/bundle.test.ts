// What the page loads: nothing of Node, and little enough for a first visit.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { shaderFiles, useShaderFiles } from "../../src/engine/shader_files.ts";
import { plainSha256, sha256 } from "../../src/formats/sha256.ts";
import { buildPage, withoutComments } from "../../tools/page/build.ts";

const LIMIT_BYTES = 250 * 1024;
/** Loaded only for adapters with subgroups, or when somebody asks for them. */
const LATER = ["shaders_subgroups.json", "sources.json", "student.safetensors"];

const folder = mkdtempSync(join(tmpdir(), "ringdepth-page-"));
beforeAll(async () => await buildPage(folder));
afterAll(() => rmSync(folder, { recursive: true }));

test("the page is small", () => {
  const files = readdirSync(folder).filter((name) => !LATER.includes(name));
  expect(files.toSorted()).toEqual([
    "index.html",
    "main.js",
    "shaders.json",
    "style.css",
    "worker.js",
  ]);
  const sizes = files.map(
    (name) => gzipSync(readFileSync(join(folder, name)), { level: 9 }).length,
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(LIMIT_BYTES);
});

test("no import of Node is reachable from the page, nor from graphs", async () => {
  for (const name of ["main.js", "worker.js"]) {
    const code = readFileSync(join(folder, name), "utf8");
    expect(code).not.toMatch(
      /(?:from|import|require)\s*\(?\s*["'](?:node:|fs|path|os|crypto|webgpu|sharp)/,
    );
  }
  const entries = readdirSync("src/graph", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join("src/graph", name));
  // Without a plugin and without externals: an import of Node does not resolve for a browser.
  const options = { bundle: true, write: false, format: "esm", platform: "browser" } as const;
  const { errors } = await build({
    ...options,
    entryPoints: [...entries, "src/gpu/page_device.ts"],
    outdir: folder,
    logLevel: "silent",
  });
  expect(errors).toEqual([]);
});

test("a shader without comments keeps its code, and the marks of tuned lines", () => {
  const text = [
    "// silog - a header",
    "const WG: u32 = 64u; // tune: 32, 64",
    "// <lib log_of>",
    "fn log_of(x: f32) -> f32 { return log(x); }",
    "// </lib>",
    "",
    "  let a = b - -c; // why",
  ].join("\n");
  expect(withoutComments(text)).toBe(
    "const WG: u32 = 64u; // tune: 32, 64\n#log_of\nlet a = b - -c;",
  );
});

test("hashes are the same with and without Node", () => {
  const parts = ["", "abc", new Uint8Array(55).fill(7), "é", new Uint8Array(1000).fill(255)];
  for (let count = 0; count <= parts.length; count++) {
    const some = parts.slice(0, count);
    expect(plainSha256(...some)).toBe(sha256(...some));
  }
  for (const length of [55, 56, 63, 64, 65, 119, 120]) {
    const bytes = new Uint8Array(length).fill(length);
    expect(plainSha256(bytes)).toBe(sha256(bytes));
  }
});

test("shaders come from where a program says", () => {
  const files = {
    read: () => "text",
    list: () => [],
    place: (file: string) => file,
    areChecked: true,
  };
  try {
    useShaderFiles(files);
    expect(shaderFiles()).toBe(files);
  } finally {
    useShaderFiles(null);
  }
  expect(shaderFiles().read("silog.wgsl")).toContain("@compute");
});
