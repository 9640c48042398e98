// Depth Anything in our kernels against transformers, stage by stage, and the adapter against f64.
import { expect, test } from "vitest";
import { initialStore } from "../../../src/graph/cpu_store.ts";
import { runOnCpu } from "../../../src/graph/cpu.ts";
import { compile } from "../../../src/graph/plan.ts";
import { createStore } from "../../../src/graph/store.ts";
import { foundationNetwork } from "../../../src/teacher/foundation/network.ts";
import type { PositionRule } from "../../../src/teacher/foundation/positions.ts";
import { readFoundationWeights } from "../../../src/teacher/foundation/weights.ts";
import { gpu } from "../../support/gpu.ts";
import { goldenVectors, relativeError, TINY } from "./fixture.ts";

const golden = goldenVectors();
const weights = await readFoundationWeights(TINY);

/** Every stage on both paths for the input of a golden case. */
async function stagesOf(name: string, rule: PositionRule, of = weights) {
  const { shape, data } = golden.get(`${name}.pixels`)!;
  const network = foundationNetwork(of, { height: shape[1], width: shape[2] }, rule);
  const { g, embedded, taps, paths, map } = network;
  const outputs = {
    embedded,
    ...Object.fromEntries(taps.map((tap, i) => [`tap${i}`, tap])),
    ...Object.fromEntries(paths.map((path, i) => [`path${i + 1}`, path])),
    depth: map,
  };
  const cpu = runOnCpu(g, { outputs }, initialStore(g, 0), { image: data });
  const store = createStore(gpu, g, initialStore(g, 0));
  const plan = await compile(gpu, g, { outputs }, store);
  try {
    const once = await plan.run({ image: data });
    const twice = await plan.run({ image: data });
    expect(once, "the same bits twice").toEqual(twice);
    return { cpu, adapter: once };
  } finally {
    plan.destroy();
    store.destroy();
  }
}

test.each(["wide", "square"])("stages of the %s image equal transformers'", async (name) => {
  const { cpu, adapter } = await stagesOf(name, "size");
  const stages = Object.keys(cpu).filter((stage) => golden.has(`${name}.${stage}`));
  expect(stages).toHaveLength(1 + 4 + 3 + 1);
  for (const stage of stages) {
    const want = golden.get(`${name}.${stage}`)!.data;
    expect(relativeError(cpu[stage], want), `${stage} in f64`).toBeLessThan(2e-6);
    expect(relativeError(adapter[stage], want), stage).toBeLessThan(1e-5);
    expect(relativeError(adapter[stage], cpu[stage]), `${stage} to f64`).toBeLessThan(1e-5);
  }
});

test("a metric network gives metres", async () => {
  const architecture = {
    ...weights.architecture,
    output: { kind: "metric_depth", max_depth_m: 20 } as const,
  };
  const { cpu, adapter } = await stagesOf("metric", "size", { ...weights, architecture });
  const want = golden.get("metric.depth")!.data;
  expect(relativeError(cpu["depth"], want)).toBeLessThan(2e-6);
  expect(relativeError(adapter["depth"], want)).toBeLessThan(1e-5);
});

test("an image that does not split into patches is refused", () => {
  expect(() => foundationNetwork(weights, { height: 70, width: 99 }, "size")).toThrow(
    "an image of 70x99 does not split into patches of 14x14",
  );
});
