// Out of memory: of a budget that was set and of the driver's. What does not fit is refused with a
// typed error that names it, before anything changes, and the engine goes on.
import { afterEach, expect, test } from "vitest";
import { allReady, createBuffer, STORAGE_USAGE } from "../../src/gpu/buffers.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { GpuMemoryError } from "../../src/gpu/errors.ts";
import { readFloats } from "../../src/gpu/read_back.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant } from "../../src/graph/initializers.ts";
import { add, scaleShift } from "../../src/graph/ops/arithmetic.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { runKernel } from "../../src/engine/run.ts";
import { unary } from "../../src/kernels/unary.ts";

const opened: Gpu[] = [];
afterEach(() => {
  for (const device of opened.splice(0)) device.close();
});
async function withBudget(memory_budget_bytes: number): Promise<Gpu> {
  const own = await openGpu({ validation: true, memory_budget_bytes });
  opened.push(own);
  return own;
}

async function failure(work: Promise<unknown>): Promise<GpuMemoryError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GpuMemoryError);
  return error as GpuMemoryError;
}

/** y = 2 x + p through two intermediates of `length` floats. */
function chain(length: number): { g: Graph; y: Value } {
  const g = graph();
  const p = g.parameter("p", [1], constant(1));
  return { g, y: scaleShift(add(scaleShift(g.input("x", [length]), 2, 0), p), 1, 0) };
}

test("20 plans over the budget: each names arena, tensors and bytes; the engine goes on", async () => {
  const own = await withBudget(64 * 1024);
  const small = chain(64);
  const store = createStore(own, small.g, initialStore(small.g, 1));
  const plan = await compile(own, small.g, { outputs: { y: small.y } }, store);
  const x = new Float32Array(64).fill(3);
  const before = own.memory.live_bytes;
  for (let i = 0; i < 20; i++) {
    const large = chain(8192);
    const error = await failure(compile(own, large.g, { outputs: { y: large.y } }, store));
    expect(error.message).toMatch(
      /^arena \d of intermediates \(largest: .*\[8192\] of 32768 bytes.*\): needs \d+ bytes, but only \d+ bytes of the memory budget of 65536 are free; use smaller shapes or a larger memory budget/,
    );
    expect(error.asked_bytes).toBeGreaterThan(error.free_bytes!);
    expect(own.memory.live_bytes).toBe(before);
    expect((await plan.run({ x }))["y"]).toEqual(new Float32Array(64).fill(7));
    expect((await store.read()).arenas.parameters[0]).toBe(1);
  }
  own.check();
});

test("inputs, stores, outputs and single buffers over the budget are named; none is made", async () => {
  const own = await withBudget(32 * 1024);
  const big = graph();
  const weight = big.parameter("encoder.weight", [40, 100], constant(0));
  const tiny = graph();
  const empty = createStore(own, tiny, initialStore(tiny, 1));
  const before = own.memory.live_bytes;
  expect(() => createStore(own, big, initialStore(big, 1))).toThrow(
    /^gradients \(largest: encoder.weight\[40, 100\] of 16000 bytes\): needs 16128 bytes, but only \d+ bytes/,
  );
  expect(weight.shape).toEqual([40, 100]);
  const images = tiny.input("images", [100, 90]);
  const error = await failure(compile(own, tiny, { outputs: { images } }, empty));
  expect(error.message).toMatch(/^inputs \(largest: images\[100, 90\] of 36000 bytes\): needs/);
  const kernel = runKernel(own, unary, { x: new Float32Array(1000) }, { x: [1000] }, IDENTITY);
  expect((await failure(kernel)).message).toMatch(/^unary y\[1000\]: needs 20736 bytes, but /);
  expect(() => createBuffer(own, "b", 40_000, STORAGE_USAGE)).toThrow(
    /^b: needs 40192 bytes, but /,
  );
  expect(own.memory.live_bytes).toBe(before);
});
const IDENTITY = { kind: "identity", alpha: 0, beta: 0 };

test("what is read back fits in what the budget leaves, piece by piece", async () => {
  const own = await withBudget(4096 + 512);
  const { buffer } = createBuffer(own, "x", 4096, STORAGE_USAGE);
  const values = Float32Array.from({ length: 1000 }, (_, i) => i);
  own.device.queue.writeBuffer(buffer, 0, values);
  expect(await readFloats(own, buffer, 1000)).toEqual(values);
  expect(await readFloats(own, buffer, 301, 400)).toEqual(values.slice(100, 401));
  expect(own.memory.peak_bytes).toBeLessThanOrEqual(own.memory.budget_bytes);
  const last = createBuffer(own, "y", 512, STORAGE_USAGE);
  await failure(readFloats(own, buffer, 1));
  last.destroy();
  expect((await readFloats(own, buffer, 1, 8))[0]).toBe(2);
});

test.each([0, -1, Number.NaN])("a budget of %d bytes is none", async (bytes) => {
  await expect(openGpu({ validation: true, memory_budget_bytes: bytes })).rejects.toThrow(
    `memory_budget_bytes ${bytes}: expected a number above 0`,
  );
});

test("200 steps and reads leave the live bytes as they were", async () => {
  const own = await withBudget(2 ** 20);
  const { g, y } = chain(1000);
  const store = createStore(own, g, initialStore(g, 1));
  const plan = await compile(own, g, { outputs: { y } }, store);
  const x = new Float32Array(1000);
  await plan.run({ x });
  const { live_bytes } = own.memory;
  for (let step = 0; step < 200; step++) {
    await plan.run({ x });
    if (step % 20 === 0) await store.read();
    expect(own.memory.live_bytes).toBe(live_bytes);
  }
  plan.destroy();
  store.destroy();
  expect(own.memory.live_bytes).toBe(0);
});

/** A device whose driver is asked for more than it has wherever a label matches `pattern`. */
async function withoutMemoryFor(pattern: RegExp): Promise<Gpu> {
  const own = await withBudget(Infinity);
  const { device } = own;
  const create = device.createBuffer.bind(device);
  const size = own.limits.maxBufferSize;
  device.createBuffer = (descriptor) =>
    create(pattern.test(descriptor.label ?? "") ? { ...descriptor, size } : descriptor);
  return own;
}

test("the driver's own end of memory is the same error, 20 times, and the device goes on", async (context) => {
  const own = await withoutMemoryFor(/^arena 0|^huge|^states/);
  const probe = createBuffer(own, "huge", 256, STORAGE_USAGE);
  const hasRoom = await allReady(own, [probe]).then(
    () => true,
    () => false,
  );
  probe.destroy();
  if (hasRoom) context.skip("this adapter has memory for its largest buffer");
  for (let i = 0; i < 20; i++) {
    const { g, y } = chain(64);
    // Its own buffers are made and written, but for one that the driver refuses.
    const refused = createStore(own, g, initialStore(g, 1));
    const request = { outputs: { y } };
    const ofStore = await failure(compile(own, g, request, refused));
    expect(ofStore.message).toMatch(/^states: needs 256 bytes, but the driver has no more memory/);
    refused.destroy();
    const store = { ...refused, ready: async () => {}, check: () => {} };
    const error = await failure(compile(own, g, request, store));
    expect(error.message).toMatch(
      /^arena 0 of intermediates \(largest: .*\): needs \d+ bytes, but the driver has no more memory \(ringdepth already uses \d+ bytes\); use smaller/,
    );
    expect(error).toMatchObject({ asked_bytes: 256, free_bytes: null });
    const got = await runKernel(own, unary, { x: Float32Array.of(i) }, { x: [1] }, IDENTITY);
    expect(got["y"][0]).toBe(i);
  }
  expect(own.memory.live_bytes).toBe(0);
  own.check();
});
