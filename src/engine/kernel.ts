// The kernel contract: one shader and the facts the host must agree with it on. A twin is a table
// of these. Nothing here touches the GPU; src/engine/run.ts does.
import type { NumberArray } from "../tensor/array.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Problem } from "./problem.ts";
import type { AdapterFacts } from "../gpu/device.ts";

/** The facts that tools/shaders.ts reads from one .wgsl file. */
export interface ShaderInfo {
  readonly name: string;
  /** A text to run instead of the file on disk, such as the file of a commit or a draft. */
  readonly code?: string;
  /** The name of that text in errors; by default, that of the file on disk. */
  readonly file?: string;
  /**
   * For a shader with tuned constants: the shader that it was made from, which has the interface of
   * the file.
   */
  readonly untuned?: ShaderInfo;
  readonly bindings: readonly {
    readonly name: string;
    readonly binding: number;
    readonly access: "read" | "write" | "inout";
    readonly uniform: boolean;
  }[];
  readonly params: readonly { readonly name: string; readonly type: "u32" | "i32" | "f32" }[];
  readonly overrides: readonly {
    readonly name: string;
    readonly type: "u32" | "i32" | "f32" | "bool";
    readonly value: number | boolean;
  }[];
  readonly tune: readonly {
    readonly name: string;
    readonly value: number;
    readonly values: readonly number[];
    /** The adapter decides on the value, by the twin's `fit`; nobody may tune it. */
    readonly adapter?: true;
  }[];
  /** Numbers that the twin needs too, by the names they have in the shader. */
  readonly constants: Readonly<Record<string, number>>;
  readonly features: readonly string[];
}

type Named<T extends readonly { readonly name: string }[]> = T[number]["name"];
type Bound<S extends ShaderInfo, A extends "read" | "write" | "inout"> = Extract<
  S["bindings"][number],
  { readonly access: A }
>["name"];

/** Names of the tensors that a kernel reads: its `read` and `inout` bindings. */
export type Inputs<S extends ShaderInfo> = Bound<S, "read" | "inout">;
/** Names of the tensors that a kernel creates: its `write` bindings. */
export type Outputs<S extends ShaderInfo> = Bound<S, "write">;
/** Names of all tensors that a kernel changes: `write` and `inout`. */
export type Changed<S extends ShaderInfo> = Bound<S, "write" | "inout">;
/** Names of all tensors that a dispatch binds. */
export type Bindings<S extends ShaderInfo> = Named<S["bindings"]>;
/** Values of `struct Params`, by field. */
export type Params<S extends ShaderInfo> = Record<Named<S["params"]>, number>;
/**
 * Values of override constants and of tuned lines that the problem fixes, by name; those left out
 * keep the default of the shader.
 */
export type Overrides<S extends ShaderInfo> = Partial<
  Record<Named<S["overrides"]> | Named<S["tune"]>, number | boolean>
>;
/** Values of every override of a shader, as the grid sees them (booleans are 0 or 1). */
export type Resolved<S extends ShaderInfo> = Record<
  Named<S["overrides"]> | Named<S["tune"]>,
  number
>;

/** Values of tune constants, by name; one that is left out keeps the shader's default. */
export type TuneValues<S extends ShaderInfo> = Partial<Record<Named<S["tune"]>, number>>;

/** Workgroups along x, y, z. */
export type Grid = readonly [number, number, number];

/** Work of one dispatch: operations, and the fewest bytes that must cross the memory bus. */
export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

/** A problem and the kernel to run on it. */
export interface KernelProblem extends Problem {
  readonly kernel: AnyKernel;
}

/**
 * One kernel: `S` is its entry in the shader table, `A` its attributes (stride, padding …). An
 * input that is left out (an optional bias) has shape [0] and is bound to a dummy. `reference` is
 * the definition in plain loops; it returns every changed tensor and must not change its inputs.
 */
export interface Kernel<S extends ShaderInfo = ShaderInfo, A = unknown> {
  readonly shader: S;
  /**
   * The axes of each input, or its possible layouts, written as in the shader's header: a letter
   * means the same length everywhere. Absent for inputs that may have any shape.
   */
  readonly axes?: Readonly<Partial<Record<Inputs<S>, string | readonly string[]>>>;
  /** Shapes of the outputs; throws with the numbers when the inputs do not fit together. */
  shapes(inputs: Record<Inputs<S>, Shape>, attributes: A): Record<Outputs<S>, Shape>;
  /**
   * Values of `struct Params`. Where the shader also has an override of the same name in capitals,
   * the engine sets that too when it specialises the pipeline on its shape (0 leaves it open, to be
   * read at run time).
   */
  params(inputs: Record<Inputs<S>, Shape>, attributes: A): Params<S>;
  /** Flags and sizes that select the pipeline's code (HAS_BIAS, KIND). */
  overrides?(inputs: Record<Inputs<S>, Shape>, attributes: A): Overrides<S>;
  /**
   * Overrides that change the function on a problem, so that a mapping whose shader lacks one cannot
   * run it.
   */
  flags?(attributes: A): readonly string[];
  /** Tune constants that suit a problem's shapes; the autotuner may choose others. */
  tuneRule?(inputs: Record<Inputs<S>, Shape>, attributes: A): TuneValues<S>;
  /**
   * Values of the lines that the adapter decides on, such as the size of its matrices; null if it
   * has none that the shader lists, so that it cannot run the kernel.
   */
  fit?(facts: AdapterFacts): TuneValues<S> | null;
  /**
   * "f16": the mapping rounds its operands to f16, so only work under `precision: f16` may use it.
   */
  readonly operands?: "f16";
  /** Workgroups to dispatch. */
  grid(params: Params<S>, overrides: Resolved<S>): Grid;
  cost(inputs: Record<Inputs<S>, Shape>, attributes: A): Cost;
  /**
   * Whether this mapping, with the values of its tuned lines, stores parts of sums in its output
   * and reads them again, so that storage in f16 would round them.
   */
  storesParts?(
    inputs: Record<Inputs<S>, Shape>,
    attributes: A,
    tuned: Readonly<Record<string, number>>,
  ): boolean;
  /**
   * For sums of products: the number of terms per output element, which sets the rounding
   * allowance.
   */
  terms?(inputs: Record<Inputs<S>, Shape>, attributes: A): number;
  /**
   * For sums whose terms are not products of inputs: per output element, the sum of the magnitudes
   * of all rounded intermediates. Without it, the reference runs on absolute values.
   */
  magnitudes?<T extends NumberArray>(
    inputs: Record<Inputs<S>, T>,
    shapes: Record<Inputs<S>, Shape>,
    attributes: A,
  ): Record<Changed<S>, T>;
  /** Whether this adapter can run the mapping on a problem, given the shader's features. */
  runs?(facts: AdapterFacts, inputs: Record<Inputs<S>, Shape>, attributes: A): boolean;
  /** Whether the rule prefers this mapping to those after it and to the base, if it can run. */
  suits?(facts: AdapterFacts, inputs: Record<Inputs<S>, Shape>, attributes: A): boolean;
  /** Other mappings of the same function, the preferred first; `mapping.ts` picks. */
  variants?(): readonly AnyKernel[];
  /** Problems on which the kernel is compared with its reference, each with a name of its own. */
  readonly cases: readonly Problem<Inputs<S>, A>[];
  reference<T extends NumberArray>(
    inputs: Record<Inputs<S>, T>,
    shapes: Record<Inputs<S>, Shape>,
    attributes: A,
  ): Record<Changed<S>, T>;
}

/** A kernel whose shader and attributes are not known to the type system (tables, plans). */
// oxlint-disable-next-line typescript/no-explicit-any -- the one place where attributes are erased
export type AnyKernel = Kernel<ShaderInfo, any>;

/** Declares a kernel with its types, so that its names are checked against the shader table. */
export function kernel<const S extends ShaderInfo, A = void>(twin: Kernel<S, A>): Kernel<S, A> {
  return twin;
}

/** The most workgroups along each axis of a dispatch: WebGPU's limit. */
export const MOST_WORKGROUPS = 65535;

/** Whether grids fold as small as they are, with a row too many. */
let foldsAll = false;

/**
 * Folds a workgroup count into x and y, because x takes at most 65,535; shaders unfold it with
 * `num_workgroups.x`, and have nothing to do in the workgroups of the last row that are too many.
 */
export function foldGrid(workgroups: number): Grid {
  if (workgroups === 0) return [0, 1, 1];
  const x = foldsAll ? Math.ceil(workgroups / 2) : Math.min(workgroups, MOST_WORKGROUPS);
  return [x, Math.ceil(workgroups / x) + Number(foldsAll), 1];
}

/**
 * The grid that `make` returns, folded into two rows, and with a row too many: so a check sees how a
 * shader unfolds without a tensor of millions of numbers.
 */
export function foldedInTwo(make: () => Grid): Grid {
  foldsAll = true;
  try {
    return make();
  } finally {
    foldsAll = false;
  }
}

/** All constants that a twin sets for a problem: its tuning rule, then its overrides on top. */
export function givenConstants(
  twin: AnyKernel,
  inputs: Readonly<Record<string, Shape>>,
  attributes: unknown,
): Record<string, number | boolean | undefined> {
  return { ...twin.tuneRule?.(inputs, attributes), ...twin.overrides?.(inputs, attributes) };
}

/** Values of all overrides and tune constants of a shader: defaults, then the twin's values. */
export function resolveOverrides(
  shader: ShaderInfo,
  given: Readonly<Record<string, number | boolean | undefined>>,
): Record<string, number> {
  const all = [...shader.overrides, ...shader.tune].map((o) => [
    o.name,
    Number(given[o.name] ?? o.value),
  ]);
  return Object.fromEntries(all) as Record<string, number>;
}
