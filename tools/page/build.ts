// Builds the browser page: two bundles for the browser, the texts of the shaders, and the files
// beside them.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build as bundle, type Plugin } from "esbuild";
import { shaderText } from "../../src/engine/shader_text.ts";
import { kernels } from "../../src/kernels/kernels.ts";

const SOURCES = "src/page";

/** Writes the page into a folder, which it empties first. Throws esbuild's messages. */
export async function buildPage(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await bundle({
    entryPoints: { main: `${SOURCES}/main.ts`, worker: `${SOURCES}/worker/main.ts` },
    outdir: folder,
    bundle: true,
    format: "esm",
    // Anything of Node that the page reaches is an error here.
    platform: "browser",
    target: "es2023",
    minify: true,
    legalComments: "none",
    logOverride: { "import-is-undefined": "silent" },
    logLevel: "warning",
    plugins: [LEAN],
  });
  for (const file of ["index.html", "style.css", "student.safetensors"]) {
    copyFileSync(join(SOURCES, file), join(folder, file));
  }
  // Each text is compared with the table here, so that the page need not.
  for (const { shader } of kernels) shaderText(shader);
  const texts = shaderFiles();
  writeFileSync(join(folder, "sources.json"), JSON.stringify(texts));
  const bare = Object.entries(texts).map(([name, text]) => [name, withoutComments(text)] as const);
  const forSubgroups = bare.filter(([, text]) => text.includes("enable subgroups;"));
  const others = bare.filter((one) => !forSubgroups.includes(one));
  writeFileSync(join(folder, "shaders.json"), JSON.stringify(Object.fromEntries(others)));
  const file = join(folder, "shaders_subgroups.json");
  writeFileSync(file, JSON.stringify(Object.fromEntries(forSubgroups)));
}

// The parts of zod that write JSON schemas, and the explanations of the configuration's keys.
const UNUSED = /zod[\\/]v4[\\/]core[\\/]json-schema-processors\.js$/;
const METHODS = /zod[\\/]v4[\\/]core[\\/]to-json-schema\.js$/;
const SCHEMA = /train[\\/]config_schema\.ts$/;
const EXPLANATION = /\s*\.describe\(\s*"(?:[^"\\]|\\.)*",?\s*\)/g;

/** Leaves out what only the command line uses: 8 kB of the compressed page. */
const LEAN: Plugin = {
  name: "lean",
  setup: (build) => {
    build.onLoad({ filter: UNUSED }, () => ({ contents: "exports.none = null;", loader: "js" }));
    build.onLoad({ filter: METHODS }, () => ({
      contents:
        "exports.createToJSONSchemaMethod = exports.createStandardJSONSchemaMethod = () => undefined;",
      loader: "js",
    }));
    build.onLoad({ filter: SCHEMA }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace(EXPLANATION, ""),
      loader: "ts",
    }));
  },
};

/** The text of each file below shaders/ by its path there. */
function shaderFiles(): Record<string, string> {
  const names = readdirSync("shaders", { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".wgsl"))
    .toSorted();
  return Object.fromEntries(
    names.map((name) => [
      name,
      readFileSync(join("shaders", name), "utf8").replaceAll("\r\n", "\n"),
    ]),
  );
}

const SNIPPET = /^[ \t]*\/\/ <lib (\w+)>$[\s\S]*?^[ \t]*\/\/ <\/lib>$/gm;

/**
 * A shader without comments, indentation and empty lines, apart from the marks of tuned lines. A
 * snippet is a line `#name`, since many shaders contain the same; `withSnippets` of the page puts
 * its text there again.
 */
export function withoutComments(text: string): string {
  return text
    .replace(SNIPPET, "#$1")
    .split("\n")
    .map((line) => line.replace(/\/\/(?! tune:).*$/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("// tune:"))
    .map((line) => (/tune:|^#/.test(line) ? line : line.replace(/\s*([,;(){}*+:])\s*/g, "$1")))
    .join("\n");
}
