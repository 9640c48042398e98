// Mesa's software adapter with one worker: which threads it has shows in the process.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createBuffer, STORAGE_USAGE } from "../../src/gpu/buffers.ts";
import { openOneWorker } from "../../src/gpu/one_worker.ts";
import { readFloats } from "../../src/gpu/read_back.ts";
import { gpu } from "../support/gpu.ts";

const { name } = gpu.facts;
const named = (adapter: string): Pick<typeof gpu, "facts"> => ({
  facts: { ...gpu.facts, name: adapter },
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** The threads of this process that are workers of the adapter. */
function workers(): string[] {
  return readdirSync("/proc/self/task").filter((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/comm`, "utf8").startsWith("llvmpipe-");
    } catch {
      return false; // a worker of a device that was closed has ended since
    }
  });
}

describe.skipIf(!name.startsWith("llvmpipe"))("on Mesa's software adapter", () => {
  test("one thread is added, and works; the environment is as it was", async () => {
    vi.stubEnv("LP_NUM_THREADS", "3");
    const before = workers();
    const one = (await openOneWorker(gpu))!;
    // Those of devices that other tests closed may end meanwhile, and a new one names itself.
    const added = (): string[] => workers().filter((task) => !before.includes(task));
    await expect.poll(added, { timeout: 5000 }).toHaveLength(1);
    expect(one.workers).toBe(3);
    expect(process.env["LP_NUM_THREADS"]).toBe("3");
    expect(one.gpu.facts).toEqual(gpu.facts);
    const { buffer, destroy } = createBuffer(one.gpu, "x", 256, STORAGE_USAGE);
    one.gpu.device.queue.writeBuffer(buffer, 0, new Float32Array([1, 2]));
    expect([...(await readFloats(one.gpu, buffer, 2))]).toEqual([1, 2]);
    destroy();
    one.gpu.close();
  });

  test.skipIf(availableParallelism() === 1)(
    "workers are the cores where none are given",
    async () => {
      vi.stubEnv("LP_NUM_THREADS", undefined);
      const one = (await openOneWorker(gpu))!;
      expect(one.workers).toBe(availableParallelism());
      expect(process.env).not.toHaveProperty("LP_NUM_THREADS");
      one.gpu.close();
    },
  );

  test("one worker already, or a number that is none, is left alone", async () => {
    for (const given of ["1", "0", "many"]) {
      vi.stubEnv("LP_NUM_THREADS", given);
      expect(await openOneWorker(gpu), given).toBeNull();
    }
  });
});

test("other adapters take no number of threads", async () => {
  for (const other of ["NVIDIA H200", "SwiftShader Device"]) {
    expect(await openOneWorker(named(other)), other).toBeNull();
  }
});
