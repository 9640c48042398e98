// The gradient tests that every op gets: central differences of the f64 interpreter along random
// directions, and for linear ops the adjoint identity on the GPU.
import { expect, test } from "vitest";
import { backward } from "../../src/graph/backward.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import type { Case, Distribution, ShaderInfo } from "../../src/engine/kernel.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { ADJOINT_TOLERANCE, DIFFERENCES_TOLERANCE } from "../../src/engine/tolerance.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { hashText, randomStream } from "../../src/tensor/random.ts";

/**
 * What a gradient test differentiates: `output` by each of `wrt`, which are inputs of the graph.
 */
export interface Differentiated {
  readonly output: Value;
  readonly wrt: readonly Value[];
}

/** How inputs are drawn and what else is asserted. */
export interface GradientOptions {
  /**
   * Distribution by input name; standard normal otherwise. Keep clear of kinks by value (uniform
   * ranges).
   */
  readonly data?: Readonly<Record<string, Distribution>>;
  /** The output is linear in all of `wrt` together: checks <A x, y> = <x, A^T y> on the GPU too. */
  readonly linear?: boolean;
  /** Step of the central differences; smaller where the function bends sharply. */
  readonly step?: number;
}

/**
 * Declares the gradient tests of one op or composite; `build` makes its graph from `g.input(name,
 * shape)` values.
 */
export function checkGradient(
  title: string,
  build: (g: Graph) => Differentiated,
  options: GradientOptions = {},
): void {
  test(`${title}: gradient equals central differences`, () => {
    const { g, output, wrt, inputs, seed } = prepare(title, build, options);
    const gradients = backward(g, [[output, seed.value]], wrt);
    const outputs = Object.fromEntries(wrt.map((value) => [value.name, gradients.get(value)!]));
    const store = initialStore(g, 1);
    const got = runOnCpu(g, { outputs }, store, inputs);
    const loss = (at: Record<string, Float64Array>): number =>
      dot(runOnCpu(g, { outputs: { output } }, store, at)["output"], seed.data);
    for (const { name } of wrt) {
      const direction = unitDirection(inputs[name].length, hashText(`${title}/${name}`));
      const step = options.step ?? 1e-5;
      const moved = (sign: number): Record<string, Float64Array> => ({
        ...inputs,
        [name]: inputs[name].map((x, i) => x + sign * step * direction[i]),
      });
      const slope = (loss(moved(1)) - loss(moved(-1))) / (2 * step);
      const projected = dot(got[name], direction);
      // a random direction meets a gradient of n numbers at 1 / sqrt(n) of its length
      const expected = norm(got[name]) / Math.sqrt(Math.max(direction.length, 1));
      const scale = Math.max(expected, Math.abs(slope), 1e-6);
      expect(
        Math.abs(projected - slope) / scale,
        `d ${name}: rule ${projected}, differences ${slope}`,
      ).toBeLessThan(DIFFERENCES_TOLERANCE);
    }
  });
  if (options.linear !== true) return;
  test(`${title}: <A x, y> = <x, A^T y> on the GPU`, async () => {
    const { gpu } = await import("./gpu.ts");
    const { g, output, wrt, inputs, seed } = prepare(title, build, options);
    const gradients = backward(g, [[output, seed.value]], wrt);
    const outputs = {
      output,
      ...Object.fromEntries(wrt.map((value) => [`d_${value.name}`, gradients.get(value)!])),
    };
    const store = createStore(gpu, g, initialStore(g, 1));
    const plan = await compile(gpu, g, { outputs }, store);
    try {
      const f32 = Object.fromEntries(
        Object.entries(inputs).map(([name, values]) => [name, Float32Array.from(values)]),
      );
      const got = await plan.run(f32);
      const left = dot(got["output"], seed.data);
      for (const { name } of wrt) {
        const right = dot(f32[name], got[`d_${name}`]);
        const bound = norm(got["output"]) * norm(seed.data);
        expect(Math.abs(left - right), `d ${name}: ${left} against ${right}`).toBeLessThanOrEqual(
          ADJOINT_TOLERANCE * Math.max(bound, 1e-6),
        );
      }
    } finally {
      plan.destroy();
      store.destroy();
    }
  });
}

/**
 * Declares the gradient tests of the op of a kernel, one for each case that asks for them; `op`
 * applies it to the kernel's inputs.
 */
export function checkGradients<Input extends string, A>(
  { shader, cases }: { readonly shader: ShaderInfo; readonly cases: readonly Case<Input, A>[] },
  op: (inputs: Readonly<Record<Input, Value>>, attributes: A) => Value,
): void {
  if (cases.every(({ gradient }) => gradient === undefined)) {
    throw new Error(`${shader.name}: no case asks for a check of the gradient`);
  }
  for (const { name, shapes, attributes, data, gradient } of cases) {
    if (gradient === undefined) continue;
    const build = (g: Graph): Differentiated => {
      const inputs = Object.fromEntries(
        Object.entries<Shape>(shapes).map(([input, shape]) => [input, g.input(input, shape)]),
      );
      return {
        output: op(inputs as Record<Input, Value>, attributes),
        wrt: gradient.wrt.map((input) => inputs[input]),
      };
    };
    const drawn = data as GradientOptions["data"];
    checkGradient(`${shader.name}, ${name}`, build, { ...gradient, data: drawn });
  }
}

function prepare(
  title: string,
  build: (g: Graph) => Differentiated,
  options: GradientOptions,
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
    inputs[name] = Float64Array.from(draw(shape, options.data?.[name] ?? { kind: "normal" }, key));
  }
  const data = draw(output.shape, { kind: "normal" }, hashText(`${title}/seed`));
  return { g, output, wrt, inputs, seed: { value: g.constant("seed", output.shape, data), data } };
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
