// Kernels with the shader of an earlier commit.
import type { AnyKernel } from "../engine/kernel.ts";
import { InputError } from "../tensor/error.ts";
import { git } from "./environment.ts";
import { sourced, type SourcedKernel } from "./shader_source.ts";

/** The kernel with its shader from git `revision`; throws InputError if it has none there. */
export async function kernelAt(kernel: AnyKernel, revision: string): Promise<SourcedKernel> {
  const { name } = kernel.shader;
  const code = await git("show", "--end-of-options", `${revision}:./shaders/${name}.wgsl`);
  if (code === null) throw new InputError(`${name}@${revision}: git has no such shader`);
  return sourced(kernel, code, () => undefined);
}
