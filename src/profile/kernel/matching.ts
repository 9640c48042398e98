// Kernels by name.
import type { AnyKernel } from "../../engine/kernel.ts";
import { kernels } from "../../kernels/kernels.ts";
import { shadersOffTable } from "../../kernels/check/shader_table.ts";
import { InputError } from "../../tensor/error.ts";

/** Matches a whole name against a glob of `*` and `?`. */
export function globPattern(glob: string): RegExp {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${pattern}$`);
}

/** The kernels whose names match a glob of `*` and `?`; throws InputError if none does. */
export function matchingKernels(glob: string | undefined): AnyKernel[] {
  if (glob === undefined) return [...kernels];
  const pattern = globPattern(glob);
  const matching = kernels.filter(({ shader }) => pattern.test(shader.name));
  if (matching.length > 0) return matching;
  const offTable = shadersOffTable().find((stem) => pattern.test(stem));
  if (offTable !== undefined) {
    throw new InputError(
      `shaders/${offTable}.wgsl is not in the table of shaders: run npm run shaders; then its kernel goes into src/kernels/kernels.ts`,
    );
  }
  const near = kernels
    .map(({ shader }) => shader.name)
    .filter((name) => name.startsWith(glob.slice(0, 3)));
  const hint = near.length > 0 ? `; similar names: ${near.join(", ")}` : "";
  throw new InputError(`no kernel matches ${JSON.stringify(glob)}${hint}`);
}
