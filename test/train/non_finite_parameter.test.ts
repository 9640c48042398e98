// A parameter that is not a number does not go unseen: it reaches the loss and the norm of the
// gradients in the same step.
import { expect, test } from "vitest";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { trainingNetwork } from "../../src/train/network.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { gpu } from "../support/gpu.ts";

test("NaN in any parameter of nano reaches the loss and the norm of the same step", async () => {
  const config = resolveConfig({ steps: 2 }, "test");
  const shape = { views: 2, size: { height: 32, width: 64 }, depth_max_m: 80, teacher: true };
  const { g, request } = trainingNetwork(config, shape);
  const inputs = Object.fromEntries(
    g.inputs.map(({ name, shape: axes }, i) => {
      if (name === "images") return [name, draw(axes, { kind: "normal" }, i)];
      if (name === "valid" || name === "usable") {
        return [name, draw(axes, { kind: "mask", share: 0.5 }, i)];
      }
      const [low, high] = name === "depth_m" ? [1, 70] : [0.1, 0.9];
      return [name, draw(axes, { kind: "uniform", low, high }, i)];
    }),
  );
  const scalars = stepScalars(config, 2);
  const initial = initialStore(g, 3);
  const store = createStore(gpu, g, initial);
  const plan = await compile(gpu, g, request, store);
  try {
    const clean = await plan.run(inputs, scalars);
    expect(clean["gradient_norm"][2]).toBe(1);
    const unseen: string[] = [];
    for (const [index, { name, offset, size }] of initial.layout.slots.entries()) {
      // the first, the middle and the last element, alternating
      const place = offset + [0, size >> 1, size - 1][index % 3];
      const kept = initial.arenas.parameters[place];
      initial.arenas.parameters[place] = NaN;
      store.write(initial);
      const { loss, gradient_norm } = await plan.run(inputs, scalars);
      initial.arenas.parameters[place] = kept;
      if (!Number.isNaN(loss[0]) || gradient_norm[2] !== 0) {
        unseen.push(`${name}: loss ${loss[0]}, finite ${gradient_norm[2]}`);
      }
    }
    expect(unseen).toEqual([]);
  } finally {
    plan.destroy();
    store.destroy();
  }
});
