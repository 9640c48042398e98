// Kernels made wrong on purpose.
import type { AnyKernel } from "../../src/engine/kernel.ts";
import { shaderText } from "../../src/engine/shader_text.ts";

/** The kernel with a piece of its text replaced; throws if the text has no such piece. */
export function doctored(kernel: AnyKernel, from: string, to: string): AnyKernel {
  const text = shaderText(kernel.shader);
  const code = text.replace(from, () => to);
  if (code === text) throw new Error(`${kernel.shader.name} has no "${from}"`);
  return { ...kernel, shader: { ...kernel.shader, code } };
}
