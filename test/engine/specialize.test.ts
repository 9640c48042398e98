// From kernel and problem to pipeline: constants, tuned lines, the Params block; and which variant
// runs.
import { describe, expect, test } from "vitest";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import { NO_ADAPTER } from "../../src/graph/cpu.ts";
import { activation } from "../../src/kernels/activation.ts";
import { foldGrid, type AnyKernel, type ShaderInfo } from "../../src/engine/kernel.ts";
import { onSoftware } from "../../src/engine/mapping.ts";
import { specialize, withTuning, freezesShapes } from "../../src/engine/specialize.ts";
import { chooseVariant } from "../../src/engine/tuning.ts";
import type { Shape } from "../../src/tensor/shape.ts";

const SHADER: ShaderInfo & { readonly code: string } = {
  name: "made_up",
  code: `override IN_H: u32 = 0u;
const TM: u32 = 4u; // tune: 1 2 4 8
const TN: u32 = 12u; // tune: 2 12
fn made_up() {}
`,
  bindings: [
    { name: "x", binding: 1, access: "read", uniform: false },
    { name: "scalars", binding: 2, access: "read", uniform: true },
    { name: "y", binding: 3, access: "write", uniform: false },
    { name: "state", binding: 4, access: "inout", uniform: false },
  ],
  params: [
    { name: "in_h", type: "u32" },
    { name: "shift", type: "i32" },
    { name: "scale", type: "f32" },
    { name: "kind", type: "u32" },
    { name: "pad", type: "u32" },
  ],
  overrides: [
    { name: "IN_H", type: "u32", value: 0 },
    { name: "KIND", type: "u32", value: 0 },
    { name: "HAS_X", type: "bool", value: false },
    { name: "WG", type: "u32", value: 64 },
  ],
  tune: [
    { name: "TM", value: 4, values: [1, 2, 4, 8] },
    { name: "TN", value: 12, values: [2, 12] },
  ],
  constants: {},
  features: [],
};
const PARAMS = { in_h: 48, shift: -3, scale: 0.5, kind: 9, pad: 0 };

function madeUp(
  changes: Partial<AnyKernel> = {},
  params: Record<string, number> = PARAMS,
): AnyKernel {
  return {
    shader: SHADER,
    shapes: () => ({}),
    params: () => params,
    overrides: () => ({ KIND: 2, HAS_X: true }),
    grid: ({ in_h }, { WG, TM }) => [in_h, WG, TM],
    cost: () => ({ flops: 0, bytes: 0 }),
    cases: [],
    reference: () => ({}),
    ...changes,
  };
}

describe("constants", () => {
  test("are what the twin sets; frozen, also the Params of the same name in capitals", () => {
    const open = specialize(madeUp(), {}, undefined, false);
    expect(open.source.constants).toEqual({ KIND: 2, HAS_X: 1 });
    const frozen = specialize(madeUp(), {}, undefined, true);
    expect(frozen.source.constants).toEqual({ IN_H: 48, KIND: 2, HAS_X: 1 }); // not params.kind
  });

  test("problems of other shapes share a pipeline unless frozen", () => {
    const sources = (freeze: boolean): string[] =>
      [48, 96].map((in_h) =>
        JSON.stringify(specialize(madeUp({}, { ...PARAMS, in_h }), {}, undefined, freeze).source),
      );
    const [small, large] = sources(false);
    expect(small).toBe(large);
    expect(new Set(sources(true)).size).toBe(2);
  });

  test("a frozen 0 stays open: it reads the 0 of Params", () => {
    const { source } = specialize(madeUp({}, { ...PARAMS, in_h: 0 }), {}, undefined, true);
    expect(source.constants["IN_H"]).toBe(0);
  });

  test("the grid sees Params, and every override and tuned constant resolved", () => {
    expect(specialize(madeUp(), {}, undefined, false).grid).toEqual([48, 64, 4]);
    const wide = madeUp({ overrides: () => ({ WG: 128, TM: 8 }) });
    expect(specialize(wide, {}, undefined, false).grid).toEqual([48, 128, 8]);
  });

  test("bindings become a layout in their order, Params first", () => {
    expect(specialize(madeUp(), {}, undefined, false).source.layout).toEqual([
      "uniform",
      "read-only-storage",
      "uniform",
      "storage",
      "storage",
    ]);
  });
});

describe("tuned lines", () => {
  test("change their number and nothing else", () => {
    const code = withTuning(SHADER, { TM: 8, TN: 2 });
    expect(code).toBe(
      SHADER.code.replace("TM: u32 = 4u", "TM: u32 = 8u").replace("TN: u32 = 12u", "TN: u32 = 2u"),
    );
    expect(withTuning(SHADER, {})).toBe(SHADER.code);
    expect(withTuning(SHADER, { TM: 4, TN: 12 })).toBe(SHADER.code);
  });

  test("a twin's choice reaches the text", () => {
    const kernel = madeUp({ overrides: () => ({ TM: 1 }) });
    const { source } = specialize(kernel, {}, undefined, false);
    expect(source.code).toContain("const TM: u32 = 1u; // tune: 1 2 4 8");
    expect(source.constants).toEqual({});
  });

  test("values that a line does not list, and lines that are not there, are refused", () => {
    expect(() => withTuning(SHADER, { TM: 3 })).toThrow("made_up: TM=3 is not one of 1, 2, 4, 8");
    const bare = { ...SHADER, code: "fn made_up() {}\n" };
    expect(() => withTuning(bare, { TM: 2 })).toThrow('made_up: no line "const TM: u32 = …"');
  });
});

describe("the Params block", () => {
  test("holds fields of four bytes in declared order, padded to 16", () => {
    const { params } = specialize(madeUp(), {}, undefined, false);
    const view = new DataView(params!);
    expect(view.byteLength).toBe(32);
    expect([view.getUint32(0, true), view.getInt32(4, true)]).toEqual([48, -3]);
    expect([view.getFloat32(8, true), view.getUint32(12, true)]).toEqual([0.5, 9]);
    expect([16, 20, 24, 28].map((at) => view.getUint32(at, true))).toEqual([0, 0, 0, 0]);
  });

  test("refuses what a field does not hold, by name", () => {
    const packed = (params: Record<string, number>) => (): unknown =>
      specialize(madeUp({}, { ...PARAMS, ...params }), {}, undefined, false);
    expect(packed({ in_h: NaN })).toThrow("made_up: params.in_h is NaN, expected u32");
    expect(packed({ in_h: -1 })).toThrow("made_up: params.in_h is -1, expected u32");
    expect(packed({ in_h: 2.5 })).toThrow("made_up: params.in_h is 2.5, expected u32");
    expect(packed({ in_h: 2 ** 32 })).toThrow("made_up: params.in_h is 4294967296, expected u32");
    expect(packed({ shift: 2 ** 31 })).toThrow("made_up: params.shift is 2147483648, expected i32");
    expect(packed({ scale: NaN })).toThrow("made_up: params.scale is NaN, expected f32");
    const { scale, ...rest } = PARAMS;
    expect(scale).toBe(0.5);
    expect(() => specialize(madeUp({}, rest), {}, undefined, false)).toThrow(
      "made_up: params.scale is undefined, expected f32",
    );
  });

  test("a shader without Params has none", () => {
    const bare = madeUp({ shader: { ...SHADER, params: [] } }, {});
    const { params, source } = specialize(bare, {}, undefined, true);
    expect(params).toBeNull();
    expect(source.layout[0]).toBe("read-only-storage");
  });
});

test("grids fold into y where x takes no more", () => {
  expect(foldGrid(0)).toEqual([0, 1, 1]);
  expect(foldGrid(65_535)).toEqual([65_535, 1, 1]);
  expect(foldGrid(65_536)).toEqual([65_535, 2, 1]);
  expect(foldGrid(200_000)).toEqual([65_535, 4, 1]);
});

describe("variants", () => {
  const software: AdapterFacts = { ...NO_ADAPTER, software: true };
  const subgroups: AdapterFacts = { ...NO_ADAPTER, features: new Set(["subgroups"]) };
  const wanting = (features: string[], changes: Partial<AnyKernel> = {}): AnyKernel =>
    madeUp({ shader: { ...SHADER, features }, ...changes });

  test("the first that the adapter and the problem can run is taken, else the base", () => {
    const quick = wanting(["subgroups"]);
    const soft = madeUp({ suits: onSoftware });
    const base = madeUp({ variants: () => [quick, soft] });
    expect(chooseVariant(base, subgroups, {}, undefined)).toBe(quick);
    expect(chooseVariant(base, software, {}, undefined)).toBe(soft);
    expect(chooseVariant(base, NO_ADAPTER, {}, undefined)).toBe(base);
    expect(chooseVariant(activation, NO_ADAPTER, { x: [3] }, undefined)).toBe(activation);
  });

  test("a variant sees shapes and attributes", () => {
    const even = madeUp({
      runs: (_, shapes: Record<string, Shape>) => shapes["x"][0] % 2 === 0,
    });
    const base = madeUp({ variants: () => [even] });
    expect(chooseVariant(base, NO_ADAPTER, { x: [4] }, undefined)).toBe(even);
    expect(chooseVariant(base, NO_ADAPTER, { x: [5] }, undefined)).toBe(base);
  });

  test("shapes are frozen where compiling is cheap", () => {
    expect([freezesShapes(NO_ADAPTER), freezesShapes(software)]).toEqual([true, false]);
  });
});
