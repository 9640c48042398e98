// `ringdepth profile FILE.wgsl`: a shader from an empty folder, from one command to a time to a
// checked one under the roofline, with everything that kernels of ringdepth have.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { writeNpy } from "../../../src/formats/npy.ts";
import { hasTimestamps } from "../../../src/gpu/timestamps.ts";
import type { Summary } from "../../../src/measure/summary.ts";
import { gpu } from "../../support/gpu.ts";
import { ownCache } from "../own_cache.ts";
import { cli } from "../run.ts";

const SAXPY = `// y = a x + y
struct Params { n: u32, a: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
override WG: u32 = 64;
@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if id.x >= arrayLength(&y) { return; }
  y[id.x] = params.a * x[id.x] + y[id.x];
}
`;
const folder = ownCache();
const at = (name: string): string => join(folder, name);
const saxpy = at("saxpy.wgsl");
const CHECKED = ["--reference", at("saxpy.mjs"), "--flops", "2 * n", "--bytes", "12 * n"];
const SHORT = ["--time", "0.01", "--min-samples", "3", "--timeout", "0.1"];
const QUICK = ["--set", "n=1000", "--hot", ...SHORT];
const runs = ["--runs", at("runs")];

beforeAll(() => {
  writeFileSync(saxpy, SAXPY);
  writeFileSync(
    at("saxpy.mjs"),
    "export default ({ x, y }, { a }) => ({ y: y.map((v, i) => a * x[i] + v) });\n",
  );
});

describe.skipIf(!hasTimestamps(gpu))("profile FILE.wgsl", () => {
  test("one command gives a time, which is unchecked, and says what it assumed", async () => {
    const { code, stdout, stderr } = await cli("profile", saxpy, ...QUICK);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /assumed for .*saxpy\.wgsl: a = 1\.5, x\.length = 1000, y\.length = 1000/,
    );
    expect(stdout).toMatch(/saxpy\.wgsl +n=1000 +unchecked +\S+ (us|ms|s) \[.*no model\n/);
  });

  test("a reference and the work make it checked and rooflined; saved, compared, as a page", async () => {
    const page = at("page.html");
    const files = ["--html", page, "--save", "one", ...runs];
    const { code, stdout } = await cli(
      "profile",
      saxpy,
      ...QUICK,
      ...CHECKED,
      ...files,
      "--explain",
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/saxpy\.wgsl +n=1000 +yes +\S+ (us|ms|s) \[/);
    expect(stdout).toMatch(/ {2}flops {3}2000 \//);
    expect(readFileSync(page, "utf8")).toContain("saxpy");
    const again = await cli(
      "profile",
      saxpy,
      ...QUICK,
      ...CHECKED,
      "--baseline",
      "one",
      ...runs,
      "--json",
    );
    const { rows } = JSON.parse(again.stdout) as Summary;
    expect(rows[0]).toMatchObject({ ok: true, checked: "case", flops: 2000, bytes: 12000 });
    expect(rows[0].comparison!.verdict).not.toMatch(/NEW|MISSING|WRONG/);
    expect(rows[0].roofline).not.toBeNull();
  });

  test("a wrong result has its place and no time", async () => {
    const wrong = at("wrong.wgsl");
    writeFileSync(wrong, SAXPY.replace("* x[id.x] +", "* x[id.x] -"));
    const { code, stderr, stdout } = await cli("profile", wrong, ...QUICK, ...CHECKED);
    expect(code).toBe(3);
    expect(stderr).toMatch(/wrong\.wgsl, n=1000: y: 1000 of 1000 numbers differ; worst at \[\d+\]/);
    expect(stdout).toMatch(/wrong\.wgsl +n=1000 +WRONG/);
  });

  test("a text that does not compile has its line and a caret", async () => {
    const broken = at("broken.wgsl");
    writeFileSync(broken, SAXPY.replace("x[id.x] +", "z[id.x] +"));
    const { code, stderr } = await cli("profile", broken, ...QUICK);
    expect(code).toBe(3);
    expect(stderr).toMatch(/broken\.wgsl:10:24 error: .*\n 10 \| {3}y\[/);
  });

  test("an expected result from a file", async () => {
    writeFileSync(at("zeros.npy"), writeNpy(new Float32Array(1000), [1000]));
    writeFileSync(
      at("copy.wgsl"),
      SAXPY.replace("params.a * x[id.x] + y[id.x]", "0 * f32(params.n)"),
    );
    const wanted = ["--reference", `y=${at("zeros.npy")}`, "--shape", "y=1000", "--brief"];
    const { code, stdout } = await cli("profile", at("copy.wgsl"), ...wanted, ...SHORT);
    expect([code, stdout.includes("unchecked")]).toEqual([0, false]);
  });

  test("two files, or a file and its commit, interleaved", async () => {
    const other = at("wide.wgsl");
    writeFileSync(other, SAXPY.replace("u32 = 64", "u32 = 128"));
    const { code, stdout } = await cli(
      "profile",
      "--ab",
      saxpy,
      other,
      "--set",
      "n=1000",
      ...SHORT,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/n=1000 +\S+ (us|ms|s) unchecked +\S+ (us|ms|s) unchecked/);
    const repository = at("repository");
    mkdirSync(repository);
    const file = join(repository, "saxpy.wgsl");
    writeFileSync(file, SAXPY);
    const git = (...args: string[]): void => {
      const who = ["-c", "user.name=t", "-c", "user.email=t@t"];
      execFileSync("git", [...who, ...args], { cwd: repository, stdio: "ignore" });
    };
    git("init");
    git("add", ".");
    git("commit", "-m", "one");
    const { stdout: json } = await cli(
      "profile",
      "--ab",
      `${file}@HEAD`,
      file,
      "--set",
      "n=1000",
      ...CHECKED,
      ...SHORT,
      "--json",
    );
    const { rows } = JSON.parse(json) as { rows: Record<string, unknown>[] };
    expect(rows[0]).toMatchObject({ ok: true, case: "n=1000" });
    expect(rows[0]["unchecked"]).toBeUndefined();
  });

  test("a sweep of an override; the grid follows it", async () => {
    const options = [...CHECKED, "--set", "n=1000", ...SHORT];
    const { code, stdout } = await cli("profile", saxpy, ...options, "--sweep", "WG=32,100");
    expect(code).toBe(0);
    expect(stdout).toMatch(/as it is +yes/);
    expect(stdout).toMatch(/WG=32 +yes/);
    expect(stdout).toMatch(/WG=100 +yes/);
    const fixed = await cli("profile", saxpy, ...options, "--grid", "16", "--sweep", "WG=32");
    expect([fixed.code, fixed.stderr]).toEqual([2, expect.stringContaining("'ceil(n / WG)'")]);
  });

  test("--init writes a sidecar, which then needs no options", async () => {
    const own = at("own.wgsl");
    writeFileSync(own, SAXPY);
    expect((await cli("profile", own, "--init", "--set", "n=500")).code).toBe(0);
    const sidecar = JSON.parse(readFileSync(at("own.json"), "utf8")) as Record<string, unknown>;
    expect(sidecar).toMatchObject({
      overrides: { WG: 64 },
      values: { n: 500, a: 1.5 },
      threads: ["n"],
      bytes: "4 * x.length + 8 * y.length",
    });
    const edited = { ...sidecar, reference: "saxpy.mjs", flops: "2 * n" };
    writeFileSync(at("own.json"), JSON.stringify(edited));
    const { code, stdout } = await cli("profile", own, "--hot", ...SHORT, "--json");
    const { rows } = JSON.parse(stdout) as Summary;
    expect(code).toBe(0);
    expect(rows[0]).toMatchObject({
      case: "n=500 WG=64",
      checked: "case",
      flops: 1000,
      bytes: 6000,
    });
    expect((await cli("profile", own, "--init")).stderr).toContain("own.json: exists already");
  });

  test("prints the compiled form", async () => {
    const { code, stdout } = await cli("profile", saxpy, "--set", "WG=32", "--ir", "wgsl");
    expect(code).toBe(0);
    expect(stdout).toContain("override WG: u32 = 32u;");
  });

  test.each([
    [["gemm", "x.wgsl"], "give files or kernels, not both: x.wgsl and gemm"],
    [["none.wgsl"], "none.wgsl: no such file"],
    [["gemm", "--set", "n=1"], "--set applies to a file: ringdepth profile FILE.wgsl --set"],
    [[saxpy, "--preset", "nano"], "--preset applies to kernels of ringdepth, not to a file"],
    [[saxpy, "--set", "m=1"], "no number m; it has n, a, WG"],
    [[saxpy, "--grid", "1", "--threads", "1"], "give --grid or --threads, not both"],
    [[saxpy, "--reference", "none.js"], "--reference none.js: no such file"],
    [[saxpy, "--sweep"], "--sweep: name what to vary in a file"],
  ])("%j is refused", async (args, message) => {
    const { code, stderr } = await cli("profile", ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
