// What is read from the text of a shader from anywhere: declarations in any order and style, and the
// layout of types in memory by the rules of WGSL.
import { expect, test } from "vitest";
import {
  isRead,
  reachedText,
  readDeclarations,
} from "../../../src/profile/outside/declarations.ts";
import { evaluate } from "../../../src/profile/outside/expression.ts";
import { layoutOf, type TypeNames } from "../../../src/profile/outside/layout.ts";
import { halfBits } from "../../../src/profile/outside/numbers.ts";
import { resolveProblem } from "../../../src/profile/outside/problem.ts";
import { widenHalf } from "../../../src/tensor/half.ts";

const TEXT = `
enable f16; // and @binding(9) in a comment
requires readonly_and_readwrite_storage_textures;
diagnostic(off, derivative_uniformity);
alias V = vec3f;
const N = 4 * 2u;
const TABLE = array<u32, 3>(1, 2, 3);
const_assert N > 2;
@id(7) override WG: u32 = 64;
override TWO = WG * 2u;
override FLAG: bool = true;
override NEEDED: u32;
/* @compute fn no() {} /* nested */ */
struct Inner { a: vec3f, b: f32 }
struct P { n: u32, s: f32, m: mat3x3<f32>, i: Inner, k: array<vec4u, N>, @align(16) h: vec2<f16>, }
struct Tail { count: atomic<u32>, data: array<Inner> };
@group(0) @binding(3) var<uniform> p: P;
@group(1) @binding(0)
var<storage> x: array<V>;
@binding(2) @group(1) var<storage, read_write> y: array<vec3<f32>>;
@binding(1) @group(0) var<storage, read_write> tail: Tail;
@group(0) @binding(0) var<storage, read_write> whole: array<u32, 16>;
var<workgroup> tile: array<array<f32, WG>, 2>;
var<private> q: u32;
fn helper(a: ptr<storage, array<V>, read>) -> u32 { return arrayLength(a); }
@compute @workgroup_size(WG, N)
fn main(@builtin(global_invocation_id) gid: vec3u, @builtin(subgroup_size) sg: u32) {
  let i = gid.x; if (i >= arrayLength(&y)) { return; }
  loop { if i > 3 { break; } continuing { } }
  switch i { case 1, 2: {} case default: {} }
  y[i] = x[i % N] * p.s; tail.count = 0; whole[gid.y] += 1;
}
@workgroup_size(8, 8,) @compute fn other() {}
`;

test("reads declarations of every style", () => {
  const found = readDeclarations("t.wgsl", TEXT);
  expect(
    found.buffers.map(({ name, group, binding, space }) => [name, group, binding, space]),
  ).toEqual([
    ["p", 0, 3, "uniform"],
    ["x", 1, 0, "read"],
    ["y", 1, 2, "read_write"],
    ["tail", 0, 1, "read_write"],
    ["whole", 0, 0, "read_write"],
  ]);
  expect(found.overrides.map(({ name, key, type, value }) => [name, key, type, value])).toEqual([
    ["WG", "7", "u32", "64"],
    ["TWO", "TWO", "i32", "WG * 2u"],
    ["FLAG", "FLAG", "bool", "true"],
    ["NEEDED", "NEEDED", "u32", null],
  ]);
  expect(found.entries).toEqual([
    { name: "main", workgroup: ["WG", "N"], axes: 2 },
    { name: "other", workgroup: ["8", "8"], axes: 1 },
  ]);
  expect(found.shared).toEqual([{ name: "tile", type: "array<array<f32, WG>, 2>" }]);
  const text = reachedText(found.functions, "main");
  expect(isRead(text, "y")).toBe(false);
  expect(isRead(text, "whole")).toBe(true);
});

test("a resource that is no buffer is refused with its line", () => {
  const text =
    "@group(0) @binding(0) var t: texture_2d<f32>;\n@compute @workgroup_size(1) fn main() {}";
  expect(() => readDeclarations("t.wgsl", text)).toThrow("t.wgsl:1: t is a texture or sampler");
  expect(() => readDeclarations("t.wgsl", "fn f() {}")).toThrow("t.wgsl: no compute entry point");
});

test("types lie in memory as WGSL says", () => {
  const { structs, aliases } = readDeclarations("t.wgsl", TEXT);
  const names: TypeNames = { structs, aliases, values: (name) => (name === "N" ? 8 : undefined) };
  const p = layoutOf("P", names, "p");
  expect([p.size, p.align, p.array]).toEqual([224, 16, null]);
  const at = (path: string): number | undefined =>
    p.leaves.find((leaf) => leaf.path === path)?.offset;
  expect(["n", "s", "m.0.x", "m.2.z", "i.a.y", "i.b", "k.1.w", "h.y"].map(at)).toEqual([
    0, 4, 16, 56, 68, 76, 108, 210,
  ]);
  const tail = layoutOf("Tail", names, "tail");
  expect(tail.array).toMatchObject({ offset: 16, stride: 16, count: null });
  expect(tail.array!.leaves).toHaveLength(4);
  expect(layoutOf("array<vec3f>", names, "x").array!.stride).toBe(16);
  expect(layoutOf("array<f16, N / 3>", names, "x").array).toMatchObject({ stride: 2, count: 2 });
  expect(() => layoutOf("array<bool>", names, "x")).toThrow("x: a buffer of type bool");
});

test("expressions", () => {
  const names = (name: string): number | undefined => ({ n: 7, WG: 2, "x.length": 5 })[name];
  const value = (text: string): number => evaluate(text, names, "t");
  expect(value("ceil(n / WG) + 2 * (x.length - 1)")).toBe(12);
  expect(value("-n + 1e1")).toBe(3);
  expect(evaluate("n / WG", names, "t", { wgsl: true })).toBe(3);
  expect(evaluate("0x1Fu << 1u", names, "t", { wgsl: true })).toBe(62);
  expect(() => value("m * 2")).toThrow('t: "m * 2": m has no value');
  expect(() => value("n +")).toThrow("it ends too early");
  expect(() => value("n ; 1")).toThrow(/t: "n ; 1"/);
  expect(() => value("process(1)")).toThrow("no function process");
  expect(() => value("toString(1)")).toThrow("no function toString");
  expect(() => value("n / 0")).toThrow("is Infinity");
});

test("halves round to even and keep their edges", () => {
  const values = [0, -0, 1, 0.1, 65504, 65519, 65520, 2 ** -24, 2 ** -25, 6.1e-5, 6.11e-5, -1.5];
  const back = values.map((value) => widenHalf(Uint16Array.of(halfBits(value)))[0]);
  expect(
    back.map((value, i) => Math.abs(value - values[i]) <= Math.abs(values[i]) * 2 ** -11),
  ).toEqual([true, true, true, true, true, true, false, true, false, true, true, true]);
  expect(back[6]).toBe(Infinity);
  expect(back[8]).toBe(0);
});

test("what is not said is assumed, and the grid follows the workgroup", () => {
  const settings = { entry: "main", values: { n: 100 }, overrides: { WG: 32 } };
  const found = resolveProblem("t.wgsl", TEXT, settings);
  expect(found.numbers).toMatchObject({ n: 100, WG: 32, TWO: 64, NEEDED: 512, s: 1.5 });
  expect(found.workgroup).toEqual([32, 8, 1]);
  expect(found.constants).toEqual({ 7: 32, NEEDED: 512 });
  expect(found.assumed).toContain("NEEDED = 512");
  expect(found.assumed.join()).not.toContain("n = 100");
});

test("a struct may have a member that is called length", () => {
  const text = `struct P { length: u32, n: u32 }
@group(0) @binding(0) var<uniform> p: P;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main() { y[p.n] = f32(p.length); }`;
  const settings = { values: { "p.length": 7, n: 3 }, buffers: { y: { shape: [9] } } };
  const { buffers, numbers } = resolveProblem("t.wgsl", text, settings);
  expect(buffers[0].head).toEqual([7, 3]);
  expect(numbers["y.length"]).toBe(9);
});

test("settings that the text does not have are refused with what it has", () => {
  const fail = (settings: object): (() => unknown) => {
    return () => resolveProblem("t.wgsl", TEXT, { entry: "main", ...settings });
  };
  expect(fail({ entry: "nothing" })).toThrow("no entry point nothing; it has main, other");
  expect(() => resolveProblem("t.wgsl", TEXT, {})).toThrow("choose one with --entry: main, other");
  expect(fail({ values: { m: 1, q: 2 } })).not.toThrow("no number m"); // m is a matrix
  expect(fail({ values: { nothing: 1 } })).toThrow("no number nothing; it has n, s");
  expect(fail({ buffers: { z: {} } })).toThrow("no buffer z; it has p, x, y, tail, whole");
  expect(fail({ buffers: { whole: { shape: [3] } } })).toThrow("whole has an array of 16 elements");
  expect(fail({ buffers: { x: { access: "inout" } } })).toThrow("x is read-only");
  expect(fail({ overrides: { X: 1 } })).toThrow("no override X; it has WG, TWO");
  expect(fail({ values: { n: "s", s: "n" } })).toThrow("depends on itself");
  expect(fail({ grid: ["n / WG"], values: { n: 100 } })).not.toThrow();
  expect(fail({ flops: "2 * m.x" })).toThrow(/m\.x has no value; known are .*WG, .*x\.length/);
  expect(fail({ grid: [70000] })).toThrow("at most 65535 along an axis");
});
