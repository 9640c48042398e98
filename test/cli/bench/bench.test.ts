// `ringdepth bench` on the adapter of the tests: formats, filters and exit codes, on tiny problems.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasTimestamps } from "../../../src/gpu/timestamps.ts";
import type { BinRow } from "../../../src/profile/bench/bins_bench.ts";
import type { HardRowsCheck } from "../../../src/profile/bench/bins_check.ts";
import type { BinVerdict } from "../../../src/profile/bench/bins_verdicts.ts";
import type { HostRow } from "../../../src/profile/bench/host_bench.ts";
import type { WayRow } from "../../../src/profile/bench/plan_bench.ts";
import type { RelationRow } from "../../../src/profile/bench/relation_bench.ts";
import { tuningPath, writeTuning } from "../../../src/tune/tuning_file.ts";
import { resolveConfig } from "../../../src/train/config.ts";
import { openSource } from "../../../src/train/source.ts";
import { gpu } from "../../support/gpu.ts";
import { otherMappings } from "../../train/other_mappings.ts";
import { ownCache } from "../own_cache.ts";
import { cli, type CliRun } from "../run.ts";

const FAST = ["--min-samples", "3", "--timeout", "0.01"];
const folder = ownCache();

/** What a run printed as JSON; its exit code must be 0. */
function parsed({ code, stdout, stderr }: CliRun): unknown {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

describe.skipIf(!hasTimestamps(gpu))("bench", () => {
  const tiny = ["bench", "bins", "--size", "4x6", "--bins", "16", ...FAST];

  test("bins: every level of every student, in the directions asked for", async () => {
    const { rows, verdicts } = parsed(
      await cli(...tiny, "--direction", "both", "--centers", "image", "--json"),
    ) as { rows: BinRow[]; verdicts: BinVerdict[] };
    const students = rows.map(({ student, channels, level }) => `${student} ${channels} ${level}`);
    expect(students).toEqual([
      ...["logits", "binomial"].flatMap((student) => [0, 1, 3].map((l) => `${student} 0 ${l}`)),
      ...[8, 32, 64].flatMap((channels) => [0, 1, 2].map((l) => `features ${channels} ${l}`)),
    ]);
    for (const row of rows) {
      expect(row).toMatchObject({ error: "", height: 4, width: 6, bins: 16, direction: "both" });
      expect(row.time!.median_ms).toBeGreaterThan(0);
      expect(row.peak_bytes).toBeGreaterThan(row.between_bytes);
    }
    expect(verdicts).toHaveLength(4);
    expect(verdicts[0].verdict).toBe("not measured"); // 16 bins are none of those it is of
  });

  test("bins: the table has verdicts under it, Markdown and the picture go into files", async () => {
    const [md, svg] = [join(folder, "bins.md"), join(folder, "bins.svg")];
    const one = [...tiny, "--from", "binomial", "--centers", "image", "--level", "3"];
    const table = await cli(...one, "--svg", svg);
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(/^from +centres +size +bins +direction +level +time p50/m);
    expect(table.stdout).toMatch(/^\(pi, t\) +image +6x4x6 +16 +both +3 +\S+ (us|ms) \[/m);
    expect(table.stdout).toMatch(
      /at least 2 needed, lowest .* highest .*: (met|not met at|AMBIGUOUS at)/,
    );
    expect(table.stdout).toContain("at least 1.5 needed, not measured");
    expect(readFileSync(svg, "utf8")).toContain("6x4x6 pixels, centres of the image");
    expect((await cli(...one, "--md", "-o", md)).stdout).toContain(`written to ${md}`);
    const lines = readFileSync(md, "utf8").split("\n");
    expect(lines[0]).toMatch(
      /^\* at 16 bins a fused distillation step is \S+ times as fast as an unfused one \[.* of the memory/,
    );
    expect(lines.some((line) => line.startsWith("| from | centres |"))).toBe(true);
    expect(lines.filter((line) => line.startsWith("| (pi, t) |"))).toHaveLength(4);
    expect(lines.at(-2)).toMatch(/^\* from \(pi, t\), centres of the image, 128 bins: /);
  });

  test("relation: CSV, saved, compared under a gate, as a page", async () => {
    const one = ["bench", "relation", "--tokens", "8", "--features", "4", ...FAST];
    const forward = [...one, "--direction", "forward", "--runs", join(folder, "runs")];
    const page = join(folder, "relation.html");
    const saved = await cli(...forward, "--save", "one", "--html", page, "--format", "csv");
    expect(saved.code).toBe(0);
    const [head, ...lines] = saved.stdout.trimEnd().split("\n");
    expect(head).toMatch(
      /way,direction,.*,error,time_median_ms,.*,ratio_median,ratio_low,ratio_high$/,
    );
    expect(lines).toHaveLength(2);
    expect(lines[0].split(",")).toHaveLength(head.split(",").length);
    expect(readFileSync(page, "utf8")).toContain("6x8x4, forward");
    const shown = await cli("profile", "show", "one", "--runs", join(folder, "runs"));
    expect(shown.stdout).toMatch(/^stored +6x8x4, forward +yes/m);
    const again = await cli(...forward, "--baseline", "one", "--threshold", "1000%", "--gate");
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/vs one: fused, 6x8x4, forward: (SAME|AMBIGUOUS)/);
    expect(again.stdout).toContain("gate passed");
    const both = await cli(...one, "--json", "--format", "csv");
    expect([both.code, both.stderr]).toEqual([
      2,
      expect.stringContaining("--json and --format csv contradict each other"),
    ]);
  });

  test("bins --check holds over a thousand hard rows of each kind against f64", async () => {
    const checks = parsed(
      await cli("bench", "bins", "--check", "--bins", "32", "--json"),
    ) as HardRowsCheck[];
    expect(new Set(checks.map(({ level }) => level))).toEqual(new Set([0, 1, 2, 3]));
    expect(checks).toHaveLength(2 * 3 * 3 + 3);
    for (const { count, depth_error, gradient_error, error } of checks) {
      expect(error).toBe("");
      expect(count).toBeGreaterThanOrEqual(1000);
      expect(depth_error).toBeGreaterThan(0);
      expect(gradient_error).toBeGreaterThan(0);
    }
    const { stdout } = await cli("bench", "bins", "--check", "--bins", "16");
    expect(stdout).toMatch(
      /^level 2: 1040 pixels checked in f64, largest relative error: depth \S+, gradients/m,
    );
  });

  test("relation: stored and fused agree", async () => {
    const { rows } = parsed(
      await cli("bench", "relation", "--tokens", "8", "--features", "4", ...FAST, "--json"),
    ) as { rows: RelationRow[] };
    expect(rows.map(({ way, direction }) => `${way} ${direction}`)).toEqual(
      ["forward", "backward", "both"].flatMap((d) => [`stored ${d}`, `fused ${d}`]),
    );
    for (const { error, gradient_error } of rows) {
      expect(error).toBe("");
      expect(gradient_error).toBeLessThan(1e-5);
    }
  });

  test("kernels: one case by a part of its name", async () => {
    const { rows } = parsed(await cli("bench", "kernels", "log_binomial_head head", "--json")) as {
      rows: Record<string, unknown>[];
    };
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ kernel: "log_binomial_head", error: "", checked: "case" });
    const none = await cli("bench", "kernels", "no such case");
    expect(none).toMatchObject({ code: 2 });
    expect(none.stderr).toContain("no problem has no such case in its name");
  });

  test("step: four forms of one step", async () => {
    const { rows } = parsed(await cli("bench", "step", "--size", "32x32", ...FAST, "--json")) as {
      rows: WayRow[];
    };
    expect(rows.map(({ way }) => way)).toEqual([
      "all stored",
      "bins fused",
      "relation fused",
      "all fused",
    ]);
    for (const { error, dispatches } of rows) {
      expect(error).toBe("");
      expect(dispatches).toBeGreaterThan(100);
    }
    expect(rows[3].between_bytes).toBeLessThan(rows[0].between_bytes);
  });

  test("step --tuned: by rule and by the choices of this adapter, where it has any", async () => {
    const args = ["bench", "step", "--size", "32x32", "--tuned", ...FAST, "--json"];
    const none = await cli(...args);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("no measured choice applies to this step: run ringdepth tune");
    const config = resolveConfig({ size: { height: 32, width: 32 } }, "test");
    const tuning = otherMappings(gpu, config, await openSource(config, "train"));
    await writeTuning(tuningPath(folder, gpu.facts), tuning);
    const { rows } = parsed(await cli(...args)) as { rows: WayRow[] };
    expect(rows.map(({ way, error }) => [way, error])).toEqual([
      ["by rule", ""],
      ["tuned", ""],
    ]);
    expect(rows[1].ratio!.median).toBeGreaterThan(0);
  });

  test("host: every path has its times", async () => {
    const { rows } = parsed(
      await cli("bench", "host", "--size", "32x32", "--time", "0.001", "--json"),
    ) as { rows: HostRow[] };
    expect(rows).toHaveLength(8);
    for (const { name, median_ms, p75_ms, p99_ms, rate_hz, samples } of rows) {
      expect(median_ms, name).toBeGreaterThan(0);
      expect(p75_ms).toBeGreaterThanOrEqual(median_ms);
      expect(p99_ms).toBeGreaterThanOrEqual(p75_ms);
      expect(rate_hz).toBeCloseTo(1000 / median_ms, 6);
      expect(samples).toBeGreaterThan(0);
    }
  });
});

test.each([
  [["bench", "bins", "--size", "48"], "--size 48: expected HEIGHTxWIDTH"],
  [["bench", "bins", "--level", "4"], "--level 4: expected 0, 1, 2, 3"],
  [["bench", "bins", "--from", "logits,nano"], "--from nano: expected logits"],
  [["bench", "bins", "--student", "logits"], "use --from logits, binomial or features"],
  [["bench", "bins", "--check", "--svg", "x.svg"], "--svg cannot be combined with --check"],
  [["bench", "bins", "--svg", "x.svg", "--direction", "forward"], "--svg draws"],
  [["bench", "bins", "--from", "features", "--centers", "pixel"], "no problem"],
  [["bench", "relation", "--json", "--md"], "give --json or --md, not both"],
])("%j is refused with one line", async (args, message) => {
  const { code, stderr } = await cli(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});
