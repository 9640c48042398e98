// Reads shaders/*.wgsl and writes src/kernels/shaders.gen.ts: the interface that the host must agree
// on with each file (bindings, Params, overrides, tuned lines, features), so that a misspelt name on
// the host is a type error. Pastes the snippets of shaders/lib between `// <lib NAME>` and
// `// </lib>` and compiles every text. Files are written only when all shaders are fine; `--check`
// writes and compiles nothing and fails when something is not current.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Gpu } from "../src/gpu/device.ts";
import { openGpu } from "../src/gpu/node_device.ts";
import { NoAdapterError } from "../src/gpu/errors.ts";
import type { ShaderInfo } from "../src/engine/kernel.ts";
import { readShader } from "../src/engine/shader_file.ts";
import { snippetsOf, sourcePlace, withSnippets } from "../src/engine/shader_snippets.ts";
import { InputError } from "../src/tensor/error.ts";

const TABLE = "src/kernels/shaders.gen.ts";

/** A shader with its snippets pasted. */
interface PastedShader {
  readonly stem: string;
  readonly code: string;
  readonly info: ShaderInfo;
}

function stemsOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".wgsl"))
    .map((file) => file.slice(0, -".wgsl".length))
    .toSorted();
}

function readText(file: string): string {
  return readFileSync(file, "utf8")
    .replace(/^\uFEFF/, "")
    .replaceAll("\r\n", "\n");
}

function hashOf(text: string): string {
  return createHash("sha256").update(text.trimEnd()).digest("hex").slice(0, 16);
}

/** The text of a snippet to paste into a shader; throws if the copy in the shader was edited. */
function snippetFor(stem: string, name: string, text: string, pasted: string | undefined): string {
  const file = `shaders/lib/${name}.wgsl`;
  if (!existsSync(file)) {
    throw new InputError(`shaders/${stem}.wgsl: the snippet ${name} has no ${file}`);
  }
  const wanted = readText(file).trimEnd();
  // The previously pasted text may be replaced; an edit made since then may not.
  if (text !== wanted && text !== "" && hashOf(text) !== pasted) {
    throw new InputError(
      `shaders/${stem}.wgsl: its snippet ${name} was edited here; edit ${file}, or empty the lines between the marks to have it pasted`,
    );
  }
  return wanted;
}

/** Messages of the compiler about a shader as `file:line:col: message`; empty if there are none. */
async function compileErrors({ device }: Gpu, { stem, code }: PastedShader): Promise<string[]> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label: stem, code });
  const scope = device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  const refused = await scope;
  const errors = messages
    .filter(({ type }) => type === "error")
    .map(({ lineNum, linePos, message }) => {
      const { file, line } = sourcePlace(stem, code, lineNum);
      return `${file}:${line}:${linePos}: ${message}`;
    });
  if (errors.length > 0 || refused === null) return errors;
  return [`shaders/${stem}.wgsl: ${refused.message}`];
}

/** Compiles every shader that this machine can and reports the others; returns the errors. */
async function compileAll(shaders: readonly PastedShader[]): Promise<string[]> {
  let gpu: Gpu;
  try {
    gpu = await openGpu({ validation: true });
  } catch (error) {
    if (!(error instanceof NoAdapterError)) throw error;
    console.log("there is no WebGPU adapter here: the shaders were not compiled");
    return [];
  }
  const able = shaders.filter(({ stem, info: { features } }) => {
    const lacking = features.filter((name) => !gpu.facts.features.has(name));
    if (lacking.length > 0) {
      console.log(
        `shaders/${stem}.wgsl: not compiled, ${gpu.facts.name} lacks ${lacking.join(", ")}`,
      );
    }
    return lacking.length === 0;
  });
  const errors = await Promise.all(able.map((shader) => compileErrors(gpu, shader)));
  gpu.close();
  // One line for an error of a snippet, however many shaders have it.
  return [...new Set(errors.flat())];
}

/**
 * Entries of the table that src uses but that have no file: without them the program could not
 * start.
 */
function missingShaders(stems: readonly string[]): string[] {
  const files = readdirSync("src/kernels", { recursive: true, encoding: "utf8" })
    .filter((file) => /(?<!\.gen)\.ts$/.test(file))
    .toSorted();
  return files.flatMap((file) => {
    const names = [
      ...readText(`src/kernels/${file}`).matchAll(/(?:shader: |typeof )shaders\.(\w+)/g),
    ];
    const missing = new Set(names.map(([, name]) => name).filter((name) => !stems.includes(name)));
    return [...missing].map(
      (name) => `src/kernels/${file} names shaders.${name}: there is no shaders/${name}.wgsl`,
    );
  });
}

function tableText(shaders: readonly PastedShader[]): string {
  const names = shaders.flatMap(({ stem, code }) => snippetsOf(stem, code).map(({ name }) => name));
  const snippets = [...new Set(names)].toSorted();
  return [
    "// Generated by tools/shaders.ts from shaders/*.wgsl; do not edit. The snippets, as they were pasted:",
    ...snippets.map((name) => `//   ${name} ${hashOf(readText(`shaders/lib/${name}.wgsl`))}`),
    "",
    "export const shaders = {",
    ...shaders.map(({ stem, info }) => `  ${stem}: ${JSON.stringify(info)},`),
    "} as const;",
    "",
  ].join("\n");
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}

const checks = process.argv.includes("--check");
const before = existsSync(TABLE) ? readText(TABLE) : "";
const pasted = new Map(
  [...before.matchAll(/^\/\/ {3}(\w+) ([\da-f]{16})$/gm)].map(([, name, hash]) => [name, hash]),
);
const stems = stemsOf("shaders");
const shaders: PastedShader[] = [];
const errors: string[] = missingShaders(stems);
for (const stem of stems) {
  try {
    const text = readText(`shaders/${stem}.wgsl`);
    snippetsOf(stem, text); // its marks
    const code = withSnippets(text, (name, old) => snippetFor(stem, name, old, pasted.get(name)));
    shaders.push({ stem, code, info: readShader(stem, code) });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    errors.push(error.message);
  }
}
const changed = shaders.filter(({ stem, code }) => readText(`shaders/${stem}.wgsl`) !== code);
if (checks) {
  for (const { stem } of changed) {
    errors.push(`shaders/${stem}.wgsl: its snippets are not current: run npm run shaders`);
  }
  if (errors.length === 0 && before !== tableText(shaders)) {
    errors.push(`${TABLE} is ${before === "" ? "missing" : "not current"}: run npm run shaders`);
  }
} else {
  errors.push(...(await compileAll(shaders)));
  if (errors.length === 0) {
    for (const { stem, code } of changed) writeWhole(`shaders/${stem}.wgsl`, code);
    writeWhole(TABLE, tableText(shaders));
    const names = changed.map(({ stem }) => stem).join(", ");
    console.log(
      `${shaders.length} shaders in ${TABLE}${names === "" ? "" : `; snippets pasted into ${names}`}`,
    );
  }
}
for (const error of errors) console.error(error);
if (errors.length > 0) {
  if (!checks) console.error(`nothing was written: ${TABLE} is as it was`);
  process.exitCode = 1;
}
