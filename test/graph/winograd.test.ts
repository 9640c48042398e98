// Convolutions that run as Winograd's: which do, and that they are the same convolutions on the
// adapter, with their gradients with respect to the input.
import { expect, test } from "vitest";
import { backward } from "../../src/graph/backward.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { lower, type LoweringOptions } from "../../src/graph/lower.ts";
import { relu } from "../../src/graph/ops/activation.ts";
import { conv2d, type Conv2dOptions } from "../../src/graph/ops/conv2d.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import { conv2d as conv2dKernel } from "../../src/kernels/convolution/conv2d.ts";
import { checkAdjoint } from "../../src/graph/check_gradient.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { LAVAPIPE, NVIDIA, SWIFTSHADER } from "../support/adapters.ts";
import { gpu } from "../support/gpu.ts";

const WIDE = { x: [6, 12, 20, 64], weight: [64, 3, 3, 64] } as const;

/** The kernels of a convolution and of its gradient with respect to the input. */
function kernelsOf(
  { x, weight }: { readonly x: Shape; readonly weight: Shape } = WIDE,
  options: Conv2dOptions = { pad: 1 },
  facts: AdapterFacts = LAVAPIPE,
  lowering: LoweringOptions = {},
): string[] {
  const g = graph();
  const image = g.input("x", x);
  const y = conv2d(image, g.input("weight", weight), null, options);
  const d_x = backward(g, [[y, g.input("d_y", y.shape)]], [image]).get(image)!;
  return lower(g, [y, d_x], facts, lowering).calls.map(({ base }) => base.shader.name);
}

const WINOGRAD = ["winograd_weight", "winograd_image", "gemm", "winograd_output"];
const DIRECT = ["conv2d", "conv2d_grad_input"];

test("software adapters with subgroups run wide 3x3 convolutions as Winograd's", () => {
  expect(kernelsOf()).toEqual([...WINOGRAD, ...WINOGRAD]);
  expect(kernelsOf(WIDE, { pad: 1 }, SWIFTSHADER)).toEqual([...WINOGRAD, ...WINOGRAD]);
  const both = [...WINOGRAD, ...WINOGRAD];
  expect(kernelsOf({ x: [6, 12, 20, 96], weight: [48, 3, 3, 96] })).toEqual(both);
  // in subgroups of 8, direct sums of fewer channels are as fast
  expect(kernelsOf({ x: [6, 12, 20, 40], weight: [40, 3, 3, 40] })).toEqual(DIRECT);
  const narrow = { x: [6, 12, 20, 32], weight: [32, 3, 3, 32] };
  expect(kernelsOf(narrow)).toEqual(DIRECT);
  expect(kernelsOf(narrow, { pad: 1 }, SWIFTSHADER)).toEqual(both);
  // a padding of 0 is one of 2 for the gradient, and the other way round
  expect(kernelsOf({ ...WIDE, x: [6, 18, 18, 64] }, { pad: 0 })).toEqual([
    ...WINOGRAD,
    ...WINOGRAD,
  ]);
  expect(kernelsOf({ ...WIDE, x: [6, 16, 16, 64] }, { pad: 2 })).toEqual([
    ...WINOGRAD,
    ...WINOGRAD,
  ]);
});

test("the others run directly", () => {
  const same = { pad: 1 };
  expect(kernelsOf(WIDE, same, NVIDIA)).toEqual(DIRECT);
  expect(kernelsOf(WIDE, same, { ...LAVAPIPE, features: new Set() })).toEqual(DIRECT);
  expect(kernelsOf(WIDE, same, LAVAPIPE, { winograd: false })).toEqual(DIRECT);
  expect(kernelsOf(WIDE, same, LAVAPIPE, { precision: "f16" })).toEqual(DIRECT);
  expect(kernelsOf(WIDE, { pad: 1, stride: 2 })).not.toContain("winograd_image");
  expect(kernelsOf(WIDE, { pad: 2, dilation: 2 })).not.toContain("winograd_image");
  expect(kernelsOf(WIDE, { pad: 3 })).not.toContain("winograd_image");
  for (const shapes of [
    { x: [6, 12, 20, 28], weight: [128, 3, 3, 28] },
    { x: [6, 12, 20, 128], weight: [36, 3, 3, 128] },
    { x: [6, 12, 20, 64], weight: [66, 3, 3, 64] },
    { x: [6, 12, 20, 64], weight: [64, 1, 3, 64] },
    { x: [6, 6, 10, 64], weight: [64, 3, 3, 64] }, // ragged tiles
    { x: [1, 4, 20, 64], weight: [64, 3, 3, 64] }, // few tiles
    { x: [0, 12, 20, 64], weight: [64, 3, 3, 64] },
  ]) {
    const names = kernelsOf(shapes, { pad: [1, 1, 1, 1] });
    expect(names, JSON.stringify(shapes)).not.toContain("winograd_image");
  }
  expect(kernelsOf({ ...WIDE, weight: [64, 3, 3, 32] }, { pad: 1, groups: 2 })).toEqual(DIRECT);
});

test("the plan's account names them", () => {
  const g = graph();
  const y = conv2d(g.input("x", WIDE.x), g.input("weight", WIDE.weight), null, { pad: 1 });
  const { fusions } = lower(g, [y], LAVAPIPE, { fused: true });
  expect(fusions.map(({ rule, reason }) => [rule, reason])).toEqual([
    ["3x3 convolution at Winograd's points", null],
  ]);
  expect(lower(g, [y], NVIDIA, { fused: true }).fusions).toEqual([]);
});

interface Case {
  readonly x: readonly [number, number, number, number];
  readonly outputs: number;
  readonly pad: readonly [number, number, number, number];
}

/** The largest error of y and of max(y + bias, 0), both in units of the root mean square of y. */
async function errorOf({ x, outputs, pad }: Case): Promise<{ direct: number; winograd: number }> {
  const stream = randomStream(7);
  const draw = (shape: Shape): Float32Array =>
    Float32Array.from({ length: size(shape) }, () => stream.normal());
  const shapes = { x, weight: [outputs, 3, 3, x[3]], bias: [outputs] };
  const data = { x: draw(x), weight: draw(shapes.weight), bias: draw(shapes.bias) };
  const attributes = { stride: [1, 1], padding: pad, dilation: [1, 1], groups: 1 } as const;
  const wide = {
    x: Float64Array.from(data.x),
    weight: Float64Array.from(data.weight),
    bias: Float64Array.from(data.bias),
  };
  const { y: want } = conv2dKernel.reference(wide, shapes, { ...attributes, slices: 1 });
  const scale = Math.sqrt(want.reduce((sum, value) => sum + value * value, 0) / want.length);
  const worst = async (winograd: boolean): Promise<number> => {
    const g = graph();
    const y = conv2d(
      g.input("x", x),
      g.input("weight", shapes.weight),
      g.input("bias", shapes.bias),
      { pad },
    );
    const made = await run(g, { y, rectified: relu(y) }, data, winograd);
    // alone, so that the relu becomes part of the convolution
    const alone = graph();
    const value = conv2d(
      alone.input("x", x),
      alone.input("weight", shapes.weight),
      alone.input("bias", shapes.bias),
      { pad },
    );
    const { fused } = await run(alone, { fused: relu(value) }, data, winograd);
    let most = 0;
    want.forEach((value_of_y, i) => {
      most = Math.max(most, Math.abs(made["y"][i] - value_of_y));
      most = Math.max(most, Math.abs(fused[i] - Math.max(value_of_y, 0)));
    });
    return most / scale;
  };
  return { direct: await worst(false), winograd: await worst(true) };
}

async function run(
  g: Graph,
  outputs: Parameters<typeof compile>[2]["outputs"],
  data: Readonly<Record<string, Float32Array>>,
  winograd: boolean,
): Promise<Record<string, Float32Array>> {
  const store = createStore(gpu, g, initialStore(g, 1));
  const plan = await compile(gpu, g, { outputs }, store, { winograd });
  try {
    return await plan.run(data);
  } finally {
    plan.destroy();
    store.destroy();
  }
}

test("equal to the direct sum in f64: ragged tiles, and lines of tiles in two passes", async () => {
  for (const one of [
    { x: [2, 22, 23, 36], outputs: 92, pad: [1, 1, 1, 1] },
    { x: [1, 101, 101, 64], outputs: 64, pad: [0, 1, 2, 0] },
  ] as const) {
    const { direct, winograd } = await errorOf(one);
    // largest of a million numbers; direct sums give up to 5e-6 of their root mean square
    expect(direct).toBeLessThan(1e-5);
    expect(winograd).toBeLessThan(2e-5);
  }
});

test("<A x, y> = <x, A^T y> on the GPU", async () => {
  for (const pad of [0, 1, 2]) {
    const { ok, message } = await checkAdjoint(gpu, (g) => {
      const x = g.input("x", [2, 23, 22, 64]);
      return { output: conv2d(x, g.input("weight", [68, 3, 3, 64]), null, { pad }), wrt: [x] };
    });
    expect(ok, message).toBe(true);
  }
});
