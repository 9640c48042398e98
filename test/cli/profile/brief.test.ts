// `profile --brief` and `bench kernels` are one act: the same targets, the same rows, the same JSON.
import { describe, expect, test } from "vitest";
import { hasTimestamps } from "../../../src/gpu/timestamps.ts";
import { briefTargets, ruleTargets } from "../../../src/profile/kernel/brief.ts";
import { allBenchProblems } from "../../../src/profile/kernel/targets.ts";
import type { Target } from "../../../src/measure/run_profile.ts";
import { gpu } from "../../support/gpu.ts";
import { cli } from "../run.ts";

const name = ({ kernel, problem }: Target): string => `${kernel.shader.name}, ${problem.name}`;

test("the targets without names are the problems of bench/, each once with the rule's mapping", async () => {
  const brief = await briefTargets(gpu, [], { cases: "bench" });
  const bench = ruleTargets(gpu, await allBenchProblems());
  expect(brief.map(name).toSorted()).toEqual(bench.map(name).toSorted());
});

test("a kernel stands for its mappings; a mapping that is named in full is timed itself", async () => {
  const whole = await briefTargets(gpu, ["gemm*"], {});
  expect(new Set(whole.map(name)).size).toBe(whole.length);
  expect(whole.map(name)).toEqual((await briefTargets(gpu, ["gemm"], {})).map(name));
  const named = await briefTargets(gpu, ["gemm_register"], {});
  expect(new Set(named.map(({ kernel }) => kernel.shader.name))).toEqual(
    new Set(["gemm_register"]),
  );
});

describe.skipIf(!hasTimestamps(gpu))("the two names of it", () => {
  test("print the same fields about the same row", async () => {
    const runs = [
      await cli("profile", "log_binomial_head", "--case", "head", "--brief", "--json"),
      await cli("bench", "kernels", "log_binomial_head head", "--json"),
    ].map(({ code, stdout }) => {
      const { rows, settings, ...rest } = JSON.parse(stdout) as {
        rows: Record<string, unknown>[];
        settings: object;
      };
      const [{ kernel, case: problem, checked, error }] = rows;
      const row = { kernel, problem, checked, error, fields: Object.keys(rows[0]) };
      return { code, count: rows.length, row, settings, fields: Object.keys(rest) };
    });
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]).toMatchObject({ code: 0, count: 1, fields: ["date", "environment"] });
  });
});

test.each([
  [["--brief", "--cold"], "--cold cannot be combined with --brief"],
  [["--brief", "--save", "x"], "--save cannot be combined with --brief"],
  [["--brief", "--watch"], "--brief cannot be combined with --watch"],
  [["step:train", "--brief"], "--brief applies to kernels, not to step:train"],
  [["step:train", "--sweep"], "step:train cannot be swept here; use: ringdepth tune"],
])("profile %j is refused with one line", async (args, message) => {
  const { code, stderr, stdout } = await cli("profile", ...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("the help of each names the other", async () => {
  expect((await cli("bench", "kernels", "--help")).stdout).toContain("ringdepth profile --brief");
  expect((await cli("profile", "--help")).stdout).toContain("bench kernels");
});
