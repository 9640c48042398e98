// Gradients with respect to the weight that run as Winograd's: which do, and that they are the same
// gradients on the adapter.
import { expect, test } from "vitest";
import { backward } from "../../src/graph/backward.ts";
import { checkAdjoint } from "../../src/graph/check_gradient.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { lower, type LoweringOptions } from "../../src/graph/lower.ts";
import { conv2d, type Conv2dOptions } from "../../src/graph/ops/conv2d.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import { conv2dGradWeight } from "../../src/kernels/convolution/conv2d_grad_weight.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { LAVAPIPE, NVIDIA, SWIFTSHADER } from "../support/adapters.ts";
import { gpu } from "../support/gpu.ts";

/** A graph that makes the gradient of a convolution with respect to its weight. */
function gradientOf(x: Shape, weight: Shape, options: Conv2dOptions): [Graph, Value] {
  const g = graph();
  const taps = g.input("weight", weight);
  const y = conv2d(g.input("x", x), taps, null, options);
  return [g, backward(g, [[y, g.input("d_y", y.shape)]], [taps]).get(taps)!];
}

const WIDE = { x: [6, 12, 20, 64], weight: [64, 3, 3, 64] } as const;

/** The kernels of that gradient. */
function kernelsOf(
  { x, weight }: { readonly x: Shape; readonly weight: Shape } = WIDE,
  options: Conv2dOptions = { pad: 1 },
  facts: AdapterFacts = LAVAPIPE,
  lowering: LoweringOptions = {},
): string[] {
  const [g, d_weight] = gradientOf(x, weight, options);
  return lower(g, [d_weight], facts, lowering).calls.map(({ base }) => base.shader.name);
}

const WINOGRAD = ["winograd_image", "winograd_slopes", "gemm", "winograd_grad_weight"];
const DIRECT = "conv2d_grad_weight";

test("software adapters with subgroups run large 3x3 gradients as Winograd's", () => {
  expect(kernelsOf()).toEqual(WINOGRAD);
  expect(kernelsOf(WIDE, { pad: 1 }, SWIFTSHADER)).toEqual(WINOGRAD);
  expect(kernelsOf(WIDE, { pad: [3, 1, 0, 2] })).toEqual(WINOGRAD);
  const fewer = { x: [6, 24, 40, 48], weight: [64, 3, 3, 48] };
  expect(kernelsOf(fewer, { pad: 1 }, SWIFTSHADER)).toEqual(WINOGRAD);
  expect(kernelsOf(fewer)).toEqual([DIRECT, "column_sum"]); // bands take as long
  // in passes
  const two = [...WINOGRAD, ...WINOGRAD];
  expect(kernelsOf({ ...WIDE, x: [6, 48, 80, 64] })).toEqual([...two, ...two]);
});

test("the plan's account names them", () => {
  const [g, d_weight] = gradientOf(WIDE.x, WIDE.weight, { pad: 1 });
  const { fusions } = lower(g, [d_weight], LAVAPIPE, { fused: true });
  expect(fusions.map(({ rule }) => rule)).toEqual(["3x3 convolution at Winograd's points"]);
});

test("the others run directly", () => {
  const same = { pad: 1 };
  const first = (...given: Parameters<typeof kernelsOf>): string => kernelsOf(...given)[0];
  expect(first(WIDE, same, NVIDIA)).toBe(DIRECT);
  expect(first(WIDE, same, { ...LAVAPIPE, features: new Set() })).toBe(DIRECT);
  expect(first(WIDE, same, LAVAPIPE, { winograd: false })).toBe(DIRECT);
  expect(first(WIDE, same, LAVAPIPE, { precision: "f16" })).toBe(DIRECT);
  expect(first(WIDE, { pad: 1, stride: 2 })).toBe(DIRECT);
  expect(first(WIDE, { pad: 2, dilation: 2 })).toBe(DIRECT);
  expect(first({ ...WIDE, weight: [64, 3, 3, 32] }, { pad: 1, groups: 2 })).toBe(DIRECT);
  // nearly half of the tiles of 64 columns would be idle
  const narrow = { x: [6, 24, 40, 72], weight: [72, 3, 3, 72] };
  expect(first(narrow)).toBe("winograd_image");
  expect(first(narrow, same, { ...LAVAPIPE, subgroup_size: 16 })).toBe(DIRECT);
  for (const shapes of [
    { x: [6, 24, 40, 44], weight: [64, 3, 3, 44] },
    { x: [6, 24, 40, 64], weight: [16, 3, 3, 64] },
    { x: [6, 24, 40, 64], weight: [66, 3, 3, 64] },
    { x: [6, 24, 40, 64], weight: [64, 1, 3, 64] },
    { x: [12, 5, 9, 96], weight: [96, 3, 3, 96] }, // ragged tiles
    { x: [6, 6, 10, 64], weight: [64, 3, 3, 64] }, // few pixels
    { x: [0, 12, 20, 64], weight: [64, 3, 3, 64] },
  ]) {
    expect(kernelsOf(shapes, same), JSON.stringify(shapes)).not.toContain("winograd_image");
  }
});

/** The largest errors of the gradient on the adapter, in units of its root mean square. */
async function errorsOf(
  x: readonly [number, number, number, number],
  outputs: number,
  pad: readonly [number, number, number, number],
): Promise<{ direct: number; winograd: number }> {
  const stream = randomStream(7);
  const draw = (shape: Shape): Float32Array =>
    Float32Array.from({ length: size(shape) }, () => stream.normal());
  const [g, d_weight] = gradientOf(x, [outputs, 3, 3, x[3]], { pad });
  const d_y = [x[0], x[1] + pad[0] + pad[1] - 2, x[2] + pad[2] + pad[3] - 2, outputs];
  const data = { x: draw(x), d_y: draw(d_y), weight: draw(d_weight.shape) };
  const { partials } = conv2dGradWeight.reference(
    { x: Float64Array.from(data.x), d_y: Float64Array.from(data.d_y) },
    { x, d_y },
    { stride: [1, 1], padding: pad, dilation: [1, 1], groups: 1, kernel: [3, 3] },
  );
  const want = new Float64Array(size(d_weight.shape));
  partials.forEach((value, i) => (want[i % want.length] += value));
  const scale = Math.sqrt(want.reduce((sum, value) => sum + value * value, 0) / want.length);

  const errorOf = async (winograd: boolean): Promise<number> => {
    const store = createStore(gpu, g, initialStore(g, 1));
    const plan = await compile(gpu, g, { outputs: { d_weight } }, store, { winograd });
    try {
      const made = (await plan.run(data))["d_weight"];
      return want.reduce((most, value, i) => Math.max(most, Math.abs(made[i] - value)), 0) / scale;
    } finally {
      plan.destroy();
      store.destroy();
    }
  };
  return { direct: await errorOf(false), winograd: await errorOf(true) };
}

test("equal to the direct sum in f64: ragged tiles, and lines of tiles in two passes", async () => {
  for (const [x, outputs, pad] of [
    [[2, 31, 38, 28], 44, [1, 1, 1, 1]],
    [[1, 86, 87, 64], 28, [0, 3, 2, 0]],
  ] as const) {
    const { direct, winograd } = await errorsOf(x, outputs, pad);
    // largest of 16,000 numbers: 1.5e-6, and 6e-6 as Winograd's
    expect(direct).toBeLessThan(1e-5);
    expect(winograd).toBeLessThan(3e-5);
  }
});

test("<A w, y> = <w, A^T y> on the GPU", async () => {
  for (const pad of [0, 1, 3]) {
    const { ok, message } = await checkAdjoint(gpu, (g) => {
      const weight = g.input("weight", [44, 3, 3, 28]);
      return {
        output: conv2d(g.input("x", [2, 31, 38, 28]), weight, null, { pad }),
        wrt: [weight],
      };
    });
    expect(ok, message).toBe(true);
  }
});
