// Fused plans against the CPU path, which never fuses, and against unfused plans; and the reasons
// for what is not fused.
import { describe, expect, test } from "vitest";
import { NETWORK_TOLERANCE } from "../../src/engine/tolerance.ts";
import { NO_ADAPTER, runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import type { Fusion } from "../../src/graph/fuse/work.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant, heNormal } from "../../src/graph/initializers.ts";
import { lower } from "../../src/graph/lower.ts";
import { elu, gelu, relu, sigmoid } from "../../src/graph/ops/activation.ts";
import { add, multiply } from "../../src/graph/ops/arithmetic.ts";
import { concat } from "../../src/graph/ops/concat.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { batchNorm, groupNorm } from "../../src/graph/ops/norm.ts";
import { resizeNearest } from "../../src/graph/ops/resize.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { gpu } from "../support/gpu.ts";

/** Group norm, or batch norm with running statistics, of a 3x3 convolution. */
function normalized(
  g: Graph,
  name: string,
  x: Value,
  channels: number,
  groups: number | "batch" | "fixed",
): Value {
  const weight = g.parameter(`${name}.weight`, [channels, 3, 3, x.shape[3]], heNormal);
  const gamma = g.parameter(`${name}.gamma`, [channels], constant(1.3), false);
  const beta = g.parameter(`${name}.beta`, [channels], constant(0.2), false);
  const y = conv2d(x, weight, null, { pad: 1 });
  if (typeof groups === "number") return groupNorm(y, gamma, beta, { groups, epsilon: 1e-5 });
  const running_mean = g.state(`${name}.mean`, [channels], 0.1);
  const running_variance = g.state(`${name}.variance`, [channels], 1.5);
  const inputs = { x: y, gamma, beta, running_mean, running_variance };
  return batchNorm(inputs, { training: groups === "batch", epsilon: 1e-5, momentum: 0.1 });
}

/** The mean of squares: a loss whose gradient reaches every element. */
const loss = (y: Value): Value => reduce(multiply(y, y), "mean", {});

/** A residual block and a decoder stage, in small: everything that the rules join. */
function network(g: Graph, x: Value, groups: number | "batch", channels = 8): Value {
  const a = relu(normalized(g, "a", x, channels, groups));
  const b = add(a, elu(normalized(g, "b", a, channels, groups)));
  const c = elu(normalized(g, "c", concat([b, a], 3), channels, groups));
  const bias = g.parameter("d.bias", [channels], constant(0.1), false);
  const weight = g.parameter("d.weight", [channels, 1, 1, channels], heNormal);
  const d = gelu(conv2d(add(add(c, b), a), weight, bias));
  const last = g.parameter("e.weight", [channels, 3, 3, channels], heNormal);
  return relu(conv2d(d, last, null, { pad: 1 }));
}

interface Result {
  readonly numbers: Readonly<Record<string, ArrayLike<number>>>;
  readonly fusions: readonly Fusion[];
  readonly dispatches: number;
}

/** Output and gradients of a network, on the GPU or, with `fused` null, on the CPU. */
async function results(
  build: (g: Graph, x: Value) => Value,
  shape: Shape,
  fused: boolean | null,
): Promise<Result> {
  const g = graph();
  const y = build(g, g.input("x", shape));
  const gradients = g.gradients(loss(y));
  const of = [...gradients].map(([{ name }, value]) => [name, value] as const);
  const request = { outputs: { y, ...Object.fromEntries(of) } };
  const random = randomStream(3);
  const x = Float32Array.from({ length: size(shape) }, () => random.normal());
  const first = initialStore(g, 1);
  if (fused === null) {
    const numbers = runOnCpu(g, request, first, { x });
    return {
      numbers: { ...numbers, ...Object.fromEntries(first.states) },
      fusions: [],
      dispatches: 0,
    };
  }
  const store = createStore(gpu, g, first);
  const plan = await compile(gpu, g, request, store, { fused });
  try {
    const numbers = await plan.run({ x });
    const again = await plan.run({ x });
    expect(again["y"], "the same bits twice").toEqual(numbers["y"]);
    const { fusions, dispatches } = plan.summary;
    return {
      numbers: { ...numbers, ...Object.fromEntries((await store.read()).states) },
      fusions,
      dispatches,
    };
  } finally {
    plan.destroy();
    store.destroy();
  }
}

function worst(got: ArrayLike<number>, want: ArrayLike<number>): number {
  const most = Math.max(1e-6, ...Array.from(want, Math.abs));
  return Math.max(0, ...Array.from(want, (w, i) => Math.abs(got[i] - w) / most));
}

const doneIn = (fusions: readonly Fusion[]): string[] =>
  fusions.filter(({ reason }) => reason === null).map(({ rule }) => rule);

describe.each([
  ["group norm, more pixels than a slice", [2, 7, 11, 4], 2],
  ["batch norm with running statistics", [3, 5, 3, 4], "batch"],
  ["one pixel", [1, 1, 1, 4], 2],
] as const)("%s", (_, shape, groups) => {
  test("a fused plan has the numbers of the CPU path and of an unfused plan", async () => {
    const build = (g: Graph, x: Value): Value => network(g, x, groups);
    const cpu = await results(build, shape, null);
    const fused = await results(build, shape, true);
    const plain = await results(build, shape, false);
    for (const [name, want] of Object.entries(cpu.numbers)) {
      // running statistics moved twice on the GPU
      if (groups === "batch" && /mean|variance/.test(name)) continue;
      expect(worst(fused.numbers[name], want), name).toBeLessThan(NETWORK_TOLERANCE);
    }
    for (const [name, want] of Object.entries(plain.numbers)) {
      expect(worst(fused.numbers[name], want), name).toBeLessThan(NETWORK_TOLERANCE);
    }
    expect(plain.fusions).toEqual([]);
    expect(plain.dispatches - fused.dispatches).toBeGreaterThan(12);
    expect(doneIn(fused.fusions).toSorted()).toEqual(
      [
        "norm + relu",
        "norm + elu + sum",
        "norm + elu + sum",
        "gradient of norm after sum + relu",
        "gradient of norm after elu",
        "gradient of norm after elu",
        "gradient of gelu + sum over pixels",
        "convolution + relu",
        ...doneIn(fused.fusions).filter((rule) => rule.startsWith("sum of")),
      ].toSorted(),
    );
  });
});

/** What fusing does with a graph, on no adapter. */
function fusionsOf(
  build: (g: Graph, x: Value) => readonly Value[],
  channels = 8,
): readonly Fusion[] {
  const g = graph();
  const x = g.input("x", [2, 3, 5, channels]);
  const targets = build(g, x);
  return lower(g, targets, NO_ADAPTER, { fused: true }).fusions;
}

test("in evaluation, given statistics are fused forward", () => {
  const fusions = fusionsOf((g, x) => [relu(normalized(g, "a", x, 8, "fixed"))]);
  expect(doneIn(fusions)).toEqual(["norm + relu"]);
  expect(fusions[0].saved_bytes).toBe(4 * 2 * 3 * 5 * 8);
});

const refusals: readonly (readonly [
  reason: string,
  build: (g: Graph, x: Value) => readonly Value[],
  message: string,
])[] = [
  [
    "the normalised value is asked for",
    (g, x) => {
      const y = normalized(g, "a", x, 8, 2);
      return [y, relu(y)];
    },
    "the normalised value has other readers",
  ],
  [
    "another op reads the normalised value",
    (g, x) => {
      const y = normalized(g, "a", x, 8, 2);
      return [add(relu(y), y)];
    },
    "the normalised value has other readers",
  ],
  ["a kind without a kernel", (g, x) => [sigmoid(normalized(g, "a", x, 8, 2))], "applies sigmoid"],
  [
    "an odd width",
    (g, x) => [relu(normalized(g, "a", x, 6, 2))],
    "6 channels, not a multiple of 4",
  ],
  [
    "a gradient through given statistics",
    (g, x) => {
      const y = relu(normalized(g, "a", x, 8, "fixed"));
      return [...g.gradients(loss(y)).values()];
    },
    "its gradient is not that of the batch's statistics",
  ],
];
test.each(refusals)("not fused, with the reason: %s", (_, build, message) => {
  const fusions = fusionsOf(build);
  expect(doneIn(fusions).filter((rule) => rule.startsWith("norm"))).toEqual([]);
  expect(fusions.map(({ reason }) => reason ?? "").join()).toContain(message);
});

test("a residual that is asked for before the sum stays a sum of its own", () => {
  const fusions = fusionsOf((g, x) => {
    const y = relu(normalized(g, "a", x, 8, 2));
    return [y, add(x, y)];
  });
  expect(doneIn(fusions)).toEqual(["norm + relu", "sum of two"]);
});

const afterConvolutions: readonly (readonly [
  what: string,
  build: (y: Value, g: Graph) => readonly Value[],
  reason: string | null,
  channels: number,
])[] = [
  ["relu alone", (y) => [relu(y)], null, 8],
  ["its value is asked for", (y) => [y, relu(y)], "has other readers", 8],
  ["elu", (y) => [elu(y)], "no convolution applies elu", 8],
  [
    "the gradient of elu",
    (y, g) => [...g.gradients(loss(elu(y))).values()],
    "its gradient needs the value before elu",
    8,
  ],
  ["a relu of a sum in slices", (y) => [relu(y)], "cut into slices", 512],
];
test.each(afterConvolutions)("a convolution and %s", (_, build, reason, channels) => {
  const fusions = fusionsOf((g, x) => {
    const weight = g.parameter("weight", [8, 3, 3, channels], heNormal);
    return build(conv2d(x, weight, null, { pad: 1 }), g);
  }, channels);
  const [first] = fusions.filter(({ rule }) => rule.startsWith("convolution"));
  if (reason === null) expect(first.reason).toBeNull();
  else expect(first.reason).toContain(reason);
});

test("a bias's gradient is summed with the activation's, unless the kind or the width forbids it", () => {
  const summed = (f: (x: Value) => Value, channels: number): Fusion =>
    fusionsOf((g, x) => {
      const weight = g.parameter("weight", [channels, 1, 1, 8], heNormal);
      const bias = g.parameter("bias", [channels], constant(0), false);
      return [...g.gradients(loss(f(conv2d(x, weight, bias)))).values()];
    }).find(({ rule }) => rule.endsWith("sum over pixels"))!;
  expect(summed(elu, 12).reason).toBeNull();
  expect(summed(elu, 6).reason).toContain("6 channels");
  expect(summed(sigmoid, 12).reason).toContain("applies sigmoid");
});

test("a sum that nests to the right keeps the order of its roundings", () => {
  const left = fusionsOf((_, x) => [add(add(multiply(x, x), x), x)]);
  const right = fusionsOf((_, x) => [add(x, add(multiply(x, x), x))]);
  expect(doneIn(left)).toEqual(["sum of 3"]);
  expect(doneIn(right)).toEqual(["sum of two", "sum of two"]);
});

test("numbers of shape [] are added, not read as vectors of four", async () => {
  const build = (g: Graph, x: Value): Value => {
    const weight = g.parameter("weight", [8], heNormal);
    return add(reduce(multiply(x, weight), "sum"), reduce(x, "mean"));
  };
  const [got, want] = [await results(build, [3, 8], true), await results(build, [3, 8], null)];
  for (const [name, values] of Object.entries(want.numbers)) {
    expect(worst(got.numbers[name], values), name).toBeLessThan(NETWORK_TOLERANCE);
  }
});

describe("the gradient of a nearest resize", () => {
  /** A resized map beside a finer one, as a decoder has them. */
  const decoder =
    (channels: number) =>
    (g: Graph, x: Value): Value => {
      const weight = g.parameter("coarse.weight", [channels, 3, 3, x.shape[3]], heNormal);
      const coarse = conv2d(x, weight, null, { pad: 1, stride: 2 });
      const joined = concat([resizeNearest(coarse, [x.shape[1], x.shape[2]]), x], 3);
      const last = g.parameter("last.weight", [4, 1, 1, joined.shape[3]], heNormal);
      return conv2d(joined, last, null);
    };
  const RULE = "gradient of a nearest resize of a slice";

  test("reads the gradient of a concatenation where it lies, with the same bits", async () => {
    const fused = await results(decoder(8), [2, 5, 7, 4], true);
    const plain = await results(decoder(8), [2, 5, 7, 4], false);
    expect(doneIn(fused.fusions)).toContain(RULE);
    expect(fused.fusions.find(({ rule }) => rule === RULE)!.saved_bytes).toBe(4 * 2 * 5 * 7 * 8);
    expect(fused.numbers).toEqual(plain.numbers);
    expect(plain.dispatches - fused.dispatches).toBeGreaterThanOrEqual(1);
  });

  test("copies a slice whose channels do not come in fours, and says so", () => {
    const fusions = fusionsOf((g, x) => [...g.gradients(loss(decoder(6)(g, x))).values()]);
    expect(fusions.find(({ rule }) => rule === RULE)!.reason).toContain("in fours");
  });
});
