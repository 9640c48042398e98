// The texts of shaders, read each time one is needed, so that checks, timings, training and
// predictions use exactly the file that an editor shows. The generated table holds no text; a file
// whose interface differs from the table is refused.
import { InputError } from "../tensor/error.ts";
import type { ShaderInfo } from "./kernel.ts";
import { readShader } from "./shader_file.ts";
import { shaderFiles } from "./shader_files.ts";
import { snippetsOf } from "./shader_snippets.ts";

const INTERFACE = ["bindings", "params", "overrides", "tune", "constants", "features"] as const;
/** The texts whose interface was found equal to that of the table, by shader. */
const current = new Map<string, string>();

/**
 * The text that runs for a shader: its own if it carries one, else the file on disk. Throws
 * InputError naming the file when it is missing, breaks a header rule, contains a snippet that
 * differs from shaders/lib, or has an interface that differs from the table.
 */
export function shaderText(shader: ShaderInfo): string {
  const { name, code } = shader;
  if (code !== undefined) return code;
  const text = readShaderFile(name);
  if (shaderFiles().areChecked) return text;
  checkSnippets(name, text);
  if (current.get(name) !== text) {
    checkInterface(shader.untuned ?? shader, text);
    current.set(name, text);
  }
  return text;
}

/** The text of shaders/`stem`.wgsl; throws InputError if there is no such file. */
export function readShaderFile(stem: string): string {
  const text = readText(`${stem}.wgsl`);
  if (text !== null) return text;
  const place = shaderFiles().place(`${stem}.wgsl`);
  if (place !== `shaders/${stem}.wgsl`) {
    throw new InputError(`${place}: no such file; RINGDEPTH_SHADERS names its folder`);
  }
  throw new InputError(
    `shaders/${stem}.wgsl: no such file, but the table of shaders has it: restore it, or remove its kernel and run npm run shaders`,
  );
}

/** The text of shaders/lib/`name`.wgsl; null if there is no such file. */
export function readSnippetFile(name: string): string | null {
  return readText(`lib/${name}.wgsl`);
}

/** Throws InputError if a snippet of a shader differs from its file in shaders/lib. */
export function checkSnippets(stem: string, code: string): void {
  for (const { name, text } of snippetsOf(stem, code)) {
    if (readSnippetFile(name)?.trimEnd() === text) continue;
    throw new InputError(
      `shaders/${stem}.wgsl: its snippet ${name} is not what shaders/lib/${name}.wgsl has: run npm run shaders`,
    );
  }
}

/** The names of the shaders on disk, in order; empty if their folder cannot be read. */
export function shadersOnDisk(): string[] {
  let files: readonly string[] = [];
  try {
    files = shaderFiles().list();
  } catch {
    return []; // Reading the first text reports the error.
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

/**
 * A file of the folder, with plain line feeds and no byte order mark; null if it does not exist.
 */
function readText(file: string): string | null {
  const text = shaderFiles().read(file);
  return text === null ? null : text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
}
