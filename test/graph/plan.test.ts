// The plan against the interpreter, and its promises: one encoder, one pass and one submit a step;
// memory given back; the same bits twice; errors that say what to do.
import { afterEach, expect, test, vi } from "vitest";
import { hasTimestamps, passStamps } from "../../src/gpu/timestamps.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import type { Request } from "../../src/graph/request.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant, heNormal } from "../../src/graph/initializers.ts";
import { relu } from "../../src/graph/ops/activation.ts";
import { adamw, gradNorm } from "../../src/graph/ops/adamw.ts";
import { add, multiply, scaleBy, scaleShift, subtract } from "../../src/graph/ops/arithmetic.ts";
import { linear } from "../../src/graph/ops/gemm.ts";
import { batchNorm } from "../../src/graph/ops/norm.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { unary } from "../../src/graph/ops/unary.ts";
import { reshape } from "../../src/graph/apply.ts";
import { compile, type Plan } from "../../src/graph/plan.ts";
import { createStore, type GpuStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { expectClose } from "../support/expect_close.ts";
import { gpu } from "../support/gpu.ts";

const ROWS = 6;
const WIDTH = 5;

interface Compiled {
  readonly plan: Plan;
  readonly store: GpuStore;
}
const open: { destroy: () => void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0)) thing.destroy();
});

/** Compiles on the shared device; freed after the test. */
async function compiled(g: Graph, request: Request, seed = 1): Promise<Compiled> {
  const store = createStore(gpu, g, initialStore(g, seed));
  open.push(store);
  const plan = await compile(gpu, g, request, store);
  open.push(plan);
  return { plan, store };
}

function numbers(count: number, seed: number): Float32Array {
  const random = randomStream(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

/** The GPU store as the interpreter's, for comparison by name. */
const arenasOf = (store: CpuStore): Record<string, ArrayLike<number>> => ({
  ...store.arenas,
  ...Object.fromEntries(store.states),
});

/**
 * A small network with what plans find hard: a weight used twice, a view of an input, a batch norm
 * with running statistics, a loss weighted by a step scalar.
 */
function network(training = true): { g: Graph; loss: Value; y: Value } {
  const g = graph();
  const x = reshape(g.input("x", [2, ROWS / 2, WIDTH]), [ROWS, WIDTH]);
  const weight = g.parameter("layer.weight", [WIDTH, WIDTH], heNormal);
  const bias = g.parameter("layer.bias", [WIDTH], constant(0.1), false);
  const hidden = relu(linear(x, weight, bias));
  const twice = linear(hidden, weight, bias);
  const y = batchNorm(
    {
      x: twice,
      gamma: g.parameter("norm.weight", [WIDTH], constant(1), false),
      beta: g.parameter("norm.bias", [WIDTH], constant(0), false),
      running_mean: g.state("norm.running_mean", [WIDTH], 0),
      running_variance: g.state("norm.running_var", [WIDTH], 1),
    },
    { training, epsilon: 1e-5, momentum: 0.1 },
  );
  const error = unary(subtract(y, g.input("target", [ROWS, WIDTH])), "square");
  const loss = scaleBy(reduce(error, "mean"), g.scalars(), g.scalar("weight"));
  return { g, loss, y };
}

/** The network's training step: loss, gradients and update. */
function trainingStep(): { g: Graph; request: Request } {
  const { g, loss, y } = network();
  const gradients = g.gradients(loss);
  const norm = gradNorm(g.arena("gradients"), { max_norm: 1 });
  adamw(g, norm, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 });
  return { g, request: { outputs: { loss, y, norm }, gradients } };
}

const INPUTS = { x: numbers(ROWS * WIDTH, 1), target: numbers(ROWS * WIDTH, 2) };
const scalarsOf = (step: number): Record<string, number> => ({
  weight: 1 + step,
  learning_rate: 0.01 / (1 + step),
  correction1: 1 / (1 - 0.9 ** (step + 1)),
  correction2: 1 / (1 - 0.999 ** (step + 1)),
});

test("three training steps equal the interpreter's: outputs, parameters, moments, running statistics", async () => {
  const { g, request } = trainingStep();
  const cpu = initialStore(g, 1);
  const { plan, store } = await compiled(g, request);
  for (const step of [0, 1, 2]) {
    const scalars = scalarsOf(step);
    expectClose(await plan.run(INPUTS, scalars), runOnCpu(g, request, cpu, INPUTS, scalars));
  }
  expectClose(arenasOf(await store.read()), arenasOf(cpu));
  expect(cpu.states.get("norm.running_mean")!.every((v) => v !== 0)).toBe(true);
});

test("pipelines frozen on shapes, as GPUs have them, give the interpreter's numbers", async () => {
  const asGpu = { ...gpu, facts: { ...gpu.facts, software: false } };
  const g = graph();
  const x = g.input("x", [ROWS, 1]);
  const weight = g.parameter("weight", [WIDTH], heNormal); // broadcast along the other axis
  const loss = reduce(unary(multiply(x, weight), "square"), "mean");
  const request = { outputs: { loss }, gradients: g.gradients(loss) };
  const cpu = initialStore(g, 1);
  const inputs = { x: numbers(ROWS, 1) };
  const store = createStore(gpu, g, cpu);
  open.push(store);
  const plan = await compile(asGpu, g, request, store);
  open.push(plan);
  expect(plan.dispatches.map(({ pipeline }) => pipeline).join()).toMatch(/ [A-Z_0-9]+=6\b/);
  expectClose(await plan.run(inputs), runOnCpu(g, request, cpu, inputs));
  expectClose(arenasOf(await store.read()), arenasOf(cpu));
});

test("a step encodes one pass and submits once", async () => {
  const { g, request } = trainingStep();
  const { plan } = await compiled(g, request);
  const passes = vi.fn<(encoder: GPUCommandEncoder) => void>();
  const createEncoder = gpu.device.createCommandEncoder.bind(gpu.device);
  const encoders = vi.spyOn(gpu.device, "createCommandEncoder").mockImplementation((options) => {
    const encoder = createEncoder(options);
    const beginPass = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (descriptor) => {
      passes(encoder);
      return beginPass(descriptor);
    };
    return encoder;
  });
  const submits = vi.spyOn(gpu.device.queue, "submit");
  const makers = (["createBuffer", "createBindGroup", "createComputePipelineAsync"] as const).map(
    (name) => vi.spyOn(gpu.device, name),
  );
  try {
    await plan.run(INPUTS, scalarsOf(0));
    expect([encoders, passes, submits].map((spy) => spy.mock.calls.length)).toEqual([1, 1, 1]);
    expect(makers.map((spy) => spy.mock.calls.length)).toEqual([0, 0, 0]);
  } finally {
    vi.restoreAllMocks();
  }
});

test.skipIf(!hasTimestamps(gpu))(
  "a watched step does its phases in order and gives the same bits, in one pass or in many",
  async () => {
    const { g, request } = trainingStep();
    const { plan } = await compiled(g, request);
    const first = await compiled(g, request);
    const want = await first.plan.run(INPUTS, scalarsOf(0));
    const { plan: other } = await compiled(g, request);
    for (const [watched, passes] of [
      [plan, 1],
      [other, plan.dispatches.length],
    ] as const) {
      const phases: string[] = [];
      const stamps = passStamps(gpu, passes);
      open.push(stamps);
      const read = watched.submit(INPUTS, scalarsOf(0), {
        stamps,
        phase: (name, work) => {
          phases.push(name);
          return work();
        },
      });
      expect(await read()).toEqual(want);
      expect(phases).toEqual(["upload", "encode", "submit"]);
      const times = await stamps.read();
      expect(times).toHaveLength(passes);
      for (const { begin_ns, end_ns } of times) expect(end_ns).toBeGreaterThanOrEqual(begin_ns);
      expect(times.at(-1)!.end_ns).toBeGreaterThan(times[0].begin_ns);
    }
  },
);

test("each dispatch knows the bytes that live with it: no more than the arenas hold", async () => {
  const { g, request } = trainingStep();
  const { plan } = await compiled(g, request);
  const arenas = plan.summary.arena_bytes.reduce((a, b) => a + b, 0);
  const live = plan.dispatches.map(({ live_bytes }) => live_bytes);
  expect(Math.min(...live)).toBeGreaterThan(0);
  expect(Math.max(...live)).toBeLessThanOrEqual(arenas);
});

test("the same plan gives the same bits twice, and so does another one", async () => {
  const run = async (): Promise<Uint8Array[]> => {
    const { g, request } = trainingStep();
    const { plan, store } = await compiled(g, request);
    await plan.run(INPUTS, scalarsOf(0));
    const outputs = await plan.run(INPUTS, scalarsOf(1));
    const { arenas } = await store.read();
    return [...Object.values(outputs), ...Object.values(arenas)].map(
      (v) => new Uint8Array(v.buffer),
    );
  };
  expect(await run()).toEqual(await run());
});

test("compiling leaves the graph as it was", async () => {
  const { g, request } = trainingStep();
  const before = [g.values.length, g.nodes.length];
  const [first, second] = [await compiled(g, request), await compiled(g, request)];
  expect([g.values.length, g.nodes.length]).toEqual(before);
  expect(second.plan.summary).toEqual(first.plan.summary);
});

test("training and evaluation share a store: what one trains the other uses", async () => {
  const { g, request } = trainingStep();
  const { plan, store } = await compiled(g, request);
  const evaluation = network(false);
  const other = await compile(gpu, evaluation.g, { outputs: { y: evaluation.y } }, store);
  open.push(other);
  const scalars = scalarsOf(0);
  const { weight } = scalars;
  const before = await other.run(INPUTS, { weight });
  await plan.run(INPUTS, scalars);
  const after = await other.run(INPUTS, { weight });
  expect(after["y"]).not.toEqual(before["y"]);
  expectClose(
    after,
    runOnCpu(evaluation.g, { outputs: { y: evaluation.y } }, await store.read(), INPUTS, {
      weight,
    }),
  );
});

test("results are right when read after the next step was submitted", async () => {
  const g = graph();
  const doubled = scaleShift(g.input("x", [3]), 2, 0);
  const { plan } = await compiled(g, { outputs: { doubled } });
  const reads = [1, 10].map((v) => plan.submit({ x: new Float32Array([v, v + 1, v + 2]) }));
  expect(await reads[0]()).toEqual({ doubled: new Float32Array([2, 4, 6]) });
  expect(await reads[1]()).toEqual({ doubled: new Float32Array([20, 22, 24]) });
  expect(await reads[1](), "read once more").toEqual({ doubled: new Float32Array([20, 22, 24]) });
});

test("a third step with two results unread is refused, and goes through after a read", async () => {
  const g = graph();
  const doubled = scaleShift(g.input("x", [1]), 2, 0);
  const { plan } = await compiled(g, { outputs: { doubled } });
  const submit = (v: number): (() => Promise<Record<string, Float32Array>>) =>
    plan.submit({ x: new Float32Array([v]) });
  const [first, second] = [submit(1), submit(2)];
  expect(() => submit(3)).toThrow(
    "step: 2 results are waiting to be read; read one before the next step",
  );
  expect((await first())["doubled"]).toEqual(new Float32Array([2]));
  const third = submit(3);
  expect((await second())["doubled"]).toEqual(new Float32Array([4]));
  expect((await third())["doubled"]).toEqual(new Float32Array([6]));
});

test("destroying plan and store gives all their memory back", async () => {
  const { g, request } = trainingStep();
  const before = gpu.memory.live_bytes;
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, request, store);
  await plan.run(INPUTS, scalarsOf(0));
  expect(gpu.memory.live_bytes).toBe(before + plan.summary.peak_bytes + storeBytes(store));
  plan.destroy();
  store.destroy();
  store.destroy(); // twice does no harm
  expect(gpu.memory.live_bytes).toBe(before);
});

function storeBytes({ arenas, states }: GpuStore): number {
  return [...Object.values(arenas), states].reduce((sum, { size_bytes }) => sum + size_bytes, 0);
}

test("live bytes are flat over many steps", async () => {
  const { g, request } = trainingStep();
  const { plan } = await compiled(g, request);
  const before = gpu.memory.live_bytes;
  for (let step = 0; step < 20; step++) await plan.run(INPUTS, scalarsOf(step));
  expect(gpu.memory.live_bytes).toBe(before);
});

test("the summary counts dispatches, pipelines, operations and bytes", async () => {
  const { g, request } = trainingStep();
  const { plan } = await compiled(g, request);
  const { dispatches, pipelines, flops, arena_bytes, peak_bytes } = plan.summary;
  expect(dispatches).toBe(plan.dispatches.length);
  expect(pipelines).toBeLessThan(dispatches);
  expect(flops).toBeGreaterThan(6 * 2 * ROWS * WIDTH * WIDTH); // two layers forward, four gradients
  expect(peak_bytes).toBeGreaterThan(arena_bytes.reduce((a, b) => a + b, 0));
});

test("gradients in all forms reach their place in the arena", async () => {
  const g = graph();
  const x = g.input("x", [2, 3]);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) =>
    g.parameter(name, name === "c" ? [6] : [2, 3], heNormal),
  );
  // a + b: one gradient for two parameters; c: its gradient is a view; d: its gradient is an output
  // too
  const sum = add(add(a, b), reshape(c, [2, 3]));
  const loss = reduce(multiply(multiply(x, sum), d), "sum");
  const gradients = g.gradients(loss);
  const d_d = gradients.get(d)!;
  const request = { outputs: { loss, d_d }, gradients };
  const cpu = initialStore(g, 3);
  const inputs = { x: numbers(6, 4) };
  const want = runOnCpu(g, request, cpu, inputs);
  const { plan, store } = await compiled(g, request, 3);
  expectClose(await plan.run(inputs), want);
  expectClose(arenasOf(await store.read()), arenasOf(cpu));
  expect(cpu.arenas.gradients.slice(0, 6)).toEqual(cpu.arenas.gradients.slice(64, 70));
});

test("the gradient of a parameter that is the loss itself is one", async () => {
  const g = graph();
  const p = g.parameter("p", [1], constant(3));
  const request = { outputs: { p }, gradients: g.gradients(p) };
  const { plan, store } = await compiled(g, request);
  expect(await plan.run({})).toEqual({ p: new Float32Array([3]) });
  expect((await store.read()).arenas.gradients[0]).toBe(1);
});

test("a gradient that is computed after the update that reads it is refused", async () => {
  const g = graph();
  const x = g.input("x", [2]);
  const p = g.parameter("p", [2], constant(1));
  const norm = gradNorm(g.arena("gradients"), { max_norm: 1 });
  const gradients = g.gradients(reduce(unary(multiply(p, x), "square"), "sum"));
  await expect(compiled(g, { outputs: { norm }, gradients })).rejects.toThrow(
    /the gradient of p is computed after an op that reads all gradients/,
  );
  expect(() =>
    runOnCpu(g, { outputs: { norm }, gradients }, initialStore(g, 1), { x: [1, 2] }),
  ).toThrow(/is read before it is computed/);
});

test("empty tensors, empty outputs and no outputs at all go through", async () => {
  const g = graph();
  const nothing = scaleShift(g.input("nothing", [0, 3]), 2, 0);
  const one = scaleShift(g.input("one", [1]), 2, 0);
  const inputs = { nothing: new Float32Array(0), one: new Float32Array([4]) };
  const { plan } = await compiled(g, { outputs: { nothing, one } });
  expect(await plan.run(inputs)).toEqual({
    nothing: new Float32Array(0),
    one: new Float32Array([8]),
  });
  const { plan: silent } = await compiled(g, { outputs: {} });
  expect(await silent.run(inputs)).toEqual({});
});

test("outputs may be inputs, parameters, views and one value twice", async () => {
  const g = graph();
  const x = g.input("x", [2, 2]);
  const p = g.parameter("p", [1], constant(5));
  const row = reshape(x, [4]);
  const { plan } = await compiled(g, { outputs: { x, p, row, again: row } });
  const values = new Float32Array([1, 2, 3, 4]);
  const got = await plan.run({ x: values });
  expect(got).toEqual({ x: values, p: new Float32Array([5]), row: values, again: values });
});

test("what nothing asks for is not computed, and its inputs may be left unused", async () => {
  const g = graph();
  const x = g.input("x", [3]);
  const used = unary(x, "negate");
  unary(x, "exp");
  const { plan } = await compiled(g, { outputs: { used } });
  expect(plan.summary.dispatches).toBe(1);
});

test("a missing or short input and a missing scalar are named with their numbers", async () => {
  const { g, loss } = network();
  const { plan } = await compiled(g, { outputs: { loss } });
  expect(() => plan.submit({ x: INPUTS.x }, { weight: 1 })).toThrow(
    "input target[6, 5] needs 30 numbers, was given none",
  );
  expect(() => plan.submit({ ...INPUTS, x: new Float32Array(7) }, { weight: 1 })).toThrow(
    "input x[2, 3, 5] needs 30 numbers, was given 7",
  );
  expect(() => plan.submit(INPUTS)).toThrow("the step scalar weight was not given");
  const cpu = initialStore(g, 1);
  expect(() => runOnCpu(g, { outputs: { loss } }, cpu, { x: INPUTS.x }, { weight: 1 })).toThrow(
    "input target[6, 5] needs 30 numbers, was given none",
  );
  expect(() => runOnCpu(g, { outputs: { loss } }, cpu, INPUTS)).toThrow(
    "the step scalar weight was not given",
  );
});

test("parameters and states that the store lacks or knows by another shape are named", async () => {
  const g = graph();
  const p = g.parameter("p", [2, 3], heNormal);
  const { store } = await compiled(g, { outputs: { p } });
  const before = gpu.memory.live_bytes;
  const other = graph();
  const q = other.parameter("q", [2], heNormal);
  await expect(compile(gpu, other, { outputs: { q } }, store)).rejects.toThrow(
    "q[2] is not in the store",
  );
  const turned = graph();
  const wrong = turned.parameter("p", [3, 2], heNormal);
  await expect(compile(gpu, turned, { outputs: { wrong } }, store)).rejects.toThrow(
    "p[3, 2] is [2, 3] in the store",
  );
  const few = graph();
  few.parameter("p", [2, 3], heNormal);
  few.parameter("r", [1], heNormal);
  const arena = few.arena("parameters");
  await expect(compile(gpu, few, { outputs: { arena } }, store)).rejects.toThrow(
    "is not in the store",
  );
  expect(gpu.memory.live_bytes, "a failed compile frees what it took").toBe(before);
});

test("a tensor beyond the adapter's binding limit is named with its shape", async () => {
  const g = graph();
  const y = scaleShift(g.input("x", [8, 100]), 2, 0);
  const store = createStore(gpu, g, initialStore(g, 1));
  open.push(store);
  const small = (limit: Partial<GPUSupportedLimits>): typeof gpu => ({
    ...gpu,
    limits: {
      maxBufferSize: gpu.limits.maxBufferSize,
      maxStorageBufferBindingSize: gpu.limits.maxStorageBufferBindingSize,
      ...limit,
    } as GPUSupportedLimits,
  });
  const before = gpu.memory.live_bytes;
  await expect(
    compile(small({ maxStorageBufferBindingSize: 1024 }), g, { outputs: { y } }, store),
  ).rejects.toThrow(
    "x[8, 100]: 3200 bytes are more than the adapter binds at once (1024); use smaller shapes (commands have a smaller --size or --student)",
  );
  await expect(
    compile(small({ maxBufferSize: 1024 }), g, { outputs: { y } }, store),
  ).rejects.toThrow(
    "inputs (largest: x[8, 100] of 3200 bytes): 3328 bytes are more than the adapter's largest buffer (1024); use smaller shapes",
  );
  expect(gpu.memory.live_bytes).toBe(before);
});
