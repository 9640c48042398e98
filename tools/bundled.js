// The program of a checkout as one bundle: to load five hundred TypeScript modules one by one takes
// seconds. The folder of a bundle is named by a hash of the sources, so a stale one never runs.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { statSync, utimesSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SOURCES = join(ROOT, "src");
const PLACE = join(ROOT, ".cache", "program");
// A run may load parts of its bundle late, so only one that nobody started for long is removed.
const KEPT_MS = 14 * 24 * 3600 * 1000;

/**
 * The address of the bundle of the sources as they are now, made where it is missing. Null where none
 * can be made: the sources themselves then say what is wrong with them.
 * @returns {Promise<string | null>}
 */
export async function bundledProgram() {
  try {
    const folder = join(PLACE, digest());
    const program = join(folder, "main.js");
    if (!existsSync(program)) await make(folder);
    touch(folder);
    return pathToFileURL(program).href;
  } catch {
    return null;
  }
}

/** A hash of everything that the bundle depends on, its place included: it holds absolute addresses. */
function digest() {
  const hash = createHash("sha256").update(ROOT);
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => join(SOURCES, name));
  for (const file of [...files, join(ROOT, "tsconfig.json"), fileURLToPath(import.meta.url)]) {
    const bytes = readFileSync(file);
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex").slice(0, 32);
}

/**
 * Makes a bundle beside its place and moves it there, so that another process never sees half of it.
 * @param {string} folder
 */
async function make(folder) {
  const { build } = await import("esbuild");
  const fresh = `${folder}.${process.pid}`;
  try {
    await build({
      absWorkingDir: ROOT,
      entryPoints: [join(SOURCES, "cli", "main.ts")],
      outdir: fresh,
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "node",
      target: "node20",
      packages: "external",
      // names of errors and functions are in reports
      keepNames: true,
      sourcemap: true,
      sourcesContent: false,
      logLevel: "silent",
      plugins: [{ name: "addresses", setup: keepAddresses }],
    });
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    // another process was faster
    if (!existsSync(join(folder, "main.js"))) throw error;
  }
  removeOld();
}

/**
 * A module finds files by its own address, which stays that of its source.
 * @param {import("esbuild").PluginBuild} build
 */
function keepAddresses(build) {
  build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
    const text = await readFile(path, "utf8");
    const address = JSON.stringify(pathToFileURL(path).href);
    return { contents: text.replaceAll("import.meta.url", address), loader: "ts" };
  });
}

function removeOld() {
  for (const name of readdirSync(PLACE)) {
    const folder = join(PLACE, name);
    if (Date.now() - statSync(folder).mtimeMs > KEPT_MS) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** @param {string} folder */
function touch(folder) {
  const now = new Date();
  utimesSync(folder, now, now);
}
