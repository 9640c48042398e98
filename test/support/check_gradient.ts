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
import type { AnyKernel, Inputs, Kernel, ShaderInfo } from "../../src/engine/kernel.ts";
import type { Distribution, Problem } from "../../src/engine/problem.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { ADJOINT_TOLERANCE, DIFFERENCES_TOLERANCE } from "../../src/engine/tolerance.ts";
import { formatShape } from "../../src/tensor/shape.ts";
import { hashText, randomStream } from "../../src/tensor/random.ts";

/**
 * A gradient test differentiates `output` with respect to each of `wrt`, which are inputs of the
 * graph.
 */
export interface Differentiated {
  readonly output: Value;
  readonly wrt: readonly Value[];
}

/** How inputs are drawn, and further assertions. */
export interface GradientOptions {
  /**
   * Distribution by input name; standard normal otherwise. Choose uniform ranges that avoid kinks.
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
      // the component of a gradient of n numbers along a random direction is about 1 / sqrt(n) of
      // its length
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
      const right = wrt.reduce((sum, { name }) => sum + dot(f32[name], got[`d_${name}`]), 0);
      const bound = norm(got["output"]) * norm(seed.data);
      expect(
        Math.abs(left - right),
        `<A x, y> = ${left}, <x, A^T y> = ${right}`,
      ).toBeLessThanOrEqual(ADJOINT_TOLERANCE * Math.max(bound, 1e-6));
    } finally {
      plan.destroy();
      store.destroy();
    }
  });
}

/** A kernel and the op whose gradient is checked on the kernel's problems. */
export interface KernelWithOp {
  readonly kernel: AnyKernel;
  readonly op: (inputs: Readonly<Record<string, Value>>, attributes: unknown) => Value;
}

/**
 * Names the op of a kernel for `checkKernels`; `op` applies it to values with the names and shapes
 * of a problem's inputs. `more` names the inputs that gradient checks add to these.
 */
export function withOp<S extends ShaderInfo, A, const More extends string = never>(
  kernel: Kernel<S, A>,
  op: (inputs: Readonly<Record<Inputs<S> | More, Value>>, attributes: A) => Value,
  more: readonly More[] = [],
): KernelWithOp {
  const known = new Set([...more, ...kernel.shader.bindings.map(({ name }) => name)]);
  const asked = (kernel.cases as readonly Problem[]).flatMap(({ gradients = [] }) =>
    gradients.flatMap(({ shapes = {} }) => Object.keys(shapes)),
  );
  const stray = asked.find((name) => !known.has(name));
  if (stray !== undefined) throw new Error(`${kernel.shader.name}: the op takes no ${stray}`);
  return { kernel, op: op as KernelWithOp["op"] };
}

/** The value of an optional input; null if it was left out, which shape [0] says. */
export function present(value: Value): Value | null {
  return value.shape.length === 1 && value.shape[0] === 0 ? null : value;
}

/** Declares the gradient tests that a kernel's problems ask for. Throws if none does. */
export function checkGradients({ kernel, op }: KernelWithOp): void {
  const { name: kernelName } = kernel.shader;
  const problems: readonly Problem[] = kernel.cases;
  if (problems.every(({ gradients = [] }) => gradients.length === 0)) {
    throw new Error(`${kernelName}: no problem asks for a check of the gradient`);
  }
  for (const { name, shapes, attributes, data = {}, gradients = [] } of problems) {
    for (const { wrt, shapes: more = {}, data: own = {}, ...rest } of gradients) {
      const build = (g: Graph): Differentiated => {
        const inputs = Object.fromEntries(
          Object.entries({ ...shapes, ...more }).map(([input, shape]) => [
            input,
            g.input(input, shape),
          ]),
        );
        return { output: op(inputs, attributes), wrt: wrt.map((input) => inputs[input]) };
      };
      const sizes = Object.entries(more).map(([input, shape]) => `${input} ${formatShape(shape)}`);
      const title = [kernelName, name, ...sizes, `with respect to ${wrt.join(", ")}`].join(", ");
      const drawn = Object.entries({ ...data, ...own }).filter(([, how]) => how !== undefined);
      checkGradient(title, build, {
        ...rest,
        data: Object.fromEntries(drawn) as GradientOptions["data"],
      });
    }
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
