// `ringdepth profile` on the adapter of the tests: formats, saved profiles, two kernels in turn,
// exit codes. That a shader is read from disk is tested with the file itself, put back after.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { writeNpy } from "../../../src/formats/npy.ts";
import { hasTimestamps } from "../../../src/gpu/timestamps.ts";
import { closingLine } from "../../../src/profile/kernel/closing_line.ts";
import { remarks } from "../../../src/measure/text.ts";
import type { Summary } from "../../../src/measure/summary.ts";
import { gpu } from "../../support/gpu.ts";
import { ownCache } from "../own_cache.ts";
import { cli } from "../run.ts";

const SHADER = "shaders/scale_by.wgsl";
const QUICK = [
  "--cases",
  "own",
  "--hot",
  "--time",
  "0.01",
  "--min-samples",
  "3",
  "--timeout",
  "0.1",
];
const ONE = ["scale_by", "--case", "first slot", ...QUICK];
const folder = ownCache();
const runs = ["--runs", join(folder, "runs")];
const PAIR = join(folder, "pair.npy");
writeFileSync(PAIR, writeNpy(Float32Array.of(1, 2), [2]));

/** Runs `work` with the shader changed on disk. */
async function withShader(from: string, to: string, work: () => Promise<void>): Promise<void> {
  const text = readFileSync(SHADER, "utf8");
  expect(text).toContain(from);
  writeFileSync(SHADER, text.replace(from, to));
  try {
    await work();
  } finally {
    writeFileSync(SHADER, text);
  }
}

describe.skipIf(!hasTimestamps(gpu))("profile", () => {
  test("prints a table with the clock above it, and explains it", async () => {
    const { code, stdout } = await cli("profile", ...ONE, "--explain");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^adapter: .*\nmeasuring 1 rows?, .*\ntimer \d+ ns {2}node /);
    expect(stdout).toMatch(/kernel +case +ok +hot p50 \[95 %\] +GFLOP\/s +GB\/s +bound\n/);
    expect(stdout).toMatch(/scale_by +first slot +yes +\S+ (us|ms|s) \[\S+, \S+\]/);
    expect(stdout).toMatch(
      /\nlaunch-bound: .* {3}instrumentation [+-]\S+ us per pass {3}drift at most /,
    );
    expect(stdout).toMatch(/ {2}bytes +\S+ \/ .* measured at 1 MiB: /);
  });

  test("--json has stdout to itself; --format csv and md too", async () => {
    const { code, stdout } = await cli("profile", ...ONE, "--json");
    expect(code).toBe(0);
    const { rows } = JSON.parse(stdout) as Summary;
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ kernel: "scale_by", ok: true, checked: "case", cold: null });
    expect(rows[0].hot!.median_ms).toBeGreaterThan(0);
    const csv = (await cli("profile", ...ONE, "--format", "csv")).stdout.trimEnd().split("\n");
    expect(csv).toHaveLength(2);
    expect(csv[0].split(",")).toHaveLength(csv[1].split(",").length);
    const md = (await cli("profile", ...ONE, "--format", "md")).stdout;
    expect(md).toMatch(/^\| kernel \| case \|.*\n\| --- \| --: \|/);
  });

  test("-o writes what else stdout had", async () => {
    const file = join(folder, "result.json");
    await cli("profile", ...ONE, "--format", "json", "-o", file);
    expect((JSON.parse(readFileSync(file, "utf8")) as Summary).rows).toHaveLength(1);
  });

  test("a profile is saved, listed, shown, compared and used as a baseline", async () => {
    expect((await cli("profile", ...ONE, ...runs, "--save", "one")).code).toBe(0);
    const wide = ["--threshold", "1000000%"];
    const next = [...runs, "--baseline", "one", "--save", "two", ...wide, "--gate"];
    const second = await cli("profile", ...ONE, ...next);
    expect(second.stdout).toMatch(/vs one\n.*SAME/s);
    expect(second.code).toBe(0);
    expect((await cli("profile", "list", ...runs)).stdout).toMatch(/^name .*\none .*\ntwo /);
    expect((await cli("profile", "show", "one", ...runs)).stdout).toMatch(
      /scale_by +first slot +yes/,
    );
    const compared = await cli("profile", "compare", "one", "two", ...runs, ...wide, "--json");
    expect(JSON.parse(compared.stdout)).toMatchObject([{ kernel: "scale_by", verdict: "SAME" }]);
    const other = ["scale_by", "--case", "slot", "--seed", "3", ...QUICK, ...runs, ...wide];
    const wider = await cli("profile", ...other, "--save", "all", "--baseline", "one", "--gate");
    expect(wider.code).toBe(1);
    expect(wider.stdout).toMatch(/2 NEW: not in the earlier profile: scale_by, last slot/);
    expect(wider.stdout).toMatch(/gate failed: 2 NEW; --lenient/);
    const narrower = await cli("profile", "compare", "all", "one", ...runs, ...wide, "--gate");
    expect(narrower.code).toBe(1);
    expect(narrower.stdout).toMatch(/2 MISSING: only in the earlier profile/);
    const lenient = ["--gate", "--lenient", "--format", "csv"];
    const passed = await cli("profile", "compare", "all", "one", ...runs, ...wide, ...lenient);
    expect(passed.code).toBe(0);
    expect(passed.stdout).toMatch(/^kernel,case,/);
    expect(passed.stderr).toContain("gate passed");
    const missing = await cli("profile", ...ONE, ...runs, "--baseline", "three");
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("the saved ones are all, one, two");
  });

  test("--axis and --shape make problems of other sizes, --data of other numbers", async () => {
    const bins = ["softmax_bins", "--case", "one bin", ...QUICK, "--json"];
    const axis = await cli("profile", ...bins, "--axis", "K=8,16", "--data", "zeros");
    expect(axis.code).toBe(0);
    expect(axis.stderr).toContain("--data zeros: ");
    expect((JSON.parse(axis.stdout) as Summary).rows).toMatchObject([
      { case: "one bin, K=8, zeros", ok: true },
      { case: "one bin, K=16, zeros", ok: true },
    ]);
    const shape = await cli("profile", ...bins, "--shape", "logits=2", "--data", PAIR);
    expect((JSON.parse(shape.stdout) as Summary).rows).toMatchObject([
      { case: `one bin, logits=2, logits of ${PAIR}`, ok: true },
    ]);
  });

  test("--preset times what training runs", async () => {
    const args = ["scale_by", "--preset", "nano", "--hot", ...QUICK.slice(2), "--json"];
    const { code, stdout } = await cli("profile", ...args);
    expect(code).toBe(0);
    for (const { kernel, case: name, ok } of (JSON.parse(stdout) as Summary).rows) {
      expect({ kernel, ok }).toEqual({ kernel: "scale_by", ok: true });
      expect(name).toMatch(/ x\d+$/);
    }
  });

  test("--no-robustness and --skip-validation print costs beside the times", async () => {
    const costs = ["--no-robustness", "--skip-validation"];
    const { code, stdout } = await cli("profile", ...ONE, ...costs);
    expect(code).toBe(0);
    expect(stdout).toMatch(/bound +bounds checks +validation\n/);
    expect(stdout).toMatch(
      / (us|ms) \[.*\] .* cost -?\S+ % \[\S+ %, \S+ %\] +costs -?\S+ of \S+ us of CPU/,
    );
    const csv = (await cli("profile", ...ONE, ...costs, "--format", "csv")).stdout.split("\n");
    const place = csv[0].split(",").indexOf("validation_with_us");
    expect(Number(csv[1].split(",")[place])).toBeGreaterThan(0);
  });

  test("--ir wgsl prints the text with its overrides", async () => {
    const { code, stdout, stderr } = await cli("profile", ...ONE.slice(0, 5), "--ir", "wgsl");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\/\/ scale_by — /);
    expect(stderr).toContain("wgsl of scale_by");
    const several = await cli("profile", "softmax_bins*", "--ir", "wgsl");
    expect(several.code).toBe(2);
    expect(several.stderr).toContain(
      "one kernel at a time, not softmax_bins, softmax_bins_subgroup, softmax_bins_rows",
    );
  });

  test("--ir spirv prints what the compiler makes of it, and nothing else", async () => {
    const file = join(folder, "scale_by.spvasm");
    const args = ["--ir", "spirv", "-o", file];
    const { code, stdout } = await cli("profile", ...ONE.slice(0, 5), ...args);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    const text = readFileSync(file, "utf8");
    expect(text).toMatch(/^; SPIR-V\n/);
    expect(text).toContain("OpEntryPoint GLCompute %scale_by ");
    expect(text).toMatch(/OpFunctionEnd\n$/);
  });

  test("--html writes a page, of a profile just taken and of a saved one", async () => {
    const file = join(folder, "page.html");
    const taken = await cli("profile", ...ONE, ...runs, "--save", "page", "--html", file, "--json");
    expect(taken.code).toBe(0);
    expect(JSON.parse(taken.stdout)).toHaveProperty("rows");
    expect(taken.stderr).toContain(`report in ${file}`);
    const page = readFileSync(file, "utf8");
    expect(page).toContain("<h1>Profile of scale_by</h1>");
    expect(page).toContain(`<code>ringdepth profile scale_by --case &#39;first slot&#39; --cases`);
    const shown = join(folder, "shown.html");
    expect((await cli("profile", "show", "page", ...runs, "--html", shown)).code).toBe(0);
    // The same numbers, but for the command line and what is not saved.
    const saved = page
      .replace(/<p class="faint"><code>.*/, "")
      .replace(/ instrumentation [^;]*;/, "")
      .replaceAll(/<td class="advice">([^<]*)<span class="case">[^<]*<\/span>/g, "<td>$1")
      .replaceAll(' class="advice"', "");
    expect(readFileSync(shown, "utf8")).toBe(saved);
    const nowhere = join(folder, "none", "page.html");
    const failed = await cli("profile", "show", "page", ...runs, "--html", nowhere);
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain("cannot write: no such file or folder");
  });

  test("--ab times two kernels in turn", async () => {
    const run = await cli(
      "profile",
      "--ab",
      "gemm",
      "gemm",
      ...QUICK,
      "--case",
      "a tile",
      "--json",
    );
    expect(run.stderr).not.toMatch(/ringdepth:/);
    expect(run.code).toBe(0);
    const { rows } = JSON.parse(run.stdout) as { rows: Record<string, unknown>[] };
    expect(rows.length).toBeGreaterThan(0);
    expect(rows[0]).toMatchObject({ ok: true });
  });

  test("a shader edited on disk that is wrong gets its error and no time: exit 3", async () => {
    await withShader("= factor * x[i]", "= -factor * x[i]", async () => {
      const { code, stdout, stderr } = await cli("profile", ...ONE, "--json");
      expect(code).toBe(3);
      const [row] = (JSON.parse(stdout) as Summary).rows;
      expect(row).toMatchObject({ ok: false, hot: null, cold: null, roofline: null });
      expect(row.error).toContain("elements differ");
      expect(stderr).toContain("elements differ");
    });
  });

  test("--watch times a shader that is saved, and outlives one that does not compile", async () => {
    const args = ["profile", "--watch", "scale_by", "--case", "first slot", "--cases", "own"];
    const child = spawn(process.execPath, ["tools/ringdepth.js", ...args]);
    let stdout = "";
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    const shown = async (text: string): Promise<void> =>
      await vi.waitFor(() => expect(stdout).toContain(text), { timeout: 60_000, interval: 50 });
    try {
      await shown("watching shaders/");
      await withShader("let factor = ", "let factor ", async () => {
        await shown("shaders/scale_by.wgsl:32:");
      });
      await vi.waitFor(() => expect(stdout).toMatch(/tried in \S+ s\n/), { timeout: 60_000 });
    } finally {
      child.kill();
    }
    expect(stdout).toMatch(/scale_by tried in \S+ s; the numbers are from its last good version/);
    expect(stdout).toMatch(/first slot .* (SAME|AMBIGUOUS|FAST|SLOW) /);
  });

  test("a shader that does not compile is told by file, line, column and caret: exit 3", async () => {
    await withShader("let factor = ", "let factor ", async () => {
      const { code, stderr } = await cli("profile", ...ONE);
      expect(code).toBe(3);
      expect(stderr).toMatch(/shaders\/scale_by\.wgsl:32:\d+ error: .*\n 32 \| .*\n {4}\| +\^/);
    });
  });
});

test("a share above its ceiling is remarked, and names the way out", () => {
  const row = { kernel: "gemm", case: "one", ok: true, cold: null, hot: null, comparison: null };
  const high = { gflops: 1, gbytes: 1, bound: "memory", share: 1.2 } as const;
  const environment = { software: true };
  const summary = { environment, rows: [{ ...row, roofline: high }] } as unknown as Summary;
  expect(closingLine(summary)).toBe("launch-bound: none");
  expect(remarks(summary)).toEqual([
    '1 above their ceiling: measure it again with "ringdepth profile ceilings"',
  ]);
});

test.each([
  [["profile", "no_such_kernel"], "no kernel matches"],
  [["profile", "scale_by", "--case", "no such case"], "no problem of scale_by"],
  [["profile", "--ab", "gemm"], "--ab takes two kernels"],
  [["profile", "--ab", "gemm", "scale_by"], "no problem of gemm and scale_by"],
  [["profile", "--ab", "gemm", "gemm", "--save", "x"], "--save cannot be combined with --ab"],
  [["profile", "gemm", "--watch", "--html", "x"], "--html cannot be combined with --watch"],
  [["profile", "--cold", "--hot"], "--cold and --hot"],
  [["profile", "--gate"], "it needs --baseline or --ab"],
  [["profile", "--lenient"], "--lenient needs --gate"],
  [["profile", "--preset", "nano", "--cases", "own"], "give --cases or --preset"],
  [["profile", "--preset", "huge"], "student huge: expected nano, resnet18 or resnet34"],
  [["profile", "--ir", "hlsl"], "--ir hlsl: expected wgsl, spirv, tint"],
  [["profile", "--ir", "wgsl", "--watch"], "--watch cannot be combined with --ir"],
  [
    ["profile", "gemm", "--no-robustness", "--watch"],
    "--no-robustness cannot be combined with --watch",
  ],
  [["profile", "gemm", "--axis", "Q=3"], "gemm has no axis Q"],
  [["profile", "gemm", "--shape", "a=3x4"], "gemm, a[3, 4]"],
  [["profile", "gemm", "--data", "x.txt"], "--data x.txt: expected random, zeros or FILE.npy"],
  [["profile", "gemm", "--data", "none.npy"], "--data none.npy: no such file"],
  [["profile", "gemm", "--data", PAIR], "pair.npy is [2], but a of gemm"],
  [["profile", "gemm", "--watch", "--json"], "--json cannot be combined with --watch"],
  [["profile", "--json", "--format", "csv"], "contradict"],
  [["profile", "--format", "xml"], "--format xml"],
  [["profile", "--threshold", "-3%"], "--threshold -3: expected a number above 0"],
  [
    ["profile", "show", "x", "--runs", join(folder, "none")],
    "no such saved profile; none is saved",
  ],
])("%j is refused with one line", async (args, message) => {
  const { code, stderr } = await cli(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});
