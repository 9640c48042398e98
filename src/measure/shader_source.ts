// Kernels whose shader, including its interface, is read from a text: the file on disk, of a
// commit, or of an editor's last save. A text that breaks a rule carries its fault, so that a watch
// continues. Compile errors come with their line and a caret.
import type { Gpu } from "../gpu/device.ts";
import { GpuValidationError } from "../gpu/errors.ts";
import { pipelineFor, type PipelineSource } from "../gpu/pipelines.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { readShader } from "../engine/shader_file.ts";
import { sourcePlace } from "../engine/shader_snippets.ts";
import { checkSnippets, readShaderFile } from "../engine/shader_text.ts";
import { fitted } from "../engine/mapping.ts";
import { specialize, freezesShapes } from "../engine/specialize.ts";
import { InputError } from "../tensor/error.ts";

/** A kernel with a shader that was read, and the header or binding rule that it breaks. */
export interface SourcedKernel {
  readonly kernel: AnyKernel;
  /** Empty if it keeps all rules. */
  readonly fault: string;
}

/** The kernel with the shader on disk; throws InputError if the file is missing. */
export function kernelOnDisk(kernel: AnyKernel): SourcedKernel {
  return kernelWith(kernel, readShaderFile(kernel.shader.name));
}

/** The kernel with a text whose snippets are those of shaders/lib on disk. */
export function kernelWith(kernel: AnyKernel, code: string): SourcedKernel {
  const { name } = kernel.shader;
  return sourced(kernel, code, () => {
    checkSnippets(name, code);
  });
}

/**
 * The kernel with a text that `check` may refuse. A text that breaks a rule keeps the table's
 * bindings: the compiler may explain it better.
 */
export function sourced(kernel: AnyKernel, code: string, check: () => void): SourcedKernel {
  try {
    check();
    const shader = { ...readShader(kernel.shader.name, code), code };
    return { kernel: { ...kernel, shader }, fault: "" };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { kernel: { ...kernel, shader: { ...kernel.shader, code } }, fault: error.message };
  }
}

/**
 * The reason why a kernel cannot run on a problem: its compile error as an editor shows it, else
 * the names that its twin does not find in the shader, else the rule that it breaks. Empty if it
 * can.
 */
export async function compileFault(
  gpu: Gpu,
  { kernel, fault }: SourcedKernel,
  { shapes, attributes }: Problem,
): Promise<string> {
  let source: PipelineSource;
  try {
    const freeze = freezesShapes(gpu.facts);
    source = specialize(fitted(kernel, gpu.facts), shapes, attributes, freeze, gpu.facts).source;
  } catch (error) {
    return fault === "" ? (error as Error).message : fault;
  }
  try {
    await pipelineFor(gpu, source);
    return fault;
  } catch (error) {
    if (!(error instanceof GpuValidationError)) throw error;
    return withCaret(error.message, source.code);
  }
}

/**
 * `file:line:col: message` with the line of `code` and a caret under the column; only the message
 * if it names no line. For a snippet, the place is the one in shaders/lib.
 */
export function withCaret(message: string, code: string): string {
  const [, stem] = /^shaders\/(\w+)\.wgsl:/.exec(message) ?? [];
  if (stem === undefined) return message;
  return fileCaret(message, `shaders/${stem}.wgsl`, code, (line) => sourcePlace(stem, code, line));
}

/** The same for any file; `placeOf` says where a person edits a line. */
export function fileCaret(
  message: string,
  file: string,
  code: string,
  placeOf: (line: number) => { readonly file: string; readonly line: number } = (line) => {
    return { file, line };
  },
): string {
  const [, compiled, column, text] =
    /^:(\d+):(\d+): ([\s\S]*)$/.exec(message.startsWith(file) ? message.slice(file.length) : "") ??
    [];
  const line = compiled === undefined ? undefined : code.split("\n")[Number(compiled) - 1];
  if (line === undefined) return message;
  const place = placeOf(Number(compiled));
  // Tabs stay tabs, so that the caret is where an editor shows the column.
  const indent = line.slice(0, Number(column) - 1).replace(/[^\t]/g, " ");
  const gutter = " ".repeat(String(place.line).length);
  return [
    `${place.file}:${place.line}:${column} error: ${text.trimEnd()}`,
    ` ${place.line} | ${line}`,
    ` ${gutter} | ${indent}^`,
  ].join("\n");
}
