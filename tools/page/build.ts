// Builds the browser page: two bundles for the browser, the texts of the shaders, and the files
// beside them.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build as bundle, type Metafile, type Plugin } from "esbuild";
import { kernels } from "../../src/kernels/kernels.ts";
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
  const { load: _, origin, ...about } = parseStudent(readFileSync(student), student, () => {});
  // The page evaluates nothing, so it need not know the training moments.
  const bare = { ...about, origin: { ...origin, moments: null } };
  writeFileSync(join(folder, "student.json"), JSON.stringify(bare));
  writeFileSync(join(folder, "sources.json"), JSON.stringify(shaderSources()));
  for (const [name, texts] of Object.entries(networkTexts(metafile))) {
    writeFileSync(join(folder, name), JSON.stringify(texts));
  }
  return metafile;
}

/** The bundles that run before an entry of the page or of its worker does. */
export function codeOf({ outputs }: Metafile, ...entries: readonly string[]): string[] {
  const open = Object.keys(outputs).filter((path) =>
    entries.some((entry) => outputs[path].entryPoint === `${SOURCES}/${entry}.ts`),
  );
  for (const path of open) {
    for (const one of outputs[path].imports) {
      if (one.kind === "import-statement" && !open.includes(one.path)) open.push(one.path);
    }
  }
  return open;
}

/** Files of the mappings that the rules choose on software adapters alone. */
const softwareFiles = (): Set<string> =>
  new Set(
    kernels
      .flatMap((kernel) => kernel.variants?.() ?? [])
      .filter(({ shader }) => /_(?:register|rows)$/.test(shader.name))
      .map(({ shader }) => `${shader.name}.wgsl`),
  );

/**
 * The texts that networks of the page run, in a file for all adapters, one for those with subgroups
 * and one for software adapters. A snippet that the first file lacks is in each of the others that
 * needs it. The lab of kernels reads all sources.
 */
function networkTexts(metafile: Metafile): Record<string, Record<string, string>> {
  const code = codeOf(metafile, "worker/main", "worker/trainer").flatMap((path) =>
    Object.entries(metafile.outputs[path].inputs),
  );
  const twins = new Set(code.flatMap(([name, at]) => (at.bytesInOutput > 0 ? [name] : [])));
  const texts = shaderTexts();
  const isRun = ([name, source]: [string, string]): boolean =>
    !name.startsWith("lib/") && twins.has(/^\/\/ Twin +(\S+)$/m.exec(source)?.[1] ?? "");
  const run = Object.entries(shaderSources())
    .filter(isRun)
    .map(([name]) => name);
  // Plans use Winograd's kernels only where there are subgroups (src/graph/winograd.ts).
  const needsSubgroups = (name: string): boolean =>
    texts[name].includes("enable subgroups;") || name.startsWith("winograd_");
  const withSnippets = (names: readonly string[]): Set<string> =>
    new Set([
      ...names,
      ...names.flatMap((name) =>
        [...texts[name].matchAll(/^#(\w+)$/gm)].map(([, snippet]) => `lib/${snippet}.wgsl`),
      ),
    ]);
  const software = softwareFiles();
  const all = withSnippets(run.filter((name) => !needsSubgroups(name) && !software.has(name)));
  const rest = (isPart: (name: string) => boolean): string[] =>
    [...withSnippets(run.filter(isPart))].filter((name) => !all.has(name));
  const textsOf = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.map((name) => [name, texts[name]]));
  return {
    "shaders.json": textsOf([...all]),
    "shaders_subgroups.json": textsOf(rest(needsSubgroups)),
    "shaders_software.json": textsOf(rest((name) => software.has(name) && !needsSubgroups(name))),
  };
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
