// Building a graph: names, shapes and what is refused, with the numbers; and how it lowers to
// kernel calls.
import { describe, expect, test } from "vitest";
import { apply, reshape } from "../../src/graph/apply.ts";
import { NO_ADAPTER, runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, MAX_SCALARS } from "../../src/graph/graph.ts";
import { constant, given, heNormal, scaledNormal } from "../../src/graph/initializers.ts";
import { arenaLayout, slotOf } from "../../src/graph/layout.ts";
import { lower } from "../../src/graph/lower.ts";
import { relu } from "../../src/graph/ops/activation.ts";
import { add, arithmeticOps, multiply, scaleBy } from "../../src/graph/ops/arithmetic.ts";
import { linear } from "../../src/graph/ops/gemm.ts";
import { batchNorm } from "../../src/graph/ops/norm.ts";

describe("names and shapes", () => {
  test("names are unique within their kind", () => {
    const g = graph();
    g.input("x", [1]);
    g.parameter("x", [1], constant(0));
    g.state("x", [1], 0);
    expect(() => g.input("x", [2])).toThrow("the graph already has a input called x");
    expect(() => g.parameter("x", [1], constant(0))).toThrow(/already has a parameter called x/);
    expect([g.inputs, g.parameters, g.states].map((list) => list.length)).toEqual([1, 1, 1]);
  });

  test("an op whose inputs do not fit names them all with their shapes", () => {
    const g = graph();
    const [a, b] = [g.input("a", [2, 3]), g.input("b", [4, 3])];
    expect(() => add(a, b)).toThrow(/^binary\(a=a\[2, 3\], b=b\[4, 3\]\): /);
  });

  test("inputs of another graph, missing and unknown inputs are refused", () => {
    const [g, other] = [graph(), graph()];
    const [a, b] = [g.input("a", [2]), other.input("b", [2])];
    expect(() => add(a, b)).toThrow("binary: b belongs to another graph");
    const { binary } = arithmeticOps;
    expect(() => apply(binary, { a, b: null }, { kind: "add" })).toThrow(
      "binary: input b is missing",
    );
    expect(() => apply(binary, { a: null, b: null }, { kind: "add" })).toThrow(
      "binary: needs at least one input",
    );
    const unknown = { a, b: a, c: a };
    expect(() => apply(binary, unknown, { kind: "add" })).toThrow(
      "binary: no input c; it has a, b",
    );
  });

  test("a view holds as many numbers as what it views", () => {
    const x = graph().input("x", [2, 3]);
    expect(reshape(x, [6]).shape).toEqual([6]);
    expect(() => reshape(x, [5])).toThrow("reshape: x[2, 3] does not have as many elements as [5]");
  });

  test("constants and initial values fill their shapes", () => {
    const g = graph();
    expect(() => g.constant("c", [2, 2], new Float32Array(3))).toThrow(
      "constant c[2, 2] needs 4 numbers, was given 3",
    );
    g.parameter("p", [3], given(new Float32Array(2)));
    expect(() => initialStore(g, 1)).toThrow("parameter p[3] needs 3 numbers, was given 2");
  });

  test("a scalar has one slot however often it is asked for, and there are 64", () => {
    const g = graph();
    const slots = Array.from({ length: MAX_SCALARS }, (_, i) => g.scalar(`s${i}`));
    expect(slots).toEqual(Array.from({ length: MAX_SCALARS }, (_, i) => i));
    expect(g.scalar("s5")).toBe(5);
    expect(() => g.scalar("one more")).toThrow(
      "scalar one more: a graph has at most 64 step scalars",
    );
    expect(g.scalars()).toBe(g.scalars());
  });

  test("parameters are declared before the arenas over them", () => {
    const g = graph();
    g.parameter("p", [65], constant(1));
    expect(g.arena("parameters").shape).toEqual([128]);
    expect(() => g.parameter("late", [1], constant(1))).toThrow(
      "parameter late: declare it before the arenas over all parameters",
    );
  });
});

describe("the layout of an arena", () => {
  test("tensors lie in declared order at multiples of 256 bytes", () => {
    const layout = arenaLayout([
      { name: "a", shape: [65] },
      { name: "b", shape: [] },
      { name: "c", shape: [2, 3] },
    ]);
    expect(layout.slots.map(({ name, offset, size }) => [name, offset, size])).toEqual([
      ["a", 0, 65],
      ["b", 128, 1],
      ["c", 192, 6],
    ]);
    expect(layout.floats).toBe(256);
    expect(arenaLayout([]).floats).toBe(0);
  });

  test("names come once, and tensors are found by name and shape", () => {
    const twice = [
      { name: "a", shape: [1] },
      { name: "a", shape: [2] },
    ];
    expect(() => arenaLayout(twice)).toThrow("two tensors of one arena are called a");
    const layout = arenaLayout([{ name: "a", shape: [2, 3] }]);
    expect(slotOf(layout, { name: "a", shape: [2, 3] }).size).toBe(6);
    expect(() => slotOf(layout, { name: "a", shape: [6] })).toThrow("a[6] is [2, 3] in the store");
    expect(() => slotOf(layout, { name: "b", shape: [] })).toThrow("b[] is not in the store");
  });
});

describe("initial values", () => {
  test("each parameter's depend on the seed and its own name only", () => {
    const values = (seed: number, ...names: string[]): number[] => {
      const g = graph();
      for (const name of names) g.parameter(name, [4, 4], heNormal);
      const { arenas, layout } = initialStore(g, seed);
      const { offset, size } = layout.byName.get("w")!;
      return Array.from(arenas.parameters.subarray(offset, offset + size));
    };
    expect(values(1, "w")).toEqual(values(1, "before", "w"));
    expect(values(1, "w")).not.toEqual(values(2, "w"));
  });

  test("normal ones have the variance of their fan-in", () => {
    const variance = (initial: typeof heNormal): number => {
      const g = graph();
      g.parameter("w", [64, 3, 3, 8], initial);
      const values = initialStore(g, 1).arenas.parameters;
      return values.reduce((sum, v) => sum + v * v, 0) / values.length;
    };
    const fanIn = 3 * 3 * 8;
    expect(Math.abs((variance(heNormal) * fanIn) / 2 - 1)).toBeLessThan(0.05);
    expect(Math.abs((variance(scaledNormal(0.1)) * fanIn) / 0.01 - 1)).toBeLessThan(0.05);
  });

  test("padding between parameters is zero, states begin as declared", () => {
    const g = graph();
    g.parameter("a", [3], constant(7));
    g.parameter("b", [1], given(new Float32Array([9])));
    g.state("variance", [2], 1);
    const { arenas, states } = initialStore(g, 1);
    expect(Array.from(arenas.parameters.subarray(0, 5))).toEqual([7, 7, 7, 0, 0]);
    expect(arenas.parameters[64]).toBe(9);
    expect([...states.get("variance")!]).toEqual([1, 1]);
  });
});

describe("lowering", () => {
  test("takes what the targets need in recorded order, and no more", () => {
    const g = graph();
    const x = g.input("x", [2, 3]);
    const unused = relu(x);
    const y = multiply(x, x);
    const z = linear(y, g.input("w", [4, 3]));
    const { calls } = lower(g, [z], NO_ADAPTER);
    expect(calls.map(({ op }) => op)).toEqual(["binary", "matmul"]);
    expect(lower(g, [unused], NO_ADAPTER).calls.map(({ op }) => op)).toEqual(["activation"]);
    expect(lower(g, [x], NO_ADAPTER).calls).toEqual([]);
  });

  test("views share the tensor of what they view, through any number of them", () => {
    const g = graph();
    const x = g.input("x", [2, 3]);
    const view = reshape(reshape(x, [6]), [3, 2]);
    const { tensorOf, rootOf } = lower(g, [view], NO_ADAPTER);
    expect(rootOf(tensorOf(view))).toBe(tensorOf(x));
    expect(tensorOf(view).shape).toEqual([3, 2]);
  });
});

describe("the interpreter", () => {
  test("changes states in place and leaves evaluation alone", () => {
    const run = (training: boolean): number[] => {
      const g = graph();
      const [mean, variance] = [g.state("mean", [1], 0), g.state("variance", [1], 1)];
      const [gamma, beta] = [g.input("gamma", [1]), g.input("beta", [1])];
      const x = g.input("x", [4, 1]);
      const options = { training, epsilon: 0, momentum: 0.5 };
      const y = batchNorm(
        { x, gamma, beta, running_mean: mean, running_variance: variance },
        options,
      );
      const store = initialStore(g, 1);
      runOnCpu(g, { outputs: { y } }, store, { x: [1, 1, 4, 4], gamma: [1], beta: [0] });
      return [...store.states.get("mean")!, ...store.states.get("variance")!];
    };
    expect(run(true)).toEqual([1.25, 2]); // of mean 2.5 and unbiased variance 3
    expect(run(false)).toEqual([0, 1]);
  });

  test("gives results that later runs do not change", () => {
    const g = graph();
    const p = g.parameter("p", [1], constant(2));
    const y = scaleBy(p, g.scalars(), g.scalar("factor"));
    const store = initialStore(g, 1);
    const first = runOnCpu(g, { outputs: { p, y } }, store, {}, { factor: 3 });
    store.arenas.parameters[0] = 5;
    const second = runOnCpu(g, { outputs: { p, y } }, store, {}, { factor: 4 });
    expect([first["p"][0], first["y"][0]]).toEqual([2, 6]);
    expect([second["p"][0], second["y"][0]]).toEqual([5, 20]);
  });
});
