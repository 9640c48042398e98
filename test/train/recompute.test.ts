// Students whose cheap feature maps are computed again for the backward pass: the same bits in less
// memory, with several moments in a step, and in a run that is resumed the other way.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loader } from "../../src/data/loader.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import type { PlanSummary } from "../../src/graph/plan.ts";
import { trainingNetwork } from "../../src/train/network.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { openSession } from "../../src/train/session.ts";
import { stepInputs } from "../../src/train/step.ts";
import { train, type TrainedRun } from "../../src/train/trainer.ts";
import { differing, type Numbers } from "../support/differing.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const root = mkdtempSync(join(tmpdir(), "ringdepth-recompute-"));
afterAll(() => rmSync(root, { recursive: true }));

const hasF16 = gpu.facts.features.has("shader-f16");
const source = tinySource("train");

interface Outcome {
  readonly numbers: Numbers;
  readonly plan: PlanSummary;
}

/** Two steps of a configuration: outputs and all numbers of the store; and the plan. */
async function steps(keys: Record<string, unknown>): Promise<Outcome> {
  const config = tinyConfig({ ...keys, steps: 2 });
  const network = trainingNetwork(config, {
    views: source.cameras.length,
    size: config.size,
    depth_max_m: source.protocol.cap_m,
    teacher: tinyTeacher.parts,
  });
  const session = await openSession(gpu, network, initialStore(network.g, 1), new Map());
  try {
    const about = { seed: 0, size: config.size, augment: false, badSamples: "stop" } as const;
    const samples = loader(source, about);
    const numbers = new Map<string, Float32Array | Float64Array>();
    for (let step = 0; step < config.steps; step++) {
      const inputs = await stepInputs({ config, teacher: tinyTeacher }, samples, step);
      const outputs = await session.plan.run(inputs, stepScalars(config, step + 1));
      for (const [name, values] of Object.entries(outputs)) numbers.set(`${step} ${name}`, values);
    }
    const { arenas, states } = await session.store.read();
    for (const [name, values] of [...Object.entries(arenas), ...states]) numbers.set(name, values);
    return { numbers, plan: session.plan.summary };
  } finally {
    session.close();
  }
}

test.each<[string, Record<string, unknown>]>([
  ["nano", {}],
  ["nano in f16", { precision: "f16" }],
  ["resnet18", { student: "resnet18", size: { height: 64, width: 64 } }],
  ["two rigs, two passes", { rigs_per_step: 2, accumulate: 2 }],
])("%s: the same bits in less memory", async (_, keys) => {
  if (keys["precision"] === "f16" && !hasF16) return;
  const kept = await steps(keys);
  const again = await steps({ ...keys, recompute: true });
  expect(differing(again.numbers, kept.numbers)).toEqual([]);
  const [bytes, bytesKept] = [again, kept].map(({ plan: { arena_bytes } }) =>
    arena_bytes.reduce((a, b) => a + b, 0),
  );
  expect(bytes / bytesKept).toBeLessThan(0.9);
});

test("a run may be resumed with recomputation, and ends with the same bits", async () => {
  const run = async (
    out: string,
    keys: Record<string, unknown>,
    { resume = false, stopAt = Infinity } = {},
  ): Promise<TrainedRun> => {
    const controller = new AbortController();
    const trained = await train({
      gpu,
      config: tinyConfig({ steps: 3, checkpoint_every: 1, ...keys }),
      source,
      teacher: tinyTeacher,
      out: join(root, out),
      resume,
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step >= stopAt) controller.abort();
      },
    });
    await trained.close();
    return trained;
  };
  const whole = await run("whole", {});
  expect((await run("broken", {}, { stopAt: 1 })).interrupted).toBe(true);
  const broken = await run("broken", { recompute: true }, { resume: true });
  expect(broken.plan.summary.recomputation!.repeats.length).toBeGreaterThan(0);
  const losses = ({ folder }: TrainedRun): number[] => folder.records.map(({ loss }) => loss);
  expect(losses(broken)).toEqual(losses(whole));
  expect(readFileSync(join(root, "broken", "config.yaml"), "utf8")).toContain("recompute: true");
});
