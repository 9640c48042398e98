// `ringdepth profile step:...` on the adapter of the tests, at the smallest size: the account in its
// formats, the trace, the gate, and what is refused.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { stepCsv, stepKernelTable, stepLines } from "../../../src/cli/profile/step_table.ts";
import { hasTimestamps } from "../../../src/gpu/timestamps.ts";
import { kernels } from "../../../src/kernels/kernels.ts";
import type { StepAccount } from "../../../src/profile/step/account.ts";
import { gpu } from "../../support/gpu.ts";
import { readTrace, traceFaults } from "../../support/trace_faults.ts";
import { ownCache } from "../own_cache.ts";
import { cli } from "../run.ts";

const folder = ownCache();
const config = join(folder, "config.yaml");
const SMALL = ["--size", "32x64", "--steps", "3", "--config", config];

beforeAll(() => {
  // Two streets, so that few are drawn; plain bins, so that few kernels are checked.
  writeFileSync(
    config,
    `rig: { train_moments: 2, held_out_moments: 2 }
head: { kind: softmax_bins, bins: 8 }
loss: { ckd: false, relation: none }
`,
  );
});

describe.skipIf(!hasTimestamps(gpu))("profile of a step", () => {
  test("step:train prints its account and kernels, and writes a page and a valid trace", async () => {
    const [trace, page] = ["trace.json", "page.html"].map((name) => join(folder, name));
    const more = ["--trace", trace, "--html", page];
    const { code, stdout } = await cli("profile", "step:train", ...SMALL, ...more);
    expect(stdout).toMatch(
      /\nstep:train {2}nano on rig, 6x32x64, \d+ dispatches {2}3 steps {2}clocks/,
    );
    const parts = ["host", "upload", "encode", "launch", "gpu", "read back", "unaccounted", "step"];
    expect(stdout).toMatch(
      new RegExp(parts.map((part) => `\n${part} +\\S+ (us|ms|s) +\\S+ %.*`).join("")),
    );
    expect(stdout).toMatch(/\nkernel +dispatches +time +share +GFLOP\/s +GB\/s +bound\n\w+ +\d+ /);
    expect(stdout).toMatch(
      /\ninstrumentation .* {2}drift .* {2}unaccounted .* of step {2}[CG]PU-bound\n/,
    );
    const events = readTrace(readFileSync(trace));
    expect(traceFaults(events)).toEqual([]);
    expect(events.some(({ name }) => name === "adamw")).toBe(true);
    expect(readFileSync(page, "utf8")).toMatch(/<h1>Profile of step:train<.*read back.*adamw/s);
    expect(code).toBe(0);
  });

  test("step:predict as JSON has stdout to itself; a kernel that is wrong gets no times", async () => {
    const before = gpu.memory.live_bytes;
    const right = await cli("profile", "step:predict", ...SMALL, "--json");
    expect(right.code).toBe(0);
    const account = JSON.parse(right.stdout) as StepAccount;
    expect(account).toMatchObject({ target: "step:predict", steps: 3 });
    const counted = account.kernels.reduce((sum, { dispatches }) => sum + dispatches, 0);
    expect(account.what).toBe(`nano on rig, 6x32x64, ${counted} dispatches`);
    expect(gpu.memory.live_bytes).toBe(before);
    const resize = kernels.find(({ shader }) => shader.name === "resize_nearest_vec4")!;
    const wrong = vi.spyOn(resize, "reference").mockReturnValue({});
    const { code, stdout, stderr } = await cli("profile", "step:predict", ...SMALL, "--json");
    wrong.mockRestore();
    expect(code).toBe(3);
    expect(stdout).toBe("");
    expect(stderr).toContain("ringdepth: resize_nearest_vec4, case ");
    expect(gpu.memory.live_bytes).toBe(before);
  });
});

const ACCOUNT: StepAccount = {
  target: "step:train",
  what: "nano on rig, 6x96x160, 40 dispatches",
  steps: 7,
  wall: { median: 10, low: 9, high: 11 },
  parts: [
    { name: "gpu", time_ms: 10.2, share: 1.02 },
    { name: "unaccounted", time_ms: -0.2, share: -0.02 },
  ],
  unaccounted: -0.02,
  unaccounted_interval: { low: -0.03, high: -0.01 },
  kernels: Array.from({ length: 20 }, (_, i) => ({
    kernel: `kernel_${i}`,
    dispatches: 2,
    time_ms: 1 - i / 20,
    share: 0.05,
    flops: 10,
    bytes: 20,
    roofline: null,
  })),
  instrumentation: 0.061,
  stamps: 0.004,
  overlapped: { median: 8, low: 7, high: 9 },
  gpu_busy: 0.75,
  bound: "CPU",
  drift: 0.001,
  clock_uncertainty_ms: 0.02,
  first_read_ms: 30,
};

test("the lines say what the numbers do", () => {
  expect(stepLines(ACCOUNT)).toEqual({
    title: "step:train  nano on rig, 6x96x160, 40 dispatches  7 steps  clocks within 20.00 us",
    remarks: [
      "instrumentation +6.1 % (two stamps alone +0.4 %)  drift +0.1 %  unaccounted -2.0 % of step  CPU-bound",
      "in the loop a step takes 8.000 ms [7.000 ms, 9.000 ms]: GPU busy 75.0 %, idle for 2.000 ms",
      "host times are with the data in memory; the first read of a moment takes 30.00 ms",
    ],
  });
});

test("kernels beyond the longest are summed up for people, and all there for programs", () => {
  const { rows } = stepKernelTable(ACCOUNT);
  expect(rows).toHaveLength(16);
  expect(rows[15].slice(0, 4)).toEqual(["5 others", "10", "750.0 us", "25.0 %"]);
  const csv = stepCsv(ACCOUNT);
  expect(csv.rows).toHaveLength(22);
  expect(csv.rows.every((row) => row.length === csv.head.length)).toBe(true);
});

test.each([
  [["profile", "step:tain"], "step:tain: expected step:train or step:predict"],
  [["profile", "step:train", "gemm"], "step:train must be the only target"],
  [["profile", "step:train", "--save", "x"], "--save applies to kernels, not to step:train"],
  [["profile", "step:train", "--min-samples", "9"], "--min-samples applies to kernels"],
  [["profile", "step:predict", "--no-robustness"], "--no-robustness applies to kernels"],
  [["profile", "step:train", "--sweep", "--size", "64x128"], "use: ringdepth tune --size 64x128"],
  [["profile", "step:predict", "--sweep", "TM=2", "--apply"], "use: ringdepth tune"],
  [["profile", "step:train", "--sweep", "--budget", "9"], "use ringdepth tune --budget"],
  [["profile", "gemm", "--no-tune"], "--no-tune applies to a step"],
  [["profile", "gemm", "--data", "rig"], "--data rig: expected random, zeros or FILE.npy"],
  [
    ["profile", "gemm", "--trace", "t.json"],
    "--trace applies to a step: ringdepth profile step:train",
  ],
  [["profile", "--skip-bad-samples"], "--skip-bad-samples applies to a step"],
  [["profile", "step:train", "--steps", "2"], "--steps 2: expected a whole number of at least 3"],
  [["profile", "step:train", "--data", "ddad:none"], "none"],
])("%j is refused with one line", async (args, message) => {
  const { code, stderr } = await cli(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});
