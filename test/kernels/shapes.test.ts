// The contract of `shapes`: inputs that do not fit together are refused with their numbers, before
// a shader indexes beyond its buffers. Not whether the shapes it gives are right: the cases of each
// kernel show that.
import { describe, expect, test } from "vitest";
import { graph } from "../../src/graph/graph.ts";
import { apply } from "../../src/graph/apply.ts";
import { activationOps } from "../../src/graph/ops/activation.ts";
import { expectShape } from "../../src/engine/expect_shape.ts";
import type { AnyKernel } from "../../src/engine/kernel.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";

type Change = "last" | "first" | "extra";
const changes: Record<Change, (shape: Shape) => Shape> = {
  last: (shape) => [...shape.slice(0, -1), shape.at(-1)! + 1],
  first: (shape) => shape.with(0, shape[0] + 1),
  extra: (shape) => [...shape, 2],
};

/**
 * Axes that an input is free to set by itself, by base kernel: of several inputs, those that no
 * other has; of one, those that the outputs do not show.
 */
const FREE: Record<string, Record<string, readonly Change[]>> = {
  // bins, attractors, features: no other input has them, or they are shared with an output alone
  attractor: { centers: ["last"], attractors: ["last"] },
  attractor_grad_attractors: { attractors: ["last"] },
  attractor_grad_centers: { attractors: ["last"] },
  bin_decode_grad_centers: { logits: ["last"] },
  bin_decode_grad_centers_slabs: { logits: ["last"] },
  bin_pool: { log_choose: ["first"] },
  binomial_pack: { log_choose: ["first"] },
  bin_expectation_grad: { factor: ["last"] },
  bin_expectation_grad_slabs: { probabilities: ["last"] },
  masked_pool: { x: ["last"] },
  masked_pool_grad: { d_tokens: ["last"] },
  view_relation: { tokens: ["last"] },
  view_relation_grad: { tokens: ["last"] },
  view_relation_fused: { student: ["last"], teacher: ["last"] },
  view_relation_fused_grad: { student: ["last"], teacher: ["last"] },
  view_relation_softmax: { student: ["last"], teacher: ["last"] },
  view_relation_softmax_grad: { student: ["last"], teacher: ["last"] },
  view_relation_weighted: { student: ["last"], teacher: ["last"] },
  view_relation_weighted_grad: { student: ["last"], teacher: ["last"] },
  // places, of which y has as many, and the axis that they are on
  gather: { indices: ["last", "first", "extra"], x: ["last", "first", "extra"] },
  // the axis that is joined
  concat: { a: ["last"], b: ["last"], c: ["last"], d: ["last"] },
  // views, channels on either side of a convolution, rows of a matrix
  conv2d: { x: ["first"] },
  conv2d_grad_input: { d_y: ["first"] },
  conv2d_grad_weight: { x: ["last"], d_y: ["last"] },
  gemm: { a: ["first"] },
  // views beyond the lines of tiles
  winograd_slopes: { d_y: ["first"] },
  layer_norm: { x: ["first"] },
  norm_apply: { x: ["first"] },
  norm_fused_apply: { x: ["first"] },
  // views, of which the attributes name some
  winograd_image: { x: ["first"] },
  winograd_output: { y: ["first"] },
  // the others are single numbers
  masked_mean_grad: { mask: ["last", "first", "extra"] },
  // axes that are folded away, slabs of them among these
  argmax: { x: ["last"] },
  reduce: { x: ["last"] },
  reduce_grad: { x: ["last"] },
  grad_norm: { gradients: ["last", "first"] },
  grad_norm_finish: { partials: ["first"] },
  depth_error_threshold: { peaks: ["last", "first"] },
  masked_mean_finish: { partials: ["first"] },
  silog_finish: { partials: ["first"] },
  ceiling_read: { x: ["extra"] },
  // any tensor that holds the elements it reads
  strided_read: { x: ["last", "first", "extra"] },
};

/** The changes of each input that `shapes` accepts though nothing else shows them. */
function accepted(kernel: AnyKernel): Record<string, Change[]> {
  const inputs = kernel.shader.bindings.filter((b) => b.access !== "write" && !b.uniform);
  const cases: readonly Problem[] = kernel.cases;
  const found: Record<string, Change[]> = {};
  for (const { name } of inputs) {
    const { shapes, attributes } = cases.find((c) => size(c.shapes[name]) > 0)!;
    const whole = kernel.shapes(shapes, attributes);
    for (const [change, changed] of Object.entries(changes)) {
      const outputs = outcome(kernel, { ...shapes, [name]: changed(shapes[name]) }, attributes);
      if (outputs === null) continue;
      const follows = JSON.stringify(outputs) !== JSON.stringify(whole);
      if (!(inputs.length === 1 && follows)) (found[name] ??= []).push(change as Change);
    }
  }
  return found;
}

/** The shapes of the outputs, null where they are refused: with numbers, and on purpose. */
function outcome(
  kernel: AnyKernel,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
): Record<string, Shape> | null {
  try {
    return kernel.shapes(shapes, attributes);
  } catch (error) {
    expect((error as Error).name).toMatch(/^(Input)?Error$/);
    expect((error as Error).message).toMatch(/\d/);
    return null;
  }
}

describe("a changed input is refused, or sets its own axis", () => {
  for (const kernel of kernels) {
    const { name } = kernel.shader;
    const base = kernels.find((other) => other.variants?.().includes(kernel)) ?? kernel;
    test(name, () => {
      expect(accepted(kernel)).toEqual(FREE[base.shader.name] ?? {});
    });
  }

  test("only kernels that exist are excepted", () => {
    const names = kernels.map(({ shader }) => shader.name);
    expect(Object.keys(FREE).filter((name) => !names.includes(name))).toEqual([]);
  });
});

test("expectShape names the tensor, both shapes and where the wanted one is from", () => {
  expect(() => expectShape({ y: [2, 4], d_y: [2, 3] }, [2, 4], "y")).toThrow(
    /^d_y is \[2, 3\], expected \[2, 4\] \(as y\)$/,
  );
  expect(() => expectShape({ count: [] }, [1])).toThrow(/^count is \[\], expected \[1\]$/);
  expectShape({ y: [2, 4], d_y: [2, 4] }, [2, 4]);
});

test("an op says its name, its values and what its kernel expects", () => {
  const g = graph();
  const [x, d_y] = [g.input("feature", [2, 3]), g.input("slope", [2, 4])];
  expect(() =>
    apply(activationOps.activation_grad, { x, d_y }, { kind: "relu", alpha: 0 }),
  ).toThrow(
    "activation_grad(x=feature[2, 3], d_y=slope[2, 4]): d_y is [2, 4], expected [2, 3] (as x)",
  );
});
