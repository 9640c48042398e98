// A lost device: every call after the loss, and every one that waits at the time, answers
// DeviceLostError. Dawn itself answers as if they had worked, or never.
import { afterEach, describe, expect, test } from "vitest";
import { createBuffer, STORAGE_USAGE } from "../../src/gpu/buffers.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { watchDevice } from "../../src/gpu/device_state.ts";
import { DeviceLostError } from "../../src/gpu/errors.ts";
import { pipelineFor } from "../../src/gpu/pipelines.ts";
import { readFloats, stagingRing } from "../../src/gpu/read_back.ts";
import { hasTimestamps, timePasses, timerQuantum_ns } from "../../src/gpu/timestamps.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { constant } from "../../src/graph/initializers.ts";
import { add } from "../../src/graph/ops/arithmetic.ts";
import { compile, type Plan } from "../../src/graph/plan.ts";
import { createStore, type GpuStore } from "../../src/graph/store.ts";
import { prepareKernel, runKernel } from "../../src/engine/run.ts";
import { unary } from "../../src/kernels/unary.ts";

const opened: Gpu[] = [];
afterEach(() => {
  for (const device of opened.splice(0)) device.close();
});

interface Engine {
  readonly gpu: Gpu;
  readonly g: ReturnType<typeof graph>;
  readonly store: GpuStore;
  readonly plan: Plan;
  readonly request: Parameters<typeof compile>[2];
}

async function engine(): Promise<Engine> {
  const gpu = await openGpu({ validation: true });
  opened.push(gpu);
  const g = graph();
  const sum = add(g.input("x", [2]), g.parameter("p", [2], constant(1)));
  const store = createStore(gpu, g, initialStore(g, 1));
  const request = { outputs: { sum } };
  return { gpu, g, store, request, plan: await compile(gpu, g, request, store) };
}

const X = { x: new Float32Array([1, 2]) };
const IDENTITY = { kind: "identity", alpha: 0, beta: 0 };
const SOURCE = {
  name: "f",
  code: "@compute @workgroup_size(1)\nfn f() {\n}\n",
  layout: [],
  constants: {},
};

/** Every call of the engine that reaches a device. */
const CALLS: Record<string, (at: Engine) => unknown> = {
  "plan.run": ({ plan }) => plan.run(X),
  "plan.submit": ({ plan }) => plan.submit(X),
  "store.read": ({ store }) => store.read(),
  "store.write": ({ store, g }) => store.write(initialStore(g, 2)),
  createStore: ({ gpu, g }) => createStore(gpu, g, initialStore(g, 1)),
  compile: ({ gpu, g, request, store }) => compile(gpu, g, request, store),
  createBuffer: ({ gpu }) => createBuffer(gpu, "b", 256, STORAGE_USAGE),
  stagingRing: ({ gpu }) => stagingRing(gpu, "ring", 256, 2),
  readFloats: ({ gpu, store }) => readFloats(gpu, store.states.buffer, 4),
  "pipelineFor, a known one": ({ gpu }) => pipelineFor(gpu, SOURCE),
  "pipelineFor, a new one": ({ gpu }) => pipelineFor(gpu, { ...SOURCE, code: `${SOURCE.code}\n` }),
  runKernel: ({ gpu }) => runKernel(gpu, unary, X, { x: [2] }, IDENTITY),
  timePasses: ({ gpu }) => timePasses(gpu, [[]]),
  timerQuantum: ({ gpu }) => timerQuantum_ns(gpu),
  check: ({ gpu }) => gpu.check(),
  device: ({ gpu }) => gpu.device,
  unlessLost: ({ gpu }) => gpu.unlessLost(new Promise(() => {})),
};
const needsClock = (name: string): boolean => name.startsWith("time");

async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

describe("after device.destroy()", () => {
  test("every call answers DeviceLostError, at once and later, with its reason", async () => {
    const at = await engine();
    await pipelineFor(at.gpu, SOURCE);
    const kernel = await prepareKernel(at.gpu, unary, X, { x: [2] }, IDENTITY);
    const calls: typeof CALLS = { ...CALLS, "PreparedKernel.run": async () => await kernel.run() };
    at.gpu.device.destroy();
    expect(() => at.plan.submit(X), "in the same turn of the event loop").toThrow(DeviceLostError);
    for (const when of ["at once", "later"]) {
      for (const [name, call] of Object.entries(calls)) {
        if (needsClock(name) && !hasTimestamps(at.gpu)) continue;
        const error = await outcome(() => call(at));
        expect(error, `${name}, ${when}`).toBeInstanceOf(DeviceLostError);
        expect(error, `${name}, ${when}`).toMatchObject({ reason: "destroyed" });
        expect((error as Error).message, name).toMatch(/^device lost \(destroyed\): /);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await at.gpu.lost).toBeInstanceOf(DeviceLostError);
    kernel.destroy();
    at.plan.destroy();
    at.store.destroy();
    expect(at.gpu.memory.live_bytes).toBe(0);
  });

  test.each([
    "plan.run",
    "store.read",
    "compile",
    "readFloats",
    "pipelineFor, a new one",
    "unlessLost",
  ])("%s that waits at the time answers DeviceLostError", async (name) => {
    const at = await engine();
    const waiting = outcome(() => CALLS[name](at));
    at.gpu.device.destroy();
    expect(await waiting).toBeInstanceOf(DeviceLostError);
  });

  test("a step that was submitted before is not read", async () => {
    const at = await engine();
    const read = at.plan.submit(X);
    at.gpu.device.destroy();
    expect(await outcome(read)).toBeInstanceOf(DeviceLostError);
  });
});

test("after close() every call answers that the device was closed", async () => {
  const at = await engine();
  const waiting = outcome(() => at.gpu.unlessLost(new Promise(() => {})));
  at.gpu.close();
  expect(await waiting).toMatchObject({ reason: "closed" });
  const { check: _, ...calls } = CALLS; // closing is no error
  for (const [name, call] of Object.entries(calls)) {
    if (needsClock(name) && !hasTimestamps(at.gpu)) continue;
    expect(await outcome(() => call(at)), name).toMatchObject({
      name: "DeviceLostError",
      reason: "closed",
    });
  }
});

describe("a device that the driver drops", () => {
  /** Stands for a device: only what tells of errors. */
  function dropped(): { device: GPUDevice; drop: () => void; report: (error: Error) => void } {
    let drop = (): void => {};
    const lost = new Promise((resolve) => {
      drop = () => resolve({ reason: "unknown", message: "driver reset" });
    });
    let listener: (event: unknown) => void = () => {};
    const device = {
      lost,
      addEventListener: (_: string, given: typeof listener) => {
        listener = given;
      },
      destroy: () => {},
    } as unknown as GPUDevice;
    const report = (error: Error): void => listener({ preventDefault: () => {}, error });
    return { device, drop, report };
  }

  test("rejects what waits, tells the reason, and stays lost", async () => {
    const { device, drop } = dropped();
    const state = watchDevice(device);
    const never = outcome(() => state.unlessLost(new Promise(() => {})));
    const failing = outcome(() => state.unlessLost(Promise.reject(new Error("AbortError"))));
    expect(state.device()).toBe(device);
    drop();
    for (const error of [await never, await failing, await state.lost]) {
      expect(error).toBeInstanceOf(DeviceLostError);
      expect(error).toMatchObject({ reason: "unknown" });
    }
    expect(() => state.check()).toThrow(/^device lost \(unknown\): driver reset/);
    expect(() => state.device()).toThrow(DeviceLostError);
    expect(await outcome(() => state.unlessLost(Promise.resolve(1)))).toBeInstanceOf(
      DeviceLostError,
    );
  });

  test("is lost whatever it reported before", async () => {
    const { device, drop, report } = dropped();
    const state = watchDevice(device);
    report(new Error("validation"));
    expect(() => state.check()).toThrow("validation");
    drop();
    await state.lost;
    expect(() => state.check()).toThrow(DeviceLostError);
  });

  test("an uncaptured error ends what waits at once", async () => {
    const { device, report } = dropped();
    const state = watchDevice(device);
    const never = outcome(() => state.unlessLost(new Promise(() => {})));
    report(new Error("the binding is too small"));
    expect(await never).toMatchObject({ name: "GpuValidationError" });
    expect(() => state.device()).toThrow("the binding is too small");
  });
});
