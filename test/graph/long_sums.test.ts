// Sums over the pixels of a full-size rig are cut so that no invocation of a GPU adds up a map
// alone. Lowers only; that the cut sums are right is for the tests of the ops.
import { expect, test } from "vitest";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { bindingShapes, lower } from "../../src/graph/lower.ts";
import { add } from "../../src/graph/ops/arithmetic.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { binExpectation } from "../../src/graph/ops/bin_expectation.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { groupNorm, layerNorm } from "../../src/graph/ops/norm.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import type { Value } from "../../src/graph/value.ts";
import { NVIDIA } from "../support/adapters.ts";

const RIG = [6, 384, 640];

/** Terms that one invocation adds, by kernel and the numbers of its Params. */
const terms: Readonly<Record<string, (p: Readonly<Record<string, number>>) => number>> = {
  column_sum: ({ slab }) => slab,
  norm_grad_channel: ({ rows }) => rows,
  norm_grad_group: ({ slabs, channels, groups }) => (slabs * channels) / groups,
  reduce: ({ length, slabs }) => length / slabs,
};

/** The most terms that one invocation of each kernel adds in the gradient of the sum of a value. */
function longest(build: (g: Graph) => { output: Value; wrt: Value[] }): Record<string, number> {
  const g = graph();
  const { output, wrt } = build(g);
  const wanted = [...g.gradients(reduce(output, "sum"), wrt).values()];
  const most: Record<string, number> = {};
  for (const { base, kernel, bindings, attributes } of lower(g, wanted, NVIDIA).calls) {
    const { name } = base.shader; // whichever mapping runs
    const count = terms[name]?.(kernel.params(bindingShapes(bindings), attributes)) ?? 0;
    if (count > 0) most[name] = Math.max(most[name] ?? 0, count);
  }
  return most;
}

test("bias gradients", () => {
  const most = longest((g) => {
    const bias = g.input("bias", [1]);
    const x = g.input("x", [...RIG, 1]);
    return { output: conv2d(x, g.input("weight", [1, 1, 1, 1]), bias), wrt: [bias] };
  });
  expect(most["column_sum"]).toBeLessThanOrEqual(128);
});

test("gradients of centres that the whole rig shares", () => {
  const most = longest((g) => {
    const bins = g.input("bins", [...RIG, 64]);
    const centers = g.input("centers", [1, 1, 1, 64]);
    const both = add(binDecode(bins, centers), binExpectation(bins, centers));
    return { output: both, wrt: [centers] };
  });
  expect(most["column_sum"]).toBeLessThanOrEqual(128);
});

test("norms of few groups over many pixels, and of many rows", () => {
  for (const most of [
    longest((g) => {
      const [x, gamma, beta] = [g.input("x", [...RIG, 32]), g.input("g", [32]), g.input("b", [32])];
      const options = { groups: 2, epsilon: 1e-5 };
      return { output: groupNorm(x, gamma, beta, options), wrt: [x, gamma, beta] };
    }),
    longest((g) => {
      const [x, gamma, beta] = [g.input("x", [92_160, 32]), g.input("g", [32]), g.input("b", [32])];
      return { output: layerNorm(x, gamma, beta, { epsilon: 1e-5 }), wrt: [x, gamma, beta] };
    }),
  ]) {
    expect(most["norm_grad_group"] ?? 0).toBeLessThanOrEqual(1024);
    expect(Math.max(most["norm_grad_channel"] ?? 0, most["column_sum"] ?? 0)).toBeLessThanOrEqual(
      256,
    );
  }
});
