// From a kernel and a problem to the pipeline that runs it: override constants, tuned lines,
// layout, params block.
import type { AdapterFacts } from "../gpu/device.ts";
import type { PipelineSource } from "../gpu/pipelines.ts";
import { InputError } from "../tensor/error.ts";
import type { Shape } from "../tensor/shape.ts";
import {
  foldedInTwo,
  givenConstants,
  MOST_WORKGROUPS,
  resolveOverrides,
  type AnyKernel,
  type Grid,
  type ShaderInfo,
} from "./kernel.ts";
import { shaderText } from "./shader_text.ts";
import { adapterConstants, withSubgroupWidth } from "./subgroups.ts";

/** A kernel bound to shapes and attributes: what to compile, what to dispatch. */
export interface Specialized {
  readonly source: PipelineSource;
  readonly params: ArrayBuffer | null;
  readonly grid: Grid;
  /** The same workgroups in two rows, and a third row too many, wherever the grid can fold. */
  readonly folded: Grid;
}

/** One tunable line of a shader: `const TM: u32 = 4u; // tune: 1 2 4 8`. */
function tuneLine(name: string): RegExp {
  return new RegExp(`^(const ${name}: u32 = )\\d+(u; // (?:tune|adapter): [\\d ]+)$`, "m");
}

/** Throws RangeError when a value is not among those listed on its tunable line. */
export function checkTuning(
  { name: shader, tune }: ShaderInfo,
  values: Readonly<Record<string, number>>,
): void {
  for (const { name, values: allowed } of tune) {
    const value = values[name];
    if (value !== undefined && !allowed.includes(value)) {
      throw new RangeError(`${shader}: ${name}=${value} is not one of ${allowed.join(", ")}`);
    }
  }
}

/**
 * The text of a shader with tunable constants replaced in place; every other byte and every line
 * number stays the same. Throws when a value is not among those listed on its line.
 */
export function withTuning(shader: ShaderInfo, values: Readonly<Record<string, number>>): string {
  checkTuning(shader, values);
  let code = shaderText(shader);
  for (const { name } of shader.tune) {
    const value = values[name];
    if (value === undefined) continue;
    const line = tuneLine(name);
    if (!line.test(code)) throw new Error(`${shader.name}: no line "const ${name}: u32 = …"`);
    code = code.replace(line, (_, before: string, after: string) => `${before}${value}${after}`);
  }
  return code;
}

/**
 * Specialises a kernel on a problem. With `freeze`, each geometry number of Params that has an
 * override of the same name in capitals becomes a pipeline constant (divisions by constants and
 * loops of known length suit GPUs). Without it, all shapes share one pipeline (which suits software
 * adapters, where each pipeline costs 0.15 to 0.9 s). `facts` sets the width of subgroups; without
 * them, it is that of the file. The text is read from disk at the time of the call. Throws InputError when the grid exceeds WebGPU's limit, Error when a field of Params has no
 * value or one that its type cannot hold, and the errors of `shaderText`.
 */
export function specialize(
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
  freeze: boolean,
  facts?: AdapterFacts,
): Specialized {
  const shader: ShaderInfo = kernel.shader;
  const params: Record<string, number> = kernel.params(inputs, attributes);
  const ofAdapter = facts === undefined ? {} : adapterConstants(shader, facts);
  const given = { ...givenConstants(kernel, inputs, attributes), ...ofAdapter };
  const resolved = resolveOverrides(shader, given);
  const block = shader.params.length > 0 ? packParams(shader, params) : null;
  const grid = kernel.grid(params, resolved);
  checkGrid(shader.name, grid);
  const constants: Record<string, number> = {};
  for (const { name } of shader.overrides) {
    const fixed = given[name] ?? (freeze ? params[name.toLowerCase()] : undefined);
    if (fixed !== undefined) constants[name] = Number(fixed);
  }
  const tuned: Record<string, number> = Object.fromEntries(
    shader.tune.map(({ name }) => [name, resolved[name]]),
  );
  const code = withTuning(shader, tuned);
  return {
    source: {
      name: shader.name,
      ...(shader.file !== undefined && { file: shader.file }),
      code: facts === undefined ? code : withSubgroupWidth(code, facts),
      layout: [
        ...(shader.params.length > 0 ? (["uniform"] as const) : []),
        ...shader.bindings.map(({ access, uniform }) =>
          uniform ? "uniform" : access === "read" ? "read-only-storage" : "storage",
        ),
      ],
      constants,
      tuned,
    },
    params: block,
    grid,
    folded: foldedInTwo(() => kernel.grid(params, resolved)),
  };
}

/**
 * Whether pipelines are specialised on their shapes: not where compiling costs more than it saves.
 */
export function freezesShapes(facts: AdapterFacts): boolean {
  return !facts.software;
}

function checkGrid(name: string, grid: readonly number[]): void {
  if (!grid.some((n) => n > MOST_WORKGROUPS)) return;
  throw new InputError(
    `${name}: a grid of ${grid.join(" x ")} workgroups; the adapter takes at most ${MOST_WORKGROUPS} along an axis; use smaller shapes`,
  );
}

/** `struct Params` as bytes: four-byte scalars in declared order, padded to 16. */
function packParams(shader: ShaderInfo, values: Readonly<Record<string, number>>): ArrayBuffer {
  const bytes = new ArrayBuffer(16 * Math.ceil(shader.params.length / 4));
  const view = new DataView(bytes);
  shader.params.forEach(({ name, type }, i) => {
    const value = values[name];
    if (value === undefined || !holds(type, value)) {
      throw new InputError(`${shader.name}: params.${name} is ${value}, expected ${type}`);
    }
    if (type === "f32") view.setFloat32(4 * i, value, true);
    else if (type === "i32") view.setInt32(4 * i, value, true);
    else view.setUint32(4 * i, value, true);
  });
  return bytes;
}

function holds(type: "u32" | "i32" | "f32", value: number): boolean {
  if (type === "f32") return !Number.isNaN(value);
  return value === (type === "u32" ? value >>> 0 : value | 0);
}
