// What a program may hand to a graph as numbers: the same on the GPU and through the references,
// converted where that is plain, refused by name otherwise, and never taken as other numbers.
import { afterEach, describe, expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import type { Request } from "../../src/graph/request.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant } from "../../src/graph/initializers.ts";
import { adamw, gradNorm } from "../../src/graph/ops/adamw.ts";
import { add, multiply, scaleBy } from "../../src/graph/ops/arithmetic.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { compile, type Plan } from "../../src/graph/plan.ts";
import { createStore, type GpuStore } from "../../src/graph/store.ts";
import { InputError } from "../../src/tensor/error.ts";
import { gpu } from "../support/gpu.ts";

const open: { destroy: () => void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.destroy();
});

interface Doubling {
  readonly g: Graph;
  readonly request: Request;
  readonly store: GpuStore;
  readonly plan: Plan;
}

/** y = w (x + p), p = 1. */
async function doubling(): Promise<Doubling> {
  const g = graph();
  const sum = add(g.input("x", [3]), g.parameter("p", [3], constant(1)));
  const request = { outputs: { y: scaleBy(sum, g.scalars(), g.scalar("w")) } };
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, request, store);
  open.push(plan, store);
  return { g, request, store, plan };
}

/** What the GPU and the CPU path make of inputs and scalars: numbers, or the text of an error. */
async function both(
  inputs: Readonly<Record<string, unknown>>,
  scalars: Readonly<Record<string, unknown>> = { w: 2 },
): Promise<unknown[]> {
  const { g, request, plan } = await doubling();
  const [given, numbers] = [inputs as never, scalars as never];
  const tries = [
    async () => await plan.run(given, numbers),
    async () => runOnCpu(g, request, initialStore(g, 1), given, numbers),
  ];
  const outcomes: unknown[] = [];
  for (const one of tries) {
    try {
      outcomes.push([...(await one())["y"]]);
    } catch (error) {
      expect(error).toBeInstanceOf(InputError);
      outcomes.push((error as Error).message);
    }
  }
  // The plan works after a refusal.
  expect([...(await plan.run({ x: [0, 0, 0] }, { w: 2 }))["y"]]).toEqual([2, 2, 2]);
  return outcomes;
}

describe("inputs that are numbers", () => {
  const shared = new Float32Array(new SharedArrayBuffer(12));
  shared.set([1, 2, 3]);
  test.each<[string, unknown]>([
    ["number[]", [1, 2, 3]],
    ["Float32Array", new Float32Array([1, 2, 3])],
    ["Float32Array within a larger one", new Float32Array([9, 1, 2, 3, 9]).subarray(1, 4)],
    ["Float32Array of shared memory", shared],
    ["Float64Array", new Float64Array([1, 2, 3])],
    ["Int8Array", new Int8Array([1, 2, 3])],
    ["Uint8Array", new Uint8Array([1, 2, 3])],
    ["Uint8ClampedArray", new Uint8ClampedArray([1, 2, 3])],
    ["Buffer", Buffer.from([1, 2, 3])],
    ["Int16Array", new Int16Array([1, 2, 3])],
    ["Uint16Array", new Uint16Array([1, 2, 3])],
    ["Int32Array", new Int32Array([1, 2, 3])],
    ["Uint32Array", new Uint32Array([1, 2, 3])],
  ])("%s", async (_, x) => {
    const want = [4, 6, 8];
    expect(await both({ x })).toEqual([want, want]);
  });

  test("NaN and infinities are passed on, in every type that has them", async () => {
    const x = [Number.NaN, Infinity, -Infinity];
    for (const given of [x, Float32Array.from(x), Float64Array.from(x)]) {
      expect(await both({ x: given })).toEqual([x, x]);
    }
  });
});

describe("inputs that are none", () => {
  const bytes = new ArrayBuffer(12);
  const WANTED = /expected numbers: an array of numbers or a typed array/;
  test.each<[string, unknown, RegExp]>([
    [
      "BigInt64Array",
      new BigInt64Array(3),
      /^input x\[3\] was given a value of type BigInt64Array/,
    ],
    ["BigUint64Array", new BigUint64Array(3), /a value of type BigUint64Array/],
    ["ArrayBuffer", bytes, /a value of type ArrayBuffer/],
    ["SharedArrayBuffer", new SharedArrayBuffer(12), /a value of type SharedArrayBuffer/],
    ["DataView", new DataView(bytes), /a value of type DataView/],
    ["text", "123", /was given a string/],
    ["a number", 1, /was given a number/],
    ["a function", () => [1, 2, 3], /was given a function/],
    ["a promise", Promise.resolve([1, 2, 3]), /a value of type Promise/],
    ["like an array", { length: 3, 0: 1, 1: 2, 2: 3 }, /a value of type Object/],
    ["a set", new Set([1, 2, 3]), /a value of type Set/],
    ["tagged as an array", { [Symbol.toStringTag]: "Float32Array", length: 3 }, /of type Object/],
    ["text in an array", [1, "2", 3], /^input x\[3\] has a string at index 1/],
    ["null in an array", [1, 2, null], /has null at index 2/],
    ["a hole in an array", Array.from({ length: 3 }), /has undefined at index 0/],
    ["a bigint in an array", [1n, 2n, 3n], /has a bigint at index 0/],
    ["a flag in an array", [true, false, true], /has a boolean at index 0/],
    ["nested arrays", [[1], [2], [3]], /has a value of type Array at index 0/],
  ])("%s", async (_, x, message) => {
    const [onGpu, onCpu] = await both({ x });
    expect(onGpu).toMatch(message);
    expect(onGpu).toMatch(WANTED);
    expect(onCpu).toBe(onGpu);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["missing", {}, "input x[3] needs 3 numbers, was given none"],
    ["null", { x: null }, "input x[3] needs 3 numbers, was given none"],
    ["too short", { x: [1, 2] }, "input x[3] needs 3 numbers, was given 2"],
    ["too long", { x: new Float32Array(4) }, "input x[3] needs 3 numbers, was given 4"],
    ["misspelt", { x: [1, 2, 3], xx: [1] }, "the graph has no input called xx; it has x"],
    [
      "beyond f32",
      { x: [1, 1e300, 3] },
      "input x[3] has 1e+300 at index 1, which a 32-bit float cannot represent; give numbers that it can",
    ],
    [
      "an integer that f32 rounds",
      { x: new Int32Array([1, 2, 16777217]) },
      "input x[3] has 16777217 at index 2, which a 32-bit float cannot represent exactly; give numbers that it can",
    ],
  ])("%s", async (_, inputs, message) => {
    expect(await both(inputs)).toEqual([message, message]);
  });
});

test.each<[string, Record<string, unknown>, string]>([
  ["missing", {}, "the step scalar w was not given"],
  ["misspelt", { w: 1, v: 1 }, "the graph has no step scalar called v; it has w"],
  ["NaN", { w: Number.NaN }, "the step scalar w is NaN; expected a finite number"],
  ["infinite", { w: -Infinity }, "the step scalar w is -Infinity; expected a finite number"],
  ["infinite in f32", { w: 1e39 }, "the step scalar w is 1e+39; expected a finite number"],
  ["text", { w: "2" }, "the step scalar w is a string; expected a finite number"],
  ["null", { w: null }, "the step scalar w is null; expected a finite number"],
  ["bigint", { w: 2n }, "the step scalar w is a bigint; expected a finite number"],
])("a step scalar that is %s is refused on both paths", async (_, scalars, message) => {
  expect(await both({ x: [1, 2, 3] }, scalars)).toEqual([message, message]);
});

test("a refused step writes nothing: the inputs of the step before are still there", async () => {
  const g = graph();
  const [a, b] = [g.input("a", [1]), g.input("b", [1])];
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, { outputs: { sum: add(a, b) } }, store);
  open.push(plan, store);
  const first = plan.submit({ a: [1], b: [2] });
  expect(() => plan.submit({ a: [10], b: new DataView(new ArrayBuffer(4)) } as never)).toThrow(
    /input b\[1\] was given a value of type DataView/,
  );
  expect(await first()).toEqual({ sum: new Float32Array([3]) });
});

describe("parameters, states and constants", () => {
  test("are taken in the types that inputs are taken in, and refused likewise", async () => {
    const g = graph();
    const p = g.parameter("p", [2], () => [1, 2] as never);
    const c = g.constant("c", [2], new Int32Array([3, 4]) as never);
    const store = initialStore(g, 1);
    expect([...store.arenas.parameters.subarray(0, 2)]).toEqual([1, 2]);
    const { y } = runOnCpu(g, { outputs: { y: add(p, c) } }, store, {});
    expect([...y]).toEqual([4, 6]);
    const asBytes = new BigInt64Array(store.layout.floats) as never;
    const arenas = { ...store.arenas, parameters: asBytes };
    expect(() => createStore(gpu, g, { ...store, arenas })).toThrow(
      /^arena parameters\[64\] was given a value of type BigInt64Array/,
    );
    const numbers = { ...store.arenas, parameters: Array.from(store.arenas.parameters) as never };
    const on = createStore(gpu, g, { ...store, arenas: numbers });
    open.push(on);
    expect([...(await on.read()).arenas.parameters.subarray(0, 2)]).toEqual([1, 2]);
    expect(() => g.constant("d", [1], "x" as never)).toThrow(/^constant d\[1\] was given a string/);
    const other = graph();
    other.parameter("q", [1], () => ({}) as never);
    expect(() => initialStore(other, 1)).toThrow(
      /^parameter q\[1\] was given a value of type Object/,
    );
    expect(() => initialStore(g, 0.5)).toThrow("seed 0.5: expected a whole number");
  });

  test("of another graph are refused before anything is made", () => {
    const [g, other] = [graph(), graph()];
    g.parameter("p", [2], constant(1));
    other.parameter("p", [3], constant(1));
    other.state("s", [1], 0);
    const before = gpu.memory.live_bytes;
    expect(() => createStore(gpu, g, initialStore(other, 1))).toThrow("p[2] is [3] in the store");
    const states = initialStore(other, 1).states;
    expect(() => createStore(gpu, g, { ...initialStore(g, 1), states })).toThrow(
      "the graph has no state called s; it has none",
    );
    expect(gpu.memory.live_bytes).toBe(before);
  });

  test.each([[[2, -1]], [[Number.NaN]], [[1.5]], [["2"]], [3], [undefined], [[2 ** 30, 2 ** 30]]])(
    "a shape of %j is refused",
    (shape) => {
      expect(() => graph().input("x", shape as never)).toThrow(/^x: shape .*: expected a list of/);
    },
  );
});

describe("what was destroyed says so", () => {
  const GONE = "the plan was destroyed; compile the graph again";
  test("a plan: when it is run, when its results are read, while they are read", async () => {
    const { plan } = await doubling();
    const inputs = { x: [1, 2, 3] };
    const unread = plan.submit(inputs, { w: 2 });
    const reading = plan.run(inputs, { w: 2 });
    plan.destroy();
    plan.destroy();
    await expect(reading).rejects.toThrow(GONE);
    await expect(unread()).rejects.toThrow(GONE);
    await expect(plan.run(inputs, { w: 2 })).rejects.toThrow(GONE);
    gpu.check();
  });

  test("a store: when it is read, written, compiled for, or a plan of it is run", async () => {
    const { g, request, plan, store } = await doubling();
    store.destroy();
    const lost = "the store was destroyed; create another one";
    await expect(store.read()).rejects.toThrow(lost);
    expect(() => store.write(initialStore(g, 1))).toThrow(lost);
    await expect(compile(gpu, g, request, store)).rejects.toThrow(lost);
    await expect(plan.run({ x: [1, 2, 3] }, { w: 2 })).rejects.toThrow(lost);
    gpu.check();
  });
});

describe("an update of parameters whose gradients nobody asks for", () => {
  const SCALARS = { learning_rate: 0.1, correction1: 10, correction2: 1000 };
  const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
  function network(): { g: Graph; loss: ReturnType<typeof reduce> } {
    const g = graph();
    const [p, q] = ["p", "q"].map((name) => g.parameter(name, [2], constant(1)));
    const loss = reduce(multiply(add(p, q), g.input("x", [2])), "sum");
    adamw(g, gradNorm(g.arena("gradients"), { max_norm: 1 }), settings);
    return { g, loss };
  }

  test.each(["none", "of one parameter"])("is refused on both paths: %s", async (which) => {
    const { g, loss } = network();
    const request =
      which === "none"
        ? { outputs: { loss } }
        : { outputs: { loss }, gradients: g.gradients(loss, [g.parameters[0]]) };
    const message =
      `adamw updates every parameter, but the request has no gradient of ${which === "none" ? "p, q" : "q"}; ` +
      "add gradients: g.gradients(loss), or ask a graph without the update";
    const store = createStore(gpu, g, initialStore(g, 1));
    open.push(store);
    await expect(compile(gpu, g, request, store)).rejects.toThrow(message);
    const host = initialStore(g, 1);
    expect(() => runOnCpu(g, request, host, { x: [1, 2] }, SCALARS)).toThrow(message);
    expect(host.arenas.parameters).toEqual(initialStore(g, 1).arenas.parameters);
  });

  test("goes through with all of them, and trains", async () => {
    // The update is recorded after the gradients that it reads.
    const g = graph();
    const p = g.parameter("p", [2], constant(1));
    const loss = reduce(multiply(p, g.input("x", [2])), "sum");
    const gradients = g.gradients(loss);
    adamw(g, gradNorm(g.arena("gradients"), { max_norm: 1 }), settings);
    const store = createStore(gpu, g, initialStore(g, 1));
    const plan = await compile(gpu, g, { outputs: { loss }, gradients }, store);
    open.push(plan, store);
    const losses = [];
    for (let i = 0; i < 2; i++) losses.push((await plan.run({ x: [1, 2] }, SCALARS))["loss"][0]);
    expect(losses[1]).toBeLessThan(losses[0]);
  });

  test("requests of another graph or with unknown parts are refused", async () => {
    const { g, request, store } = await doubling();
    const stray = graph().input("x", [1]);
    const refused = async (given: unknown, message: RegExp): Promise<void> => {
      await expect(compile(gpu, g, given as Request, store)).rejects.toThrow(message);
      const host = initialStore(g, 1);
      expect(() => runOnCpu(g, given as Request, host, { x: [1, 2, 3] }, { w: 1 })).toThrow(
        message,
      );
    };
    await refused({ outputs: { stray } }, /^output stray: expected a value of this graph$/);
    await refused({ outputs: { y: undefined } }, /^output y: expected a value/);
    await refused(
      { ...request, gradient: new Map() },
      /^request: unknown option gradient; it has outputs/,
    );
    await refused({ ...request, gradients: new Map([[stray, stray]]) }, /^gradient of x: expected/);
  });

  test("a store on the CPU whose arrays are not its own kind and size is refused by name", async () => {
    const { g, request } = await doubling();
    const refused = (parameters: unknown, message: string): void => {
      const host = initialStore(g, 1);
      const store = { ...host, arenas: { ...host.arenas, parameters } } as typeof host;
      const run = (): unknown => runOnCpu(g, request, store, { x: [1, 2, 3] }, { w: 1 });
      expect(run).toThrow(InputError);
      expect(run).toThrow(message);
    };
    refused(Float64Array.of(1), "arena parameters of the store needs a Float64Array of 64, was");
    refused(new Float32Array(64), "was given something else");
    refused(new BigInt64Array(64), "was given something else");
    refused(undefined, "was given something else");
  });
});
