// Every kernel within what WebGPU guarantees on any adapter, and reads that no adapter checks:
// training and benches may run with robustness off.
import { createContext, runInContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { kernels } from "../../src/kernels/kernels.ts";
import {
  givenConstants,
  resolveOverrides,
  type AnyKernel,
  type ShaderInfo,
} from "../../src/engine/kernel.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { shaderText } from "../../src/engine/shader_text.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { tunings } from "../support/tunings.ts";

/** What WebGPU guarantees on any adapter. */
const [INVOCATIONS, WORKGROUP_BYTES] = [256, 16_384];
/** What adapters with subgroup matrices have: matrix units come with at least this much. */
const MATRIX_WORKGROUP_BYTES = 32_768;
const BYTES: Readonly<Record<string, number>> = {
  f16: 2,
  f32: 4,
  u32: 4,
  vec2f: 8,
  vec3f: 16,
  vec4f: 16,
};
const WORKGROUP_ARRAY = /^var<workgroup> \w+: array<(\w+), ([^>]+)>;/gm;

// constants of the shader at hand, by name; u32 divides as BigInt does
const names = createContext({
  min: (a: bigint, b: bigint) => (a < b ? a : b),
  max: (a: bigint, b: bigint) => (a > b ? a : b),
});
const valueOf = (expression: string): bigint =>
  runInContext(expression.replace(/\b(0x[\da-f]+|\d+)u?\b/g, "$1n"), names) as bigint;

/** Bytes of an element of workgroup memory; a struct of the shader has fields of four bytes. */
function bytesOf(type: string, code: string): number {
  const fields = new RegExp(`^struct ${type} \\{([^}]+)\\}`, "m").exec(code)?.[1];
  return BYTES[type] ?? 4 * fields!.split(",").filter((field) => field.includes(":")).length;
}

/** Invocations and workgroup memory of a shader whose constants have these values. */
function workgroupOf(
  shader: ShaderInfo,
  resolved: Readonly<Record<string, number>>,
): { readonly invocations: number; readonly size_bytes: number } {
  const code = shaderText(shader);
  for (const [name, value] of Object.entries(resolved)) names[name] = BigInt(value);
  for (const [, name, text] of code.matchAll(/^const (\w+)(?:: u32)? = ([^;.]+);/gm)) {
    if (!(name in resolved)) names[name] = valueOf(text);
  }
  const axes = /@workgroup_size\(([^)]+)\)/.exec(code)![1].split(",").map(valueOf);
  let size_bytes = 0;
  for (const [, type, count] of code.matchAll(WORKGROUP_ARRAY)) {
    size_bytes += bytesOf(type, code) * Number(valueOf(count));
  }
  return { invocations: axes.reduce((a, b) => a * Number(b), 1), size_bytes };
}

/** Names of the inputs that were left out of a case: empty where the others and the outputs are not. */
function absent(kernel: AnyKernel, { shapes, attributes }: Problem): string[] {
  const filled = (of: Readonly<Record<string, Shape>>): boolean => {
    return Object.values(of).some((shape) => size(shape) > 0);
  };
  if (!filled(shapes) || !filled(kernel.shapes(shapes, attributes))) return [];
  return Object.keys(shapes).filter((name) => shapes[name].length === 1 && shapes[name][0] === 0);
}

describe.each(kernels.map((kernel) => [kernel.shader.name, kernel] as const))("%s", (_, kernel) => {
  const { bindings } = kernel.shader;
  const code = shaderText(kernel.shader);
  const most_bytes = kernel.fit === undefined ? WORKGROUP_BYTES : MATRIX_WORKGROUP_BYTES;
  const optional = new Set(kernel.cases.flatMap((problem) => absent(kernel, problem)));

  test("binds at most eight storage buffers", () => {
    expect(bindings.filter(({ uniform }) => !uniform).length).toBeLessThanOrEqual(8);
  });

  test("is within the invocations and the memory of a workgroup, whatever its tune lines list", () => {
    const variables = code.match(/^var<workgroup>/gm) ?? [];
    expect(code.match(WORKGROUP_ARRAY) ?? []).toHaveLength(variables.length);
    const seen = new Set<string>();
    for (const { shapes, attributes } of kernel.cases) {
      const given = givenConstants(kernel, shapes, attributes);
      for (const tuned of tunings(kernel, shapes, attributes)) {
        const resolved = resolveOverrides(kernel.shader, { ...given, ...tuned });
        const key = JSON.stringify(resolved);
        if (seen.has(key)) continue;
        seen.add(key);
        const { invocations, size_bytes } = workgroupOf(kernel.shader, resolved);
        expect(invocations, key).toBeLessThanOrEqual(INVOCATIONS);
        expect(size_bytes, key).toBeLessThanOrEqual(most_bytes);
      }
    }
  });

  test("starts at most 65,535 workgroups along an axis", () => {
    for (const { shapes, attributes } of kernel.cases) {
      const params = kernel.params(shapes, attributes);
      const given = givenConstants(kernel, shapes, attributes);
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
