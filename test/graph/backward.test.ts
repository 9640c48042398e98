// Differentiation itself: sums over uses, paths that end, views, and what it refuses. The rules of
// single ops are tested beside their kernels.
import { describe, expect, test } from "vitest";
import { reshape } from "../../src/graph/apply.ts";
import { backward } from "../../src/graph/backward.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant } from "../../src/graph/initializers.ts";
import { relu } from "../../src/graph/ops/activation.ts";
import { add, multiply, scaleShift, subtract } from "../../src/graph/ops/arithmetic.ts";
import { gradNorm } from "../../src/graph/ops/adamw.ts";
import { groupNorm } from "../../src/graph/ops/norm.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { silog } from "../../src/graph/ops/silog.ts";
import { unary } from "../../src/graph/ops/unary.ts";
import type { Value } from "../../src/graph/value.ts";

/** Values of `outputs` of a graph at these inputs, by the interpreter. */
function evaluate(
  g: Graph,
  outputs: Record<string, Value>,
  inputs: Record<string, readonly number[]> = {},
): Record<string, number[]> {
  const results = runOnCpu(g, { outputs }, initialStore(g, 1), inputs);
  return Object.fromEntries(Object.entries(results).map(([name, values]) => [name, [...values]]));
}

describe("sums over uses", () => {
  test("a value used three times gets the sum of three gradients", () => {
    const g = graph();
    const x = g.input("x", [2]);
    const y = add(multiply(x, x), scaleShift(x, 3, 0)); // d = 2 x + 3
    const d_x = g.gradients(reduce(y, "sum"), [x]).get(x)!;
    expect(evaluate(g, { d_x }, { x: [5, -1] })["d_x"]).toEqual([13, 1]);
  });

  test("an op of the value with itself gets both sides", () => {
    const g = graph();
    const x = g.input("x", [1]);
    const d_x = g.gradients(reshape(subtract(x, x), []), [x]).get(x)!;
    expect(evaluate(g, { d_x }, { x: [7] })["d_x"]).toEqual([0]);
  });

  test("each gradient is made by one node: uses are added by explicit ops, in a fixed order", () => {
    const build = (): string[] => {
      const g = graph();
      const x = g.input("x", [4]);
      const y = [1, 2, 3].map((factor) => scaleShift(x, factor, 0)).reduce(add);
      const forward = g.nodes.length;
      g.gradients(reduce(y, "sum"), [x]);
      return g.nodes.slice(forward).map(({ op, inputs }) => `${op.name} ${inputs.length}`);
    };
    expect(build().filter((name) => name.startsWith("binary"))).toHaveLength(2);
    expect(build()).toEqual(build());
  });

  test("a value on the way may be asked for together with those below it", () => {
    const g = graph();
    const x = g.input("x", [1]);
    const y = scaleShift(x, 3, 0);
    const gradients = g.gradients(unary(y, "square"), [x, y]);
    const [d_x, d_y] = [gradients.get(x)!, gradients.get(y)!];
    expect(evaluate(g, { d_x, d_y }, { x: [2] })).toEqual({ d_x: [36], d_y: [12] });
  });
});

describe("paths that end", () => {
  test("what only one output of an op depends on gets nothing from the others", () => {
    const g = graph();
    const x = g.input("x", [1, 2, 2, 4]);
    const [gamma, beta] = [g.input("gamma", [4]), g.input("beta", [4])];
    const y = groupNorm(x, gamma, beta, { groups: 2, epsilon: 1e-5 });
    const d_beta = g.gradients(reduce(y, "sum"), [beta]).get(beta)!;
    const inputs = { x: Array.from({ length: 16 }, (_, i) => i % 5), gamma: [1, 1, 1, 1] };
    expect(evaluate(g, { d_beta }, { ...inputs, beta: [0, 0, 0, 0] })["d_beta"]).toEqual([
      4, 4, 4, 4,
    ]);
  });

  test("an input whose rule gives null gets nothing, and is named when it was asked for", () => {
    const g = graph();
    const [depth, truth, valid] = ["depth", "truth", "valid"].map((n) => g.input(n, [1, 2, 2, 1]));
    const { loss } = silog(depth, truth, valid);
    expect(g.gradients(loss, [depth]).size).toBe(1);
    expect(() => g.gradients(loss, [valid])).toThrow("the loss does not depend on valid");
  });

  test("a parameter that the loss does not depend on is named", () => {
    const g = graph();
    const [used, unused] = ["used", "unused"].map((n) => g.parameter(n, [1], constant(1)));
    scaleShift(unused, 2, 0);
    expect(() => g.gradients(scaleShift(used, 2, 0))).toThrow("the loss does not depend on unused");
  });

  test("branches that do not lead to what is asked for are not differentiated", () => {
    const g = graph();
    const [x, other] = [g.input("x", [2]), g.input("other", [2])];
    const y = multiply(relu(x), unary(other, "exp"));
    const forward = g.nodes.length;
    g.gradients(reduce(y, "sum"), [x]);
    const made = g.nodes.slice(forward).map(({ op }) => op.name);
    expect(made).not.toContain("unary_grad");
    expect(made).toContain("activation_grad");
  });
});

describe("views", () => {
  test("the gradient of a value that is used under other shapes has its own shape", () => {
    const g = graph();
    const x = g.input("x", [2, 3]);
    const y = multiply(reshape(x, [6]), reshape(reshape(x, [3, 2]), [6]));
    const d_x = g.gradients(reduce(y, "sum"), [x]).get(x)!;
    expect(d_x.shape).toEqual([2, 3]);
    const values = [1, 2, 3, 4, 5, 6];
    expect(evaluate(g, { d_x }, { x: values })["d_x"]).toEqual(values.map((v) => 2 * v));
  });

  test("the loss may be a view, and a view may not be asked for", () => {
    const g = graph();
    const x = g.input("x", [1]);
    const view = reshape(x, [1, 1]);
    const d_x = g.gradients(reshape(unary(view, "square"), []), [x]).get(x)!;
    expect(evaluate(g, { d_x }, { x: [4] })["d_x"]).toEqual([8]);
    expect(() => g.gradients(unary(view, "square"), [view])).toThrow(
      "gradients: x[1, 1] is a view of x[1]; ask for the gradient of that",
    );
  });
});

describe("what is refused", () => {
  test("a loss that is not one number", () => {
    const g = graph();
    const y = relu(g.input("x", [2, 3]));
    expect(() => g.gradients(y, g.inputs)).toThrow(
      /gradients: activation_0\.y\[2, 3\] is not one number/,
    );
  });

  test("an op that is not differentiated", () => {
    const g = graph();
    const p = g.parameter("p", [64], constant(1));
    const norm = gradNorm(multiply(p, p), { max_norm: 1 });
    expect(() => g.gradients(reduce(norm, "sum"))).toThrow("grad_norm cannot be differentiated");
  });

  test("a seed of another shape than its output", () => {
    const g = graph();
    const x = g.input("x", [2]);
    const y = scaleShift(x, 2, 0);
    expect(() => backward(g, [[y, g.constant("seed", [3], new Float32Array(3))]], [x])).toThrow(
      /gradient of unary_0\.y\[2\] has shape \[3\]/,
    );
  });
});

test("several seeds give the gradient of the sum of their products with the outputs", () => {
  const g = graph();
  const x = g.input("x", [2]);
  const outputs = [scaleShift(x, 2, 0), unary(x, "square")];
  const seeds = outputs.map((y, i) => {
    const data = new Float32Array([i + 1, 10]);
    return [y, g.constant(`seed${i}`, [2], data)] as const;
  });
  const d_x = backward(g, seeds, [x]).get(x)!;
  expect(evaluate(g, { d_x }, { x: [3, 4] })["d_x"]).toEqual([2 + 2 * 6, 20 + 10 * 8]);
});
