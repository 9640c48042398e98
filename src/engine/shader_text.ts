// The texts of shaders as they lie on disk, read whenever one is needed: what is checked, timed,
// trained and predicted with is what an editor shows. The generated table holds no text; a file
// whose interface is not that of the table is refused. The only place that reads shaders.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "../tensor/error.ts";
import type { ShaderInfo } from "./kernel.ts";
import { readShader } from "./shader_file.ts";
import { snippetsOf } from "./shader_snippets.ts";

const INTERFACE = ["bindings", "params", "overrides", "tune", "features"] as const;
/** The texts whose interface was found equal to that of the table, by shader. */
const current = new Map<string, string>();

/**
 * The folder of the shaders: RINGDEPTH_SHADERS, else shaders/ beside src/ or dist/. The variable
 * lets a changed copy of all shaders be tried without touching the files of a checkout.
 */
function shadersFolder(): string {
  const { RINGDEPTH_SHADERS: other = "" } = process.env;
  return other === "" ? fileURLToPath(new URL("../../shaders", import.meta.url)) : other;
}

/**
 * The text that runs for a shader: its own where it carries one, else the file on disk. Throws
 * InputError naming the file where it is missing, breaks a rule of the header, has a snippet that
 * is not the one in shaders/lib, or where its interface is not that of the table.
 */
export function shaderText(shader: ShaderInfo): string {
  const { name, code } = shader;
  if (code !== undefined) return code;
  const text = readShaderFile(name);
  checkSnippets(name, text);
  if (current.get(name) !== text) {
    checkInterface(shader.untuned ?? shader, text);
    current.set(name, text);
  }
  return text;
}

/** The text of shaders/`stem`.wgsl; throws InputError where there is no such file. */
export function readShaderFile(stem: string): string {
  const text = readText(`${stem}.wgsl`);
  if (text !== null) return text;
  const { RINGDEPTH_SHADERS: other = "" } = process.env;
  if (other !== "") {
    throw new InputError(
      `${join(other, `${stem}.wgsl`)}: no such file; RINGDEPTH_SHADERS names its folder`,
    );
  }
  throw new InputError(
    `shaders/${stem}.wgsl: no such file, but the table of shaders has it: restore it, or remove its kernel and run npm run shaders`,
  );
}

/** The text of shaders/lib/`name`.wgsl; null where there is no such file. */
export function readSnippetFile(name: string): string | null {
  return readText(join("lib", `${name}.wgsl`));
}

/** Throws InputError where a snippet of a shader is not that of its file in shaders/lib. */
export function checkSnippets(stem: string, code: string): void {
  for (const { name, text } of snippetsOf(stem, code)) {
    if (readSnippetFile(name)?.trimEnd() === text) continue;
    throw new InputError(
      `shaders/${stem}.wgsl: its snippet ${name} is not what shaders/lib/${name}.wgsl has: run npm run shaders`,
    );
  }
}

/** The names of the shaders on disk, in order; none where their folder cannot be read. */
export function shadersOnDisk(): string[] {
  let files: readonly string[] = [];
  try {
    files = readdirSync(shadersFolder());
  } catch {
    return []; // The first text that is wanted says so.
  }
  return files
    .filter((file) => file.endsWith(".wgsl"))
    .map((file) => file.slice(0, -".wgsl".length))
    .toSorted();
}

function checkInterface(known: ShaderInfo, code: string): void {
  const found = readShader(known.name, code);
  const stale = INTERFACE.find(
    (part) => JSON.stringify(found[part]) !== JSON.stringify(known[part]),
  );
  if (stale === undefined) return;
  const what = stale === "tune" ? '"// tune:" lines' : stale;
  throw new InputError(
    `shaders/${known.name}.wgsl: its ${what} are not those of the table of shaders: run npm run shaders`,
  );
}

/** A file of the folder, with line feeds alone and no byte order mark; null where there is none. */
function readText(file: string): string | null {
  try {
    const text = readFileSync(join(shadersFolder(), file), "utf8");
    return text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  } catch {
    return null;
  }
}
