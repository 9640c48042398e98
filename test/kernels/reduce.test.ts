// Folds along axes against their references; several passes give what one does.
import { expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { reduce as reduceOp } from "../../src/graph/ops/reduce.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { reduce, reducePasses, type Reduction } from "../../src/kernels/reduce.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";
import { runGraph } from "../support/run_graph.ts";

checkKernels(withOp(reduce, ({ x }, { kind, axes, keep }) => reduceOp(x, kind, { axes, keep })));

const KINDS: readonly Reduction[] = [
  "sum",
  "mean",
  "max",
  "min",
  "product",
  "l1",
  "l2",
  "sum_square",
  "log_sum",
  "log_sum_exp",
];

test("passes are cut by shape: short runs, and one pass where outputs are many", () => {
  const slabs = (x: number[], axes: number[]): number[] =>
    reducePasses(x, { kind: "sum", axes, keep: false }).map((pass) => pass.slabs);
  expect(slabs([128], [0])).toEqual([1]);
  expect(slabs([129], [0])).toEqual([2, 1]);
  expect(slabs([6, 96, 160, 3], [0, 1, 2, 3])).toEqual([2160, 17, 1]);
  expect(slabs([92_160, 32], [0])).toEqual([720, 6, 1]);
  expect(slabs([1000, 65_536], [0])).toEqual([1]);
  expect(slabs([0, 3], [1])).toEqual([1]);
  expect(slabs([3, 0], [1])).toEqual([1]);
});

test("a fold in several passes equals the fold in f64", async () => {
  const shape = [3, 331, 7];
  const x = draw(shape, { kind: "uniform", low: 0.98, high: 1.02 }, 5);
  const g = graph();
  const input = g.input("x", shape);
  const outputs = Object.fromEntries(
    KINDS.map((kind) => [kind, reduceOp(input, kind, { axes: [0, 1] })]),
  );
  const start = initialStore(g, 1);
  const store = createStore(gpu, g, start);
  const plan = await compile(gpu, g, { outputs }, store);
  try {
    const got = await plan.run({ x });
    const want = runOnCpu(g, { outputs }, start, { x });
    const wide = Float64Array.from(x);
    let total = 0;
    for (let i = 0; i < wide.length; i += 7) total += wide[i];
    expect(want["sum"][0]).toBeCloseTo(total, 9);
    for (const kind of KINDS) {
      got[kind].forEach((value, i) => {
        const error = Math.abs(value - want[kind][i]) / Math.abs(want[kind][i]);
        expect(error, `${kind}[${i}]: ${value}, want ${want[kind][i]}`).toBeLessThan(2e-6);
      });
    }
  } finally {
    plan.destroy();
    store.destroy();
  }
});

test("axes that do not fit are refused with their numbers", () => {
  const x = graph().input("x", [2, 3]);
  expect(() => reduceOp(x, "sum", { axes: [2] })).toThrow("axes [2] do not fit [2, 3]");
  expect(() => reduceOp(x, "sum", { axes: [0, -2] })).toThrow("axes [0, 0] do not fit [2, 3]");
});

test("lengths of huge and tiny numbers are right, though their squares are out of range", async () => {
  for (const size of [3e25, 2e-25]) {
    const { y } = await foldOf(
      "l2",
      Array.from({ length: 5000 }, () => size),
    );
    expect(y / (Math.sqrt(5000) * size)).toBeCloseTo(1, 5);
  }
});

test("ln sum exp of infinities is that of IEEE 754", async () => {
  expect((await foldOf("log_sum_exp", [1, Infinity, 2])).y).toBe(Infinity);
  expect((await foldOf("log_sum_exp", [-Infinity, -Infinity])).y).toBe(-Infinity);
  expect((await foldOf("log_sum_exp", [-Infinity, 3])).y).toBe(3);
  expect((await foldOf("log_sum_exp", [Infinity, NaN])).y).toBeNaN();
});

/** One number folded from these, by all passes. */
async function foldOf(kind: Reduction, x: readonly number[]): Promise<{ y: number }> {
  const { y } = await runGraph((g) => ({ y: reduceOp(g.input("x", [x.length]), kind) }), { x });
  return { y: y[0] };
}
