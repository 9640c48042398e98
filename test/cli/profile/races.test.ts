// `ringdepth profile FILE.wgsl` finds a race that changes no number, and says where.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasTimestamps } from "../../../src/gpu/timestamps.ts";
import type { Summary } from "../../../src/measure/summary.ts";
import { gpu } from "../../support/gpu.ts";
import { ownCache } from "../own_cache.ts";
import { cli } from "../run.ts";

// Every invocation stores the same number: every run has the same result.
const SAME = `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
var<workgroup> one: f32;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  one = 1;
  workgroupBarrier();
  y[id.x] = one;
}
`;
const file = join(ownCache(), "same.wgsl");
const page = join(ownCache(), "same.html");
const SHORT = ["--time", "0.01", "--min-samples", "3", "--timeout", "0.1", "--no-ceilings"];
const RACE = `RACE: workgroup one: invocation 0 wrote at ${file}:5, invocation 1 wrote at :5, no barrier between`;

describe.skipIf(!hasTimestamps(gpu))("races", () => {
  test("a race is told in words, JSON and HTML instead of a time", async () => {
    writeFileSync(file, SAME);
    const options = ["--shape", "y=128", "--hot", ...SHORT];
    const { code, stdout, stderr } = await cli(
      "profile",
      file,
      ...options,
      "--json",
      "--html",
      page,
    );
    expect([code, stderr]).toEqual([3, expect.stringContaining(RACE)]);
    const [row] = (JSON.parse(stdout) as Summary).rows;
    expect(row).toMatchObject({ ok: false, error: RACE, hot: null });
    expect(row.races).toMatchObject({ workgroups: 2, of_workgroups: 2, races: [{ text: RACE }] });
    expect(readFileSync(page, "utf8")).toContain("RACE: workgroup one: invocation 0 wrote at");
    const without = await cli("profile", file, ...options, "--no-races");
    expect([without.code, without.stderr]).toEqual([0, ""]);
  });

  test("one writer is no race", async () => {
    writeFileSync(file, SAME.replace("one = 1;", "if id.x % 64 == 3 { one = 1; }"));
    const { code, stderr } = await cli(
      "profile",
      file,
      "--shape",
      "y=128",
      "--brief",
      "--time",
      "0.01",
    );
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("kernels have their own search", async () => {
    const { code, stderr } = await cli("profile", "gemm", "--no-races");
    expect([code, stderr]).toEqual([2, expect.stringContaining("--no-races applies to a file")]);
  });
});
