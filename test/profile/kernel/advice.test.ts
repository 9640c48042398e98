// The advice of a profile: facts read from texts, and one line for each bound.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Roofline } from "../../../src/measure/roofline.ts";
import { adviceLines, adviceOn } from "../../../src/profile/kernel/advice.ts";
import { shaderFacts, type ShaderFacts } from "../../../src/profile/kernel/shader_facts.ts";

const TEXT = `
override WG: u32 = 64;
const TILE = 16u;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
var<workgroup> tile: array<array<f32, TILE>, 2>;
var<workgroup> unused: array<f32, 1000>;
fn index(i: u32, n: u32) -> u32 { return i % n; }
@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  tile[0][i % TILE] = x[i * TILE + 1u];
  for (var k = 0u; k < 4u; k++) {
    workgroupBarrier();
    y[i] += tile[0][k] / f32(k) + x[index(i, k)] + x[k / WG];
  }
  workgroupBarrier();
}
`;
const DISPATCHED = { code: TEXT, entry: "main", constants: { WG: 128 }, grid: [6, 1, 1] as const };

test("facts of a text", () => {
  expect(shaderFacts(DISPATCHED)).toEqual({
    workgroups: 6,
    invocations: 128,
    workgroup_bytes: 128,
    barriers: 2,
    looped_barriers: 1,
    looped_divisions: 1,
    divisions: 3,
    strided: "x[i * TILE + 1u]",
    has_scalar_loads: true,
  } satisfies ShaderFacts);
});

test("every shader of the repository has facts", () => {
  for (const file of readdirSync("shaders").filter((name) => name.endsWith(".wgsl"))) {
    const code = readFileSync(`shaders/${file}`, "utf8");
    const entry = file.replace(/\.wgsl$/, "");
    const facts = shaderFacts({ code, entry, constants: {}, grid: [1, 1, 1] });
    expect(facts.invocations, file).toBeGreaterThan(0);
    expect(facts.workgroup_bytes, file).not.toBeNull();
  }
});

const FACTS: ShaderFacts = {
  workgroups: 1000,
  invocations: 64,
  workgroup_bytes: 0,
  barriers: 0,
  looped_barriers: 0,
  looped_divisions: 0,
  divisions: 0,
  strided: null,
  has_scalar_loads: false,
};
const GPU = { software: false, cores: 8, workgroup_storage_bytes: 32768 };

function roofline(bound: Roofline["bound"], memory_share: number, compute_share = 0): Roofline {
  const share = bound === "launch" ? null : Math.max(memory_share, compute_share);
  const rates = { gflops: 1, gbytes: 1, ceiling_gbytes: 1, ceiling_bytes: 1 };
  return { ...rates, bound, share, memory_share, compute_share };
}

test.each<[Roofline, Partial<ShaderFacts>, RegExp]>([
  [roofline("launch", 0), {}, /little more than an empty dispatch/],
  [roofline("memory", 0.9), {}, /only fewer bytes help/],
  [roofline("memory", 0.4), { has_scalar_loads: true }, /take 40 %.*vec4 loads/],
  [roofline("memory", 0.4), { strided: "x[i * n]" }, /x\[i \* n\]: neighbouring/],
  [roofline("compute", 0, 0.8), {}, /only fewer operations help/],
  [roofline("compute", 0, 0.5), { looped_divisions: 3 }, /3 integer divisions inside of loops/],
  [roofline("latency", 0.1), { workgroups: 6 }, /only 6 workgroups for a GPU/],
  [roofline("latency", 0.1), { invocations: 10 }, /10 invocations leave 22 of 32 lanes idle/],
  [
    roofline("latency", 0.1),
    { workgroup_bytes: 20000 },
    /20000 of 32768 bytes of workgroup memory/,
  ],
  [roofline("latency", 0.1), { looped_barriers: 1 }, /1 barrier in each turn/],
  [roofline("latency", 0.1), {}, /the text shows no cause/],
])("advice %#", (place, facts, wanted) => {
  expect(adviceOn(place, { ...FACTS, ...facts }, GPU)).toMatch(wanted);
});

test("software adapters count cores, not lanes or workgroup memory", () => {
  const facts = { ...FACTS, workgroups: 2, invocations: 10, workgroup_bytes: 20000 };
  const software = { ...GPU, software: true };
  expect(adviceOn(roofline("latency", 0.1), facts, software)).toMatch(/2 workgroups for 8 cores/);
  const enough = { ...facts, workgroups: 8 };
  expect(adviceOn(roofline("latency", 0.1), enough, software)).toMatch(/shows no cause/);
});

test("rows of one kernel share a line", () => {
  const row = { kernel: "k", advice: "do this", roofline: roofline("latency", 0.1) };
  const rows = [
    { ...row, case: "a" },
    { ...row, case: "b" },
    { ...row, kernel: "m", case: "c" },
  ] as unknown as Parameters<typeof adviceLines>[0]["rows"];
  expect(adviceLines({ rows })).toEqual([
    "k, 2 rows, bound by latency: do this",
    "m, bound by latency: do this",
  ]);
});
