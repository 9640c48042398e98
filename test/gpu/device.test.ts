// The device: what an error, a lost device and missing adapters become. Each test that breaks a
// device opens its own.
import { afterEach, describe, expect, test, vi } from "vitest";
import { aligned, createBuffer, STORAGE_USAGE } from "../../src/gpu/buffers.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { DeviceLostError, GpuValidationError, NoAdapterError } from "../../src/gpu/errors.ts";
import { readFloats, stagingRing } from "../../src/gpu/read_back.ts";
import { hasTimestamps, timePasses } from "../../src/gpu/timestamps.ts";
import { pipelineFor } from "../../src/gpu/pipelines.ts";
import { graph } from "../../src/graph/graph.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { constant } from "../../src/graph/initializers.ts";
import { add } from "../../src/graph/ops/arithmetic.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { gpu } from "../support/gpu.ts";

const opened: Gpu[] = [];
afterEach(() => {
  for (const device of opened.splice(0)) device.close();
});
async function ownGpu(): Promise<Gpu> {
  const own = await openGpu({ validation: true });
  opened.push(own);
  return own;
}

describe("errors", () => {
  test("an error that nobody waits for fails the next read, and every one after it", async () => {
    const own = await ownGpu();
    const { buffer } = createBuffer(own, "x", 256, STORAGE_USAGE);
    expect([...(await readFloats(own, buffer, 2))]).toEqual([0, 0]);
    own.device.queue.writeBuffer(buffer, 0, new Float32Array(65)); // one float too long
    for (const attempt of ["first", "second"]) {
      const failure = await readFloats(own, buffer, 2).catch((error: unknown) => error);
      expect(failure, attempt).toBeInstanceOf(GpuValidationError);
      expect((failure as Error).message).toMatch(/Buffer "x"/);
    }
    expect(() => own.check()).toThrow(GpuValidationError);
  });

  test("only the first error is kept: what follows is its consequence", async () => {
    const own = await ownGpu();
    const [first, second] = ["first", "second"].map((n) =>
      createBuffer(own, n, 256, STORAGE_USAGE),
    );
    const { queue } = own.device;
    queue.writeBuffer(first.buffer, 2, new Float32Array(1));
    queue.writeBuffer(second.buffer, 2, new Float32Array(1));
    await queue.onSubmittedWorkDone();
    expect(() => own.device).toThrow(GpuValidationError);
    expect(() => own.check()).toThrow(/Buffer "first"|offset/);
    expect(() => own.check()).not.toThrow(/Buffer "second"/);
  });

  test("a lost device is reported as such by whatever waits for it", async () => {
    const own = await ownGpu();
    const g = graph();
    const sum = add(g.input("x", [2]), g.parameter("p", [2], constant(1)));
    const store = createStore(own, g, initialStore(g, 1));
    const plan = await compile(own, g, { outputs: { sum } }, store);
    own.device.destroy(); // as a driver reset would, but for the reason
    await expect(plan.run({ x: new Float32Array([1, 2]) })).rejects.toThrow(DeviceLostError);
    await expect(store.read()).rejects.toThrow(DeviceLostError);
    expect(() => own.check()).toThrow(/^device lost \(destroyed\): /);
    plan.destroy();
    store.destroy();
    expect(own.memory.live_bytes).toBe(0);
  });

  test("closing a device is no loss", async () => {
    const own = await ownGpu();
    const told = vi.fn<(error: Error) => void>();
    void own.lost.then(told);
    own.close();
    own.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    own.check();
    expect(told).not.toHaveBeenCalled();
  });

  test("a name that no adapter has is told, with those there are", async () => {
    const opening = openGpu({ validation: true, adapter: "no such adapter" });
    await expect(opening).rejects.toThrow(NoAdapterError);
    await expect(opening).rejects.toThrow(
      /^no WebGPU adapter whose name contains "no such adapter"; available: \S/,
    );
  });
});

describe("the adapter", () => {
  test("is described, and lends its full limits", () => {
    expect(gpu.facts.name).not.toBe("");
    expect(gpu.limits.maxStorageBuffersPerShaderStage).toBeGreaterThanOrEqual(8);
    expect(gpu.limits.maxBufferSize).toBeGreaterThanOrEqual(2 ** 28);
    expect(gpu.facts.features).toBeInstanceOf(Set);
    if (/llvmpipe|swiftshader/i.test(gpu.facts.name)) expect(gpu.facts.software).toBe(true);
  });
});

describe("buffers", () => {
  test("are counted while they live, and once only", async () => {
    const own = await ownGpu();
    const [a, b] = [1, 257].map((bytes) => createBuffer(own, "b", bytes, STORAGE_USAGE));
    expect([a.size_bytes, b.size_bytes, aligned(256), aligned(0)]).toEqual([256, 512, 256, 0]);
    expect(own.memory).toEqual({ live_bytes: 768, peak_bytes: 768, budget_bytes: Infinity });
    a.destroy();
    a.destroy();
    expect(own.memory).toEqual({ live_bytes: 512, peak_bytes: 768, budget_bytes: Infinity });
    b.destroy();
  });
});

describe("reading back", () => {
  test("reads any part of a buffer, and frees its staging buffer", async () => {
    const { buffer, destroy } = createBuffer(gpu, "source", 1024, STORAGE_USAGE);
    gpu.device.queue.writeBuffer(
      buffer,
      0,
      Float32Array.from({ length: 256 }, (_, i) => i),
    );
    const before = gpu.memory.live_bytes;
    expect([...(await readFloats(gpu, buffer, 3, 40))]).toEqual([10, 11, 12]);
    expect(await readFloats(gpu, buffer, 0)).toEqual(new Float32Array(0));
    expect(gpu.memory.live_bytes).toBe(before);
    destroy();
  });

  test("a ring joins ranges of several buffers and goes round", async () => {
    const sources = [0, 100].map((start) => {
      const counted = createBuffer(gpu, "source", 256, STORAGE_USAGE);
      const values = Float32Array.from({ length: 64 }, (_, i) => start + i);
      gpu.device.queue.writeBuffer(counted.buffer, 0, values);
      return counted;
    });
    const ring = stagingRing(gpu, "ring", 16, 2);
    for (let turn = 0; turn < 5; turn++) {
      const encoder = gpu.device.createCommandEncoder();
      const ranges = sources.map(({ buffer }) => ({
        buffer,
        offset_bytes: 4 * turn,
        size_bytes: 8,
      }));
      const read = ring.copy(encoder, ranges);
      gpu.device.queue.submit([encoder.finish()]);
      expect([...(await read())]).toEqual([turn, turn + 1, 100 + turn, 101 + turn]);
    }
    ring.destroy();
    for (const { destroy } of sources) destroy();
  });
});

test.skipIf(!hasTimestamps(gpu))("passes are timed one by one", async () => {
  const code = `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn spin() {
    var x = 1.0;
    for (var i = 0; i < 20000; i++) {
        x = x * 1.0001 + y[u32(i) % 4u];
    }
    y[0] = x;
}
`;
  const layouts = ["storage"] as const;
  const source = { name: "spin", code, layout: layouts, constants: {} };
  const { pipeline, layout } = await pipelineFor(gpu, source);
  const { buffer, destroy } = createBuffer(gpu, "y", 256, STORAGE_USAGE);
  const entries = [{ binding: 0, resource: { buffer } }];
  const bindGroup = gpu.device.createBindGroup({ layout, entries });
  const spin = { pipeline, bindGroup, grid: [1, 1, 1] } as const;
  const before = gpu.memory.live_bytes;
  await timePasses(gpu, [[spin]]); // compiles
  const [one, none, many] = await timePasses(gpu, [
    [spin],
    [{ ...spin, grid: [0, 1, 1] }],
    Array.from({ length: 20 }, () => spin),
  ]);
  expect(one).toBeGreaterThan(0);
  expect(none).toBeGreaterThanOrEqual(0);
  expect(many).toBeGreaterThan(one);
  expect(gpu.memory.live_bytes).toBe(before);
  destroy();
});
