// The package as a program outside of the repository meets it: the files that `npm pack` takes,
// beside the packages it depends on. The programs of the README compile there under strict settings,
// without skipLibCheck, and run.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { writeShaderModule } from "../../tools/page/shader_texts.ts";
import { findChromium, startChromium } from "../page/browser.ts";

interface Manifest {
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
}

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
const programs = [...readFileSync("README.md", "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map(
  ([, text]) => text,
);
const root = mkdtempSync(join(tmpdir(), "ringdepth-program-"));
const TSC = resolve("node_modules/typescript/bin/tsc");
const run = (file: string, ...args: string[]): ReturnType<typeof spawnSync> =>
  spawnSync(process.execPath, [file, ...args], { cwd: root, encoding: "utf8" });

beforeAll(() => {
  const own = join(root, "node_modules", "ringdepth");
  mkdirSync(own, { recursive: true });
  for (const file of ["package.json", ...manifest.files.filter((name) => name !== "dist")]) {
    mkdirSync(dirname(join(own, file)), { recursive: true });
    cpSync(file, join(own, file), { recursive: true });
  }
  const options = ["-p", resolve("tools/tsconfig.build.json"), "--noCheck"];
  expect(run(TSC, ...options, "--outDir", join(own, "dist")).stdout).toBe("");
  writeShaderModule(join(own, "dist"));
  // what npm would install beside it: no development dependency but those of TypeScript itself
  const installed = new Set<string>(["@types/node", "undici-types"]);
  const install = (name: string): void => {
    const from = join("node_modules", name, "package.json");
    if (installed.has(name) || !existsSync(from)) return;
    installed.add(name);
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      readFileSync(from, "utf8"),
    ) as Partial<Record<"dependencies" | "optionalDependencies", Record<string, string>>>;
    for (const other of Object.keys({ ...dependencies, ...optionalDependencies })) install(other);
  };
  for (const name of Object.keys(manifest.dependencies)) install(name);
  for (const name of installed) {
    const link = join(root, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve("node_modules", name), link);
  }
  writeFileSync(join(root, "package.json"), JSON.stringify({ type: "module" }));
  programs.forEach((text, i) => writeFileSync(join(root, `program_${i}.ts`), text));
});
afterAll(() => rmSync(root, { recursive: true }));

/** The settings of a strict project, the program's own files, and the errors of the compiler. */
function compiled(files: readonly string[], options: object): string {
  const compilerOptions = {
    strict: true,
    module: "nodenext",
    moduleResolution: "nodenext",
    target: "es2023",
    types: ["node"],
    ...options,
  };
  writeFileSync(join(root, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  return String(run(TSC, "-p", ".").stdout);
}

test("the programs of the README compile under strict settings and do what they say", () => {
  expect(programs).toHaveLength(3);
  const files = programs.map((_, i) => `program_${i}.ts`);
  const strictest = {
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noPropertyAccessFromIndexSignature: true,
    noImplicitOverride: true,
    verbatimModuleSyntax: true,
  };
  expect(compiled(files, strictest), "strictest").toBe("");
  const network = run("program_0.js");
  const losses = String(network.stdout).trim().split("\n");
  expect(
    losses.map((line) => line.split(" ")[0]),
    String(network.stderr),
  ).toEqual(["20", "40", "60"]);
  expect(Number(losses[2].split(" ")[1])).toBeLessThan(0.05);
  const { tensors } = readSafetensors(readFileSync(join(root, "network.safetensors")), "network");
  expect(tensors.get("w2")?.shape).toEqual([32, 3, 3, 16]);
  const own = run("program_1.js");
  const lines = String(own.stdout);
  expect(lines, String(own.stderr)).toMatch(/^true\n/);
  expect(lines).toContain("ok: true");
  expect(lines).toMatch(/[\d.]+ ms \[/);
});

test("the program for a page needs nothing of Node, and trains in a browser", async () => {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["program_2.ts"],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    write: false,
    logLevel: "silent",
  });
  const [{ text, contents }] = outputFiles;
  expect(text).not.toMatch(/(?:from|import|require)\s*\(?\s*["'](?:node:|fs|path|webgpu|sharp)/);
  expect(gzipSync(contents, { level: 9 }).length).toBeLessThan(150_000);
  const program = findChromium();
  if (program === null) return;
  const browser = await startChromium(program);
  try {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", ({ message }) => complaints.push(message));
    await page.route("http://localhost/**", async (route) => {
      const isCode = route.request().url().endsWith(".js");
      const html =
        '<link rel="icon" href="data:,"><body><script type="module" src="page.js"></script>';
      await route.fulfill({
        contentType: isCode ? "text/javascript" : "text/html",
        body: isCode ? text : html,
      });
    });
    await page.goto("http://localhost/");
    const last = page.getByText("step 200: loss");
    await last.waitFor({ timeout: 110_000 });
    expect(Number((await last.textContent())!.split(" ")[3])).toBeLessThan(0.02);
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
  }
});

const ENTRIES = Object.entries(manifest.exports).filter(([, at]) => typeof at !== "string");

test.each([
  ["with the DOM", {}],
  ["without the DOM", { lib: ["es2023"] }],
])("every declaration of every entry point compiles %s", (_, options) => {
  const names = ENTRIES.map(([entry]) => entry.replace(".", "ringdepth"));
  expect(names.toSorted()).toEqual([
    "ringdepth",
    "ringdepth/formats",
    "ringdepth/graph",
    "ringdepth/profile",
    "ringdepth/shaders",
  ]);
  const text = names.map((name, i) => `export * as entry${i} from "${name}";\n`).join("");
  writeFileSync(join(root, "entries.ts"), text);
  expect(compiled(["entries.ts"], { ...options, noEmit: true })).toBe("");
});

test("each entry point loads, and the whole has what the others have", () => {
  // A program in Node reads shaders from their files.
  const names = ENTRIES.map(([entry]) => entry.replace(".", "ringdepth")).filter(
    (name) => name !== "ringdepth/shaders",
  );
  const text = `
    const [whole, ...others] = await Promise.all(${JSON.stringify(names)}.map((name) => import(name)));
    const missing = others.flatMap((one) => Object.keys(one)).filter((name) => !(name in whole));
    console.log(JSON.stringify({ missing, counts: others.map((one) => Object.keys(one).length) }));`;
  writeFileSync(join(root, "load.js"), text);
  const { missing, counts } = JSON.parse(String(run("load.js").stdout)) as {
    readonly missing: string[];
    readonly counts: number[];
  };
  expect(missing).toEqual([]);
  expect(Math.min(...counts)).toBeGreaterThan(5);
});

test("the package holds nothing but what runs and what describes it", () => {
  expect(readdirSync(join(root, "node_modules", "ringdepth")).toSorted()).toEqual(
    ["dist", "docs", "package.json", "shaders", "tools"].toSorted(),
  );
});
