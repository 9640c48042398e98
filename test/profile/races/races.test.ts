// Races that no result shows, each beside a correct shader that does nearly the same.
import { describe, expect, test } from "vitest";
import type { Gpu } from "../../../src/gpu/device.ts";
import type { RaceCheck } from "../../../src/measure/race_check.ts";
import { resolveProblem } from "../../../src/profile/outside/problem.ts";
import type { ShaderSettings } from "../../../src/profile/outside/settings.ts";
import { checkRaces } from "../../../src/profile/races/races.ts";
import { gpu } from "../../support/gpu.ts";

const BUFFERS = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
`;
// line 8 of every text
const ENTRY = `@compute @workgroup_size(32)
fn main(@builtin(local_invocation_index) i: u32, @builtin(workgroup_id) group: vec3u) {
`;
const SETTINGS: ShaderSettings = {
  buffers: { x: { shape: [128] }, y: { shape: [128] } },
  grid: [4],
};

/** A shader whose module scope has `globals` on lines 3 to 7 and whose body begins on line 10. */
function shader(globals: string, body: string): string {
  const padded = globals + "\n".repeat(6 - globals.split("\n").length);
  return `${BUFFERS}${padded}${ENTRY}${body}\n}\n`;
}

async function check(code: string, settings: ShaderSettings = SETTINGS): Promise<RaceCheck> {
  const before = gpu.memory.live_bytes;
  const problem = resolveProblem("t.wgsl", code, settings);
  const found = await checkRaces(gpu, problem, { x: Float64Array.from({ length: 128 }, () => 1) });
  expect(gpu.memory.live_bytes).toBe(before);
  return found;
}

const TILE = "var<workgroup> tile: array<f32, 32>;";
const FLAG = "var<workgroup> flag: u32;";
const FOUR = "var<workgroup> tile: array<vec4f, 32>;";
const STRUCT = `struct Cell { at: vec2u, parts: array<f32, 3> }
struct Tile { head: u32, cells: array<Cell, 16> }
var<workgroup> tile: Tile;`;
const PUT = `fn put(p: ptr<workgroup, array<f32, 32>>, at: u32, v: f32) {
  (*p)[at] = v;
}
${TILE}`;
const ADD = `fn add(p: ptr<storage, array<f32>, read_write>, at: u32) {
  p[at] += 1;
}`;
const LAST = `var<workgroup> other: array<f32, 32>;
fn last(v: f32, i: u32) -> f32 {
  tile[i] = v; workgroupBarrier();
  return tile[31 - i]; }
${TILE}`;

describe("racy shaders", () => {
  test.each([
    [
      "no barrier after staging",
      shader(TILE, "tile[i] = x[i];\n y[group.x * 32 + i] = tile[31 - i];"),
      "RACE: workgroup tile[16]: invocation 16 wrote at t.wgsl:10, invocation 15 read at :11, no barrier between",
    ],
    [
      "a reduction without a barrier in its steps",
      shader(
        TILE,
        `tile[i] = x[i];
workgroupBarrier();
for (var s = 16u; s > 0; s /= 2) {
  if i < s { tile[i] += tile[i + s]; }
}
y[group.x * 32 + i] = f32(i);`,
      ),
      "RACE: workgroup tile[1]: invocation 1 updated at t.wgsl:13, invocation 0 read at :13, no barrier between",
    ],
    [
      "the same value from all",
      shader(FLAG, "flag = 1;"),
      "RACE: workgroup flag: invocation 0 wrote at t.wgsl:10, invocation 1 wrote at :10, no barrier between",
    ],
    [
      "the halo of a neighbour",
      shader(
        TILE,
        `tile[i] = x[i]; workgroupBarrier();
let v = tile[i] + tile[min(i + 1, 31)];
tile[i] = v;`,
      ),
      "RACE: workgroup tile[1]: invocation 1 wrote at t.wgsl:12, invocation 0 read at :11, no barrier between",
    ],
    [
      "a buffer's element from all workgroups",
      shader("", "if i == 0 { y[5] = 1; }"),
      "RACE: storage y[5]: invocation 0 of workgroup (0, 0, 0) wrote at t.wgsl:10, invocation 0 of workgroup (1, 0, 0) wrote at :10, nothing orders two workgroups of a dispatch",
    ],
    [
      "neighbouring workgroups in a buffer",
      shader("", "let at = group.x * 32 + i;\nlet left = y[max(at, 1) - 1];\ny[at] = left;"),
      "RACE: storage y[31]: invocation 31 of workgroup (0, 0, 0) wrote at t.wgsl:12, invocation 0 of workgroup (1, 0, 0) read at :11, nothing orders two workgroups of a dispatch",
    ],
    [
      "two invocations of a workgroup in a buffer",
      shader("", "y[group.x * 32 + i] = 1;\ny[group.x * 32 + (i ^ 1)] = 1;"),
      "RACE: storage y[1]: invocation 0 wrote at t.wgsl:11, invocation 1 wrote at :10, no barrier between",
    ],
    [
      "the wrong barrier for a buffer",
      shader("", "y[group.x * 32 + i] = 1;\nworkgroupBarrier();\ny[group.x * 32 + (i ^ 1)] += 1;"),
      "no storageBarrier() between; workgroupBarrier() does not order storage",
    ],
    [
      "the wrong barrier for workgroup memory",
      shader(TILE, "tile[i] = 1;\nstorageBarrier();\ny[group.x * 32 + i] = tile[31 - i];"),
      "no workgroupBarrier() between; storageBarrier() does not order workgroup memory",
    ],
    [
      "the second iteration of a loop",
      shader(
        TILE,
        `var sum = 0f;
for (var k = 0u; k < 2; k++) {
  tile[i] = x[32 * k + i];
  workgroupBarrier();
  sum += tile[31 - i];
}
y[group.x * 32 + i] = sum;`,
      ),
      "RACE: workgroup tile[15]: invocation 15 wrote at t.wgsl:12, invocation 16 read at :14, no barrier between",
    ],
    [
      "a sum without atomics",
      shader(FLAG, "flag += 1;"),
      "RACE: workgroup flag: invocation 0 updated at t.wgsl:10, invocation 1 updated at :10, no barrier between",
    ],
    [
      "a called function, through a pointer",
      shader(PUT, "put(&tile, i / 2, 1);"),
      "RACE: workgroup tile[0]: invocation 0 wrote at t.wgsl:4, invocation 1 wrote at :4, no barrier between",
    ],
    [
      "a called function, through a pointer to a buffer",
      shader(ADD, "add(&y, group.x * 32 + i / 4);"),
      "RACE: storage y[0]: invocation 0 updated at t.wgsl:4, invocation 1 updated at :4, no barrier between",
    ],
    [
      "a member of a struct",
      shader(STRUCT, "let cell = &tile.cells[i / 2];\n(*cell).parts[1] = 1;\ncell.at.y = i;"),
      "RACE: workgroup tile.cells[0].parts[1]: invocation 0 wrote at t.wgsl:11, invocation 1 wrote at :11, no barrier between",
    ],
    [
      "one component of a vector",
      shader(FOUR, "tile[i / 2].z = 1;"),
      "RACE: workgroup tile[0].z: invocation 0 wrote at t.wgsl:10, invocation 1 wrote at :10, no barrier between",
    ],
    [
      "a whole vector and a component",
      shader(FOUR, "tile[i].y = 1;\ny[group.x * 32 + i] = dot(tile[31 - i].xy, vec2f(1));"),
      "RACE: workgroup tile[16].y: invocation 16 wrote at t.wgsl:10, invocation 15 read at :11, no barrier between",
    ],
    [
      "a step in the header of a loop",
      shader(FLAG, "for (flag = 0; flag < 1; flag++) {}"),
      "RACE: workgroup flag: invocation 0 wrote at t.wgsl:10, invocation 1 wrote at :10, no barrier between",
    ],
    [
      "an entry point without parameters",
      shader(FLAG, "").replace(/fn main\(.*\) \{/, "fn main() {\nflag = 1;"),
      "RACE: workgroup flag: invocation 0 wrote at t.wgsl:10, invocation 1 wrote at :10, no barrier between",
    ],
    [
      "built-in values in a struct, an array of arrays",
      shader(
        `struct In { @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) i: u32 }
override SIDE: u32 = 4;
var<workgroup> tile: array<array<mat2x4f, 4>, SIDE * 2>;`,
        "tile[in.i / 4][in.i % 4][1] = vec4f(1);\nlet v = tile[7 - in.i / 4][0][1].w;",
      ).replace(/fn main\(.*\) \{/, "fn main(in: In) {"),
      "RACE: workgroup tile[4][0][1].w: invocation 16 wrote at t.wgsl:10, invocation 12 read at :11, no barrier between",
    ],
    [
      "memory loaded for all and stored without a barrier",
      shader(FLAG, "let n = workgroupUniformLoad(&flag);\nif n == 0 { flag = 1; }"),
      "RACE: workgroup flag: invocation 0 wrote at t.wgsl:11, invocation 1 wrote at :11, no barrier between",
    ],
  ])("%s", async (_, code, wanted) => {
    const { races, notes } = await check(code);
    expect(races.map(({ text }) => text).join("\n")).toContain(wanted);
    expect(notes).toEqual([]);
  });
});

describe("correct shaders", () => {
  test.each([
    [
      "one writer, a barrier, many readers",
      shader(
        FLAG,
        "if i == 3 { flag = 1; }\nworkgroupBarrier();\ny[group.x * 32 + i] = f32(flag);",
      ),
    ],
    [
      "components of a vector",
      shader(FOUR, "tile[i / 4][i % 4] = 1;\ntile[8 + i / 4][i % 4] += 1;"),
    ],
    [
      "components of a vector by name",
      shader(
        FOUR,
        "if i == 0 { tile[0].x = 1; }\nif i == 1 { tile[0].y = 1; }\nif i == 2 { tile[0].w += 1; }",
      ),
    ],
    [
      "atomics",
      shader(
        "var<workgroup> sum: atomic<u32>;\nvar<workgroup> bins: array<atomic<u32>, 4>;",
        "atomicAdd(&sum, 1); atomicMax(&bins[i % 4], i);\nlet b = &bins[0]; y[group.x * 32 + i] = f32(atomicLoad(b));",
      ),
    ],
    ["disjoint halves", shader(TILE, "if i < 16 { tile[i] = 1; } else { tile[i] = tile[i] + 2; }")],
    [
      "barriers in a loop",
      shader(
        TILE,
        `var sum = 0f;
for (var k = 0u; k < 3; k++) {
  tile[i] = x[32 * k + i];
  workgroupBarrier();
  sum += tile[31 - i];
  workgroupBarrier();
}
y[group.x * 32 + i] = sum;`,
      ),
    ],
    [
      "a reduction",
      shader(
        TILE,
        `tile[i] = x[i];
for (var s = 16u; s > 0; s /= 2) {
  workgroupBarrier();
  if i < s { tile[i] += tile[i + s]; }
}
if i == 0 { y[group.x] = tile[0]; }`,
      ),
    ],
    [
      "workgroupUniformLoad between a store and the next",
      shader(
        FLAG,
        `for (var k = 0u; k < 3; k++) {
  if i == k { flag = k; }
  let n = workgroupUniformLoad(&flag);
  y[group.x * 32 + i] = f32(n);
}`,
      ),
    ],
    ["many readers", shader(TILE, "y[group.x * 32 + i] = tile[0] + tile[i] + tile[31];")],
    [
      "a value that a function with a barrier returns",
      shader(LAST, "let v = other[31 - i];\nother[i] = last(x[i], i) + v;"),
    ],
    [
      "a buffer as scratch of each workgroup",
      shader(
        "",
        "y[group.x * 32 + i] = 1;\nstorageBarrier();\nlet v = y[group.x * 32 + (i ^ 1)];\nstorageBarrier();\ny[group.x * 32 + i] = v;",
      ),
    ],
    [
      "pointers to parts of a struct",
      shader(
        STRUCT,
        "if i < 16 { let cell = &tile.cells[i]; cell.at = vec2u(i); cell.parts[i % 3] += 1; }\nif i == 20 { tile.head = 3; }",
      ),
    ],
    ["a called function", shader(PUT, "put(&tile, i ^ 1, x[i]);")],
    [
      "every form of statement",
      shader(
        `const N = 4u; /* tile[0] = 1; */
var<workgroup> grid: array<array<f32, N>, 8 * N>;
var<workgroup> ready: array<bool, 32>;
var<workgroup> sums: struct_of; struct struct_of { first: atomic<i32>, rest: vec2<u32>, }
fn at(p: ptr<workgroup, array<f32, N>>, k: u32) -> f32 { let q = p; return (*q)[k]; }`,
        `var<function> total: f32 = 0.0; const one = vec2<f32>(1, 1); const_assert N == 4;
ready[i] = (grid[i][0] < 1.0 && !ready[i]) || (i >= 0x1fu);
if ready[i] { total += grid[i][1]; } else if (grid[i][2] > 3) { total -= 1; } else { return; }
for (var k = 0u; k < N; k++) { if k == 2 { continue; } grid[i][k] += at(&grid[i], k); }
for (; grid[i][3] < 0;) { break; }
loop { grid[i][0] *= 2.0; continuing { total += bitcast<f32>(1u << (2u >> 1u)); break if grid[i][0] >= 0.0; } }
while grid[i][2] < -1.0 { grid[i][2] = -grid[i][2]; }
switch u32(grid[i][1]) { case 0, 1: { grid[i][1] = dot(one.xy, one); } default { _ = grid[i][1]; } }
@diagnostic(off, derivative_uniformity) if i == 3 { sums.rest[i - 2] = u32(total); sums.rest.x++; }
{ let grid = array<vec2<f32>, 2>(one, one); total += grid[1].y; }
_ = atomicAdd(&sums.first, i32(i)); let row = &grid[i]; (*row)[1] = row[2] + (&grid[i])[0];
y[group.x * 32 + i] = total + select(grid[i][3], -(grid[i])[2], ready[i]);`,
      ),
    ],
    [
      "an element loaded for all",
      shader(
        TILE,
        `tile[i] = x[i];
for (var k = 0u; k < 3; k++) { y[group.x * 32 + i] += workgroupUniformLoad(&tile[k]); }
tile[i] = 3;`,
      ),
    ],
    [
      "names that a function declares itself",
      shader(
        TILE,
        "var tile = array<f32, 2>(1, 2);\ntile[0] = 3; { let y = 1; tile[y] = 2; }\ny[group.x * 32 + i] = tile[0];",
      ),
    ],
  ])("%s", async (_, code) => {
    expect(await check(code)).toMatchObject({ races: [], notes: [], workgroups: 4 });
  });
});

describe("the search says", () => {
  const LOOP = shader(TILE, "for (var k = 0u; k < 100; k++) { tile[i] += 1; }");

  test("which workgroups and accesses it left out for memory", async () => {
    const code = shader("", "y[(group.x * 32 + i) % 128] = 1;");
    const problem = resolveProblem("t.wgsl", code, { ...SETTINGS, grid: [1000, 3] });
    const { workgroups, notes } = await checkRaces(limited(2 ** 16), problem, {});
    expect([workgroups < 3000, notes]).toEqual([
      true,
      [`races: t.wgsl: ${workgroups} of 3000 workgroups were checked`],
    ]);
    // the last access of a list that was too short at first counts too
    const long = LOOP.replace("tile[i] += 1; }", "tile[i] += 1; }\ny[0] = 1;").replaceAll(
      "100",
      "200",
    );
    const { races, notes: none } = await check(long);
    expect([races.map(({ variable }) => variable), none]).toEqual([["y", "y"], []]);
    const few = await checkRaces(limited(2 ** 13), resolveProblem("t.wgsl", LOOP, SETTINGS), {});
    expect(few.notes).toEqual([
      "races: t.wgsl: 1 of 4 workgroups were checked",
      "races: t.wgsl: the first 30 of at most 100 accesses of an invocation were checked",
    ]);
  });

  test("nothing about a grid without workgroups", async () => {
    const found = await check(shader(TILE, "tile[0] = 1;"), { ...SETTINGS, grid: [0, 2] });
    expect(found).toEqual({ races: [], workgroups: 0, of_workgroups: 0, notes: [] });
  });

  test("that the adapter has no storage buffer left", async () => {
    const full = { ...gpu, limits: { ...limitsOf(), maxStorageBuffersPerShaderStage: 2 } };
    const problem = resolveProblem("t.wgsl", shader(TILE, "y[i] = x[i];"), SETTINGS);
    const { workgroups, notes } = await checkRaces(full as Gpu, problem, {});
    expect([workgroups, notes]).toEqual([
      0,
      [
        "t.wgsl: not checked for races: its records need one more storage buffer than the 2 that this adapter binds",
      ],
    ]);
  });

  test("which indices lie outside, and what it cannot follow", async () => {
    const { notes, races } = await check(shader(TILE, "tile[i] = 1;\ntile[i + 1] = 2;"));
    expect(races).toHaveLength(1);
    expect(notes).toEqual([
      "races: t.wgsl:11: an index lies outside of its array; 4 such accesses were not checked",
    ]);
    const odd = shader(
      "const N = select(16u, 32u, true);\nvar<workgroup> tile: array<f32, N>;",
      "tile[0] = 1;",
    );
    expect((await check(odd)).notes).toEqual([
      expect.stringMatching(/races: t\.wgsl: N.*: it is not followed/),
    ]);
  });
});

function limitsOf(): Record<string, number> {
  const { maxStorageBufferBindingSize, maxUniformBufferBindingSize, maxBufferSize } = gpu.limits;
  return { maxStorageBufferBindingSize, maxUniformBufferBindingSize, maxBufferSize };
}

/** The device with room for a log of so many bytes. */
function limited(log_bytes: number): Gpu {
  const memory = { live_bytes: 0, peak_bytes: 0, budget_bytes: 4 * log_bytes };
  return { ...gpu, memory };
}
