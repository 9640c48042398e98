// The mapping that an adapter gets by rule is told with its reason.
import { expect, test } from "vitest";
import { mappingsByRule } from "../../src/cli/doctor.ts";
import { mappingLine } from "../../src/engine/mapping_reason.ts";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import { LAVAPIPE, NVIDIA, SWIFTSHADER } from "../support/adapters.ts";

/** The line of one family on an adapter. */
function line(facts: AdapterFacts, family: string): string {
  const found = mappingsByRule(facts).find((mapping) => mapping.family === family);
  return mappingLine(found!);
}

/** A software adapter whose subgroups have several widths. */
const SEVERAL = { ...LAVAPIPE, subgroup_size: 0, subgroup_min_size: 32, subgroup_max_size: 64 };
const CONTROLLED = {
  ...SEVERAL,
  features: new Set([...SEVERAL.features, "subgroup-size-control"]),
};
const MISSING = "the width is not fixed (32 to 64) and subgroup-size-control is missing";

test.each<[string, AdapterFacts, string, string]>([
  ["one width", LAVAPIPE, "gemm", "gemm: subgroup (8 lanes, fixed width)"],
  ["another width", SWIFTSHADER, "bin_head", "bin_head: subgroup (4 lanes, fixed width)"],
  ["several widths", SEVERAL, "gemm", `gemm: register, because ${MISSING}`],
  ["several widths, no register form", SEVERAL, "bin_head", `bin_head: base, because ${MISSING}`],
  [
    "a width that the shader sets",
    CONTROLLED,
    "conv2d",
    "conv2d: subgroup (32 lanes, set by subgroup-size-control, from 32 to 64)",
  ],
  [
    "no subgroups",
    { ...LAVAPIPE, features: new Set(["timestamp-query"]) },
    "conv2d_grad_weight",
    "conv2d_grad_weight: register, because there are no subgroups",
  ],
  [
    "a GPU",
    NVIDIA,
    "gemm",
    "gemm: base, because this is a GPU; ringdepth tune also tries subgroup (32 lanes, fixed width)",
  ],
  [
    "no subgroup form",
    LAVAPIPE,
    "bin_decode",
    "bin_decode: rows, because barriers are slow on a software adapter",
  ],
])("%s", (_, facts, family, expected) => {
  expect(line(facts, family)).toBe(expected);
});

test("the mappings on other shapes are told, too", () => {
  const others = (facts: AdapterFacts, family: string): readonly string[] =>
    mappingsByRule(facts).find((mapping) => mapping.family === family)!.others;
  expect(others(LAVAPIPE, "gemm")).toEqual(["outer", "panel", "panels", "vec4"]);
  expect(others(LAVAPIPE, "conv2d")).toContain("panel");
  expect(others(NVIDIA, "gemm")).toEqual([]);
});
