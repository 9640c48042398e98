// Checks of a gradient: central differences of the f64 interpreter along random directions, and for
// linear functions the adjoint identity on the GPU.
import { ADJOINT_TOLERANCE, DIFFERENCES_TOLERANCE } from "../engine/tolerance.ts";
import { checkDistribution, type Distribution } from "../engine/problem.ts";
import type { Gpu } from "../gpu/device.ts";
import { draw } from "../kernels/check/random_inputs.ts";
import { hashText, randomStream } from "../tensor/random.ts";
import { backward } from "./backward.ts";
import { runOnCpu } from "./cpu.ts";
import { initialStore } from "./cpu_store.ts";
import { graph, type Graph } from "./graph.ts";
import { compile } from "./plan.ts";
import { checkOptions, type OptionRules } from "../tensor/options.ts";
import { createStore } from "./store.ts";
import type { Value } from "./value.ts";

/** A value to differentiate, with respect to each of `wrt`, which are inputs of the graph. */
export interface Differentiated {
  readonly output: Value;
  readonly wrt: readonly Value[];
}

/** How the inputs of a gradient check are drawn. */
export interface GradientOptions {
  /**
   * Distribution by input name; standard normal otherwise. Choose uniform ranges that avoid kinks.
   */
  readonly data?: Readonly<Record<string, Distribution>>;
  /** Step of the central differences; 1e-5 by default, smaller where the function bends sharply. */
  readonly step?: number;
  /** Names the random numbers: other titles draw other ones. */
  readonly title?: string;
}

/** The outcome of one check. */
export interface GradientResult {
  readonly ok: boolean;
  /** Both numbers that were compared. */
  readonly message: string;
}

/**
 * Compares the gradient of what `build` makes from `g.input(name, shape)` values with central
 * differences in f64, along one random direction for each of `wrt`. Needs no GPU: it checks the rule,
 * through the references. Throws InputError if there is no path or an op has no rule.
 */
export function checkGradient(
  build: (g: Graph) => Differentiated,
  options: GradientOptions = {},
): GradientResult[] {
  checkGradientOptions("checkGradient", options, { step: "number", ...DRAWN });
  const { title = "", step = 1e-5 } = options;
  const { g, output, wrt, inputs, seed } = prepared(build, options);
  const gradients = backward(g, [[output, seed.value]], wrt);
  const outputs = Object.fromEntries(wrt.map((value) => [value.name, gradients.get(value)!]));
  const store = initialStore(g, 1);
  const got = runOnCpu(g, { outputs }, store, inputs);
  const loss = (at: Record<string, Float64Array>): number =>
    dot(runOnCpu(g, { outputs: { output } }, store, at)["output"], seed.data);
  return wrt.map(({ name }): GradientResult => {
    const direction = unitDirection(inputs[name].length, hashText(`${title}/${name}`));
    const moved = (sign: number): Record<string, Float64Array> => ({
      ...inputs,
      [name]: inputs[name].map((x, i) => x + sign * step * direction[i]),
    });
    const slope = (loss(moved(1)) - loss(moved(-1))) / (2 * step);
    const projected = dot(got[name], direction);
    // the component of a gradient of n numbers along a random direction is about 1 / sqrt(n) of
    // its length
    const expected = norm(got[name]) / Math.sqrt(Math.max(direction.length, 1));
    const scale = Math.max(expected, Math.abs(slope), 1e-6);
    return {
      ok: Math.abs(projected - slope) / scale < DIFFERENCES_TOLERANCE,
      message: `d ${name}: rule ${projected}, differences ${slope}`,
    };
  });
}

/**
 * Checks <A x, y> = <x, A^T y> on the GPU, for an output that is linear in all of `wrt` together:
 * forward and gradient kernels must be adjoint to each other. Throws as `compile` does.
 */
export async function checkAdjoint(
  gpu: Gpu,
  build: (g: Graph) => Differentiated,
  options: Omit<GradientOptions, "step"> = {},
): Promise<GradientResult> {
  checkGradientOptions("checkAdjoint", options, DRAWN);
  const { g, output, wrt, inputs, seed } = prepared(build, options);
  const gradients = backward(g, [[output, seed.value]], wrt);
  const outputs = {
    output,
    ...Object.fromEntries(wrt.map((value) => [`d_${value.name}`, gradients.get(value)!])),
  };
  const store = createStore(gpu, g, initialStore(g, 1));
  try {
    const plan = await compile(gpu, g, { outputs }, store);
    try {
      const f32 = Object.fromEntries(
        Object.entries(inputs).map(([name, values]) => [name, Float32Array.from(values)]),
      );
      const got = await plan.run(f32);
      const left = dot(got["output"], seed.data);
      const right = wrt.reduce((sum, { name }) => sum + dot(f32[name], got[`d_${name}`]), 0);
      const bound = norm(got["output"]) * norm(seed.data);
      return {
        ok: Math.abs(left - right) <= ADJOINT_TOLERANCE * Math.max(bound, 1e-6),
        message: `<A x, y> = ${left}, <x, A^T y> = ${right}`,
      };
    } finally {
      plan.destroy();
    }
  } finally {
    store.destroy();
  }
}

const DRAWN = { title: "text", data: "any" } as const;

function checkGradientOptions(check: string, options: GradientOptions, rules: OptionRules): void {
  checkOptions(check, options, {}, rules);
  for (const [name, one] of Object.entries(options.data ?? {})) {
    checkDistribution(`${check}: data of ${name}`, one);
  }
}

function prepared(
  build: (g: Graph) => Differentiated,
  { title = "", data = {} }: Omit<GradientOptions, "step">,
): Differentiated & {
  g: Graph;
  inputs: Record<string, Float64Array>;
  seed: { value: Value; data: Float32Array };
} {
  const g = graph();
  const { output, wrt } = build(g);
  const inputs: Record<string, Float64Array> = {};
  for (const { name, shape } of g.inputs) {
    const key = hashText(`${title}/${name}/input`);
    inputs[name] = Float64Array.from(draw(shape, data[name] ?? { kind: "normal" }, key));
  }
  const seed = draw(output.shape, { kind: "normal" }, hashText(`${title}/seed`));
  const value = g.constant("seed", output.shape, seed);
  return { g, output, wrt, inputs, seed: { value, data: seed } };
}

function unitDirection(length: number, seed: number): Float64Array {
  const stream = randomStream(seed);
  const direction = Float64Array.from({ length }, () => stream.normal());
  const scale = 1 / Math.max(norm(direction), 1e-30);
  return direction.map((v) => v * scale);
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function norm(a: ArrayLike<number>): number {
  return Math.sqrt(dot(a, a));
}
