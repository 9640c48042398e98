// Builds the browser page: two bundles for the browser, the texts of the shaders, and the files
// beside them.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build as bundle, type Metafile, type Plugin } from "esbuild";
import { parseStudent } from "../../src/train/trained/student_bytes.ts";
import { shaderSources, shaderTexts } from "./shader_texts.ts";

const SOURCES = "src/page";

/**
 * Writes the page into a folder, which it empties first; resolves with esbuild's account of its
 * bundles. Throws esbuild's messages.
 */
export async function buildPage(folder: string): Promise<Metafile> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { metafile } = await bundle({
    entryPoints: { main: `${SOURCES}/main.ts`, worker: `${SOURCES}/worker/main.ts` },
    outdir: folder,
    bundle: true,
    format: "esm",
    // Parts that only some visitors need are files of their own, loaded with the first need.
    splitting: true,
    metafile: true,
    chunkNames: "part-[hash]",
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
  const student = join(folder, "student.safetensors");
  const { load: _, ...about } = parseStudent(readFileSync(student), student, () => {});
  writeFileSync(join(folder, "student.json"), JSON.stringify(about));
  writeFileSync(join(folder, "sources.json"), JSON.stringify(shaderSources()));
  const bare = Object.entries(shaderTexts());
  const forSubgroups = bare.filter(([, text]) => text.includes("enable subgroups;"));
  const others = bare.filter((one) => !forSubgroups.includes(one));
  writeFileSync(join(folder, "shaders.json"), JSON.stringify(Object.fromEntries(others)));
  const file = join(folder, "shaders_subgroups.json");
  writeFileSync(file, JSON.stringify(Object.fromEntries(forSubgroups)));
  return metafile;
}

// The parts of zod that write JSON schemas, and the explanations of the configuration's keys.
const UNUSED = /zod[\\/]v4[\\/]core[\\/]json-schema-processors\.js$/;
const METHODS = /zod[\\/]v4[\\/]core[\\/]to-json-schema\.js$/;
const SCHEMA = /train[\\/]config[\\/]schema\.ts$/;
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
