// Dropout against its reference; its share, its seeds and the way it is turned off.
import { expect, test } from "vitest";
import { backward } from "../../src/graph/backward.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { graph } from "../../src/graph/graph.ts";
import { dropout as dropoutOp } from "../../src/graph/ops/dropout.ts";
import { runKernel } from "../../src/engine/run.ts";
import { dropout } from "../../src/kernels/dropout.ts";
import { checkKernels } from "../support/check_kernel.ts";
import { gpu } from "../support/gpu.ts";

checkKernels(dropout);

const n = 20_000;

async function dropped(share: number, seed: number, step: number): Promise<Float32Array> {
  const inputs = { x: new Float32Array(n).fill(1), scalars: new Float32Array(64).fill(step) };
  const shapes = { x: [n], scalars: [64] };
  return (await runKernel(gpu, dropout, inputs, shapes, { share, seed, slot: 2 }))["y"];
}

test("the share that is dropped is the share asked for, and the mean stays", async () => {
  for (const share of [0.1, 0.5, 0.9]) {
    const y = await dropped(share, 3, 8);
    const kept = y.filter((v) => v !== 0);
    const deviation = Math.sqrt((share * (1 - share)) / n);
    expect(Math.abs(kept.length / n - (1 - share))).toBeLessThan(4 * deviation);
    expect(kept.every((v) => v === kept[0])).toBe(true);
    expect(kept[0]).toBeCloseTo(1 / (1 - share), 5);
  }
});

test("masks of other seeds and of other steps are independent; equal ones are equal", async () => {
  const both = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, v, i) => sum + (v !== 0 && b[i] !== 0 ? 1 : 0), 0) / n;
  const first = await dropped(0.5, 3, 8);
  expect(await dropped(0.5, 3, 8)).toEqual(first);
  for (const other of [await dropped(0.5, 4, 8), await dropped(0.5, 3, 9)]) {
    expect(Math.abs(both(first, other) - 0.25)).toBeLessThan(0.015);
  }
});

test("each call on a graph has its own seed; what is no share is refused", () => {
  const g = graph();
  const x = g.input("x", [8]);
  dropoutOp(g, dropoutOp(g, x, 0.5), 0.5);
  const [a, b] = g.nodes.map(({ attributes }) => attributes);
  expect(a).not.toEqual(b);
  expect(() => dropoutOp(g, x, 1)).toThrow("share is 1");
  expect(() => dropoutOp(g, x, 0.5, { sead: 1 } as never)).toThrow("unknown option sead");
});

test("the gradient passes through the mask of the same step, on both paths", async () => {
  const g = graph();
  const x = g.input("x", [400]);
  const y = dropoutOp(g, x, 0.25, { seed: 5 });
  const d_y = g.constant("d_y", [400], new Float32Array(400).fill(3));
  const outputs = { y, d_x: backward(g, [[y, d_y]], [x]).get(x)! };
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, { outputs }, store);
  const inputs = { x: new Float32Array(400).fill(3) };
  for (const dropout_step of [-1, 0, 11]) {
    const got = await plan.run(inputs, { dropout_step });
    const want = runOnCpu(g, { outputs }, initialStore(g, 1), inputs, { dropout_step });
    expect(got["y"]).toEqual(Float32Array.from(want["y"]));
    expect(got["d_x"]).toEqual(got["y"]);
    expect(got["y"].includes(0)).toBe(dropout_step >= 0);
  }
  plan.destroy();
  store.destroy();
});
