// The axes of every twin: followed by its cases, and given other lengths.
import { describe, expect, test } from "vitest";
import type { AnyKernel } from "../../../src/engine/kernel.ts";
import type { Problem } from "../../../src/engine/problem.ts";
import { kernels } from "../../../src/kernels/kernels.ts";
import { axisLengths, layoutOf, withAxisLength } from "../../../src/profile/kernel/axis_lengths.ts";
import type { Shape } from "../../../src/tensor/shape.ts";

const inputsOf = ({ shader }: AnyKernel): string[] =>
  shader.bindings.filter(({ access }) => access !== "write").map(({ name }) => name);
const named = (stem: string): AnyKernel => kernels.find(({ shader }) => shader.name === stem)!;

const answers = (...args: Parameters<typeof withAxisLength>): Record<string, Shape>[] =>
  withAxisLength(...args).map(({ shapes }) => shapes);

// Their cases have axes that the kernel merges, or shapes that only their base takes.
const MERGED = /^(bin_kl|concat|layer_norm_grad|norm_|pad_grad|view_relation_loss)/;
const WITH_AXES = kernels.filter(({ axes }) => axes !== undefined);
const WITHOUT_AXES = kernels.filter(({ axes }) => axes === undefined);

// Without axes a kernel takes tensors of any shape, and its cases must show it.
test.each(WITHOUT_AXES.map((kernel) => [kernel.shader.name, kernel] as const))(
  "%s has no axes, and cases of more than one rank",
  (_, kernel) => {
    const first = inputsOf(kernel).find((input) => input !== "scalars")!;
    const ranks = (kernel.cases as readonly Problem[]).map(({ shapes }) => shapes[first].length);
    expect(new Set(ranks).size).toBeGreaterThan(1);
  },
);

describe.each(WITH_AXES.map((kernel) => [kernel.shader.name, kernel] as const))(
  "%s",
  (name, kernel) => {
    const layout = layoutOf(kernel);

    test("every input has its axes", () => {
      // Step scalars and numbers of the whole tensor have no axis to vary.
      const without = inputsOf(kernel).filter((input) => !layout.has(input) && input !== "scalars");
      expect(without).toEqual([]);
    });

    test.skipIf(MERGED.test(name))(
      "every case follows the axes, and stays when nothing changes",
      () => {
        for (const { name: what, shapes, attributes } of kernel.cases as readonly Problem[]) {
          const own = Object.fromEntries(inputsOf(kernel).map((input) => [input, shapes[input]]));
          const [lengths] = axisLengths(layout, own, attributes);
          expect(lengths, what).toBeDefined();
          for (const [letter, length] of lengths) {
            const found = withAxisLength(layout, own, attributes, letter, length);
            expect(found.length, `${what}, ${letter}`).toBeGreaterThan(0);
            expect(found[0].shapes, `${what}, ${letter}`).toEqual(own);
          }
        }
      },
    );
  },
);

describe("an axis of another length", () => {
  const change = (
    stem: string,
    shapes: Readonly<Record<string, Shape>>,
    letter: string,
    length: number,
    attributes: unknown = {},
  ): Record<string, Shape>[] => answers(layoutOf(named(stem)), shapes, attributes, letter, length);

  test("is so in all inputs, and no other axis changes", () => {
    const shapes = { logits: [6, 48, 80, 128], centers: [6, 1, 1, 128], scale: [6] };
    expect(change("bin_decode", shapes, "K", 16)).toEqual([
      { logits: [6, 48, 80, 16], centers: [6, 1, 1, 16], scale: [6] },
    ]);
    expect(change("bin_decode", shapes, "V", 2)).toEqual([
      { logits: [2, 48, 80, 128], centers: [2, 1, 1, 128], scale: [2] },
    ]);
    expect(change("bin_decode", { ...shapes, centers: [1, 1, 1, 128] }, "V", 2)[0].centers).toEqual(
      [1, 1, 1, 128],
    );
  });

  test("leaves out what was left out", () => {
    const shapes = { x: [6, 48, 80, 16], weight: [16, 3, 3, 16], bias: [0] };
    expect(change("conv2d", shapes, "O", 64, { groups: 1 })).toEqual([
      { ...shapes, weight: [64, 3, 3, 16] },
    ]);
  });

  test("counts for what is made of it: groups, heads, blocks", () => {
    const grouped = { x: [1, 6, 7, 12], weight: [51, 3, 3, 4], bias: [51] };
    expect(change("conv2d", grouped, "C", 24, { groups: 3 })).toEqual([
      { x: [1, 6, 7, 24], weight: [51, 3, 3, 8], bias: [51] },
    ]);
    expect(change("conv2d", grouped, "C", 25, { groups: 3 })).toEqual([]);
    const heads = { q: [2, 60, 64], k: [2, 120, 64], v: [2, 120, 64], mask: [2, 1, 60, 120] };
    const attributes = { heads: 4, kv_heads: 4 };
    expect(change("attention", heads, "W", 32, attributes)).toEqual([
      { ...heads, q: [2, 60, 128], k: [2, 120, 128] },
    ]);
    expect(change("attention", heads, "S", 30, attributes)).toEqual([
      { q: [2, 60, 64], k: [2, 30, 64], v: [2, 30, 64], mask: [2, 1, 60, 30] },
    ]);
    const flat = { n: [640], decay: [10] };
    expect(answers(layoutOf({ axes: { n: "n", decay: "n / 64" } }), flat, null, "n", 128)).toEqual([
      { n: [128], decay: [2] },
    ]);
  });

  test("gives every answer where the axes leave two", () => {
    const square = { a: [64, 64], b: [64, 64], bias: [0] };
    expect(change("gemm", square, "M", 8)).toContainEqual({ ...square, a: [8, 64] });
    expect(change("gemm", square, "M", 8)).toContainEqual({ ...square, a: [64, 8] });
  });

  test("has no answer within a sum or where shapes and axes contradict", () => {
    const rows = layoutOf({ axes: { x: "outer, before + LENGTH + after", y: "outer" } });
    expect(answers(rows, { x: [2, 9], y: [2] }, null, "LENGTH", 4)).toEqual([]);
    expect(answers(rows, { x: [2, 9], y: [2] }, null, "outer", 4)).toEqual([{ x: [4, 9], y: [4] }]);
    expect(axisLengths(rows, { x: [2, 9], y: [3] }, null)).toEqual([]);
  });
});
