// Saved profiles: what is written is read again, what is damaged or foreign is refused, and
// comparisons name what they cannot compare. Ceilings: the same, and the roofline under them.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { explain } from "../../src/cli/terminal/profile_table.ts";
import {
  ceilingsFile,
  readCeilings,
  writeCeilings,
  type Ceilings,
} from "../../src/measure/ceilings.ts";
import { shaderHash } from "../../src/measure/shader_hash.ts";
import { boundText } from "../../src/measure/text.ts";
import { bandwidthCeiling, roofline } from "../../src/measure/roofline.ts";
import {
  compareRuns,
  missingRows,
  readRun,
  saveRun,
  savedNames,
  type ProfileRow,
  type SavedRun,
} from "../../src/measure/saved_run.ts";
import { summarize } from "../../src/measure/summary.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-profile-"));
afterAll(() => rmSync(folder, { recursive: true }));

const row = (kernel: string, time_ms: number): ProfileRow => ({
  kernel,
  case: "a case",
  shader_hash: shaderHash(kernel),
  checked: "case",
  error: "",
  flops: 1e6,
  bytes: 4e6,
  cold: null,
  hot: {
    samples_ms: Array.from({ length: 30 }, (_, i) => time_ms * (1 + ((7 * i) % 30) / 1e4)),
    batch: 1,
    converged: true,
    trusted: true,
  },
});
const run = (...rows: ProfileRow[]): SavedRun => ({
  version: 1,
  date: "2026-01-02T03:04:05.678Z",
  environment: {
    adapter: "adapter",
    driver: "driver",
    software: false,
    timer_quantum_ns: 32,
    node: "20",
    webgpu: "0",
    platform: "linux x64",
    git: null,
  },
  rows,
});
const CEILINGS: Ceilings = {
  version: 4,
  date: "2026-01-02T03:04:05.678Z",
  adapter: "adapter",
  driver: "driver",
  bandwidth: [
    { working_set_bytes: 1e6, copy_gbytes: 100, read_gbytes: 80, triad_gbytes: 90 },
    { working_set_bytes: 1e7, copy_gbytes: 50, read_gbytes: 60, triad_gbytes: 40 },
    { working_set_bytes: 1e8, copy_gbytes: 10, read_gbytes: 8, triad_gbytes: 9 },
  ],
  gflops: 1000,
  f16_gflops: null,
  empty_dispatch_us: 5,
};

describe("a saved profile", () => {
  test("is read as it was written, and listed", async () => {
    const profile = run(row("gemm", 1), { ...row("conv2d", 1), error: "wrong", hot: null });
    await saveRun(folder, "before", profile);
    expect(await readRun(folder, "before")).toEqual(profile);
    expect(await savedNames(folder)).toEqual(["before"]);
    expect(await savedNames(join(folder, "none"))).toEqual([]);
  });

  test.each([
    ["damaged", "{", "damaged.json: not valid JSON: line 1"],
    ["old", '{"version":0}', "old.json: version 0, this program reads version 1"],
    ["short", '{"version":1}', "short.json: "],
  ])("that is %s is refused", async (name, text, message) => {
    writeFileSync(join(folder, `${name}.json`), text);
    await expect(readRun(folder, name)).rejects.toThrow(message);
  });

  test("that is not there is refused with those that are, a name that is a path too", async () => {
    await expect(readRun(folder, "after")).rejects.toThrow(
      /no such saved profile; the saved ones are .*before/,
    );
    await expect(readRun(folder, "../before")).rejects.toThrow("a name may have letters");
  });
});

describe("a comparison of profiles", () => {
  test("judges each row of the second", () => {
    const before = run(row("same", 1), row("slow", 1), row("fast", 1), row("wrong", 1));
    const wrong = { ...row("wrong", 1), error: "differs", hot: null };
    const after = run(row("same", 1), row("slow", 1.1), row("fast", 0.9), wrong, row("new", 1));
    expect(compareRuns(before, after, 0.03).map(({ verdict }) => verdict)).toEqual([
      "SAME",
      "SLOW",
      "FAST",
      "WRONG",
      "NEW",
    ]);
  });

  test("names the rows of the first that the second has not, of those that were wanted", () => {
    const [before, after] = [
      run(row("one", 1), row("two", 1), row("three", 1)),
      run(row("two", 1)),
    ];
    const missing = missingRows(before, after);
    expect(missing.map(({ kernel, verdict }) => [kernel, verdict])).toEqual([
      ["one", "MISSING"],
      ["three", "MISSING"],
    ]);
    const wanted = missingRows(before, after, ({ kernel }) => kernel === "one");
    expect(wanted.map(({ kernel }) => kernel)).toEqual(["one"]);
  });

  test.each(["adapter", "driver", "timer_quantum_ns"] as const)(
    "of another %s is refused",
    (field) => {
      const other = run(row("gemm", 1));
      const value = field === "timer_quantum_ns" ? 65_536 : "other";
      const foreign = { ...other, environment: { ...other.environment, [field]: value } };
      expect(() => compareRuns(other, foreign, 0.03)).toThrow(
        `${field} ${other.environment[field]}`,
      );
    },
  );
});

describe("ceilings", () => {
  test("are read as they were written, one file an adapter; damage is told", async () => {
    const file = ceilingsFile(folder, { name: "NVIDIA H200", driver: "570.1 (x)" });
    expect(file).toBe(join(folder, "ceilings", "nvidia-h200-570-1-x.json"));
    expect(await readCeilings(file)).toBeNull();
    await writeCeilings(file, CEILINGS);
    expect(await readCeilings(file)).toEqual(CEILINGS);
    writeFileSync(file, "{}");
    await expect(readCeilings(file)).rejects.toThrow("profile ceilings");
  });

  test("are those of the working set, or of a larger one that is faster", () => {
    expect(bandwidthCeiling(CEILINGS, 1)).toEqual({ gbytes: 100, bytes: 1e6 });
    expect(bandwidthCeiling(CEILINGS, 2e7)).toEqual({ gbytes: 60, bytes: 1e7 });
    expect(bandwidthCeiling(CEILINGS, Infinity)).toEqual({ gbytes: 10, bytes: 1e8 });
  });

  test("bound a kernel by memory, arithmetic or the launch", () => {
    const memory = roofline({ flops: 1e6, bytes: 3e7 }, 1, CEILINGS, false);
    expect(memory).toMatchObject({ bound: "memory", gflops: 1, gbytes: 30, share: 0.5 });
    const compute = roofline({ flops: 5e8, bytes: 4e6 }, 1, CEILINGS, false);
    expect(compute).toMatchObject({ bound: "compute", share: 0.5 });
    const shares = { memory_share: 5e6 / 1e6 / 10, compute_share: 0.01 };
    expect(memory.memory_share).toBeCloseTo(shares.memory_share, 12);
    const launch = roofline({ flops: 10, bytes: 40 }, 0.006, CEILINGS, false);
    expect(launch).toMatchObject({ bound: "launch", share: null });
  });

  test("bound no kernel that is below 30 % of both: that is latency", () => {
    const at = (share: number): unknown =>
      boundText({
        ok: true,
        roofline: roofline({ flops: 1e6, bytes: share * 6e7 }, 1, CEILINGS, false),
      });
    expect(at(0.31)).toBe("memory 31 %");
    expect(at(0.29)).toBe("latency (memory 29 %)");
    const slow = summarize(run(row("gemm", 100)), CEILINGS, null);
    expect(slow.rows[0].roofline!.bound).toBe("latency");
    const [, , , bound] = explain(slow);
    expect(bound).toMatch(
      /^ {2}bound {3}by neither: memory at .* %, compute at .* %.* integer work/,
    );
  });

  test("give a summary its rates, and none to a wrong row or one too short for the clock", () => {
    const short = { ...row("short", 1), hot: { ...row("short", 1).hot!, trusted: false } };
    const wrong = { ...row("wrong", 1), error: "differs", hot: null };
    const { rows } = summarize(run(row("gemm", 1), short, wrong), CEILINGS, null);
    expect(rows[0].roofline).toMatchObject({ bound: "latency", ceiling_gbytes: 100 });
    expect(rows[0].hot!.low_ms).toBeLessThan(rows[0].hot!.high_ms);
    expect(rows.map(({ ok }) => ok)).toEqual([true, true, false]);
    expect(rows.slice(1).map((one) => one.roofline)).toEqual([null, null]);
  });
});
