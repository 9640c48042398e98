// Kernels with their shader as it lies on disk, or as a commit has it: who edits a .wgsl measures
// what is in the editor, not the generated table. Compile errors come with their line and a caret.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Gpu } from "../gpu/device.ts";
import { GpuValidationError } from "../gpu/errors.ts";
import { pipelineFor, type PipelineSource } from "../gpu/pipelines.ts";
import type { AnyKernel } from "../kernels/kernel.ts";
import { readShader } from "../kernels/shader_file.ts";
import { specialize } from "../kernels/specialize.ts";
import { freezesShapes } from "../kernels/variant.ts";
import { InputError } from "../tensor/error.ts";
import { git } from "./environment.ts";
import type { Problem } from "./problems.ts";

/** A kernel with a shader that was read, and the rule of the header or of bindings it breaks. */
export interface SourcedKernel {
  readonly kernel: AnyKernel;
  /** Empty where it keeps all rules. */
  readonly fault: string;
}

/**
 * The kernel with the shader that lies in shaders/, beside src/ or dist/; throws InputError where
 * the file is missing.
 */
export async function kernelOnDisk(kernel: AnyKernel): Promise<SourcedKernel> {
  const { name } = kernel.shader;
  const file = fileURLToPath(new URL(`../../shaders/${name}.wgsl`, import.meta.url));
  const code = await readFile(file, "utf8").catch(() => null);
  if (code === null) throw new InputError(`shaders/${name}.wgsl: no such file`);
  return withCode(kernel, code);
}

/** The kernel with its shader as git has it at `revision`; throws InputError where it has none. */
export async function kernelAt(kernel: AnyKernel, revision: string): Promise<SourcedKernel> {
  const { name } = kernel.shader;
  const code = await git("show", "--end-of-options", `${revision}:./shaders/${name}.wgsl`);
  if (code === null) throw new InputError(`${name}@${revision}: git has no such shader`);
  return withCode(kernel, code);
}

/** A text that breaks a rule keeps the bindings of the table: the compiler may say better why. */
function withCode(kernel: AnyKernel, code: string): SourcedKernel {
  try {
    return { kernel: { ...kernel, shader: readShader(kernel.shader.name, code) }, fault: "" };
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
 * where it names no line.
 */
export function withCaret(message: string, code: string): string {
  const place = /^([\w/]+\.wgsl):(\d+):(\d+): ([\s\S]*)$/.exec(message);
  const line = place === null ? undefined : code.split("\n")[Number(place[2]) - 1];
  if (place === null || line === undefined) return message;
  const [, file, number, column, text] = place;
  // Tabs stay tabs, so that the caret stands where an editor shows the column.
  const indent = line.slice(0, Number(column) - 1).replace(/[^\t]/g, " ");
  const gutter = " ".repeat(number.length);
  return [
    `${file}:${number}:${column} error: ${text.trimEnd()}`,
    ` ${number} | ${line}`,
    ` ${gutter} | ${indent}^`,
  ].join("\n");
}
