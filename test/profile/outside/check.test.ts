// The check of a shader from anywhere: what it finds with and without a reference, and that correct
// shaders of several kinds pass.
import { describe, expect, test } from "vitest";
import { checkOutside, type OutsideCheck } from "../../../src/profile/outside/check.ts";
import { startNumbers, type Numbers } from "../../../src/profile/outside/numbers.ts";
import { resolveProblem } from "../../../src/profile/outside/problem.ts";
import type { Expected } from "../../../src/profile/outside/reference.ts";
import type { ShaderSettings } from "../../../src/profile/outside/settings.ts";
import { gpu } from "../../support/gpu.ts";

const N = 1000;
const SETTINGS: ShaderSettings = { buffers: { x: { shape: [N] }, y: { shape: [N] } } };

/** y of x, with `guard` before `body`, which sees i and n. */
function shader(body: string, guard = "if i >= n { return; }", type = "f32"): string {
  return `
@group(0) @binding(0) var<storage, read> x: array<${type}>;
@group(0) @binding(1) var<storage, read_write> y: array<${type}>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  let n = arrayLength(&y);
  ${guard}
  ${body}
}
`;
}

type Reference = (start: Readonly<Record<string, Numbers>>) => Expected;

async function check(
  code: string,
  reference: Reference | null = null,
  settings: ShaderSettings = SETTINGS,
): Promise<OutsideCheck> {
  const problem = resolveProblem("t.wgsl", code, settings);
  const start: Record<string, Numbers> = {};
  for (const buffer of problem.buffers) {
    if (buffer.access === "input" || buffer.access === "inout") {
      start[buffer.name] = startNumbers(buffer, {}, null);
    }
  }
  const before = gpu.memory.live_bytes;
  const found = await checkOutside(gpu, problem, start, reference?.(start) ?? null);
  expect(gpu.memory.live_bytes).toBe(before);
  return found;
}

const twice: Reference = ({ x }) => ({ y: Float64Array.from(x, (value) => 2 * value) });

describe("correct shaders pass", () => {
  test("with a guard by arrayLength", async () => {
    expect(await check(shader("y[i] = 2 * x[i];"), twice)).toEqual({ error: "", notes: [] });
  });

  test("whole numbers are compared exactly", async () => {
    const code = shader("y[i] = 2 * x[i] + 4000000001u;", undefined, "u32");
    const add = (by: number): Reference => {
      return ({ x }) => ({ y: Float64Array.from(x, (value) => 2 * value + 4000000000 + by) });
    };
    expect((await check(code, add(1))).error).toBe("");
    expect((await check(code, add(2))).error).toMatch(/y: 1000 of 1000 numbers differ/);
  });

  test("vectors of three, structs, several groups and in-place sums", async () => {
    const code = `
struct Params { scale: vec3f, count: u32 }
struct Item { id: u32, at: vec3f }
@group(2) @binding(1) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> items: array<Item>;
@group(1) @binding(0) var<storage, read_write> sums: array<vec3f>;
@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= params.count || i >= arrayLength(&(sums))) { return; }
  sums[i] += params.scale * items[i].at + f32(items[i].id);
}`;
    const settings: ShaderSettings = {
      values: { count: 77, scale: [1, 2, 3] },
    };
    const sums: Reference = ({ items, sums: before }) => ({
      sums: Float64Array.from(before, (value, at) => {
        const [i, axis] = [Math.floor(at / 3), at % 3];
        return value + (axis + 1) * items[4 * i + 1 + axis] + items[4 * i];
      }),
    });
    expect(await check(code, sums, settings)).toEqual({ error: "", notes: [] });
  });
});

describe("what is found without a reference", () => {
  const found = async (code: string): Promise<string> => (await check(code)).error;

  test.each([
    ["one past the end", "y[i] = x[i]; if i == 3 { y[n] = 1; }"],
    ["100 past the end", "y[i] = x[i]; if i == 3 { y[n + 100] = 1; }"],
    ["a million past the end", "y[i] = x[i]; if i == 3 { y[n + 1000000] = 1; }"],
    ["at -1", "y[i] = x[i]; if i == 0 { y[i - 1] = 1; }"],
  ])("a store %s", async (_, body) => {
    expect(await found(shader(body))).toMatch(/writes past the end of y, or far outside of it/);
  });

  test("a missing guard", async () => {
    expect(await found(shader("y[i] = x[i];", ""))).toMatch(/writes past the end of y/);
  });

  test("a read past the end, even times 0", async () => {
    const code = shader("y[i] = x[i] + 0.0 * x[i + 1];");
    expect(await found(code)).toMatch(/y depends on numbers outside of the inputs/);
  });

  test("entry points may share a place", async () => {
    const code = `
@group(0) @binding(0) var<storage, read_write> a: array<f32>;
@group(0) @binding(0) var<storage, read_write> b: array<u32>;
fn put(i: u32) { b[i] = i; }
@compute @workgroup_size(64) fn first(@builtin(global_invocation_id) id: vec3u) {
  if id.x < arrayLength(&a) { a[id.x] = 1.0; }
}
@compute @workgroup_size(64) fn second(@builtin(global_invocation_id) id: vec3u) {
  if id.x < arrayLength(&b) { put(id.x); }
}`;
    const index: Reference = () => ({ b: Float64Array.from({ length: 70 }, (_, i) => i) });
    const settings: ShaderSettings = { entry: "second", buffers: { b: { shape: [70] } } };
    expect(await check(code, index, settings)).toEqual({ error: "", notes: [] });
  });

  test("an output that depends on what it held", async () => {
    const code = shader("let p = &y; y[i] = x[i] + (*p)[i] * 0.;");
    const settings: ShaderSettings = {
      buffers: { ...SETTINGS.buffers, y: { shape: [N], access: "output" } },
    };
    const { error } = await check(code, null, settings);
    expect(error).toMatch(/y depends on what an output held before the run/);
  });

  test("elements that nobody writes are a note", async () => {
    const { error, notes } = await check(shader("if i != 5 { y[i] = x[i]; }"));
    expect(error).toBe("");
    expect(notes).toEqual(["y: 1 of 1000 words were never written"]);
  });

  test("a compile error has its line and a caret", async () => {
    const error = await found(shader("y[i] = z[i];"));
    expect(error).toMatch(/^t\.wgsl:9:10 error: .*\n 9 \| {3}y\[i\] = z\[i\];\n {3}\| {10}\^$/);
  });

  test("the length of a pointer keeps the buffers at their own length", async () => {
    const code = `
fn count(p: ptr<storage, array<f32>, read_write>) -> u32 { return arrayLength(p); }
${shader("y[i] = x[i];", "if i >= count(&y) { return; }")}`;
    expect(await found(code)).toBe("");
  });
});

describe("what a reference finds", () => {
  test("a wrong sign", async () => {
    const { error } = await check(shader("y[i] = -2 * x[i];"), twice);
    expect(error).toMatch(
      /^t\.wgsl, x\[1000\] y\[1000\]: y: 1000 of 1000 numbers differ; worst at \[/,
    );
  });

  test("a number that is NaN, and one that was never written", async () => {
    const { error } = await check(shader("if i != 5 { y[i] = 2 * x[i]; }"), twice);
    expect(error).toMatch(/y: 1 of 1000 numbers differ; worst at \[5\] of \[1000\]: got -999/);
  });
});
