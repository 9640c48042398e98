// Compares the generated table of shaders with the kernels that need it and the files on disk.
import { InputError } from "../../tensor/error.ts";
import type { AnyKernel, ShaderInfo } from "../../engine/kernel.ts";
import { kernels } from "../kernels.ts";
import { shadersOnDisk, shaderText } from "../../engine/shader_text.ts";
import { shaders } from "../shaders.gen.ts";

/** The shaders on disk that the table lacks. */
export function shadersOffTable(): string[] {
  return shadersOnDisk().filter((stem) => !Object.hasOwn(shaders, stem));
}

/** Throws InputError if the table lacks the shader of a kernel. */
export function checkShaderTable(): void {
  const complete = kernels.every(({ shader }) => (shader as ShaderInfo | undefined) !== undefined);
  if (complete) return;
  const files = shadersOffTable().map((stem) => `shaders/${stem}.wgsl`);
  const what = files.length === 0 ? "a shader that a kernel needs" : files.join(", ");
  throw new InputError(`the table of shaders lacks ${what}: run npm run shaders`);
}

/**
 * Throws InputError naming the first shader of these kernels that is out of date; see `shaderText`.
 */
export function checkShadersOf(list: readonly AnyKernel[]): void {
  for (const { shader } of list) shaderText(shader);
}
