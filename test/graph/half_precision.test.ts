// Plans under precision f16: memory, numbers and gradients beside f32, and what is refused.
import { describe, expect, test } from "vitest";
import type { Gpu } from "../../src/gpu/device.ts";
import { backward } from "../../src/graph/backward.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { constant } from "../../src/graph/initializers.ts";
import { gelu } from "../../src/graph/ops/activation.ts";
import { add } from "../../src/graph/ops/arithmetic.ts";
import { concat } from "../../src/graph/ops/concat.ts";
import { conv2d } from "../../src/graph/ops/conv2d.ts";
import { matmul } from "../../src/graph/ops/gemm.ts";
import { groupNorm } from "../../src/graph/ops/norm.ts";
import { maxPool } from "../../src/graph/ops/pool.ts";
import { resizeBilinear } from "../../src/graph/ops/resize.ts";
import { compile, type Plan } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { F16_ADJOINT_TOLERANCE, F16_NETWORK_TOLERANCE } from "../../src/engine/tolerance.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { size } from "../../src/tensor/shape.ts";
import { gpu } from "../support/gpu.ts";

const hasF16 = gpu.facts.features.has("shader-f16");
const lack = hasF16 ? "" : " (skipped: this adapter lacks shader-f16)";

/** A block of a decoder with a residual, and what it joins. */
function block(g: Graph): { readonly y: Value; readonly wrt: readonly Value[] } {
  const x = g.input("x", [2, 9, 11, 12]);
  const weight = g.input("weight", [12, 3, 3, 12]);
  const head = g.input("head", [7, 1, 1, 24]);
  const [gamma, beta] = [g.input("gamma", [12]), g.input("beta", [12])];
  const one = conv2d(x, weight, null, { pad: 1 });
  const normed = gelu(groupNorm(one, gamma, beta, { groups: 3, epsilon: 1e-5 }));
  const joined = add(conv2d(normed, weight, null, { pad: 1 }), x);
  const small = maxPool(joined, { window: 2, stride: 2 });
  const large = resizeBilinear(small, [9, 11], "half_pixel");
  return { y: conv2d(concat([joined, large], 3), head, null), wrt: [x, weight, head, gamma, beta] };
}

/** The numbers of a graph and of its gradients in one precision, and its plan's summary. */
async function run(
  build: (g: Graph) => { readonly y: Value; readonly wrt: readonly Value[] },
  precision: "f32" | "f16",
): Promise<{
  readonly got: Record<string, Float32Array>;
  readonly again: Record<string, Float32Array>;
  readonly inputs: Record<string, Float32Array>;
  readonly seed: Float32Array;
  readonly plan: Plan;
}> {
  const g = graph();
  const { y, wrt } = build(g);
  const random = randomStream(5);
  const drawn = (value: Value): Float32Array =>
    Float32Array.from({ length: size(value.shape) }, () => random.normal() / 2);
  const inputs = Object.fromEntries(g.inputs.map((value) => [value.name, drawn(value)]));
  const seed = drawn(y);
  const gradients = backward(g, [[y, g.constant("seed", y.shape, seed)]], wrt);
  const outputs = {
    y,
    ...Object.fromEntries(wrt.map((value) => [`d_${value.name}`, gradients.get(value)!])),
  };
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, { outputs }, store, { precision });
  try {
    return { got: await plan.run(inputs), again: await plan.run(inputs), inputs, seed, plan };
  } finally {
    plan.destroy();
    store.destroy();
  }
}

const length = (a: ArrayLike<number>): number => Math.hypot(...Array.from(a));
const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * b[i], 0);

test.skipIf(!hasF16)(
  `a block and its gradients agree with f32 to f16's rounding${lack}`,
  async () => {
    const [whole, half] = [await run(block, "f32"), await run(block, "f16")];
    expect(half.again).toEqual(half.got);
    for (const [name, want] of Object.entries(whole.got)) {
      const error = length(want.map((value, i) => value - half.got[name][i])) / length(want);
      expect(error, name).toBeLessThan(F16_NETWORK_TOLERANCE);
      // rounded somewhere
      expect(error, name).toBeGreaterThan(1e-6);
    }
    const { arena_bytes, arena_bytes_f32 } = half.plan.summary;
    const bytes = arena_bytes.reduce((sum, one) => sum + one, 0);
    expect(bytes).toBeLessThan(0.8 * arena_bytes_f32);
    expect(whole.plan.summary.arena_bytes.reduce((sum, one) => sum + one, 0)).toBe(arena_bytes_f32);
  },
);

describe("<A x, y> = <x, A^T y> to f16's rounding", () => {
  test.skipIf(!hasF16).each<[string, (g: Graph) => { y: Value; wrt: Value[] }]>([
    [
      "conv2d, stride 2",
      (g) => {
        const x = g.input("x", [2, 9, 7, 20]);
        const weight = g.input("weight", [33, 3, 3, 20]);
        return { y: conv2d(x, weight, null, { pad: 1, stride: 2 }), wrt: [x] };
      },
    ],
    [
      "conv2d with respect to its weight",
      (g) => {
        const x = g.input("x", [2, 9, 7, 20]);
        const weight = g.input("weight", [33, 3, 3, 20]);
        return { y: conv2d(x, weight, null, { pad: 1 }), wrt: [weight] };
      },
    ],
    [
      "matmul",
      (g) => {
        const a = g.input("a", [2, 37, 19]);
        return { y: matmul(a, g.input("b", [19, 23])), wrt: [a] };
      },
    ],
  ])(`%s${lack}`, async (_, build) => {
    const { got, inputs, seed } = await run(build, "f16");
    const [[name, gradient]] = Object.entries(got).filter(([one]) => one !== "y");
    const left = dot(got["y"], seed);
    const right = dot(inputs[name.slice("d_".length)], gradient);
    const bound = length(got["y"]) * length(seed);
    expect(Math.abs(left - right) / bound).toBeLessThan(F16_ADJOINT_TOLERANCE);
  });
});

test("an adapter without 16-bit floats refuses f16 and says so", async () => {
  const facts = { ...gpu.facts, features: new Set<string>() };
  const without = { facts } as unknown as Gpu;
  const g = graph();
  const { y } = block(g);
  const store = createStore(gpu, g, initialStore(g, 1));
  try {
    await expect(
      compile(without, g, { outputs: { y } }, store, { precision: "f16" }),
    ).rejects.toThrow(/precision f16: .* has no 16-bit floats \(shader-f16\); use f32/);
  } finally {
    store.destroy();
  }
});

// three uses: two sums, the first of them an intermediate; fused, one of three
const SUMS = [
  { fused: false, kernel: "binary", count: 2, numbers: 3 },
  { fused: true, kernel: "slice_sum", count: 1, numbers: 4 },
];
test.skipIf(!hasF16).each(SUMS)(
  `sums of a parameter's gradients stay in f32, $kernel${lack}`,
  async ({ fused, kernel, count, numbers }) => {
    const g = graph();
    const weight = g.parameter("weight", [8, 3, 3, 8], constant(0));
    const x = g.input("x", [1, 9, 8, 8]);
    let y = x;
    for (let use = 0; use < 3; use++) y = conv2d(y, weight, null, { pad: 1 });
    const gradients = backward(
      g,
      [[y, g.constant("seed", y.shape, new Float32Array(576))]],
      [weight],
    );
    const store = createStore(gpu, g, initialStore(g, 1));
    const plan = await compile(gpu, g, { outputs: {}, gradients }, store, {
      precision: "f16",
      fused,
    });
    try {
      const sums = plan.dispatches.filter((one) => one.kernel.startsWith(kernel));
      expect(sums).toHaveLength(count);
      for (const { cost } of sums) expect(cost.bytes).toBe(numbers * 4 * size(weight.shape));
    } finally {
      plan.destroy();
      store.destroy();
    }
  },
);
