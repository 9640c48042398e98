// Kernels and ops of a program's own: checked, differentiated and run like the engine's.
import { expect, test } from "vitest";
import {
  checkAdjoint,
  checkCase,
  checkGradient,
  compile,
  createStore,
  given,
  graph,
  initialStore,
  kernel,
  multiply,
  op,
  reduce,
  runKernel,
  runOnCpu,
  size,
  trainer,
  type Graph,
  type Value,
} from "../../src/graph.ts";
import { measure, WrongKernelError } from "../../src/profile.ts";
import { InputError } from "../../src/tensor/error.ts";
import { gpu } from "../support/gpu.ts";

const WGSL = `
struct Numbers { n: u32, a: f32 } // on one line, as programs write it
@group(0) @binding(0) var<uniform> numbers: Numbers;
@binding(1) @group(0) var<storage> x: array<f32>; /* read is the default */
@group(0) @binding(2)
var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> z: array<f32>;
override WG = 64u;
@compute @workgroup_size(WG)
fn saxpy(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < numbers.n) { z[id.x] = numbers.a * x[id.x] + y[id.x]; }
}`;
const attributes = { a: 2.5 };
const saxpyOf = (wgsl: string) =>
  kernel({
    wgsl,
    inputs: ["x", "y"],
    outputs: ["z"],
    shapes: ({ x }) => ({ z: x }),
    params: ({ x }, { a }: { a: number }) => ({ n: size(x), a }),
    grid: ({ n }, { WG }) => [Math.ceil(n / WG), 1, 1],
    reference: ({ x, y }, _, { a }) => ({ z: x.map((v, i) => a * v + y[i]) }),
    cases: [1, 63, 64, 65, 509].map((n) => ({
      name: `${n} elements`,
      shapes: { x: [n], y: [n] },
      attributes,
    })),
  });
const saxpy = saxpyOf(WGSL);
const axpy = op(saxpy, ({ d_outputs: { z }, attributes: { a }, wants }) => ({
  x: wants.x ? scaled(z, a) : null,
  y: z,
}));
const scaled = (z: Value, a: number): Value =>
  multiply(z, (z.graph as Graph).constant(`a ${z.graph.nodes.length}`, [], Float32Array.of(a)));
const build = (g: Graph) => {
  const wrt = [g.input("x", [3, 5]), g.input("y", [3, 5])];
  const [x, y] = wrt;
  return { output: axpy({ x, y }, attributes).z, wrt };
};

test("an own kernel equals its reference on all its cases", async () => {
  expect(saxpy.shader.bindings.map(({ name, access }) => `${name} ${access}`)).toEqual([
    "x read",
    "y read",
    "z write",
  ]);
  for (const problem of saxpy.cases) {
    const { ok, message } = await checkCase(gpu, saxpy, problem);
    expect(ok, message).toBe(true);
  }
  const inputs = { x: Float32Array.of(1, 2), y: Float32Array.of(3, 4) };
  const { z } = await runKernel(gpu, saxpy, inputs, { x: [2], y: [2] }, attributes);
  expect([...z]).toEqual([5.5, 9]);
});

test.each([
  ["a wrong sign", "+ y[id.x]", "- y[id.x]", "elements differ"],
  ["a store past the end", "z[id.x] =", "z[id.x + 1u] =", "wrote past the end of z"],
  ["a missing store", "id.x < numbers.n", "id.x + 1u < numbers.n", "never written"],
])("the check finds %s, and no time is given", async (_, from, to, what) => {
  const wrong = saxpyOf(WGSL.replace(from, to));
  const { ok, message } = await checkCase(gpu, wrong, wrong.cases[3]);
  expect(ok).toBe(false);
  expect(message).toContain(what);
  await expect(measure(gpu, { kernel: wrong, problem: wrong.cases[3] })).rejects.toThrow(
    WrongKernelError,
  );
});

test("a text that does not compile names the kernel, line and column", async () => {
  const wrong = saxpyOf(WGSL.replace("numbers.a", "numbers.b"));
  const { message } = await checkCase(gpu, wrong, wrong.cases[0]);
  expect(message).toMatch(/kernel saxpy:11:\d+: /);
});

test("an own op is differentiated by its rule; a wrong rule is found", async () => {
  for (const { ok, message } of checkGradient(build)) expect(ok, message).toBe(true);
  expect((await checkAdjoint(gpu, build)).ok).toBe(true);
  const wrong = op(saxpy, ({ d_outputs: { z } }) => ({ x: z, y: z }));
  const results = checkGradient((g) => {
    const [x, y] = [g.input("x", [7]), g.input("y", [7])];
    return { output: wrong({ x, y }, attributes).z, wrt: [x, y] };
  });
  expect(results.map(({ ok }) => ok)).toEqual([false, true]);
  const lacking = op(saxpy, ({ d_outputs: { z } }) => ({ x: z }));
  expect(() =>
    checkGradient((g) => {
      const [x, y] = [g.input("x", [7]), g.input("y", [7])];
      return { output: lacking({ x, y }, attributes).z, wrt: [x, y] };
    }),
  ).toThrow("its gradient rule lacks y");
});

test("a graph with an own op computes the same on both paths, and trains", async () => {
  const g = graph();
  const x = g.parameter("x", [200], given(new Float32Array(200).fill(1)));
  const { z } = axpy({ x, y: g.input("y", [200]) }, attributes);
  const loss = reduce(multiply(z, z), "mean");
  const y = Float32Array.from({ length: 200 }, (_, i) => i / 100 - 1);
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, { outputs: { z } }, store);
  const want = runOnCpu(g, { outputs: { z } }, initialStore(g, 1), { y });
  expect((await plan.run({ y }))["z"]).toEqual(Float32Array.from(want["z"]));
  plan.destroy();
  store.destroy();
  const training = await trainer(gpu, g, { loss, learning_rate: 0.1 });
  const first = await training.step({ y });
  for (let i = 0; i < 30; i++) await training.step({ y });
  expect((await training.step({ y })).loss).toBeLessThan(0.05 * first.loss);
  training.destroy();
});

test("a text or a name that does not fit is refused by kernel and rule", () => {
  const refused = (from: string | RegExp, to: string, why: string): void => {
    const code = WGSL.replace(from, to);
    expect(code).not.toBe(WGSL);
    expect(() => saxpyOf(code), why).toThrow(why);
    expect(() => saxpyOf(code), why).toThrow(InputError);
  };
  refused("@compute", "", "entry points none");
  refused("x: array<f32>", "x: array<u32>", "x is array<u32>; tensors are array<f32>");
  refused("a: f32", "a: vec2f", "Numbers: a: vec2f: expected u32, i32 or f32");
  refused("@binding(3)", "@binding(4)", "z is binding 4 of group 0");
  refused("override WG = 64u", "@id(3) override WG = 64u", "leave out its @id");
  refused("override WG = 64u", "override WG: u32", "override WG: expected a default");
  refused(/var<storage, read> y/, "var<storage, read> w", "the text binds x, w so");
  const shapes = () => ({ z: [1] });
  const rest = { inputs: ["x"], outputs: ["z"], shapes, reference: () => ({}) };
  expect(() => kernel({ ...rest, wgsl: WGSL, gird: 1 } as never)).toThrow("unknown option gird");
  expect(() => kernel({ ...rest, wgsl: WGSL } as never)).toThrow("grid is not a function");
  const grid = () => [1, 1, 1];
  expect(() => kernel({ ...rest, grid, wgsl: 7 } as never)).toThrow("expected a text");
  expect(() => kernel({ ...rest, grid, wgsl: WGSL, entry: "f" } as never)).toThrow("expected f");
});
