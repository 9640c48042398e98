// Measured choices: keys of problems, which choices are followed, and which are stale and left to
// the rule.
import { describe, expect, test } from "vitest";
import { attention } from "../../src/kernels/attention/attention.ts";
import { conv2d } from "../../src/kernels/convolution/conv2d.ts";
import { gemm } from "../../src/kernels/gemm.ts";
import type { AnyKernel } from "../../src/engine/kernel.ts";
import { poolMax } from "../../src/kernels/pool.ts";
import { canRun, mappingsOf } from "../../src/engine/mapping.ts";
import { specialize } from "../../src/engine/specialize.ts";
import {
  freeConstants,
  problemKey,
  tunedKernel,
  type Choice,
  chooseVariant,
} from "../../src/engine/tuning.ts";
import { LAVAPIPE, NVIDIA } from "../support/adapters.ts";

const SHAPES = { a: [6, 60, 32], b: [32, 64], bias: [64] };
const ATTRIBUTES = { transpose_a: false, transpose_b: false, slices: 1 };
const KEY = problemKey(gemm, SHAPES, ATTRIBUTES);

describe("the key of a problem", () => {
  test("is its kernel, the shapes of what it reads, its attributes", () => {
    expect(KEY).toBe(
      'gemm a[6,60,32] b[32,64] bias[64] {"slices":1,"transpose_a":false,"transpose_b":false}',
    );
  });

  test("does not depend on the order of attributes, nor on shapes of outputs", () => {
    const turned = { slices: 1, transpose_b: false, transpose_a: false };
    expect(problemKey(gemm, { ...SHAPES, y: [6, 60, 64] }, turned)).toBe(KEY);
  });

  test("tells shapes and attributes apart, infinite ones too", () => {
    const other = { ...SHAPES, a: [6, 61, 32] };
    expect(problemKey(gemm, other, ATTRIBUTES)).not.toBe(KEY);
    expect(problemKey(gemm, SHAPES, { ...ATTRIBUTES, slices: 2 })).not.toBe(KEY);
    const filled = (fill: number): string => problemKey(poolMax, { x: [1, 2, 2, 4] }, { fill });
    expect(new Set([filled(0), filled(Infinity), filled(-Infinity), filled(NaN)]).size).toBe(4);
  });
});

describe("a choice", () => {
  const choose = (choice: Partial<Choice>, facts = NVIDIA): ReturnType<typeof chooseVariant> => {
    const whole = { rule: "gemm", kernel: "gemm", constants: {}, ...choice };
    return chooseVariant(gemm, facts, SHAPES, ATTRIBUTES, new Map([[KEY, whole]]));
  };
  const names = { kernel: "gemm_register" };

  test("is followed: another mapping, other constants", () => {
    expect(choose(names).shader.name).toBe("gemm_register");
    const { source } = specialize(
      choose({ constants: { TM: 8, BK: 8 } }),
      SHAPES,
      ATTRIBUTES,
      false,
    );
    expect(source.code).toContain("const TM: u32 = 8u;");
    expect(source.code).toContain("const BK: u32 = 8u;");
    expect(source.tuned).toEqual({ SIDE: 16, TM: 8, TN: 4, BK: 8 });
  });

  test("of another problem is not", () => {
    const other = new Map([["gemm a[1]", { rule: "gemm", ...names, constants: {} }]]);
    expect(chooseVariant(gemm, NVIDIA, SHAPES, ATTRIBUTES, other)).toBe(gemm);
  });

  test.each<[string, Partial<Choice>]>([
    ["made against another rule", { ...names, rule: "gemm_subgroup" }],
    ["of a kernel that is gone", { kernel: "gemm_tensor" }],
    ["with a value that its line does not list", { constants: { TM: 3 } }],
    ["with a constant that is gone", { constants: { TZ: 2 } }],
  ])("%s is stale: the rule runs", (_, choice) => {
    expect(choose(choice)).toBe(gemm);
  });

  test("that the adapter cannot run is stale, one that it can run is followed", () => {
    const subgroup = { kernel: "gemm_subgroup" };
    expect(choose(subgroup, { ...NVIDIA, features: new Set() })).toBe(gemm);
    expect(choose(subgroup, { ...NVIDIA, subgroup_size: 0, subgroup_min_size: 4 })).toBe(gemm);
    expect(choose(subgroup, NVIDIA).shader.name).toBe("gemm_subgroup");
  });

  test("may be a mapping that the rule leaves to other adapters", () => {
    const register = mappingsOf(gemm).find(({ shader }) => shader.name === "gemm_register")!;
    expect(canRun(register, NVIDIA, SHAPES, ATTRIBUTES)).toBe(true);
    expect(canRun(gemm, LAVAPIPE, SHAPES, ATTRIBUTES)).toBe(true);
    const rule = "gemm_panel";
    const rule_constants = { VECTORS: 2, ROWS: 256 };
    expect(choose({ rule, rule_constants }, LAVAPIPE)).toBe(gemm);
  });
});

test("a tuned kernel is one object for equal values, and the kernel itself for its own", () => {
  expect(tunedKernel(gemm, { TM: 8 })).toBe(tunedKernel(gemm, { TM: 8, TN: 4 }));
  expect(tunedKernel(gemm, { TM: 4 })).toBe(gemm);
  expect(() => tunedKernel(gemm, { TM: 5 })).toThrow("gemm: TM=5 is not one of 2, 4, 8");
});

test("constants that the twin sets by shape are not free", () => {
  const { shapes, attributes } = attention.cases[0];
  expect(attention.shader.tune.map(({ name }) => name)).toEqual(["W4", "V4"]);
  expect(freeConstants(attention, shapes, attributes)).toEqual([]);
  const free = freeConstants(gemm, SHAPES, ATTRIBUTES).map(({ name }) => name);
  expect(free).toEqual(["SIDE", "TM", "TN", "BK"]);
});

describe("a twin's rule by shape", () => {
  // 16 channels: narrower than the 64 of the file
  const shapes = { x: [1, 8, 8, 4], weight: [16, 3, 3, 4], bias: [0] };
  const { attributes } = conv2d.cases[0];
  const valuesOf = (kernel: AnyKernel): unknown =>
    specialize(kernel, shapes, attributes, false).source.tuned;
  const RULE = { SIDE: 8, TM: 8, TN: 2, BK: 8 };
  const file = { SIDE: 16, TM: 4, TN: 4, BK: 16 };
  /** What runs where a choice of the file's own values was made against such a rule. */
  const chosen = (rule_constants: Choice["rule_constants"]): AnyKernel => {
    const choice = { rule: "conv2d", rule_constants, kernel: "conv2d", constants: file };
    const key = problemKey(conv2d, shapes, attributes);
    return chooseVariant(conv2d, NVIDIA, shapes, attributes, new Map([[key, choice]]));
  };

  test("is what runs, and what a sweep starts from", () => {
    expect(valuesOf(conv2d)).toEqual(RULE);
    const free = freeConstants(conv2d, shapes, attributes);
    expect(Object.fromEntries(free.map(({ name, value }) => [name, value]))).toEqual(RULE);
  });

  test("gives way to a choice, that of the file's own value too", () => {
    expect(valuesOf(tunedKernel(conv2d, { TM: 4 }))).toEqual({ SIDE: 8, TM: 4, TN: 2, BK: 8 });
    expect(valuesOf(tunedKernel(conv2d, file))).toEqual(file);
    expect(valuesOf(chosen(RULE))).toEqual(file);
  });

  test("that is another now makes a choice stale", () => {
    expect(chosen(RULE)).not.toBe(conv2d);
    for (const then of [{ ...RULE, TN: 4 }, { SIDE: 8 }, { ...RULE, TZ: 1 }, undefined]) {
      expect(chosen(then)).toBe(conv2d);
    }
  });
});
