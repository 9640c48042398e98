// Problems with other shapes: what they are called, what they keep, and what is refused in words.
import type { Problem } from "../../../src/engine/problem.ts";
import { describe, expect, test } from "vitest";
import { binDecode } from "../../../src/kernels/depth_bins/bin_decode.ts";
import { binomialDecode } from "../../../src/kernels/depth_bins/binomial_decode.ts";
import { conv2d } from "../../../src/kernels/convolution/conv2d.ts";
import { gemm } from "../../../src/kernels/gemm.ts";
import { logBinomial } from "../../../src/kernels/depth_bins/log_binomial.ts";
import { scaleBy } from "../../../src/kernels/scale_by.ts";
import { reshaped } from "../../../src/profile/kernel/reshape.ts";

const decode: Problem = {
  name: "one",
  shapes: { logits: [6, 4, 5, 8], centers: [6, 1, 1, 8], scale: [0] },
  attributes: undefined,
  data: { centers: { kind: "uniform", low: 0, high: 1 } },
};
const none = { shapes: {}, axes: [] };

describe("--axis", () => {
  test("makes one problem a length, named for it, with attributes and data as they were", () => {
    const axes = [{ letter: "K", lengths: [16, 32] }];
    const problems = reshaped(binDecode, decode, { ...none, axes });
    expect(problems.map(({ name }) => name)).toEqual(["one, K=16", "one, K=32"]);
    expect(problems[1]).toMatchObject({
      shapes: { logits: [6, 4, 5, 32], centers: [6, 1, 1, 32], scale: [0] },
      data: { centers: { kind: "uniform" } },
    });
  });

  test("given twice makes every combination", () => {
    const axes = [
      { letter: "K", lengths: [16, 32] },
      { letter: "W", lengths: [1, 2] },
    ];
    const names = reshaped(binDecode, decode, { ...none, axes }).map(({ name }) => name);
    expect(names).toEqual(["one, K=16, W=1", "one, K=16, W=2", "one, K=32, W=1", "one, K=32, W=2"]);
  });

  test("takes the answer that the twin accepts", () => {
    const attributes = { transpose_a: true, transpose_b: false, slices: 1 };
    const problem = { name: "square", shapes: { a: [64, 64], b: [64, 64], bias: [0] }, attributes };
    const axes = [{ letter: "K", lengths: [16] }];
    const [made] = reshaped(gemm, problem, { ...none, axes });
    expect(made.shapes).toEqual({ a: [16, 64], b: [16, 64], bias: [0] });
  });

  test("K is the number of bins where no input has it, and of the rows that are drawn", () => {
    const axes = [{ letter: "K", lengths: [7] }];
    const [bins] = reshaped(logBinomial, logBinomial.cases[0], { ...none, axes });
    expect(bins.attributes).toEqual({ bins: 7 });
    const [rows] = reshaped(binomialDecode, binomialDecode.cases[0], { ...none, axes });
    expect(rows.shapes["log_choose"]).toEqual([7, 2]);
    expect(rows.data!["rows"]).toMatchObject({ kind: "binomial_rows", bins: 7 });
  });

  test.each([
    [scaleBy, "K", "scale_by takes tensors of any shape and names no axes"],
    [gemm, "Q", "gemm has no axis Q, its inputs have M K N"],
  ])("is refused in words: %#", (kernel, letter, message) => {
    const axes = [{ letter, lengths: [4] }];
    expect(() => reshaped(kernel, kernel.cases[0], { ...none, axes })).toThrow(message);
  });
});

describe("--shape", () => {
  test("replaces the shape of an input", () => {
    const shapes = { logits: [1, 2, 3, 8], centers: [1, 1, 1, 8] };
    const [made] = reshaped(binDecode, decode, { ...none, shapes });
    expect(made.name).toBe("one, logits=1x2x3x8, centers=1x1x1x8");
    expect(made.shapes).toEqual({ ...shapes, scale: [0] });
  });

  test("that does not fit gives the twin's own words with kernel and shapes", () => {
    const [problem] = conv2d.cases;
    const shapes = { x: [1, 5, 13, 18] };
    expect(() => reshaped(conv2d, problem, { ...none, shapes })).toThrow(
      /^conv2d, x\[1, 5, 13, 18\] weight\[65, 3, 3, 17\] bias\[65\]: .*17/,
    );
  });

  test("of an input that there is not names those there are", () => {
    expect(() => reshaped(conv2d, conv2d.cases[0], { ...none, shapes: { y: [1] } })).toThrow(
      "--shape y: conv2d has no such input; it has x, weight, bias",
    );
  });

  test("too large for any adapter is refused before a number is drawn", () => {
    const shapes = { logits: [60_000, 60_000, 1, 8] };
    expect(() => reshaped(binDecode, decode, { ...none, shapes })).toThrow("more than");
  });
});
