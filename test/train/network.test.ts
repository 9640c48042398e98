// The training graph as a whole: forms of one loss give one loss.
import { expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { lossNetwork } from "../../src/train/network.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { INDEX_ONLY } from "../../src/teacher/teacher.ts";

test("nano: bins fused or stored, relations fused or stored, losses and gradients are the same", () => {
  const run = (form: "fused" | "stored"): Record<string, Float64Array> => {
    const given = { steps: 2, loss: { bins_form: form, relation_form: form, ramp: 0 } };
    const config = resolveConfig(given, "test");
    const size = { height: 32, width: 64 };
    const shape = { views: 2, size, depth_max_m: 80, teacher: INDEX_ONLY };
    const { g, request } = lossNetwork(config, shape);
    const store = initialStore(g, 3);
    const inputs = Object.fromEntries(
      g.inputs.map(({ name, shape: axes }, i) => {
        const kind = { images: "normal", valid: "mask", usable: "mask" }[name] ?? "uniform";
        const [low, high] = name === "depth_m" ? [1, 70] : [0.1, 0.9];
        const data = { kind, low, high, share: 0.5 } as Parameters<typeof draw>[1];
        return [name, draw(axes, data, i)];
      }),
    );
    const outputs = runOnCpu(g, request, store, inputs, stepScalars(config, 1));
    return { ...outputs, gradients: store.arenas.gradients };
  };
  const [fused, stored] = [run("fused"), run("stored")];
  const norm = (values: Float64Array): number =>
    Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  expect(Object.keys(fused)).toEqual(Object.keys(stored));
  for (const [name, values] of Object.entries(fused)) {
    const apart = norm(values.map((v, i) => v - stored[name][i]));
    expect(apart, name).toBeLessThan(1e-9 * norm(stored[name]));
  }
});
