// Every value that a tune line lists gives what the reference gives: what an autotuner may choose is
// right. All combinations on hardware; a software adapter compiles tiles and many lanes for seconds,
// so there it gets fewer.
import { expect, test } from "vitest";
import { checkCase } from "../../src/kernels/check/check.ts";
import { givenConstants, resolveOverrides, type AnyKernel } from "../../src/engine/kernel.ts";
import { canRun } from "../../src/engine/mapping.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { tunedKernel } from "../../src/engine/tuning.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { expectRight } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";
import { tunings, type Tuned } from "../support/tunings.ts";

type AnyCase = Problem;

/**
 * Tiles for software adapters beside those that a kernel's own cases take: values in the order of
 * the tune lines.
 */
const TILES: Readonly<Record<string, readonly (readonly number[])[]>> = {
  // fewer pixels in the tile than are loaded at once; more terms than a side
  conv2d: [
    [16, 1, 1, 8],
    [8, 2, 1, 16],
  ],
  conv2d_grad_input: [
    [16, 1, 1, 8],
    [8, 2, 2, 16],
  ],
  // fewer pixels than are loaded at once, and more
  conv2d_grad_weight: [
    [16, 1, 2, 8],
    [8, 2, 1, 16],
  ],
  gemm: [
    [8, 2, 2, 8],
    [16, 8, 2, 8],
  ],
  gemm_panels: [
    [64, 1, 1024],
    [128, 1, 256],
  ],
  view_relation_fused_grad: [],
};
/** Largest values on software adapters, which compile 32 lanes for up to 10 s. */
const LARGEST: Tuned = { LANES: 16, STEP: 8 };

/** What may be set of a kernel in its first case. */
const tuningsOf = (kernel: AnyKernel): Tuned[] =>
  tunings(kernel, kernel.cases[0].shapes, kernel.cases[0].attributes);

/** Combinations to try on the adapter of the tests. */
function combinationsHere(kernel: AnyKernel): Tuned[] {
  if (!gpu.facts.software) return tuningsOf(kernel);
  const { name: shader, tune } = kernel.shader;
  if (shader in TILES) {
    return TILES[shader].map((row) =>
      Object.fromEntries(tune.map(({ name }, i) => [name, row[i]])),
    );
  }
  const isDefault = (tuned: Tuned): boolean =>
    tune.every(({ name, value }) => tuned[name] === value);
  const isSlow = (tuned: Tuned): boolean =>
    tune.some(({ name }) => tuned[name] > (LARGEST[name] ?? Infinity));
  return tuningsOf(kernel).filter((tuned) => !isDefault(tuned) && !isSlow(tuned));
}

/** Cases that make something, by the constants that their twin sets: a group shares a pipeline. */
function groupsOf(kernel: AnyKernel): AnyCase[][] {
  const groups = new Map<string, AnyCase[]>();
  for (const problem of kernel.cases as readonly AnyCase[]) {
    const { shapes, attributes } = problem;
    if (!canRun(kernel, gpu.facts, shapes, attributes)) continue;
    const made = Object.values<Shape>(kernel.shapes(shapes, attributes));
    if (made.some((shape) => size(shape) === 0)) continue;
    const constants = JSON.stringify(kernel.overrides?.(shapes, attributes) ?? {});
    groups.set(constants, [...(groups.get(constants) ?? []), problem]);
  }
  return [...groups.values()];
}

const tunable = kernels.filter(
  (kernel) =>
    tuningsOf(kernel).length > 1 &&
    combinationsHere(kernel).length > 0 &&
    groupsOf(kernel).length > 0,
);

test.each(tunable.map((kernel) => [kernel.shader.name, kernel] as const))(
  "%s is right whatever its tune lines list",
  async (_, kernel) => {
    const groups = groupsOf(kernel);
    for (const [i, tuned] of combinationsHere(kernel).entries()) {
      const { software } = gpu.facts;
      const problems = software ? groups[i % groups.length].slice(0, 2) : groups.flat();
      for (const problem of problems) {
        // open, so that cases share pipelines
        const result = await checkCase(gpu, tunedKernel(kernel, tuned), problem, { freeze: false });
        expectRight({ ...problem, name: `${problem.name}, ${JSON.stringify(tuned)}` }, result);
      }
    }
  },
);

test.each(Object.keys(TILES))("software adapters see every value of %s, too", (name) => {
  const kernel = kernels.find(({ shader }) => shader.name === name)!;
  const { shader, cases } = kernel;
  const own = cases.map(({ shapes, attributes }) =>
    resolveOverrides(shader, givenConstants(kernel, shapes, attributes)),
  );
  for (const [i, { name: constant, values }] of shader.tune.entries()) {
    const seen = new Set(own.map((resolved) => resolved[constant]));
    for (const row of TILES[name]) seen.add(row[i]);
    expect(
      [...seen].toSorted((a, b) => a - b),
      constant,
    ).toEqual(values);
  }
});
