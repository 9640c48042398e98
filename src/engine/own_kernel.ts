// Kernels of a program's own: a WGSL text and the facts that the host must agree with it on.
import { checkShape, size, type Shape } from "../tensor/shape.ts";
import { InputError } from "../tensor/error.ts";
import { checkOptions } from "../tensor/options.ts";
import type { NumberArray } from "../tensor/array.ts";
import type { Cost, Grid, Kernel, ShaderInfo } from "./kernel.ts";
import { readOwnShader } from "./own_shader.ts";
import { checkProblem, type Problem } from "./problem.ts";

type Access<N extends string, A extends string> = {
  readonly name: N;
  readonly binding: number;
  readonly access: A;
  readonly uniform: boolean;
};

/** The shader of an own kernel: tensors `I` that it reads, `O` that it writes, `C` that it changes. */
export interface OwnShader<
  I extends string,
  O extends string,
  C extends string,
> extends ShaderInfo {
  readonly bindings: readonly (Access<I, "read"> | Access<O, "write"> | Access<C, "inout">)[];
}

/** A program's statement of its own kernel. */
export interface OwnKernel<
  I extends string,
  O extends string,
  C extends string,
  P extends string,
  A,
> {
  /**
   * The shader: tensors as `var<storage, read>` or `var<storage, read_write>` of `array<f32>`, numbers
   * as the fields of one `var<uniform>` struct at binding 0; bindings of group 0, dense from 0.
   */
  readonly wgsl: string;
  /** The entry point, where the text has several. */
  readonly entry?: string;
  /** The tensors that it reads. */
  readonly inputs: readonly I[];
  /** The tensors that it writes whole. */
  readonly outputs: readonly O[];
  /** The tensors that it reads and writes, such as states. */
  readonly changed?: readonly C[];
  /** Shapes of the outputs; throws with the numbers if the inputs do not fit together. */
  readonly shapes: (
    inputs: Readonly<Record<NoInfer<I | C>, Shape>>,
    attributes: A,
  ) => Readonly<Record<NoInfer<O>, Shape>>;
  /** Values of the uniform struct, by field. */
  readonly params?: (
    inputs: Readonly<Record<NoInfer<I | C>, Shape>>,
    attributes: A,
  ) => Readonly<Record<P, number>>;
  /** Values of override constants; those left out keep the default of the text. */
  readonly overrides?: (
    inputs: Readonly<Record<NoInfer<I | C>, Shape>>,
    attributes: A,
  ) => Readonly<Record<string, number | boolean>>;
  /** Workgroups along x, y, z, from the params and the values of all overrides. */
  readonly grid: (
    params: NoInfer<Readonly<Record<P, number>>>,
    overrides: Readonly<Record<string, number>>,
  ) => Grid;
  /** The definition: plain loops in f64 that leave the inputs as they are. */
  readonly reference: (
    inputs: Readonly<Record<NoInfer<I | C>, Float64Array>>,
    shapes: Readonly<Record<NoInfer<I | C>, Shape>>,
    attributes: A,
  ) => Readonly<Record<NoInfer<O | C>, Float64Array>>;
  /** Operations and fewest bytes of a dispatch; by default no operation, each tensor moved once. */
  readonly cost?: (inputs: Readonly<Record<NoInfer<I | C>, Shape>>, attributes: A) => Cost;
  /** For sums of products: terms per output element, which sets the rounding allowance. */
  readonly terms?: (inputs: Readonly<Record<NoInfer<I | C>, Shape>>, attributes: A) => number;
  /** Problems to check it on. */
  readonly cases?: readonly Problem<NoInfer<I | C>, A>[];
}

const REQUIRED = {
  wgsl: "text",
  inputs: "any",
  outputs: "any",
  shapes: "any",
  grid: "any",
  reference: "any",
} as const;
const OPTIONAL = {
  entry: "text",
  changed: "any",
  params: "function",
  overrides: "function",
  cost: "function",
  terms: "function",
  cases: "any",
} as const;
const FUNCTIONS = ["shapes", "grid", "reference"] as const;

/**
 * A kernel of a program's own, which every tool takes that takes the engine's: `op` makes an op of
 * it, `checkCase` compares it with its reference, `measure` times it. Throws InputError, naming
 * the kernel and the rule, if its text and the names given here do not fit together.
 */
export function ownKernel<
  const I extends string,
  const O extends string,
  const C extends string = never,
  P extends string = never,
  A = void,
>(own: OwnKernel<I, O, C, P, A>): Kernel<OwnShader<I, O, C>, A> {
  checkOptions("kernel", own, REQUIRED, OPTIONAL);
  for (const problem of own.cases ?? []) checkProblem("kernel: case", problem);
  for (const name of FUNCTIONS) {
    if (typeof own[name] !== "function") throw new InputError(`kernel: ${name} is not a function`);
  }
  const { inputs, outputs, changed = [] } = own;
  for (const [name, list] of Object.entries({ inputs, outputs, changed })) {
    if (!Array.isArray(list)) throw new InputError(`kernel: ${name} is not a list of names`);
  }
  const shader = readOwnShader(own.wgsl, { inputs, outputs, changed }, own.entry);
  type Read = Readonly<Record<I | C, Shape>>;
  const shapes = (read: Read, attributes: A): Record<O, Shape> => {
    const made = own.shapes(read, attributes);
    for (const name of outputs) {
      checkShape(`kernel ${shader.name}: ${name}`, (made as Record<string, Shape>)[name]);
    }
    return made;
  };
  const moved = (read: Read, attributes: A): Cost => {
    const all = [
      ...Object.entries<Shape>(read),
      ...Object.entries<Shape>(shapes(read, attributes)),
    ];
    const names = new Set(shader.bindings.map(({ name }) => name));
    const bytes = all.map(([name, shape]) => (names.has(name) ? 4 * size(shape) : 0));
    return { flops: 0, bytes: bytes.reduce((sum, one) => sum + one, 0) };
  };
  const kernel = {
    shader: shader as unknown as OwnShader<I, O, C>,
    shapes,
    params: (read: Read, attributes: A) => own.params?.(read, attributes) ?? {},
    ...(own.overrides !== undefined && { overrides: own.overrides }),
    grid: (params: Readonly<Record<P, number>>, overrides: Readonly<Record<string, number>>) =>
      own.grid(params, overrides),
    cost: own.cost ?? moved,
    ...(own.terms !== undefined && { terms: own.terms }),
    cases: own.cases ?? [],
    reference: <T extends NumberArray>(
      given: Record<I | C, T>,
      read: Record<I | C, Shape>,
      attributes: A,
    ) => own.reference(given as never, read, attributes) as unknown as Record<O | C, T>,
  };
  return kernel;
}
