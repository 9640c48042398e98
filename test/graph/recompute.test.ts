// Recomputation: random programs in symbols, where each result is the text of how it was made, and
// a small network on the GPU, whose numbers must be the same bits.
import { describe, expect, test } from "vitest";
import type { AnyKernel, ShaderInfo } from "../../src/engine/kernel.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant, heNormal } from "../../src/graph/initializers.ts";
import type { Program } from "../../src/graph/lower.ts";
import { planMemory } from "../../src/graph/memory.ts";
import { elu, relu } from "../../src/graph/ops/activation.ts";
import { add, multiply } from "../../src/graph/ops/arithmetic.ts";
import { concat } from "../../src/graph/ops/concat.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { batchNorm, groupNorm } from "../../src/graph/ops/norm.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { resizeBilinear } from "../../src/graph/ops/resize.ts";
import { compile, type PlanSummary } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import { withRepeats } from "../../src/graph/recompute.ts";
import { trainer } from "../../src/graph/training/trainer.ts";
import type { Call, Tensor, Value } from "../../src/graph/value.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { size } from "../../src/tensor/shape.ts";
import { differing, type Numbers } from "../support/differing.ts";
import { gpu } from "../support/gpu.ts";

type Access = "read" | "write" | "inout";
type Touch = readonly [access: Access, tensor: Tensor];

const tensor = (name: string, floats: number): Tensor => ({ name, shape: [floats], value: null });

/** A call of a kernel of this name that touches these tensors. */
function call(kernelName: string, ...touches: readonly Touch[]): Call {
  const bindings = touches.map(([access], binding): ShaderInfo["bindings"][number] => ({
    name: `t${binding}`,
    binding,
    access,
    uniform: false,
  }));
  const kernel = { shader: { name: kernelName, bindings } } as unknown as AnyKernel;
  const bound = Object.fromEntries(touches.map(([, touched], i) => [`t${i}`, touched]));
  return { op: kernelName, kernel, base: kernel, bindings: bound, attributes: undefined };
}

const self = (one: Tensor): Tensor => one;
/** A program of these calls; views are found in `roots`. */
function programOf(calls: readonly Call[], rootOf: (tensor: Tensor) => Tensor = self): Program {
  const tensorOf = (): Tensor => expect.fail("no values here");
  return { calls, tensorOf, rootOf, fusions: [], copies: new Map(), recomputation: null };
}

interface Case {
  readonly program: Program;
  readonly kept: ReadonlySet<Tensor>;
  readonly leaves: ReadonlySet<Tensor>;
}

/** The program with repetitions. */
function recomputed({ program, kept, leaves }: Case): Program {
  const isPlanned = (root: Tensor): boolean => !leaves.has(root);
  return withRepeats(program, () => ({ isPlanned, kept, half: new Set() }));
}

/** A forward pass of cheap and dear calls, and a backward pass that reads its results. */
function randomCase(seed: number): Case {
  const random = randomStream(seed);
  const state = tensor("state", 64);
  const leaves = new Set([tensor("x", 500), state]);
  const made: Tensor[] = [[...leaves][0]];
  const roots = new Map<Tensor, Tensor>();
  const kept = new Set<Tensor>();
  const calls: Call[] = [];
  const seen = (one: Tensor): Tensor => {
    if (random.uniform() < 0.7) return one;
    const view = tensor(one.name, size(one.shape));
    roots.set(view, one);
    return view;
  };
  const depth = 4 + random.integer(20);
  for (let i = 0; i < depth; i++) {
    const recent = made[Math.max(0, made.length - 1 - random.integer(3))];
    const touches: Touch[] = [["read", seen(recent)]];
    const other = made[random.integer(made.length)];
    if (random.uniform() < 0.3 && other !== recent) touches.push(["read", seen(other)]);
    if (random.uniform() < 0.2) touches.push(["read", state]);
    const fresh = tensor(`v${i}`, 1 + random.integer(3000));
    touches.push(["write", seen(fresh)]);
    made.push(fresh);
    calls.push(call(random.uniform() < 0.6 ? "activation" : "conv2d", ...touches));
    if (random.uniform() < 0.1) calls.push(call("update", ["inout", state]));
    if (random.uniform() < 0.1) kept.add(fresh);
    if (random.uniform() < 0.1) calls.push(call("more", ["inout", fresh]));
  }
  let gradient = tensor("g", 700);
  calls.push(call("loss", ["read", made.at(-1)!], ["write", gradient]));
  for (const one of made.toReversed()) {
    const next = tensor(`d_${one.name}`, size(one.shape));
    const touches: Touch[] = [["read", gradient]];
    if (random.uniform() < 0.7) touches.push(["read", seen(one)]);
    calls.push(call("gradient", ...touches, ["write", next]));
    gradient = next;
  }
  kept.add(gradient);
  const rootOf = (one: Tensor): Tensor => roots.get(one) ?? one;
  return { program: programOf(calls, rootOf), kept, leaves };
}

/** The text of each kept tensor and of each leaf after all calls. */
function symbols({ calls, rootOf }: Program, { kept, leaves }: Case): string[] {
  const texts = new Map<Tensor, string>([...leaves].map((leaf) => [leaf, leaf.name]));
  for (const { op, kernel, bindings } of calls) {
    const read = kernel.shader.bindings
      .filter(({ access }) => access !== "write")
      .map(({ name }) => texts.get(rootOf(bindings[name])) ?? expect.fail(`${op} reads nothing`));
    for (const { name, access } of kernel.shader.bindings) {
      if (access !== "read") texts.set(rootOf(bindings[name]), hash(`${op}(${read.join()})`));
    }
  }
  return [...kept, ...leaves].map((one) => texts.get(one) ?? expect.fail("a result is missing"));
}

/** Texts would double from call to call. */
function hash(text: string): string {
  let a = 2166136261;
  let b = 40503;
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 16777619);
    b = Math.imul(b + text.charCodeAt(i), 2654435761) ^ (b >>> 13);
  }
  return `${a >>> 0}.${b >>> 0}`;
}

/** Bytes of all arenas, and the most that is live at once. */
function memory({ calls, rootOf }: Program, { kept, leaves }: Case): readonly [number, number] {
  const { arenas, live } = planMemory(calls, rootOf, (root) => !leaves.has(root), kept);
  return [4 * arenas.reduce((a, b) => a + b, 0), 4 * Math.max(...live)];
}

test("random programs make the same results in less memory, or are left alone", () => {
  let repeats = 0;
  let changed = 0;
  for (let seed = 0; seed < 300; seed++) {
    const one = randomCase(seed);
    const made = recomputed(one);
    expect(symbols(made, one), `seed ${seed}`).toEqual(symbols(one.program, one));
    const [[bytes, live], [bytesBefore, liveBefore]] = [
      memory(made, one),
      memory(one.program, one),
    ];
    const { recomputation, calls } = made;
    expect(recomputation!.arena_bytes_kept).toBe(bytesBefore);
    expect(calls.length - one.program.calls.length).toBe(recomputation!.repeats.length);
    if (recomputation!.repeats.length === 0) continue;
    repeats += recomputation!.repeats.length;
    changed++;
    expect(bytes).toBeLessThan(bytesBefore);
    expect(live).toBeLessThanOrEqual(liveBefore);
  }
  expect(changed).toBeGreaterThan(50);
  expect(repeats).toBeGreaterThan(2 * changed);
});

/** conv, activation, conv, activation and so on; the gradients read every result backwards. */
function chain(lengths: readonly number[], cheap = "activation"): Case {
  const x = tensor("x", 64);
  let last = x;
  const calls: Call[] = [];
  const read: Tensor[] = [];
  lengths.forEach((length, i) => {
    const [c, a] = [tensor(`c${i}`, length), tensor(`a${i}`, length)];
    calls.push(
      call("conv2d", ["read", last], ["write", c]),
      call(cheap, ["read", c], ["write", a]),
    );
    read.push(c, a);
    last = a;
  });
  let gradient = last;
  for (const one of read.toReversed()) {
    const next = tensor(`d_${one.name}`, 64);
    calls.push(call("gradient", ["read", gradient], ["read", one], ["write", next]));
    gradient = next;
  }
  return { program: programOf(calls), kept: new Set([gradient]), leaves: new Set([x]) };
}

test("of a chain, what is cheap and lowers the peak is made again just before its gradient", () => {
  const one = chain([6400, 6400, 6400, 6400]);
  const { recomputation, calls } = recomputed(one);
  // the last activation is read at the peak
  expect(recomputation!.repeats.map(({ at }) => at)).toEqual(["a2", "a1", "a0"]);
  expect(recomputation!.repeats.every(({ freed_bytes }) => freed_bytes === 4 * 6400)).toBe(true);
  const again = calls.findIndex(({ bindings }) => bindings["t1"]?.name === "a1 again");
  expect(calls[again].bindings["t0"].name).toBe("c1");
  expect(calls[again + 1].op).toBe("gradient");
  expect(calls[again + 1].bindings["t1"]).toBe(calls[again].bindings["t1"]);
  expect(calls.filter(({ bindings }) => bindings["t1"]?.name === "a1")).toHaveLength(1);
});

test("what is dear, small, kept or merged by several processes is not made again", () => {
  const none = (one: Case): void => expect(recomputed(one).recomputation!.repeats).toEqual([]);
  none(chain([6400, 6400, 6400], "gemm"));
  const small = chain([64, 640_000]);
  none(small);
  const one = chain([6400, 6400, 6400]);
  const all = one.program.calls.flatMap(({ bindings }) => Object.values(bindings));
  none({ ...one, kept: new Set(all) });
  const merged = one.program.calls.map((part): Call => ({
    ...part,
    merge: { kind: "mean", tensors: [] },
  }));
  none({ ...one, program: programOf(merged) });
  expect(recomputed(one).recomputation!.repeats).not.toEqual([]);
});

/** A small network with everything that is cheap, and a loss that reaches all of it. */
function network(g: Graph, norm: "batch" | number): Record<string, Value> {
  const weight = (name: string, shape: readonly number[]): Value =>
    g.parameter(name, shape, heNormal);
  const layer = (name: string, x: Value): Value => {
    const y = conv2d(x, weight(`${name}.w`, [8, 3, 3, x.shape[3]]), null, { pad: 1 });
    const gamma = g.parameter(`${name}.gamma`, [8], constant(1.1), false);
    const beta = g.parameter(`${name}.beta`, [8], constant(0.1), false);
    if (norm !== "batch") return groupNorm(y, gamma, beta, { groups: norm, epsilon: 1e-5 });
    const running_mean = g.state(`${name}.mean`, [8], 0);
    const running_variance = g.state(`${name}.variance`, [8], 1);
    const all = { x: y, gamma, beta, running_mean, running_variance };
    return batchNorm(all, { training: true, epsilon: 1e-5, momentum: 0.1 });
  };
  const x = g.input("x", [2, 12, 20, 4]);
  const a = relu(layer("a", x));
  const b = [1, 2, 3].reduce((last, i) => relu(add(layer(`b${i}`, last), last)), a);
  const small = elu(conv2d(b, weight("c", [8, 3, 3, 8]), null, { pad: 1, stride: 2 }));
  const joined = concat([resizeBilinear(small, [12, 20], "half_pixel"), b, a], 3);
  const y = relu(layer("d", joined));
  const loss = reduce(multiply(y, y), "mean", {});
  return { loss, y };
}

interface Outcome {
  readonly numbers: Numbers;
  readonly summary: PlanSummary;
}

const STEPS = 3;

/** Three steps: losses, outputs, gradients, parameters, moments and states. */
async function trained(
  norm: "batch" | number,
  compiling: {
    readonly fused: boolean;
    readonly precision: "f32" | "f16";
    readonly recompute?: boolean;
  },
): Promise<Outcome> {
  const g = graph();
  const { loss, y } = network(g, norm);
  const made = await trainer(gpu, g, {
    loss,
    outputs: { y },
    learning_rate: 0.05,
    compile: compiling,
  });
  try {
    const random = randomStream(3);
    const x = Float32Array.from({ length: 2 * 12 * 20 * 4 }, () => random.normal());
    const numbers = new Map<string, Float32Array | Float64Array>();
    for (let i = 0; i < STEPS; i++) {
      const step = await made.step({ x });
      numbers.set(`${i} loss`, Float64Array.of(step.loss, step.gradient_norm));
      numbers.set(`${i} y`, step.outputs["y"]);
    }
    const { arenas, states } = await made.store.read();
    for (const [name, values] of [...Object.entries(arenas), ...states]) numbers.set(name, values);
    return { numbers, summary: made.plan.summary };
  } finally {
    made.destroy();
  }
}

test("a prediction has no backward pass: nothing is repeated", async () => {
  const g = graph();
  const { y } = network(g, 4);
  const store = createStore(gpu, g, initialStore(g, 0));
  const plans = [false, true].map((recompute) =>
    compile(gpu, g, { outputs: { y } }, store, { recompute }),
  );
  const [kept, again] = (await Promise.all(plans)).map((plan) => {
    plan.destroy();
    return plan.summary;
  });
  store.destroy();
  expect(again).toEqual(kept);
  expect(again.recomputation).toBe(null);
});

describe.each([
  [true, "f32"],
  [false, "f32"],
  [true, "f16"],
  [false, "f16"],
] as const)("fused: %s, %s", (fused, precision) => {
  const isAble = precision === "f32" || gpu.facts.features.has("shader-f16");
  test.skipIf(!isAble).each([4, "batch"] as const)("the same bits, norm %s", async (norm) => {
    const kept = await trained(norm, { fused, precision });
    const again = await trained(norm, { fused, precision, recompute: true });
    expect(differing(again.numbers, kept.numbers)).toEqual([]);
    expect(kept.summary.recomputation).toBe(null);
    const { repeats, arena_bytes_kept } = again.summary.recomputation!;
    const bytes = ({ arena_bytes }: PlanSummary): number => arena_bytes.reduce((a, b) => a + b, 0);
    expect(repeats.length).toBeGreaterThan(0);
    expect(again.summary.dispatches).toBe(kept.summary.dispatches + repeats.length);
    expect(bytes(kept.summary)).toBe(arena_bytes_kept);
    expect(bytes(again.summary)).toBeLessThan(arena_bytes_kept);
  });
});
