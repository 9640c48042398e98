// A parameter or a moment that is not finite does not go unseen: the norm of the gradients says so
// in the same step, though no output shows it, and the tensor keeps it, so that it can be named.
import { expect, test } from "vitest";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { trainingNetwork } from "../../src/train/network.ts";
import { firstNonFinite, keptNumbers } from "../../src/train/non_finite.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { INDEX_ONLY } from "../../src/teacher/teacher.ts";
import { gpu } from "../support/gpu.ts";

test("NaN and infinity in any parameter of nano are seen in the same step, and named", async () => {
  const config = resolveConfig({ steps: 2 }, "test");
  const shape = { views: 1, size: { height: 32, width: 32 }, depth_max_m: 80, teacher: INDEX_ONLY };
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
  // A rate of 0 leaves every other parameter as it is.
  const scalars = { ...stepScalars(config, 2), learning_rate: 0 };
  const initial = initialStore(g, 3);
  const store = createStore(gpu, g, initial);
  const plan = await compile(gpu, g, request, store);
  try {
    const { gradient_norm: clean } = await plan.run(inputs, scalars);
    expect([...clean.subarray(2)]).toEqual([1, 0]);
    const { layout } = initial;
    const unseen: string[] = [];
    const attempt = async (
      arena: "parameters" | "first_moments" | "second_moments",
      { name, offset }: { readonly name: string; readonly offset: number },
      element: number,
      value: number,
      isNamed: boolean,
    ): Promise<void> => {
      const at = offset + element;
      const put = (number: number): void => {
        const { buffer } = store.arenas[arena];
        gpu.device.queue.writeBuffer(buffer, 4 * at, Float32Array.of(number));
      };
      put(value);
      const { gradient_norm } = await plan.run(inputs, scalars);
      if (gradient_norm[2] !== 0 && gradient_norm[3] !== 1) unseen.push(`${arena} ${name}`);
      const found = isNamed ? firstNonFinite(keptNumbers(await store.read())) : null;
      put(initial.arenas[arena][at]);
      if (isNamed) expect(found).toMatch(new RegExp(` ${name}\\[${element}\\] is ${value}$`));
    };
    for (const [index, slot] of layout.slots.entries()) {
      for (const [nth, value] of [NaN, Infinity, -Infinity].entries()) {
        // the first, the middle and the last element, alternating
        const element = [0, slot.size >> 1, slot.size - 1][(index + nth) % 3];
        // to read the whole state takes longer than the step
        await attempt("parameters", slot, element, value, (3 * index + nth) % 10 === 0);
      }
    }
    for (const slot of [layout.slots[0], layout.slots[96]]) {
      await attempt("first_moments", slot, slot.size - 1, -Infinity, true);
      await attempt("second_moments", slot, 0, NaN, true);
    }
    expect(layout.slots).toHaveLength(97);
    expect(unseen).toEqual([]);
  } finally {
    plan.destroy();
    store.destroy();
  }
}, 300_000);
