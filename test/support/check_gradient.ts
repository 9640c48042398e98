// The gradient tests that every op gets: central differences of the f64 interpreter along random
// directions, and for linear ops the adjoint identity on the GPU.
import { expect, test } from "vitest";
import {
  checkAdjoint,
  checkGradient as differences,
  type Differentiated,
  type GradientOptions as GradientCheckOptions,
} from "../../src/graph/check_gradient.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/value.ts";
import type { AnyKernel, Inputs, Kernel, ShaderInfo } from "../../src/engine/kernel.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { formatShape } from "../../src/tensor/shape.ts";

/** How inputs are drawn, and further assertions. */
export interface GradientOptions extends Omit<GradientCheckOptions, "title"> {
  /** The output is linear in all of `wrt` together: checks <A x, y> = <x, A^T y> on the GPU too. */
  readonly linear?: boolean;
}

/**
 * Declares the gradient tests of one op or composite; `build` makes its graph from `g.input(name,
 * shape)` values.
 */
export function checkGradient(
  title: string,
  build: (g: Graph) => Differentiated,
  { linear = false, ...options }: GradientOptions = {},
): void {
  test(`${title}: gradient equals central differences`, () => {
    const results = differences(build, { ...options, title });
    expect(results.length).toBeGreaterThan(0);
    for (const { ok, message } of results) expect(ok, message).toBe(true);
  });
  if (!linear) return;
  test(`${title}: <A x, y> = <x, A^T y> on the GPU`, async () => {
    const { gpu } = await import("./gpu.ts");
    const { ok, message } = await checkAdjoint(gpu, build, { ...options, title });
    expect(ok, message).toBe(true);
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
