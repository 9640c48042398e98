// 1x1 convolutions that run as products of matrices: which do, and that they are the same
// convolutions on the adapter, with their gradients with respect to the input.
import { expect, test } from "vitest";
import { backward } from "../../src/graph/backward.ts";
import { checkAdjoint } from "../../src/graph/check_gradient.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { lower, type LoweringOptions } from "../../src/graph/lower.ts";
import { relu } from "../../src/graph/ops/activation.ts";
import { conv2d, type Conv2dOptions } from "../../src/graph/ops/conv2d.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import { conv2d as conv2dKernel } from "../../src/kernels/convolution/conv2d.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { LAVAPIPE, NVIDIA, SWIFTSHADER } from "../support/adapters.ts";
import { gpu } from "../support/gpu.ts";

const NARROW = { x: [6, 12, 20, 32], weight: [24, 1, 1, 32] } as const;

/** The kernels of a convolution and of its gradient with respect to the input. */
function kernelsOf(
  { x, weight }: { readonly x: Shape; readonly weight: Shape } = NARROW,
  options: Conv2dOptions = {},
  facts: AdapterFacts = LAVAPIPE,
  lowering: LoweringOptions = {},
): string[] {
  const g = graph();
  const image = g.input("x", x);
  const y = conv2d(image, g.input("weight", weight), null, options);
  const d_x = backward(g, [[y, g.input("d_y", y.shape)]], [image]).get(image)!;
  return lower(g, [y, d_x], facts, lowering).calls.map(({ kernel }) => kernel.shader.name);
}

test("software adapters with subgroups run 1x1 convolutions as products", () => {
  const products = ["gemm_panel", "gemm_panel"];
  expect(kernelsOf()).toEqual(products);
  expect(kernelsOf(NARROW, {}, SWIFTSHADER)).toEqual(products);
  expect(kernelsOf(NARROW, {}, LAVAPIPE, { winograd: false })).toEqual(products);
  expect(kernelsOf(NARROW, { dilation: 2 })).toEqual(products);
  expect(kernelsOf({ x: [6, 6, 10, 80], weight: [128, 1, 1, 80] })).toEqual(products);
  const many = kernelsOf({ x: [6, 12, 20, 132], weight: [160, 1, 1, 132] });
  expect(many).toEqual(["gemm_panels", "gemm_panels"]);
});

test("where the gradient has more columns, it alone runs as a product, and the other way round", () => {
  const [y, d_x] = kernelsOf({ ...NARROW, weight: [8, 1, 1, 32] });
  expect([y.startsWith("conv2d"), d_x]).toEqual([true, "gemm_panel"]);
  const wide = kernelsOf({ ...NARROW, weight: [1024, 1, 1, 32] });
  expect([wide[0], wide[1].startsWith("conv2d")]).toEqual(["gemm_panel", true]); // in slices
});

test("the others run as convolutions", () => {
  const image = NARROW.x;
  for (const [shapes, options, facts] of [
    [NARROW, {}, NVIDIA],
    [NARROW, {}, { ...LAVAPIPE, features: new Set<string>() }],
    [NARROW, { stride: 2 }, LAVAPIPE],
    [NARROW, { stride: [1, 2] }, LAVAPIPE],
    [NARROW, { pad: [0, 1, 0, 0] }, LAVAPIPE],
    [{ x: image, weight: [24, 1, 1, 16] }, { groups: 2 }, LAVAPIPE],
    [{ x: image, weight: [24, 3, 1, 32] }, {}, LAVAPIPE],
    [{ x: image, weight: [26, 1, 1, 32] }, {}, LAVAPIPE],
    [{ x: [6, 3, 5, 32], weight: [24, 1, 1, 32] }, {}, LAVAPIPE], // few pixels
    [{ x: [0, 12, 20, 32], weight: [24, 1, 1, 32] }, {}, LAVAPIPE],
  ] as const) {
    for (const name of kernelsOf(shapes, options, facts)) {
      expect(name, JSON.stringify([shapes, options])).toMatch(/^conv2d/);
    }
  }
});

test("equal to the direct sum in f64, with bias and with relu in the same kernel", async () => {
  const stream = randomStream(5);
  const draw = (shape: Shape): Float32Array =>
    Float32Array.from({ length: size(shape) }, () => stream.normal());
  for (const [x, outputs] of [
    [[2, 13, 11, 20], 28],
    [[1, 9, 29, 32], 16],
  ] as const) {
    const shapes = { x, weight: [outputs, 1, 1, x[3]], bias: [outputs] };
    const data = { x: draw(x), weight: draw(shapes.weight), bias: draw(shapes.bias) };
    const wide = {
      x: Float64Array.from(data.x),
      weight: Float64Array.from(data.weight),
      bias: Float64Array.from(data.bias),
    };
    const one = { stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1 } as const;
    const { y: want } = conv2dKernel.reference(wide, shapes, { ...one, slices: 1 });
    for (const rectifies of [false, true]) {
      const g = graph();
      const [image, weight, bias] = Object.entries(shapes).map(([name, shape]) =>
        g.input(name, shape),
      );
      const y = conv2d(image, weight, bias);
      const store = createStore(gpu, g, initialStore(g, 1));
      const plan = await compile(gpu, g, { outputs: { y: rectifies ? relu(y) : y } }, store);
      try {
        expect(plan.dispatches).toHaveLength(1);
        const got = await plan.run(data);
        want.forEach((sum, i) => {
          expect(got["y"][i]).toBeCloseTo(rectifies ? Math.max(sum, 0) : sum, 4);
        });
      } finally {
        plan.destroy();
        store.destroy();
      }
    }
  }
});

test("<A x, y> = <x, A^T y> on the GPU", async () => {
  const { ok, message } = await checkAdjoint(gpu, (g) => {
    const x = g.input("x", [2, 13, 11, 20]);
    return { output: conv2d(x, g.input("weight", [28, 1, 1, 20]), null), wrt: [x] };
  });
  expect(ok, message).toBe(true);
});
