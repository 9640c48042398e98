// What is cut out of Dawn's dumps, and overrides in a text; the dumps here are as Dawn writes them.
import { expect, test } from "vitest";
import {
  dumpedForms,
  dumpedSection,
  resolvedWgsl,
} from "../../../src/profile/kernel/compiler_text.ts";

const SHADERS = `adapter: one
info:
// Dumped WGSL:

fn gemm() {}
info:
/* Dumped SPIRV disassembly */
; SPIR-V
               OpEntryPoint GLCompute %other "dawn_entry_point" %1
info:
// Dumped WGSL:

fn gemm() {}
info:
/* Dumped SPIRV disassembly */
; SPIR-V
               OpEntryPoint GLCompute %gemm "dawn_entry_point" %1
               OpFunctionEnd
info:
// Dumped WGSL:
`;
const rule = "=".repeat(57);
const TINT = `${rule}
== IR dump before wgsl.Lower:
${rule}
%gemm = @compute @workgroup_size(%WG, 1u, 1u) func():void {
  $B1: { first }
}
${rule}
== IR dump :
${rule}
%gemm = @compute @workgroup_size(8u, 1u, 1u) func():void {
  $B1: { last }
}
`;

test("the SPIR-V is that of the kernel, without what was written before and after", () => {
  expect(dumpedSection(SHADERS, "spirv", "gemm")).toBe(
    '; SPIR-V\n               OpEntryPoint GLCompute %gemm "dawn_entry_point" %1\n               OpFunctionEnd\n',
  );
});

test("Tint's program is the one after every lowering", () => {
  expect(dumpedSection(TINT, "tint", "gemm")).toBe(
    "%gemm = @compute @workgroup_size(8u, 1u, 1u) func():void {\n  $B1: { last }\n}\n",
  );
});

test("a dump without the form says which it has", () => {
  const metal = "info:\n/* Dumped MSL */\nkernel void gemm() {}\n";
  expect(dumpedSection(metal, "spirv", "gemm")).toBeNull();
  expect(dumpedForms(metal)).toEqual(["MSL"]);
  expect(dumpedSection("", "tint", "gemm")).toBeNull();
});

test("overrides stand in the text with the values of the pipeline, line by line", () => {
  const code = [
    "override WG: u32 = 64u; // invocations",
    "override FLAG: bool = false;",
    "override SIGN: i32 = 1;",
    "override SCALE: f32 = 0.5;",
    "override KEPT: u32 = 8u;",
    "override DERIVED: u32 = WG * 2u;",
  ].join("\n");
  const constants = { WG: 32, FLAG: 1, SIGN: -2, SCALE: 3 };
  expect(resolvedWgsl({ name: "one", code, layout: [], constants }).split("\n")).toEqual([
    "override WG: u32 = 32u; // invocations",
    "override FLAG: bool = true;",
    "override SIGN: i32 = -2;",
    "override SCALE: f32 = 3.0;",
    "override KEPT: u32 = 8u;",
    "override DERIVED: u32 = WG * 2u;",
  ]);
});
