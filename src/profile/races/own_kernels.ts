// Searches the kernels of this program for data races, on their own problems.
import { fitted } from "../../engine/mapping.ts";
import type { AnyKernel } from "../../engine/kernel.ts";
import type { Problem } from "../../engine/problem.ts";
import { freezesShapes, specialize } from "../../engine/specialize.ts";
import type { Gpu } from "../../gpu/device.ts";
import { caseInputs } from "../../kernels/check/random_inputs.ts";
import type { RaceCheck } from "../../measure/race_check.ts";
import { size, type Shape } from "../../tensor/shape.ts";
import { startNumbers, type Numbers } from "../outside/numbers.ts";
import { readDeclarations } from "../outside/declarations.ts";
import { resolveProblem, type OutsideProblem } from "../outside/problem.ts";
import type { BufferSettings } from "../outside/settings.ts";
import { checkRaces } from "./races.ts";

/** Searches a kernel on one problem that this adapter can run. */
export async function kernelRaces(
  gpu: Gpu,
  kernel: AnyKernel,
  problem: Problem,
): Promise<RaceCheck> {
  const shader = kernelProblem(gpu, fitted(kernel, gpu.facts), problem);
  const inputs = caseInputs(kernel, problem);
  const start: Record<string, Numbers> = {};
  for (const buffer of shader.buffers) {
    const values = inputs[buffer.name] as Float32Array | undefined;
    if (values !== undefined) start[buffer.name] = Float64Array.from(values);
    else if (buffer.space === "uniform") start[buffer.name] = startNumbers(buffer, {}, null);
  }
  return await checkRaces(gpu, shader, start);
}

/** A kernel on a problem, as a shader from anywhere is described. */
function kernelProblem(
  { facts }: Gpu,
  kernel: AnyKernel,
  { shapes, attributes }: Problem,
): OutsideProblem {
  const { source, grid } = specialize(kernel, shapes, attributes, freezesShapes(facts), facts);
  const file = source.file ?? `shaders/${source.name}.wgsl`;
  const all: Record<string, Shape> = { ...shapes, ...kernel.shapes(shapes, attributes) };
  const { buffers: declared, structs } = readDeclarations(file, source.code);
  const buffers: Record<string, BufferSettings> = {};
  for (const { name, type } of declared) {
    // Uniforms have their length in the text.
    const width = /^array<(f32|vec4f)>$/.exec(type)?.[1] === "vec4f" ? 4 : 1;
    const shape = all[name];
    if (shape === undefined || !type.endsWith(">") || type.includes(",")) continue;
    buffers[name] = { shape: [Math.max(1, Math.ceil(size(shape) / width))] };
  }
  const params = kernel.params(shapes, attributes) as Record<string, number>;
  // The grid may need more numbers than the shader.
  const fields = structs.get("Params")?.members ?? [];
  return resolveProblem(file, source.code, {
    entry: source.name,
    overrides: source.constants,
    values: Object.fromEntries(fields.map(({ name }) => [`params.${name}`, params[name]])),
    buffers,
    grid,
  });
}
