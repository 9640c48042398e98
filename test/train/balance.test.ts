// Weights balanced by gradient norm: the measurement against the CPU, and a run that is interrupted
// before or after it.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LOSS_TERMS, weightName } from "../../src/distill/losses.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { balanceOf, isMeasured } from "../../src/train/balance.ts";
import { measureBalance } from "../../src/train/measure_balance.ts";
import { gradientNetwork, lossNetwork } from "../../src/train/network.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { openSession } from "../../src/train/session.ts";
import { train, type TrainedRun, type TrainingRun } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const MEASURED_AFTER = 2;
const LOSS = {
  cross_term: "silog",
  relation: "none",
  ramp: 0,
  balance: "gradient_norm",
  balance_target: 0.25,
};
const config = tinyConfig({
  size: { height: 32, width: 32 },
  head: { bins: 8 },
  steps: 4,
  checkpoint_every: 1,
  loss: { ...LOSS, balance_step: MEASURED_AFTER, weights: { silog: 2, kl: 3 } },
});
let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-balance-"));
});
afterAll(() => rmSync(root, { recursive: true }));

test("a factor makes a term's gradient the asked share of the supervised one", () => {
  const measured = balanceOf({ silog: 6, kl: 12, cross: 0.5, relation: 0 }, 0.25)!;
  expect(measured.factors).toEqual({ kl: 0.125, cross: 3, relation: 1 });
  expect(balanceOf({ silog: 0, kl: 1 }, 0.25)).toBeNull();
  expect(balanceOf({ silog: 1, kl: Number.NaN }, 0.25)).toBeNull();
});

test("the weights before it are as given, and times the factor from then on", () => {
  expect([1, 2, 3].map((step) => isMeasured(config, step, undefined))).toEqual([false, true, true]);
  expect(isMeasured(config, 3, { kl: 2 })).toBe(false);
  expect(stepScalars(config, 4, { kl: 0.5 })).toMatchObject({ weight_kl: 1.5, weight_silog: 2 });
  expect(stepScalars(config, 4)["weight_kl"]).toBe(3);
});

test.each([
  [{ balance_step: 5 }, /loss\.balance_step: 5 must be below steps, 5/],
  [{ balance_step: 1, weights: { silog: 0 } }, /loss\.balance: .* loss\.weights\.silog is 0/],
])("a balance that cannot be measured is refused: %j", (more, message) => {
  expect(() => tinyConfig({ steps: 5, loss: { ...LOSS, ...more } })).toThrow(message);
});

test("the measured lengths are those of the CPU, and the session stays as it is", async () => {
  const shape = { views: 2, size: config.size, depth_max_m: 80, teacher: tinyTeacher.parts };
  const network = gradientNetwork(config, shape);
  const values = initialStore(network.g, 1);
  const inputs = Object.fromEntries(
    network.g.inputs.map(({ name, shape: axes }, i) => {
      const kind = { images: "normal", valid: "mask", usable: "mask" }[name] ?? "uniform";
      const [low, high] = name === "depth_m" ? [1, 70] : [0.1, 0.9];
      const data = { kind, low, high, share: 0.5 } as Parameters<typeof draw>[1];
      return [name, draw(axes, data, i)];
    }),
  );
  const session = await openSession(gpu, network, values, new Map());
  const before = gpu.memory.live_bytes;
  const measured = await measureBalance(session, network, config, new Map(), { step: 0, inputs });
  expect(gpu.memory.live_bytes).toBe(before);
  const after = await session.store.read();
  session.close();
  expect(after.arenas.parameters).toEqual(values.arenas.parameters.map(Math.fround));
  const onCpu = lossNetwork(config, shape);
  const scalars = stepScalars(config, 0);
  for (const term of LOSS_TERMS) scalars[weightName(term)] = term === "kl" ? 1 : 0;
  const store = initialStore(onCpu.g, 1);
  runOnCpu(onCpu.g, onCpu.request, store, inputs, scalars);
  const length = Math.sqrt(store.arenas.gradients.reduce((sum, v) => sum + v * v, 0));
  expect(measured!.gradient_norms.kl! / length).toBeCloseTo(1, 4);
});

async function run(name: string, more: Partial<TrainingRun> = {}): Promise<TrainedRun> {
  const given = { gpu, config, source: tinySource("train"), teacher: tinyTeacher, resume: false };
  const trained = await train({ ...given, out: join(root, name), ...more });
  await trained.close();
  return trained;
}
const studentBytes = (name: string): Buffer =>
  readFileSync(join(root, name, "student.safetensors"));

test("a run interrupted before or after the measurement gives the same bits", async () => {
  const messages: string[] = [];
  const whole = await run("whole", { onMessage: (line) => messages.push(line) });
  const { records } = whole.folder;
  const measured = records.filter(({ balance }) => balance !== undefined);
  expect(measured.map(({ step }) => step)).toEqual([MEASURED_AFTER + 1]);
  expect(messages).toEqual([
    expect.stringMatching(/^step 3: weights balanced .*: kl x .*cross x /),
  ]);
  const { gradient_norms, factors } = measured[0].balance!;
  for (const term of ["kl", "cross"] as const) {
    const share = (factors[term]! * gradient_norms[term]!) / gradient_norms.silog!;
    expect(share).toBeCloseTo(0.25, 12);
  }
  for (const last of [1, 3]) {
    const controller = new AbortController();
    const name = `stopped_${last}`;
    const stopped = await run(name, {
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step === last) controller.abort();
      },
    });
    expect(stopped.interrupted || last === 3).toBe(true);
    const again: string[] = [];
    const resumed = await run(name, { resume: true, onMessage: (line) => again.push(line) });
    expect(again.some((line) => line.includes("balanced"))).toBe(last === 1);
    expect(resumed.folder.records.map(({ balance }) => balance)).toEqual(
      records.map(({ balance }) => balance),
    );
    expect(studentBytes(name).equals(studentBytes("whole"))).toBe(true);
  }
});
