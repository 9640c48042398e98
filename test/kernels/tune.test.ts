// Every value that a tune line lists gives what the reference gives: what an autotuner may choose is
// right. A software adapter takes seconds to compile a tile, so there tiles get the combinations
// below, on hardware all of them.
import { expect, test } from "vitest";
import { checkCase } from "../../src/kernels/check.ts";
import type { AnyKernel, Case } from "../../src/kernels/kernel.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { gpu } from "../support/gpu.ts";
import { tunings, type Tuned } from "../support/tunings.ts";

type AnyCase = Case<string, unknown>;

/** Combinations for software adapters, beside the default, by the order of the tune lines. */
const TILES: Readonly<Record<string, readonly (readonly number[])[]>> = {
  // a tile of fewer rows than are loaded at once, more terms than a side, the longest tile
  conv2d: [
    [16, 1, 1, 8],
    [8, 2, 1, 16],
    [16, 8, 2, 8],
  ],
  conv2d_grad_input: [
    [16, 1, 1, 8],
    [8, 2, 1, 16],
    [16, 8, 2, 8],
  ],
  // more rows of pixels than are loaded at once and fewer, the widest tile
  conv2d_grad_weight: [
    [16, 1, 2, 8],
    [8, 2, 1, 16],
    [16, 1, 8, 8],
  ],
  gemm: [
    [8, 2, 2, 8],
    [16, 2, 2, 16],
    [16, 8, 2, 8],
  ],
};

const tuningsOf = (kernel: AnyKernel): Tuned[] =>
  tunings(kernel, kernel.cases[0].shapes, kernel.cases[0].attributes);

/** Combinations to try on the adapter of the tests. */
function combinationsHere(kernel: AnyKernel): Tuned[] {
  const { name: shader, tune } = kernel.shader;
  if (gpu.facts.software && shader in TILES) {
    return TILES[shader].map((row) => Object.fromEntries(tune.map(({ name }, i) => [name, row[i]])));
  }
  return tuningsOf(kernel);
}

/** Cases by the constants that their twin sets: those of a group share a pipeline. */
function groupsOf(kernel: AnyKernel): AnyCase[][] {
  const groups = new Map<string, AnyCase[]>();
  for (const problem of kernel.cases as readonly AnyCase[]) {
    const { shapes, attributes } = problem;
    const made = Object.values<Shape>(kernel.shapes(shapes, attributes));
    if (made.some((shape) => size(shape) === 0)) continue;
    const constants = JSON.stringify(kernel.overrides?.(shapes, attributes) ?? {});
    groups.set(constants, [...(groups.get(constants) ?? []), problem]);
  }
  return [...groups.values()];
}

function tunedTo(kernel: AnyKernel, tuned: Tuned): AnyKernel {
  const overrides: AnyKernel["overrides"] = (shapes, attributes) => ({
    ...kernel.overrides?.(shapes, attributes),
    ...tuned,
  });
  return { ...kernel, overrides };
}

const tunable = kernels.filter((kernel) => tuningsOf(kernel).length > 1);

test.each(tunable.map((kernel) => [kernel.shader.name, kernel] as const))(
  "%s is right whatever its tune lines list",
  async (_, kernel) => {
    const groups = groupsOf(kernel);
    for (const [i, tuned] of combinationsHere(kernel).entries()) {
      const problems = gpu.facts.software
        ? groups[i % groups.length].slice(0, 2)
        : groups.flat();
      for (const problem of problems) {
        const { message } = await checkCase(gpu, tunedTo(kernel, tuned), problem, {
          freeze: false,
        });
        expect(message, JSON.stringify(tuned)).toBe("");
      }
    }
  },
);

test("software adapters see every value of a tile, too", () => {
  for (const [name, rows] of Object.entries(TILES)) {
    const { tune } = kernels.find(({ shader }) => shader.name === name)!.shader;
    tune.forEach(({ value, values }, i) => {
      const seen = new Set([value, ...rows.map((row) => row[i])]);
      expect([...seen].toSorted((a, b) => a - b), name).toEqual(values);
    });
  }
});
