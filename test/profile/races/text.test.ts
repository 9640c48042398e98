// A shader with most forms of WGSL: types, pointers, statements and expressions. All of its accesses
// are followed, and one changed index gives its races.
import { expect, test } from "vitest";
import type { RaceCheck } from "../../../src/measure/race_check.ts";
import { resolveProblem } from "../../../src/profile/outside/problem.ts";
import { checkRaces } from "../../../src/profile/races/races.ts";
import { gpu } from "../../support/gpu.ts";

const TEXT = `diagnostic(off, derivative_uniformity);
@id(3) override WG: u32 = 32;
alias V = vec3<f32>;
alias Row = array<V, 4>;
struct Item { @size(32) a: V, @align(16) b: array<i32, 5>, c: atomic<u32>, m: mat3x2<f32>, }
struct Out { count: u32, inner: Item2, items: array<Item2>, }
struct Item2 { p: vec2i, q: f32, }
@group(1) @binding(7) var<storage, read_write> y : Out;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(0) var<storage, read_write> z: array<vec4<f32>>;
const N = (2u * (3u + 1u)) << 1u;
var<workgroup> rows: array<Row, N>;
var<workgroup> items : array<Item, 32>;
var<workgroup> u: array<u32, WG>;
var<workgroup> box: vec4f;
@must_use fn id(v: u32) -> u32 { return v; }
fn deep(p: ptr<workgroup, Item>, i: u32,) -> f32 {
  let q = &(*p).b;
  (*q)[i % 5] -= i32(1);
  p.a.y += 1.0; // p.a
  let m = &p.m; (*m)[2][0] += (*p).a.zyx.yx.x;
  (*m)[1][0] = f32((*q)[0]) + deeper(&p.b);
  return (*m)[1].x + p.m[2].y;
}
fn deeper(a: ptr<workgroup, array<i32, 5>>) -> f32 {
  let r: ptr<workgroup, i32> = &(*a)[2];
  *r += 3;
  (*r)++;
  return f32(*r);
}
fn store(o: ptr<storage, Out, read_write>, k: u32) {
  if k < arrayLength(&o.items) { (*o).items[k].q = 1; o.items[k].p.y = 2; }
  let it = &o.items;
  (*it)[k].p.x = i32(arrayLength(it));
}
fn nothing() { }
fn fold(a: f32, b: f32, c: vec3<bool>) -> f32 { return select(a, b, any(c)); }
@compute @workgroup_size(WG, 1, 1)
fn main(
  @builtin(local_invocation_index) i : u32, // the
  @builtin(global_invocation_id) g: vec3<u32>,
) {
  u[ i ]
    = id(i) + 0x1Fu + u32(0x1.8p1f) + u32(1e3);
  u[i] <<= 1u; u[i] = ~u[i]; u[id(u[i] * 0 + i)] |= 3;
  var v: array<vec2<f32>, 2>= array<vec2<f32>, 2>(vec2(x[i]), vec2f(f32(u[i]), 1));
  if (u[i] >= 3u) || (u[i] < 1) { v[1].x = -(v[0].y); } else if u[i]==7 { nothing(); } else { v[0] *= 2; }
  if i < N { rows[i][1] = V(1, 2, 3); rows[i][u[i] % 2 * 0].z = array<f32, 3>(rows[i][1].x, rows[i][1].y, 5)[2]; }
  v[0].x += deep(&items[i], i) + fold(v[0].x, v[1].y, vec3<bool>(i < N, (N > i), true));
  let t = items[i].b; var s = 0; for (var k: i32 = 0; k < 5; k += 1) { s += t[k]; }
  switch s { case default, 1: { items[i].b[0]--; } case 2, {  } case 3: { u[i] %= 3; } }
  for (var k = 0u; k < 2u && u[i] > k; k = k + 1u) { switch i { default { continue; } } }
  loop { if s > 0 { break; } s++; continuing { } }
  if i == 0 { box = vec4f(v[0], v[1]); box.x *= 2; box[3] = box.y; } workgroupBarrier();
  let all = box; let b = &box; z[g.x].w = all.x + (*b).y + b.z; z[g.x].x = f32(atomicLoad(&items[i].c));
  store(&y, g.x);
  if g.x == 0 { y.count += 1; y.inner.p = vec2i(1); y.inner.p[1] = 5; }
  storageBarrier();
}
`;

async function check(code: string): Promise<RaceCheck> {
  const shape = { shape: [64] };
  const settings = { grid: [2], buffers: { x: shape, y: shape, z: shape } };
  return await checkRaces(gpu, resolveProblem("t.wgsl", code, settings), {});
}

test("a correct text has no races", async () => {
  expect(await check(TEXT)).toEqual({ races: [], workgroups: 2, of_workgroups: 2, notes: [] });
});

test.each([
  [
    "deep(&items[i], i)",
    "deep(&items[i / 2], i)",
    "RACE: workgroup items[0].m[2].x: invocation 0 updated at t.wgsl:21, invocation 1 updated at :21, no barrier between",
  ],
  [
    "store(&y, g.x)",
    "store(&y, g.x % 32)",
    "RACE: storage y.items[0].p.x: invocation 0 of workgroup (0, 0, 0) wrote at t.wgsl:34, invocation 0 of workgroup (1, 0, 0) wrote at :34, nothing orders two workgroups of a dispatch",
  ],
  [
    "if i == 0 { box",
    "if i < 2 { box",
    "RACE: workgroup box.y: invocation 1 wrote at t.wgsl:54, invocation 0 read at :54, no barrier between",
  ],
  [
    "rows[i][u[i] % 2 * 0]",
    "rows[i & 1][u[i] % 2 * 0]",
    "RACE: workgroup rows[0][0].z: invocation 0 wrote at t.wgsl:48, invocation 2 wrote at :48, no barrier between",
  ],
])("with %s as %s", async (from, to, wanted) => {
  const { races, notes } = await check(TEXT.replace(from, to));
  expect([races.map(({ text }) => text), notes]).toEqual([expect.arrayContaining([wanted]), []]);
});
