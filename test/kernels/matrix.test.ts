// The mappings on subgroup matrices: which adapters have them, who may choose them, and their text
// for the matrices of other adapters than this one.
import { create, globals } from "webgpu";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import { givenConstants, resolveOverrides, type AnyKernel } from "../../src/engine/kernel.ts";
import { canRun, exactMappings, fitted } from "../../src/engine/mapping.ts";
import { runKernel } from "../../src/engine/run.ts";
import { specialize } from "../../src/engine/specialize.ts";
import { chooseVariant, freeConstants, problemKey, tunedKernel } from "../../src/engine/tuning.ts";
import { conv2d, conv2dMatrix } from "../../src/kernels/convolution/conv2d.ts";
import {
  conv2dGradInput,
  conv2dGradInputMatrix,
} from "../../src/kernels/convolution/conv2d_grad_input.ts";
import {
  conv2dGradWeight,
  conv2dGradWeightMatrix,
} from "../../src/kernels/convolution/conv2d_grad_weight.ts";
import { gemm, gemmMatrix } from "../../src/kernels/gemm.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { NVIDIA } from "../support/adapters.ts";
import { gpu } from "../support/gpu.ts";

const MATRIX = "chromium-experimental-subgroup-matrix";
const TENSOR_CORES: AdapterFacts = {
  ...NVIDIA,
  features: new Set([...NVIDIA.features, MATRIX]),
  matrices: [
    { m: 16, n: 16, k: 16 },
    { m: 16, n: 8, k: 16 },
  ],
};
const FAMILIES: readonly (readonly [base: AnyKernel, matrix: AnyKernel])[] = [
  [gemm, gemmMatrix],
  [conv2d, conv2dMatrix],
  [conv2dGradInput, conv2dGradInputMatrix],
  [conv2dGradWeight, conv2dGradWeightMatrix],
];

describe.each(FAMILIES.map(([base, matrix]) => [matrix.shader.name, base, matrix] as const))(
  "%s",
  (name, base, matrix) => {
    const [{ shapes, attributes }] = base.cases;
    const chosen = (precision?: "f16"): string =>
      chooseVariant(base, TENSOR_CORES, shapes, attributes, undefined, precision).shader.name;

    test("is chosen for f16 alone, where the adapter has matrices", () => {
      expect([chosen("f16"), chosen()]).toEqual([name, base.shader.name]);
      const without = { ...TENSOR_CORES, matrices: [] };
      expect(chooseVariant(base, without, shapes, attributes, undefined, "f16")).toBe(base);
      const free = { ...TENSOR_CORES, subgroup_size: 0 };
      expect(canRun(matrix, free, shapes, attributes)).toBe(false);
    });

    test("no tuning chooses it for work in f32, and no sweep tries it", () => {
      const key = problemKey(base, shapes, attributes);
      const rule = base.shader.name;
      const tuning = new Map([[key, { rule, kernel: name, constants: {} }]]);
      const found = chooseVariant(base, TENSOR_CORES, shapes, attributes, tuning);
      expect(found.shader.name).toBe(rule);
      expect(exactMappings(base)).not.toContain(matrix);
    });

    test("its matrices are the adapter's and cannot be tuned", () => {
      const one = fitted(matrix, TENSOR_CORES);
      const values = resolveOverrides(one.shader, givenConstants(one, shapes, attributes));
      expect(values).toMatchObject({ LANES: 32, MATRIX_M: 16, MATRIX_N: 16, MATRIX_K: 16 });
      expect(fitted(matrix, TENSOR_CORES)).toBe(one);
      const tuned = freeConstants(matrix, shapes, attributes).map((line) => line.name);
      expect(tuned).toEqual(["DOWN", "ACROSS", "TM", "TN", "BK"]);
      expect(() => fitted(matrix, NVIDIA)).toThrow(/NVIDIA H200 has no matrices/);
    });
  },
);

/** Each size that the texts list, and one that is not square; subgroups of 32. */
const SIZES = [
  { m: 8, n: 8, k: 8 },
  { m: 16, n: 16, k: 16 },
  { m: 8, n: 16, k: 16 },
];
describe("compiled without a GPU", () => {
  let device: GPUDevice;
  const kept: unknown[] = [];
  beforeAll(async () => {
    Object.assign(globalThis, globals);
    const api = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
    const adapter = await api.requestAdapter();
    kept.push(api, adapter);
    device = await adapter!.requestDevice({
      requiredFeatures: ["shader-f16", "subgroups", MATRIX as GPUFeatureName],
    });
  });
  afterAll(() => device.destroy());

  test.each(
    FAMILIES.flatMap(([, kernel]) =>
      SIZES.map(
        (size) => [kernel.shader.name, `${size.m}x${size.n}x${size.k}`, kernel, size] as const,
      ),
    ),
  )("%s with matrices of %s", async (name, _, kernel, size) => {
    const [{ shapes, attributes }] = kernel.cases;
    const one = fitted(kernel, { ...TENSOR_CORES, matrices: [size] });
    const { source } = specialize(one, shapes, attributes, true);
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: source.code });
    const layout = device.createBindGroupLayout({
      entries: source.layout.map((type, binding) => ({ binding, visibility: 4, buffer: { type } })),
    });
    device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: name, constants: source.constants },
    });
    expect((await device.popErrorScope())?.message).toBeUndefined();
  });
});

const hasMatrices = gpu.facts.matrices.length > 0;
const lack = hasMatrices ? "" : ` (skipped: this adapter lacks ${MATRIX})`;

test.skipIf(!hasMatrices)(
  `products of numbers that f16 holds are exact to f32${lack}`,
  async () => {
    const [m, n, k] = [37, 21, 45];
    const random = randomStream(3);
    const halves = (count: number): Float32Array =>
      Float32Array.from({ length: count }, () => Math.round(random.normal() * 256) / 256);
    const inputs = { a: halves(m * k), b: halves(k * n), bias: new Float32Array(0) };
    const shapes = { a: [m, k], b: [k, n], bias: [0] };
    const attributes = { transpose_a: false, transpose_b: false, slices: 1 };
    const { y: want } = gemm.reference(
      { a: Float64Array.from(inputs.a), b: Float64Array.from(inputs.b), bias: new Float64Array(0) },
      shapes,
      attributes,
    );
    const small = tunedKernel(gemmMatrix, { TM: 1, TN: 1 });
    const { y } = await runKernel(gpu, small, inputs, shapes, attributes);
    expect(Math.max(...want.map((value, i) => Math.abs(value - y[i])))).toBeLessThan(2e-5);
  },
);

test.skipIf(!hasMatrices)(`NaN and infinity reach their own row alone${lack}`, async () => {
  const inputs = {
    a: Float32Array.from({ length: 9 * 5 }, (_, i) => (i === 5 ? NaN : i === 10 ? Infinity : 1)),
    b: new Float32Array(5 * 3).fill(1),
    bias: new Float32Array(0),
  };
  const shapes = { a: [9, 5], b: [5, 3], bias: [0] };
  const attributes = { transpose_a: false, transpose_b: false, slices: 1 };
  const small = tunedKernel(gemmMatrix, { TM: 1, TN: 1 });
  const { y } = await runKernel(gpu, small, inputs, shapes, attributes);
  expect([...y.subarray(0, 12)]).toEqual([
    5,
    5,
    5,
    NaN,
    NaN,
    NaN,
    ...Array(3).fill(Infinity),
    5,
    5,
    5,
  ]);
});
