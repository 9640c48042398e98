// Sweeps with a made-up clock: who wins, who is rejected, what is not tried. That wrong candidates
// are found out is tested with shaders that are wrong, on the adapter.
import { describe, expect, test } from "vitest";
import { gemm } from "../../src/kernels/gemm.ts";
import type { AnyKernel, ShaderInfo } from "../../src/engine/kernel.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { logBinomialGrad } from "../../src/kernels/depth_bins/log_binomial.ts";
import { scaleBy } from "../../src/kernels/scale_by.ts";
import { prepareBench } from "../../src/measure/measure.ts";
import { makeChecker } from "../../src/measure/problems.ts";
import type { Comparison } from "../../src/measure/statistics.ts";
import { candidateCount, sweepProblem, type SweepTools } from "../../src/tune/sweep.ts";
import { sweepTools } from "../../src/tune/sweep_tools.ts";
import { NVIDIA } from "../support/adapters.ts";
import { doctored } from "../support/doctored.ts";
import { gpu } from "../support/gpu.ts";

const PROBLEM: Problem = {
  name: "made up",
  shapes: { a: [64, 64], b: [64, 64], bias: [0] },
  attributes: { transpose_a: false, transpose_b: false, slices: 1 },
};

const value = (kernel: AnyKernel, name: string): number =>
  kernel.shader.tune.find((line) => line.name === name)?.value ?? 0;

/** Tools whose clock says what `time_ms` says of a kernel; the verdict follows it by `verdict`. */
function madeUp(
  time_ms: (kernel: AnyKernel) => number,
  verdict: Comparison["verdict"] = "FAST",
): SweepTools & { readonly compared: AnyKernel[] } {
  const compared: AnyKernel[] = [];
  return {
    compared,
    check: async () => await Promise.resolve(""),
    time: async (kernel, _, best_ms) => {
      const own_ms = time_ms(kernel);
      return await Promise.resolve({ time_ms: own_ms, dropped: own_ms > 1.3 * best_ms });
    },
    compare: async (rule, best) => {
      compared.push(best);
      const change = time_ms(best) / time_ms(rule) - 1;
      const comparison = {
        verdict,
        change: { median: change, low: change, high: change },
        further_samples: null,
      };
      return await Promise.resolve({ comparison, pairs: 30 });
    },
  };
}

const byTile = (kernel: AnyKernel): number =>
  kernel.shader.name === "gemm" ? 10 - value(kernel, "TM") + value(kernel, "BK") / 16 : 20;

test("the fastest candidate wins, found line by line where there are many", async () => {
  const tools = madeUp(byTile);
  const swept = await sweepProblem(tools, gemm, NVIDIA, PROBLEM);
  expect(swept.winner).toEqual({ kernel: "gemm", constants: { TM: 8, BK: 8 } });
  expect(swept.rows[0]).toMatchObject({ kernel: "gemm", constants: {}, time_ms: 7 });
  expect(swept).toMatchObject({ rule: "gemm", pairs: 30, complete: true });
  // the rule, a step along each line, and the mappings in fours, subgroups and registers as they are
  const tried = swept.rows.length;
  expect(tried).toBe(1 + 1 + 2 + 1 + 1 + 1 + 1 + 1);
  expect(tried).toBeLessThan(candidateCount(gemm, NVIDIA, PROBLEM));
});

test("few combinations are all tried", async () => {
  const constants = { TM: [2, 4, 8], BK: [8, 16] };
  const swept = await sweepProblem(madeUp(byTile), gemm, NVIDIA, PROBLEM, {
    constants,
    kernels: ["gemm"],
  });
  expect(swept.rows).toHaveLength(6);
  expect(swept.winner).toEqual({ kernel: "gemm", constants: { TM: 8, BK: 8 } });
});

test("the rule stays where nothing has a better time: no pair is timed", async () => {
  const tools = madeUp(({ shader }) => (shader.name === "gemm" ? 5 : 6));
  const swept = await sweepProblem(tools, gemm, NVIDIA, PROBLEM);
  expect(swept).toMatchObject({ winner: null, comparison: null });
  expect(tools.compared).toEqual([]);
});

test.each(["SAME", "AMBIGUOUS", "SLOW"] as const)(
  "the rule stays where the best is %s in turn",
  async (verdict) => {
    const swept = await sweepProblem(madeUp(byTile, verdict), gemm, NVIDIA, PROBLEM);
    expect(swept.winner).toBeNull();
    expect(swept.comparison?.verdict).toBe(verdict);
  },
);

test("a candidate that is wrong is rejected with its error, however fast", async () => {
  const tools = madeUp(({ shader }) => (shader.name === "gemm_register" ? 1 : 5));
  const check: SweepTools["check"] = async ({ shader: { name } }) =>
    await Promise.resolve(name === "gemm_register" ? "3 of 4 elements differ" : "");
  const swept = await sweepProblem({ ...tools, check }, gemm, NVIDIA, PROBLEM);
  expect(swept.winner).toBeNull();
  expect(swept.rows.at(-1)).toEqual({
    kernel: "gemm_register",
    constants: {},
    error: "3 of 4 elements differ",
    time_ms: null,
    dropped: false,
  });
});

test("a rule that is wrong ends the sweep", async () => {
  const check = async (): Promise<string> => await Promise.resolve("wrong");
  const swept = await sweepProblem({ ...madeUp(byTile), check }, gemm, NVIDIA, PROBLEM);
  expect(swept.rows).toHaveLength(1);
  expect(swept.winner).toBeNull();
});

test("when the time is up, the best so far is set against the rule", async () => {
  let asked = 0;
  const isOver = (): boolean => ++asked > 4;
  const swept = await sweepProblem(madeUp(byTile), gemm, NVIDIA, PROBLEM, { isOver });
  expect(swept.complete).toBe(false);
  expect(swept.rows).toHaveLength(4);
  expect(swept.winner).toEqual({ kernel: "gemm", constants: { TM: 8 } });
});

test("a mapping that is far behind is not varied", async () => {
  const base: AnyKernel = { ...scaleBy, variants: () => [] };
  const far = { ...base, shader: { ...base.shader, name: "far" } };
  const family: AnyKernel = { ...base, variants: () => [far] };
  const problem = scaleBy.cases[0];
  const facts = { ...NVIDIA, features: new Set<string>() };
  const tools = madeUp(({ shader }) => (shader.name === "far" ? 3 : 1));
  // the rule takes the variant, whose time is three times that of the base
  const swept = await sweepProblem(tools, family, facts, problem);
  const count = (name: string): number => swept.rows.filter(({ kernel }) => kernel === name).length;
  expect([swept.rule, count("far"), count("scale_by")]).toEqual(["far", 4, 4]);
  const turned: AnyKernel = { ...far, variants: () => [base] };
  const other = await sweepProblem(tools, turned, facts, problem);
  expect(other.rows.filter(({ kernel }) => kernel === "far")).toHaveLength(1);
});

describe("on the adapter", () => {
  const problem = scaleBy.cases[0];
  /** `scale_by` with its text changed. */
  const changed = (from: string, to: string): ShaderInfo => doctored(scaleBy, from, to).shader;
  const sweep = async (base: AnyKernel): ReturnType<typeof sweepProblem> => {
    const settings = { time_s: 0.01, min_samples: 3, noise: 1, timeout_s: 0.1 };
    const { check } = sweepTools(await prepareBench(gpu, 1, settings, false));
    // whatever is right seems twice as fast as what was tried before
    let time_ms = 1;
    const tools = madeUp(() => (time_ms /= 2));
    return await sweepProblem({ ...tools, check }, base, gpu.facts, problem);
  };

  test("a value of a tuned line that breaks the kernel is rejected, its others are not", async () => {
    const shader = changed("= factor * x[i]", "= select(factor, 2.0, STEP == 2u) * x[i]");
    const { rows, winner } = await sweep({ ...scaleBy, shader });
    const wrong = rows.filter(({ error }) => error !== "");
    expect(wrong).toEqual([
      {
        kernel: "scale_by",
        constants: { STEP: 2 },
        error: wrong[0].error,
        time_ms: null,
        dropped: false,
      },
    ]);
    expect(wrong[0].error).toMatch(/elements differ/);
    expect(winner).toEqual({ kernel: "scale_by", constants: { STEP: 4 } });
  });

  test("a mapping that the rule leaves to other adapters is held against its own cases", async () => {
    const elsewhere = { ...gpu, facts: { ...gpu.facts, software: !gpu.facts.software } };
    const [rows] = logBinomialGrad.variants!();
    const checked = await makeChecker(elsewhere).checkOwn(rows);
    expect(checked).toEqual({ checked: "kernel", error: "" });
  });

  test("a variant that is wrong, or does not compile, is rejected", async () => {
    for (const [from, to, message] of [
      ["= factor * x[i]", "= -factor * x[i]", /elements differ/],
      ["let factor = ", "let factor ", /scale_by_other\.wgsl:32:\d+ error/],
    ] as const) {
      const { code, ...shader } = changed(from, to);
      const name = "scale_by_other";
      const other: AnyKernel = {
        ...scaleBy,
        shader: { ...shader, name, code: code!.replace("fn scale_by(", `fn ${name}(`) },
        // the rule leaves it to other adapters; a sweep does not
        suits: () => false,
      };
      const { rows, winner } = await sweep({ ...scaleBy, variants: () => [other] });
      const wrong = rows.filter(({ error }) => error !== "");
      expect(wrong.map(({ kernel }) => kernel)).toEqual([name]);
      expect(wrong[0].error).toMatch(message);
      expect(winner?.kernel).toBe("scale_by");
    }
  });
});
