// What the page loads: nothing of Node, and little enough for a first visit.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { shaderFiles, useShaderFiles } from "../../src/engine/shader_files.ts";
import { plainSha256, sha256 } from "../../src/formats/sha256.ts";
import { ruleMapping } from "../../src/engine/mapping.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { NVIDIA } from "../support/adapters.ts";
import { buildPage, codeOf } from "../../tools/page/build.ts";
import { withoutComments } from "../../tools/page/shader_texts.ts";

const FIRST_BYTES = 200_000;
const ALL_VIEWS_BYTES = 250_000;
/** Loaded with the page, beside its code. */
const FIRST_FILES = ["index.html", "style.css", "shaders.json", "student.json"];
/** The sample student, and texts that only some adapters or editors need. */
const LATER = [
  "shaders_subgroups.json",
  "shaders_software.json",
  "sources.json",
  "student.safetensors",
];

const folder = mkdtempSync(join(tmpdir(), "ringdepth-page-"));
let metafile: Metafile;
beforeAll(async () => {
  metafile = await buildPage(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

function compressedBytes(files: readonly string[]): number {
  const sizes = files.map(
    (name) => gzipSync(readFileSync(join(folder, basename(name))), { level: 9 }).length,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

test("the page is small", () => {
  const files = readdirSync(folder).filter((name) => !name.startsWith("part-"));
  const known = ["main.js", "worker.js", ...FIRST_FILES, ...LATER];
  expect(files.toSorted()).toEqual(known.toSorted());
  const first = codeOf(metafile, "main", "worker/main");
  expect(compressedBytes([...first, ...FIRST_FILES])).toBeLessThan(FIRST_BYTES);
  const all = codeOf(metafile, "main", "worker/main", "worker/trainer", "worker/kernel_lab");
  expect(all.length).toBeGreaterThan(first.length);
  expect(compressedBytes([...all, ...FIRST_FILES])).toBeLessThan(ALL_VIEWS_BYTES);
});

test("no GPU takes a mapping whose text only software adapters load", () => {
  const file = join(folder, "shaders_software.json");
  const texts: Readonly<Record<string, string>> = JSON.parse(readFileSync(file, "utf8"));
  const mappings = Object.keys(texts).filter((name) => !name.startsWith("lib/"));
  expect(mappings).toContain("gemm_register.wgsl");
  const others = new Set(kernels.flatMap((base) => base.variants?.() ?? []));
  const bases = kernels.filter((kernel) => !others.has(kernel));
  const taken = bases.flatMap((base) =>
    base.cases.map(({ shapes, attributes }) => {
      const { shader } = ruleMapping(base, NVIDIA, shapes, attributes);
      return `${shader.name}.wgsl`;
    }),
  );
  expect(mappings.filter((name) => taken.includes(name))).toEqual([]);
});

test("the first view loads no parser of configurations and no reader of dropped files", () => {
  const inputs = codeOf(metafile, "main", "worker/main").flatMap((path) =>
    Object.entries(metafile.outputs[path].inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([name]) => name),
  );
  expect(inputs).toContain("src/page/worker/prediction.ts");
  expect(inputs.filter((name) => name.startsWith("node_modules/"))).toEqual([]);
  expect(inputs).not.toContain("src/page/worker/dropped_images.ts");
});

test("tools/pictures has each view, as wide as a desk and as a telephone", () => {
  const html = readFileSync("src/page/index.html", "utf8");
  const views = [...html.matchAll(/<a href="#(\w+)">/g)].map(([, name]) => name);
  expect(views).toEqual(["predict", "train", "kernels"]);
  for (const view of views) {
    for (const width of [1280, 400]) {
      const png = readFileSync(`tools/pictures/page_${view}_${width}.png`);
      expect(png.readUInt32BE(16), view).toBe(width); // IHDR
    }
  }
});

test("no import of Node is reachable from the page, nor from graphs", async () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".js"))) {
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
