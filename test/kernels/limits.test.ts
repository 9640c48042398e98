// Every kernel within what WebGPU guarantees on any adapter, and reads that no adapter checks:
// training and benches may run with robustness off.
import { describe, expect, test } from "vitest";
import { kernels } from "../../src/kernels/kernels.ts";
import { resolveOverrides, type AnyKernel, type Case } from "../../src/kernels/kernel.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";

/** Names of the inputs that were left out of a case: empty where the others and the outputs are not. */
function absent(kernel: AnyKernel, { shapes, attributes }: Case<string, unknown>): string[] {
  const filled = (of: Readonly<Record<string, Shape>>): boolean => {
    return Object.values(of).some((shape) => size(shape) > 0);
  };
  if (!filled(shapes) || !filled(kernel.shapes(shapes, attributes))) return [];
  return Object.keys(shapes).filter((name) => shapes[name].length === 1 && shapes[name][0] === 0);
}

describe.each(kernels.map((kernel) => [kernel.shader.name, kernel] as const))("%s", (_, kernel) => {
  const { bindings, code } = kernel.shader;
  const optional = new Set(kernel.cases.flatMap((problem) => absent(kernel, problem)));

  test("binds at most eight storage buffers", () => {
    expect(bindings.filter(({ uniform }) => !uniform).length).toBeLessThanOrEqual(8);
  });

  test("has at most 256 invocations a workgroup", () => {
    const workgroup = /@workgroup_size\(([^)]+)\)/.exec(code)![1];
    const { shapes, attributes } = kernel.cases[0];
    const named = resolveOverrides(kernel.shader, kernel.overrides?.(shapes, attributes) ?? {});
    const value = (axis: string): number => {
      const constant = new RegExp(`^const ${axis}: u32 = (\\d+)u;`, "m").exec(code)?.[1];
      return named[axis] ?? Number(constant ?? axis);
    };
    const axes = workgroup.split(",").map((axis) => value(axis.trim()));
    const invocations = axes.reduce((a, b) => a * b);
    expect(invocations).toBeLessThanOrEqual(256);
  });

  test("starts at most 65,535 workgroups along an axis", () => {
    for (const { shapes, attributes } of kernel.cases) {
      const params = kernel.params(shapes, attributes);
      const given = kernel.overrides?.(shapes, attributes) ?? {};
      for (const count of kernel.grid(params, resolveOverrides(kernel.shader, given))) {
        expect(count).toBeLessThanOrEqual(65_535);
      }
    }
  });

  test("reads no tensor that may be absent through select, which reads it in any case", () => {
    // beyond its end: the dummy of an absent tensor is shorter than the index
    for (const name of optional) {
      expect(code).not.toMatch(new RegExp(`select\\([^;]*\\b${name}\\[`));
    }
  });
});
