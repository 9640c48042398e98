// Grids: WebGPU takes 65,535 workgroups along an axis. Every kernel folds its own, whatever grows;
// what cannot be folded is refused before the GPU.
import { describe, expect, test } from "vitest";
import { attention } from "../../src/graph/ops/attention.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { matmul } from "../../src/graph/ops/gemm.ts";
import { groupNorm } from "../../src/graph/ops/norm.ts";
import { pad, padReflect } from "../../src/graph/ops/pad.ts";
import { averagePool, maxPool } from "../../src/graph/ops/pool.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { resizeBilinear, resizeNearest } from "../../src/graph/ops/resize.ts";
import { transpose } from "../../src/graph/ops/slice.ts";
import { softmaxBins } from "../../src/graph/ops/softmax_bins.ts";
import { maskedPool, normalizeRows, viewRelation } from "../../src/graph/ops/view_relation.ts";
import { viewRelationFused } from "../../src/graph/ops/view_relation_fused.ts";
import type { Source, Value } from "../../src/graph/value.ts";
import {
  givenConstants,
  MOST_WORKGROUPS,
  resolveOverrides,
  type AnyKernel,
} from "../../src/engine/kernel.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { shaderText } from "../../src/engine/shader_text.ts";
import { specialize } from "../../src/engine/specialize.ts";
import { canRun } from "../../src/engine/mapping.ts";
import { bothPaths, type Make } from "../support/both_paths.ts";
import { gpu } from "../support/gpu.ts";

// Convolutions have tiles of channels, groups, taps, phases of the stride and slices of a sum on an
// axis of their own, where none of them fits a tensor that an adapter binds but for strides.
const OWN_AXIS = /^conv2d/;

test.each(kernels.map((kernel) => [kernel.shader.name, kernel] as const))(
  "%s: no axis of the grid grows beyond the limit",
  (name, kernel: AnyKernel) => {
    for (const { shapes, attributes } of kernel.cases) {
      const params: Record<string, number> = kernel.params(shapes, attributes);
      const constants = resolveOverrides(kernel.shader, givenConstants(kernel, shapes, attributes));
      for (const field of Object.keys(params)) {
        for (const value of [65_536, 70_000, 200_000, 2 ** 21]) {
          const grid = kernel.grid({ ...params, [field]: value }, constants);
          const total = grid.reduce((product, n) => product * n, 1);
          if (total > MOST_WORKGROUPS ** 2) continue; // no memory holds so many tiles
          if (OWN_AXIS.test(name)) continue;
          const beyond = grid.filter((n) => n > MOST_WORKGROUPS);
          expect(beyond, `${field} = ${value}`).toEqual([]);
        }
      }
    }
  },
);

// Checks run every case with its grid in two rows of workgroups that have work, where there are two.
const unfolding = kernels.filter(
  ({ shader }: AnyKernel) =>
    /group\.y \* groups\.x/.test(shaderText(shader)) &&
    shader.features.every((name) => gpu.facts.features.has(name)),
);
test.each(unfolding.map((kernel) => [kernel.shader.name, kernel] as const))(
  "%s: the grid of a case that it runs folds into two rows",
  (_, kernel: AnyKernel) => {
    const rows = kernel.cases
      .filter(({ shapes, attributes }) => canRun(kernel, gpu.facts, shapes, attributes))
      .map(({ shapes, attributes }) => specialize(kernel, shapes, attributes, false).folded[1]);
    expect(Math.max(...rows)).toBeGreaterThan(2); // the third row is too many
  },
);

describe("more than 65,535 of anything, forward and backward as the references have it", () => {
  const MANY = 70_000;
  const long: readonly (readonly [v: number, h: number, w: number])[] = [
    [MANY, 1, 1],
    [1, MANY, 1],
  ];
  const OPS: Record<string, (x: Value, v: number, h: number, w: number) => Value> = {
    maxPool: (x) => maxPool(x, { window: 1 }),
    averagePool: (x) => averagePool(x, { window: [1, 1] }),
    resizeNearest: (x, _, h, w) => resizeNearest(x, [h, w]),
    resizeBilinear: (x, _, h, w) => resizeBilinear(x, [h, w], "half_pixel"),
    padReflect: (x, _, h, w) =>
      h > 1 && w > 1
        ? padReflect(x, 1)
        : pad(
            x,
            x.shape.map(() => [0, 0]),
          ),
    transpose: (x) => transpose(x, [2, 1, 0, 3]),
    softmaxBins: (x) => softmaxBins(x),
    groupNorm: (x) => {
      const [gamma, beta] = [2, 1].map((n) => x.graph.add("c", [1], constantOf(n)));
      return groupNorm(x, gamma, beta, { groups: 1, epsilon: 1e-2 });
    },
    "reduce over the last": (x) => reduce(x, "sum", { axes: [3] }),
    normalizeRows: (x) => normalizeRows(x, 1),
  };
  for (const [v, h, w] of long) {
    const ops = Object.entries(OPS).slice(0, v === 1 ? 4 : undefined);
    test.each(ops)(`%s of [${v}, ${h}, ${w}, 1]`, async (_, op) => {
      const outcome = await bothPaths(
        (make) => ({ y: op(make("x", [v, h, w, 1]), v, h, w) }),
        ["x"],
      );
      expect(outcome).toEqual({ kind: "equal" });
    });
  }

  test.each<[string, (make: Make) => Value]>([
    [
      "viewRelationFused",
      (make) => viewRelationFused(make("x", [MANY, 1, 2]), make("t", [MANY, 1, 1])),
    ],
    [
      "attention, batches",
      (make) =>
        attention(make("x", [MANY, 1, 1]), make("k", [MANY, 1, 1]), make("v", [MANY, 1, 1]), {
          heads: 1,
        }),
    ],
    [
      "attention, heads",
      (make) =>
        attention(make("x", [1, 1, MANY]), make("k", [1, 1, MANY]), make("v", [1, 1, MANY]), {
          heads: MANY,
        }),
    ],
    ["matmul", (make) => matmul(make("x", [MANY, 1, 1]), make("b", [MANY, 1, 1]))],
    ["conv2d", (make) => conv2d(make("x", [MANY, 1, 1, 1]), make("w", [1, 1, 1, 1]), null)],
    ["binDecode", (make) => binDecode(make("x", [MANY, 1, 1, 2]), make("c", [MANY, 1, 1, 2]))],
    [
      "maskedPool",
      (make) =>
        maskedPool(make("x", [MANY, 1, 1, 1]), make("m", [MANY, 1, 1, 1]), { grid: [1, 1] }),
    ],
  ])("%s", async (_, op) => {
    const outcome = await bothPaths((make) => ({ y: op(make) }), ["x"]);
    expect(outcome).toEqual({ kind: "equal" });
  });

  test("viewRelation", async () => {
    const outcome = await bothPaths((make) => ({ y: viewRelation(make("x", [MANY, 1, 2])) }));
    expect(outcome).toEqual({ kind: "equal" });
  });

  test("a grid that cannot be folded is refused before the GPU", () => {
    const kernel = kernels.find(({ shader }) => shader.name === "conv2d")!;
    const wide = { x: [1, 1, 1, 1], weight: [2 ** 23, 1, 1, 1], bias: [0] };
    const attributes = kernel.cases[0].attributes as object;
    const plain = {
      ...attributes,
      stride: [1, 1],
      padding: [0, 0, 0, 0],
      dilation: [1, 1],
      groups: 1,
    };
    expect(() => specialize(kernel, wide, { ...plain, slices: 1 }, false)).toThrow(
      /^conv2d: a grid of .* workgroups; the adapter takes at most 65535 along an axis; use smaller/,
    );
  });

  // As a tensor, each of these is small: a group and a phase of the stride are workgroups of their own.
  test.each([
    [
      "conv2d",
      { x: [1, 1, 1, 140_000], weight: [70_000, 1, 1, 2], bias: [0] },
      { stride: [1, 1], groups: 70_000, slices: 1 },
    ],
    [
      "conv2d_grad_input",
      { d_y: [1, 1, 2, 1], weight: [1, 1, 1, 1], bias: [0] },
      { stride: [1, 70_000], groups: 1, slices: 1, input: [1, 70_001] },
    ],
    [
      "conv2d_grad_weight",
      { x: [1, 1, 5_000_000, 1], d_y: [1, 1, 1, 1] },
      { stride: [1, 1], groups: 1, kernel: [1, 5_000_000] },
    ],
  ])("%s of many groups, phases or taps is refused too", (name, shapes, given) => {
    const kernel = kernels.find(({ shader }) => shader.name === name)!;
    const attributes = { padding: [0, 0, 0, 0], dilation: [1, 1], ...given };
    expect(() => specialize(kernel, shapes, attributes, false)).toThrow(
      /: a grid of .* workgroups; the adapter takes at most 65535 along an axis; use smaller shapes$/,
    );
  });
});

function constantOf(value: number): Source {
  return { kind: "constant", data: Float32Array.of(value) };
}
