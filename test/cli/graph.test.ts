// `graph` tells the plan of a step: fused or not and, with --recompute, what is computed again.
import { expect, test } from "vitest";
import { cli } from "./run.ts";

interface Form {
  readonly dispatches: number;
  readonly arena_bytes: number;
  readonly live_bytes: number;
}

test("--recompute tells what is repeated, what that saves and what it costs", async () => {
  const { code, stdout } = await cli("graph", "--size", "32x64", "--recompute", "--json");
  expect(code).toBe(0);
  const { fused, recomputed } = JSON.parse(stdout) as {
    readonly fused: Form;
    readonly recomputed: Form & { repeats: unknown[]; arena_bytes_kept: number };
  };
  expect(recomputed.arena_bytes_kept).toBe(fused.arena_bytes);
  expect(recomputed.arena_bytes).toBeLessThan(fused.arena_bytes);
  expect(recomputed.live_bytes).toBeLessThan(fused.live_bytes);
  expect(recomputed.dispatches).toBe(fused.dispatches + recomputed.repeats.length);
  for (const repeat of recomputed.repeats) {
    const freed_bytes: unknown = expect.any(Number);
    const text: unknown = expect.any(String);
    expect(repeat).toEqual({ op: text, kernel: text, at: text, freed_bytes });
  }
  const people = await cli("graph", "--size", "32x64", "--recompute");
  expect(people.stdout).toContain("fused, recomputing");
  expect(people.stdout).toContain(
    `recompute: ${recomputed.repeats.length} dispatches are made again; intermediates take `,
  );
  expect(people.stdout).toMatch(/norm_fused +\d+ +\d+\.\d\d/);
  expect((await cli("graph", "--size", "32x64")).stdout).not.toContain("recomput");
});

test("a prediction has nothing to compute again", async () => {
  const { code, stderr } = await cli("graph", "--predict", "--recompute");
  expect(code).toBe(2);
  expect(stderr).toContain("--recompute: a prediction keeps nothing for a backward pass");
});
