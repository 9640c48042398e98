// Kernels whose shader, interface included, is read from a text: the one on disk, of a commit, or of
// an editor's last save. A text that breaks a rule has its fault beside it, so that a watch goes on.
// Compile errors come with their line and a caret.
import type { Gpu } from "../gpu/device.ts";
import { GpuValidationError } from "../gpu/errors.ts";
import { pipelineFor, type PipelineSource } from "../gpu/pipelines.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import { readShader } from "../engine/shader_file.ts";
import { sourcePlace } from "../engine/shader_snippets.ts";
import { checkSnippets, readShaderFile } from "../engine/shader_text.ts";
import { specialize } from "../engine/specialize.ts";
import { freezesShapes } from "../engine/variant.ts";
import { InputError } from "../tensor/error.ts";
import { git } from "./environment.ts";
import type { Problem } from "./problems.ts";

/** A kernel with a shader that was read, and the rule of the header or of bindings it breaks. */
export interface SourcedKernel {
  readonly kernel: AnyKernel;
  /** Empty where it keeps all rules. */
  readonly fault: string;
}

/** The kernel with the shader that lies on disk; throws InputError where the file is missing. */
export function kernelOnDisk(kernel: AnyKernel): SourcedKernel {
  return kernelWith(kernel, readShaderFile(kernel.shader.name));
}

/** The kernel with a text that has the snippets of shaders/lib as they lie on disk. */
export function kernelWith(kernel: AnyKernel, code: string): SourcedKernel {
  const { name } = kernel.shader;
  return sourced(kernel, code, () => {
    checkSnippets(name, code);
  });
}

/** The kernel with its shader as git has it at `revision`; throws InputError where it has none. */
export async function kernelAt(kernel: AnyKernel, revision: string): Promise<SourcedKernel> {
  const { name } = kernel.shader;
  const code = await git("show", "--end-of-options", `${revision}:./shaders/${name}.wgsl`);
  if (code === null) throw new InputError(`${name}@${revision}: git has no such shader`);
  return sourced(kernel, code, () => undefined);
}

/** A text that breaks a rule keeps the bindings of the table: the compiler may say better why. */
function sourced(kernel: AnyKernel, code: string, check: () => void): SourcedKernel {
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
 * What keeps a kernel from running on a problem: its compile error as an editor reads it, else what
 * its twin does not find in the shader, else the rule it breaks. Empty where there is nothing.
 */
export async function compileFault(
  gpu: Gpu,
  { kernel, fault }: SourcedKernel,
  { shapes, attributes }: Problem,
): Promise<string> {
  let source: PipelineSource;
  try {
    source = specialize(kernel, shapes, attributes, freezesShapes(gpu.facts)).source;
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
 * `file:line:col: message` with the line of `code` and a caret under the column; the message alone
 * where it names no line. Within a snippet the place is the one in shaders/lib.
 */
export function withCaret(message: string, code: string): string {
  const place = /^shaders\/(\w+)\.wgsl:(\d+):(\d+): ([\s\S]*)$/.exec(message);
  const line = place === null ? undefined : code.split("\n")[Number(place[2]) - 1];
  if (place === null || line === undefined) return message;
  const [, stem, compiled, column, text] = place;
  const { file, line: number } = sourcePlace(stem, code, Number(compiled));
  // Tabs stay tabs, so that the caret stands where an editor shows the column.
  const indent = line.slice(0, Number(column) - 1).replace(/[^\t]/g, " ");
  const gutter = " ".repeat(String(number).length);
  return [
    `${file}:${number}:${column} error: ${text.trimEnd()}`,
    ` ${number} | ${line}`,
    ` ${gutter} | ${indent}^`,
  ].join("\n");
}
