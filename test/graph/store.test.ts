// The store: what is written is read back exactly, and what does not belong there is refused.
import { expect, test } from "vitest";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { constant, heNormal } from "../../src/graph/initializers.ts";
import { ARENAS } from "../../src/graph/layout.ts";
import { createStore } from "../../src/graph/store.ts";
import { gpu } from "../support/gpu.ts";

/** A store of two parameters and two states, its values f32. */
function values(): { g: ReturnType<typeof graph>; store: CpuStore } {
  const g = graph();
  g.parameter("weight", [5, 13], heNormal);
  g.parameter("bias", [3], constant(0.5));
  g.state("mean", [65], -1);
  g.state("variance", [2], 1);
  const store = initialStore(g, 1);
  store.arenas.first_moments.fill(0.25);
  return { g, store };
}

test("arenas and states come back as they were written, bit for bit", async () => {
  const { g, store } = values();
  const on = createStore(gpu, g, store);
  const first = await on.read();
  for (const name of ARENAS) expect(first.arenas[name]).toEqual(store.arenas[name]);
  expect([...first.states]).toEqual([...store.states]);
  first.arenas.parameters[2] = 1 / 3;
  first.states.get("mean")![64] = 7;
  on.write(first);
  const second = await on.read();
  expect(second.arenas.parameters[2]).toBe(Math.fround(1 / 3));
  expect(second.states.get("mean")![64]).toBe(7);
  expect(second.states.get("variance")).toEqual(new Float64Array([1, 1]));
  on.destroy();
});

test("values of other parameters or states are refused by name", () => {
  const { g, store } = values();
  const on = createStore(gpu, g, store);
  const short = { ...store, arenas: { ...store.arenas, gradients: new Float64Array(64) } };
  expect(() => on.write(short)).toThrow("arena gradients[192] needs 192 numbers, was given 64");
  const states = new Map(store.states);
  states.set("variance", new Float64Array(3));
  expect(() => on.write({ ...store, states })).toThrow(
    "state variance[2] needs 2 numbers, was given 3",
  );
  states.delete("variance");
  expect(() => on.write({ ...store, states })).toThrow(
    "state variance[2] needs 2 numbers, was given none",
  );
  on.destroy();
});

test("a graph without parameters or states has a store all the same", async () => {
  const g = graph();
  const on = createStore(gpu, g, initialStore(g, 1));
  const { arenas, states } = await on.read();
  expect([arenas.parameters.length, states.size]).toEqual([0, 0]);
  on.destroy();
});
