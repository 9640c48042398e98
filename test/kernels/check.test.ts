// The check of kernels, checked: kernels made wrong on purpose must not pass, and the message must
// say what is wrong.
import { describe, expect, test } from "vitest";
import { activation } from "../../src/kernels/activation.ts";
import { checkCase, compare, type CheckResult } from "../../src/kernels/check/check.ts";
import type { AnyKernel } from "../../src/engine/kernel.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { gemm } from "../../src/kernels/gemm.ts";
import { conv2d } from "../../src/kernels/convolution/conv2d.ts";
import { binHeadGradWeight } from "../../src/kernels/depth_bins/bin_head.ts";
import { normRunning } from "../../src/kernels/norm.ts";
import { caseInputs, draw } from "../../src/kernels/check/random_inputs.ts";
import { runKernel } from "../../src/engine/run.ts";
import { scaleBy } from "../../src/kernels/scale_by.ts";
import { toleranceOf } from "../../src/engine/tolerance.ts";
import { doctored } from "../support/doctored.ts";
import { gpu } from "../support/gpu.ts";

const CASE: Problem = {
  name: "relu",
  shapes: { x: [3, 70] },
  attributes: { kind: "relu", alpha: 0 },
};

const check = async (kernel: AnyKernel, problem = CASE): Promise<CheckResult> =>
  await checkCase(gpu, kernel, problem);

describe("a kernel that is", () => {
  test("right passes, with its errors measured", async () => {
    const result = await check(activation);
    expect(result).toEqual({
      name: "activation",
      case: "relu",
      ok: true,
      max_abs_error: 0,
      max_rel_error: 0,
      message: "",
      failures: [],
    });
  });

  test("wrong in sign fails, with the count, the worst element as axes and its neighbours", async () => {
    const result = await check(doctored(activation, "return max(v, 0.0);", "return max(-v, 0.0);"));
    expect(result.ok).toBe(false);
    expect(result.max_rel_error).toBeGreaterThan(0.5);
    expect(result.message).toMatch(
      /^activation, case relu: y: 210 of 210 elements differ; worst at \[\d, \d+\] of \[3, 70\]: got \S+, want \S+ \(around it got /,
    );
  });

  test("wrong in one element fails", async () => {
    const result = await check(
      doctored(
        activation,
        "return max(v, 0.0);",
        "return max(v, 0.0) + select(0.0, 1e-3, v == x[137]);",
      ),
    );
    expect(result.message).toMatch(/y: 1 of 210 elements differ; worst at \[1, 67\] of \[3, 70\]/);
  });

  test("writing past the end of its output is caught", async () => {
    const result = await check(
      doctored(
        activation,
        "y[i] = apply(x[i]);",
        "y[i] = apply(x[i]);\n            y[i + 7u] = 0.0;",
      ),
    );
    expect(result.ok).toBe(false);
    expect(result.message).toBe(
      "activation, case relu: activation wrote past the end of y, or far outside of it",
    );
  });

  const STORE = "y[i] = apply(x[i]);";
  test.each([
    ["1 past the end", "y[params.n] = 0.0;"],
    ["100 past the end", "y[params.n + 100u] = 0.0;"],
    ["far past the end", "y[params.n + 100000u] = 0.0;"],
    ["beyond 4 GiB", "y[3000000000u] = 0.0;"],
    ["at index -1", "y[i32(i) - 1] = 0.0;"],
    ["at index -1, which is unsigned", "y[i - 1u] = 0.0;"],
    ["what its margin holds already", "y[params.n + 100u] = -999.0;"],
    ["a number that is none", "y[params.n + 100u] = sqrt(-1.0 - abs(x[i]));"],
  ])("storing %s is caught", async (_, store) => {
    const stray = `${STORE} if (i == 0u) { ${store} }`;
    const { ok, message } = await check(doctored(activation, STORE, stray));
    expect(ok).toBe(false);
    expect(message).toContain("activation wrote past the end of y, or far outside of it");
  });

  test("storing outside of a tensor that it changes in place is caught", async () => {
    const guard = "    let keep = 1.0 -";
    const wrong = doctored(normRunning, guard, `    running_mean[c - 100000u] = 0.0;\n${guard}`);
    const { message } = await check(wrong, normRunning.cases[0]);
    expect(message).toContain("norm_running wrote past the end of running_mean");
  });

  test.each([
    ["1 past the end", "x[params.n]"],
    ["100 past the end", "x[params.n + 100u]"],
    ["far past the end", "x[params.n + 100000u]"],
    ["at index -1", "x[i32(0) - 1 - i32(i)]"],
  ])("reading %s, times 0, is caught", async (_, read) => {
    const stray = `y[i] = apply(x[i]) + params.alpha * ${read};`;
    const { message } = await check(doctored(activation, STORE, stray));
    expect(message).toMatch(/y: \d+ of 210 elements differ; .*got NaN, want /);
  });

  test("reading an input that was left out, times 0, is caught", async () => {
    const { shapes, attributes } = gemm.cases.find(({ shapes: { bias } }) => bias[0] === 0)!;
    const right = await check(gemm, { name: "no bias", shapes, attributes });
    expect(right.message).toBe("");
    const wrong = doctored(
      gemm,
      "var start = 0.0;",
      "var start = f32(params.has_bias) * bias[col];",
    );
    expect((await check(wrong, { name: "no bias", shapes, attributes })).ok).toBe(false);
  });

  test.each(["group.x - group.y * groups.x", "group.x + group.y", "group.x"])(
    "a grid of many workgroups that unfolds by %s is caught",
    async (place) => {
      const shapes = { x: [7000] }; // seven workgroups
      const problem = { name: "long", shapes, attributes: { kind: "relu", alpha: 0 } };
      expect((await check(activation, problem)).message).toBe("");
      const wrong = doctored(activation, "group.x + group.y * groups.x", place);
      const { message } = await check(wrong, problem);
      expect(message).toBe(
        "activation, case long: y: other numbers from the grid folded to 4 x 3 x 1",
      );
    },
  );

  test("a store from a workgroup beyond the last, where a grid has them, is caught", async () => {
    const inside = "if (slab >= params.all_slabs) {";
    const wrong = doctored(binHeadGradWeight, inside, "if (slab > params.all_slabs) {");
    const [problem] = binHeadGradWeight.cases;
    expect((await check(binHeadGradWeight, problem)).message).toBe("");
    expect((await check(wrong, problem)).message).toMatch(
      /wrote past the end of d_weight, or far outside of it, with the grid folded to \d+ x 3 x 1$/,
    );
  });

  test("reading what its output held before, times 0, is caught", async () => {
    const { message } = await check(
      doctored(activation, STORE, "y[i] = apply(x[i]) + params.alpha * y[i];"),
    );
    expect(message).toBe(
      "activation, case relu: y: 210 elements depend on what y held before the run",
    );
  });

  test("guarding itself by the length of its bindings is right: it is the tensor's own", async () => {
    const guard = "if (i < params.n) {";
    const own = doctored(activation, guard, "if (i < min(arrayLength(&x), arrayLength(&y))) {");
    expect((await check(own)).message).toBe("");
  });

  test("leaving elements out is caught, and said so", async () => {
    const result = await check(
      doctored(activation, "y[i] = apply(x[i]);", "if (i % 10u != 3u) { y[i] = apply(x[i]); }"),
    );
    expect(result.ok).toBe(false);
    expect(result.message).toMatch(
      /y: 21 of 210 elements differ \(21 were never written\); worst at /,
    );
    expect(result.message).toMatch(/got -999, want /);
  });

  test("giving a number that is none is caught", async () => {
    const result = await check(
      doctored(activation, "return max(v, 0.0);", "return max(v, 0.0) + sqrt(-1.0 - abs(v));"),
    );
    expect(result.ok).toBe(false);
    expect([result.max_abs_error, result.max_rel_error]).toEqual([Infinity, Infinity]);
    expect(result.message).toMatch(/210 of 210 elements differ; worst at \[0, 0\].*got NaN, want /);
  });

  test("not compiling is reported by file and line", async () => {
    const result = await check(
      doctored(activation, "return max(v, 0.0);", "return max(v, nought);"),
    );
    expect(result.message).toMatch(
      /^activation, case relu: shaders\/activation\.wgsl:\d+:\d+: unresolved value 'nought'/,
    );
  });

  test("wrong in a tensor it changes in place is caught there", async () => {
    const wrong = doctored(normRunning, "let keep = 1.0 -", "let keep = 0.9 -");
    const result = await check(wrong, normRunning.cases[0]);
    expect(result.message).toMatch(/running_mean: .*running_variance: /);
    const right = await check(normRunning, normRunning.cases[0]);
    expect(right.message).toBe("");
  });
});

/** The kernel with another reference, of x. */
function referring(reference: (x: Float64Array) => Record<string, Float64Array>): AnyKernel {
  const untyped = (inputs: Record<string, Float64Array>): Record<string, Float64Array> =>
    reference(inputs["x"]);
  return { ...activation, reference: untyped as AnyKernel["reference"] };
}

describe("a reference that", () => {
  test("changes its inputs is caught", async () => {
    const careless = referring((x) => {
      const y = x.map((v) => Math.max(v, 0));
      x.fill(0);
      return { y };
    });
    expect((await check(careless)).message).toMatch(/the reference changes its input x/);
  });

  test("returns too few numbers, or not all tensors, is caught", async () => {
    const short = referring((x) => ({ y: x.slice(0, 5) }));
    expect((await check(short)).message).toMatch(
      /the reference returns 5 numbers as y, its shape has 210/,
    );
    const silent = referring(() => ({}));
    expect((await check(silent)).message).toMatch(/the reference does not return y/);
  });
});

test("running a kernel names the tensor whose numbers do not fill its shape", async () => {
  const run = async (inputs: Record<string, Float32Array>): Promise<unknown> =>
    await runKernel(gpu, activation, inputs, { x: [2, 3] }, CASE.attributes);
  await expect(run({ x: new Float32Array(5) })).rejects.toThrow(
    "activation: x[2, 3] needs 6 numbers, was given 5",
  );
  await expect(run({})).rejects.toThrow("activation: x[2, 3] needs 6 numbers, was given none");
});

test("running a kernel leaves no buffer behind, whatever comes of it", async () => {
  const before = gpu.memory.live_bytes;
  await check(activation);
  await check(doctored(activation, "y[i] = apply(x[i]);", "y[i + 7u] = apply(x[i]);"));
  expect(gpu.memory.live_bytes).toBe(before);
});

describe("comparing", () => {
  const compared = (got: number[], want: number[], rounding?: number[]): number =>
    compare(
      "y",
      Float32Array.from(got),
      Float64Array.from(want),
      rounding && Float64Array.from(rounding),
      { atol: 1e-6, rtol: 1e-5, sum: 0.25 },
      [got.length],
    ).failure?.bad ?? 0;

  test("allows what is small beside the number, or beside the terms of its sum", () => {
    expect(compared([1, 1000, 0], [1.00001, 1000.009, 9e-7])).toBe(0);
    expect(compared([1, 1000, 0], [1.00002, 1000.02, 2e-6])).toBe(3);
    expect(compared([0.001], [0], [0.0039])).toBe(1);
    expect(compared([0.001], [0], [0.0041])).toBe(0);
  });

  test("knows infinities and numbers that are none", () => {
    const { NaN: none, POSITIVE_INFINITY: most, NEGATIVE_INFINITY: least } = Number;
    expect(compared([none, most, least, 0], [none, most, least, -0])).toBe(0);
    expect(compared([none, 1, most, 1, most, least], [1, none, 1, most, least, most])).toBe(6);
  });
});

describe("the inputs of a case", () => {
  test("are the same each time and differ from tensor to tensor", () => {
    const problem = scaleBy.cases[0];
    expect(caseInputs(scaleBy, problem)).toEqual(caseInputs(scaleBy, problem));
    const { x, weight } = caseInputs(conv2d, conv2d.cases[0]);
    expect(x[0]).not.toBe(weight[0]);
  });

  test("follow their distributions", () => {
    const shape = [50, 100];
    const normal = draw(shape, { kind: "normal", mean: 3, deviation: 2 }, 1);
    const mean = normal.reduce((sum, v) => sum + v, 0) / normal.length;
    expect(Math.abs(mean - 3)).toBeLessThan(0.1);
    const uniform = draw(shape, { kind: "uniform", low: -2, high: 5 }, 1);
    expect([Math.floor(Math.min(...uniform)), Math.ceil(Math.max(...uniform))]).toEqual([-2, 5]);
    const mask = draw(shape, { kind: "mask", share: 0.3 }, 1);
    expect(mask.every((v) => v === 0 || v === 1)).toBe(true);
    expect(Math.abs(mask.reduce((sum, v) => sum + v, 0) / mask.length - 0.3)).toBeLessThan(0.03);
    expect(draw([3], { kind: "constant", value: 4 }, 1)).toEqual(new Float32Array([4, 4, 4]));
    const rows = draw(shape, { kind: "probabilities" }, 1);
    for (let start = 0; start < rows.length; start += 100) {
      const row = rows.subarray(start, start + 100);
      expect(row.every((p) => p > 0)).toBe(true);
      expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
    }
  });

  test("need a shape for every tensor that is read", () => {
    expect(() => caseInputs(activation, { ...CASE, shapes: {} })).toThrow(
      "activation, case relu: no shape for x",
    );
  });
});

test("a tolerance is the default unless the table says why not", () => {
  expect(toleranceOf("activation")).toEqual({ atol: 1e-6, rtol: 1e-5, sum: 0.25 });
});
