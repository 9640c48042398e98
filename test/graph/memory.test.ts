// The memory planner, as properties of random programs: kernels are stood for by what they read and
// write.
import { expect, test } from "vitest";
import type { AnyKernel, ShaderInfo } from "../../src/engine/kernel.ts";
import { planMemory, type MemoryPlan } from "../../src/graph/memory.ts";
import type { Call, Tensor } from "../../src/graph/value.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { size } from "../../src/tensor/shape.ts";

type Access = "read" | "write" | "inout";
type Touch = readonly [access: Access, tensor: Tensor];

interface Program {
  readonly calls: readonly Call[];
  readonly kept: ReadonlySet<Tensor>;
}

const tensor = (name: string, floats: number): Tensor => ({ name, shape: [floats], value: null });

/** A call that touches these tensors; the planner sees nothing else of it. */
function call(op: string, ...touches: readonly Touch[]): Call {
  const bindings = touches.map(([access], binding): ShaderInfo["bindings"][number] => ({
    name: `t${binding}`,
    binding,
    access,
    uniform: false,
  }));
  const kernel = { shader: { name: op, bindings } } as unknown as AnyKernel;
  return {
    op,
    kernel,
    base: kernel,
    bindings: Object.fromEntries(touches.map(([, touched], i) => [`t${i}`, touched])),
    attributes: undefined,
  };
}

/**
 * A network-like program: each call reads a few tensors made before, mostly recent ones, and makes
 * one or two.
 */
function randomProgram(seed: number): Program {
  const random = randomStream(seed);
  const made: Tensor[] = [];
  const kept = new Set<Tensor>();
  const calls: Call[] = [];
  const steps = 5 + random.integer(40);
  for (let step = 0; step < steps; step++) {
    const read = new Set<Tensor>();
    for (let i = random.integer(4); i > 0 && made.length > 0; i--) {
      const back = random.uniform() < 0.7 ? random.integer(4) : random.integer(made.length);
      read.add(made[Math.max(0, made.length - 1 - back)]);
    }
    const touches: Touch[] = [...read].map((t) => ["read", t]);
    for (let i = 0; i <= random.integer(2); i++) {
      const fresh = tensor(`v${step}.${i}`, 1 + random.integer(500));
      touches.push(["write", fresh]);
      made.push(fresh);
      if (random.uniform() < 0.1) kept.add(fresh);
    }
    // now and then one that exists already is written on: a sum in place, a tensor made in parts
    const old = made[random.integer(made.length)];
    if (random.uniform() < 0.2 && touches.every(([, t]) => t !== old)) {
      touches.push([random.uniform() < 0.5 ? "inout" : "write", old]);
    }
    calls.push(call(`op${step}`, ...touches));
  }
  return { calls, kept };
}

const plan = ({ calls, kept }: Program): MemoryPlan =>
  planMemory(
    calls,
    (t) => t,
    () => true,
    kept,
  );

/** First and last call that touches each tensor; a kept one lives to the end. */
function lifetimes({ calls, kept }: Program): Map<Tensor, [first: number, last: number]> {
  const lives = new Map<Tensor, [number, number]>();
  calls.forEach(({ bindings }, step) => {
    for (const t of Object.values(bindings)) lives.set(t, [lives.get(t)?.[0] ?? step, step]);
  });
  for (const t of kept) lives.get(t)![1] = calls.length;
  return lives;
}

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

test("no two tensors that live at the same time overlap", () => {
  const overlaps: string[] = [];
  for (const seed of SEEDS) {
    const program = randomProgram(seed);
    const { places } = plan(program);
    const lives = [...lifetimes(program)];
    expect(places.size).toBe(lives.length);
    lives.forEach(([a, [firstA, lastA]], i) => {
      for (const [b, [firstB, lastB]] of lives.slice(i + 1)) {
        const [p, q] = [places.get(a)!, places.get(b)!];
        const together = firstA <= lastB && firstB <= lastA && p.arena === q.arena;
        const apart = p.offset + size(a.shape) <= q.offset || q.offset + size(b.shape) <= p.offset;
        if (together && !apart) overlaps.push(`seed ${seed}: ${a.name} and ${b.name}`);
      }
    });
  }
  expect(overlaps).toEqual([]);
});

test("what lives at a call is what was made before and is used then or later", () => {
  for (const seed of SEEDS) {
    const program = randomProgram(seed);
    const lives = [...lifetimes(program)];
    const expected = program.calls.map((_, step) =>
      lives
        .filter(([, [first, last]]) => first <= step && step <= last)
        .reduce((sum, [t]) => sum + 64 * Math.ceil(size(t.shape) / 64), 0),
    );
    expect(plan(program).live).toEqual(expected);
  }
});

test("no call reads and writes one arena", () => {
  const clashes: string[] = [];
  for (const seed of SEEDS) {
    const program = randomProgram(seed);
    const { places } = plan(program);
    for (const { op, kernel, bindings } of program.calls) {
      const arenas = (wanted: (access: Access) => boolean): number[] =>
        kernel.shader.bindings
          .filter(({ access }) => wanted(access))
          .map(({ name }) => places.get(bindings[name])!.arena);
      const read = arenas((access) => access === "read");
      const written = new Set(arenas((access) => access !== "read"));
      if (read.some((arena) => written.has(arena))) clashes.push(`seed ${seed}, ${op}`);
    }
  }
  expect(clashes).toEqual([]);
});

test("places are inside their arenas and aligned to 256 bytes", () => {
  for (const seed of SEEDS) {
    const { places, arenas } = plan(randomProgram(seed));
    const astray = [...places].filter(
      ([t, { arena, offset }]) => offset % 64 !== 0 || offset + size(t.shape) > arenas[arena],
    );
    expect(astray).toEqual([]);
  }
});

test("the same program is planned the same way twice", () => {
  for (const seed of SEEDS.slice(0, 20)) {
    const program = randomProgram(seed);
    const [once, again] = [plan(program), plan(program)];
    expect([...once.places]).toEqual([...again.places]);
    expect(once.arenas).toEqual(again.arenas);
  }
});

/** A chain of equal layers, each reading the one before. */
function chain(layers: number): Program {
  const made = Array.from({ length: layers }, (_, i) => tensor(`x${i}`, 640));
  const calls = made.map((t, i) =>
    i === 0 ? call("first", ["write", t]) : call(`l${i}`, ["read", made[i - 1]], ["write", t]),
  );
  return { calls, kept: new Set() };
}

test("dead space is used again: a chain of any length needs two tensors", () => {
  const { arenas } = plan(chain(50));
  expect(arenas).toEqual([640, 640]);
});

test("the arenas together stay well below the sum of all tensors", () => {
  let [planned, sum] = [0, 0];
  for (const seed of SEEDS) {
    const program = randomProgram(seed);
    planned += plan(program).arenas.reduce((a, b) => a + b, 0);
    for (const t of lifetimes(program).keys()) sum += 64 * Math.ceil(size(t.shape) / 64);
  }
  expect(planned).toBeLessThan(0.8 * sum);
});

test("the arenas together are hardly larger than what lives at once", () => {
  let [planned, live] = [0, 0];
  for (const seed of SEEDS) {
    const made = plan(randomProgram(seed));
    planned += made.arenas.reduce((a, b) => a + b, 0);
    live += Math.max(...made.live);
  }
  expect(planned / live).toBeLessThan(1.2);
});

test("a hole left by a large tensor takes several small ones", () => {
  const [large, a, b, c] = [
    tensor("large", 640),
    tensor("a", 320),
    tensor("b", 256),
    tensor("c", 64),
  ];
  const { places, arenas } = plan({
    calls: [
      call("make", ["write", large]),
      call("drop", ["read", large], ["write", tensor("other", 64)]),
      call("fill", ["write", a], ["write", b], ["write", c]),
    ],
    kept: new Set(),
  });
  expect(arenas.reduce((x, y) => x + y, 0)).toBe(640 + 64);
  expect([a, b].map((t) => places.get(t)!.arena)).toEqual([0, 0]);
});

test("a kept tensor is never overwritten, a result that nobody reads is dropped at once", () => {
  const [kept, dropped, later] = [tensor("kept", 64), tensor("dropped", 64), tensor("later", 64)];
  const { places } = plan({
    calls: [call("a", ["write", kept]), call("b", ["write", dropped]), call("c", ["write", later])],
    kept: new Set([kept]),
  });
  expect(places.get(later)).toEqual(places.get(dropped));
  expect(places.get(kept)).not.toEqual(places.get(later));
});

test("a tensor made in parts stays apart from all that the parts are made of", () => {
  // b would fit behind `joined`, but a later part of `joined` is made from it
  const [a, b, joined] = [tensor("a", 64), tensor("b", 64), tensor("joined", 128)];
  const { places } = plan({
    calls: [
      call("a", ["write", a]),
      call("first half", ["read", a], ["write", joined]),
      call("b", ["write", b]),
      call("second half", ["read", b], ["inout", joined]),
    ],
    kept: new Set([joined]),
  });
  expect(places.get(b)!.arena).not.toBe(places.get(joined)!.arena);
});

test("tensors with a home of their own are left alone, views use the place of what they view", () => {
  const [parameter, x, y] = [tensor("parameter", 64), tensor("x", 64), tensor("y", 64)];
  const view = tensor("x as a row", 64);
  const { places } = planMemory(
    [call("a", ["read", parameter], ["write", x]), call("b", ["read", view], ["write", y])],
    (t) => (t === view ? x : t),
    (t) => t !== parameter,
    new Set(),
  );
  expect([...places.keys()]).toEqual([x, y]);
  expect(places.get(x)!.arena).not.toBe(places.get(y)!.arena);
});

test("a call that reads what is not made yet, or reads and writes one tensor, is refused by name", () => {
  const [x, y] = [tensor("x", 64), tensor("y", 64)];
  const refused = (...calls: Call[]): MemoryPlan => plan({ calls, kept: new Set() });
  expect(() =>
    refused(call("scale", ["read", x], ["write", y]), call("late", ["write", x])),
  ).toThrow("scale: x is read before it is computed");
  expect(() => refused(call("a", ["write", x]), call("twist", ["read", x], ["write", x]))).toThrow(
    "twist: twist reads and writes x",
  );
});

test("neighbours that died one after the other, in any order, make room for one tensor of both", () => {
  for (const order of [
    ["a", "b"],
    ["b", "a"],
  ] as const) {
    const [both, joined] = [{ a: tensor("a", 128), b: tensor("b", 128) }, tensor("joined", 256)];
    const { arenas } = plan({
      calls: [
        call("make", ["write", both.a], ["write", both.b]),
        call("drop one", ["read", both[order[0]]], ["write", tensor("x", 64)]),
        call("drop the other", ["read", both[order[1]]], ["write", tensor("y", 64)]),
        call("join", ["write", joined]),
      ],
      kept: new Set(),
    });
    expect(arenas, order.join()).toEqual([256, 64]);
  }
});
