// Losses against PyTorch's numbers, and their gradients against central differences.
import { expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { crossEntropy, huber, l1, mse } from "../../src/graph/losses.ts";
import type { Value } from "../../src/graph/value.ts";
import { checkGradient } from "../support/check_gradient.ts";

const valueOf = (build: (g: Graph) => Value, inputs: Record<string, number[]>): number => {
  const g = graph();
  return runOnCpu(g, { outputs: { loss: build(g) } }, initialStore(g, 1), inputs)["loss"][0];
};
const pair = { a: [0, 0.5, -2, 3], b: [0.2, 0, 0, 1] };
const logits = [1, 2, 3, 0.5, -1, 4];
const ofClasses = (g: Graph): Value => crossEntropy(g.input("x", [2, 3]), g.input("t", [2]));
const ofShares = (g: Graph): Value => crossEntropy(g.input("x", [2, 3]), g.input("t", [2, 3]));

test("the numbers are PyTorch's", () => {
  const of = (loss: (a: Value, b: Value) => Value): number =>
    valueOf((g) => loss(g.input("a", [4]), g.input("b", [4])), pair);
  expect(of(mse)).toBeCloseTo(2.0725, 12);
  expect(of(l1)).toBeCloseTo(1.175, 12);
  expect(of((a, b) => huber(a, b, { delta: 0.7 }))).toBeCloseTo(0.61375, 12);
  expect(valueOf(ofClasses, { x: logits, t: [2, 0] })).toBeCloseTo(1.97193777, 6);
  const t = [0.2, 0.3, 0.5, 1, 0, 0];
  expect(valueOf(ofShares, { x: logits, t })).toBeCloseTo(2.32193779, 6);
});

test("cross entropy survives large logits, and NaN comes out of a class that there is not", () => {
  const large = logits.map((v) => 1000 * v);
  expect(valueOf(ofClasses, { x: large, t: [2, 2] })).toBeCloseTo(0, 12);
  for (const bad of [3, -1, 0.5]) expect(valueOf(ofClasses, { x: logits, t: [0, bad] })).toBeNaN();
});

const APART = { kind: "uniform", low: -3, high: 3 } as const;
const losses: readonly (readonly [string, (a: Value, b: Value) => Value])[] = [
  ["mse", mse],
  ["l1", l1],
  ["huber", huber],
];
for (const [name, loss] of losses) {
  checkGradient(
    name,
    (g) => {
      const wrt = [g.input("a", [5, 3]), g.input("b", [5, 3])];
      return { output: loss(wrt[0], wrt[1]), wrt };
    },
    { data: { a: APART, b: APART }, step: 1e-6 },
  );
}
checkGradient("cross entropy of classes", (g) => {
  const x = g.input("x", [2, 2, 5]);
  const classes = g.constant("classes", [2, 2], Float32Array.of(0, 4, 2, 2));
  return { output: crossEntropy(x, classes), wrt: [x] };
});
checkGradient(
  "cross entropy of probabilities",
  (g) => {
    const wrt = [g.input("x", [7, 5]), g.input("t", [7, 5])];
    return { output: crossEntropy(wrt[0], wrt[1]), wrt };
  },
  { data: { t: { kind: "probabilities" } } },
);

test("shapes that do not fit and options that are none are refused by name", () => {
  const g = graph();
  const [a, b] = [g.input("a", [4, 1]), g.input("b", [4])];
  expect(() => mse(a, b)).toThrow("mse: a[4, 1] and b[4] have different shapes");
  expect(() => huber(a, a, { delta: 0 })).toThrow("delta is 0");
  expect(() => huber(a, a, { beta: 1 } as never)).toThrow("unknown option beta");
  expect(() => crossEntropy(g.input("x", [2, 3]), b)).toThrow("neither as classes [2]");
});
