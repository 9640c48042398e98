// Matrices that a subgroup loads and stores as a whole: their elements are followed too.
import { describe, expect, test } from "vitest";
import type { TypeNames } from "../../../src/profile/outside/layout.ts";
import { resolveProblem } from "../../../src/profile/outside/problem.ts";
import { instrument } from "../../../src/profile/races/instrument.ts";
import { matrixSize } from "../../../src/profile/races/matrices.ts";
import { checkRaces } from "../../../src/profile/races/races.ts";
import { gpu } from "../../support/gpu.ts";

const TEXT = `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
const M = 8u;
var<workgroup> a: array<f16, M * 10>;
var<workgroup> sums: array<f32, 64>;
alias Left = subgroup_matrix_left<f16, M, 8>;
alias Sum = subgroup_matrix_result<f32, 8, M>;
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) i: u32) {
  for (var k = 0u; k < M; k++) { a[i * 10 + k] = f16(k); }
  workgroupBarrier();
  let left = subgroupMatrixLoad<Left, row_major>(&a, 0, 10);
  let right = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, M>, col_major>(&a, 0, 10);
  subgroupMatrixStore<row_major>(&sums, 0, subgroupMatrixMultiplyAccumulate(left, right, Sum()), M);
  workgroupBarrier();
  y[i] = sums[8 * i];
}
`;
const names: TypeNames = {
  structs: new Map(),
  aliases: new Map([["Left", "subgroup_matrix_left<f16, K, 16>"]]),
  values: (name) => (name === "K" ? 8 : undefined),
};

test("the size of a matrix follows from its type and order", () => {
  const result = "var x: subgroup_matrix_result<f32, 4, 8>;";
  const size = (call: string, parts: string, bare: string): unknown =>
    matrixSize(call, parts, bare, names);
  const load = "subgroupMatrixLoad";
  expect(size(load, "Left, row_major", "")).toEqual({ lines: 16, width: 8 });
  expect(size(load, "Left, col_major", "")).toEqual({ lines: 8, width: 16 });
  expect(size(load, "Other, row_major", "")).toBeNull();
  expect(size("subgroupMatrixStore", "row_major", result)).toEqual({ lines: 8, width: 4 });
  expect(size("subgroupMatrixStore", "row_major", "")).toBeNull();
});

test("a call that cannot be followed is told", () => {
  const settings = { grid: [1], buffers: { y: { shape: [8] } } };
  const followed = instrument(resolveProblem("t.wgsl", TEXT, settings));
  expect(followed.unfollowed).toEqual([]);
  const other = TEXT.replace("Left, row_major>(&a, 0, 10)", "Left, row_major>(&a, 0, pitch())");
  expect(instrument(resolveProblem("t.wgsl", other, settings)).unfollowed).toEqual([
    "t.wgsl:14: what subgroupMatrixLoad does with memory is not followed",
  ]);
});

const hasMatrices = gpu.facts.features.has("chromium-experimental-subgroup-matrix");
describe.skipIf(!hasMatrices || gpu.facts.subgroup_size !== 8)("on subgroups of 8", () => {
  const races = async (text: string): Promise<string> => {
    const settings = { grid: [1], buffers: { y: { shape: [8] } } };
    const found = await checkRaces(gpu, resolveProblem("t.wgsl", text, settings), {});
    expect(found.notes).toEqual([]);
    return found.races.map(({ text: one }) => one).join("\n");
  };

  test("matrices between barriers are no race", async () => {
    expect(await races(TEXT)).toBe("");
  });

  test("a barrier is missing before the load, or behind the store", async () => {
    const [before, load, behind] = TEXT.split("workgroupBarrier();");
    expect(await races(`${before}${load}workgroupBarrier();${behind}`)).toContain(
      "RACE: workgroup a[10]: invocation 1 wrote at t.wgsl:12, invocation 0 read at :14, no barrier",
    );
    expect(await races(`${before}workgroupBarrier();${load}${behind}`)).toMatch(
      /RACE: workgroup sums\[\d+\]: invocation 0 wrote at t\.wgsl:16, invocation \d read at :18/,
    );
  });
});
