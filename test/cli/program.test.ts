// The command line as a whole: help, exit codes, and what goes to which stream.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { NoAdapterError } from "../../src/gpu/errors.ts";
import { ceilingsFile, writeCeilings } from "../../src/measure/ceilings.ts";
import { gpu } from "../support/gpu.ts";
import { cli } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-program-"));
const cacheBefore = process.env["RINGDEPTH_CACHE"];
beforeAll(() => {
  process.env["RINGDEPTH_CACHE"] = folder;
});
afterAll(() => {
  if (cacheBefore === undefined) delete process.env["RINGDEPTH_CACHE"];
  else process.env["RINGDEPTH_CACHE"] = cacheBefore;
  rmSync(folder, { recursive: true });
});

const COMMANDS = ["train", "eval", "predict", "check", "doctor", "start"];

test.each(COMMANDS)("%s --help shows an example and the option --json", async (name) => {
  const { code, stdout, stderr } = await cli(name, "--help");
  expect(code).toBe(0);
  expect(stdout).toContain("Example:\n  ringdepth");
  expect(stdout).toContain("--json");
  expect(stderr).toBe("");
});

test.each([
  [["train", "--stepz", "3"], "unknown option '--stepz' (Did you mean --steps?)"],
  [["frobnicate"], "unknown command 'frobnicate'"],
  [["eval"], "eval: nothing to evaluate; give one of --checkpoint, --predictions"],
  [["train", "--steps", "1.5"], "--steps 1.5: expected a whole number of at least 1"],
  [["train", "--student", "giant"], "student giant: expected nano, resnet18 or resnet34"],
  [["check", "--gate", "0"], "--gate 0: expected a number above 0"],
  [["check", "--steps", "3"], "--steps needs --network"],
  [["check", "gemm", "--network", "nano"], "give a glob of kernels or --network, not both"],
  [["check", "gemmm"], 'no kernel matches "gemmm"; similar names: gemm'],
])("%j is one clear line and exit code 2", async (args, line) => {
  const { code, stdout, stderr } = await cli(...args);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^ringdepth: [^\n]*\n$/);
  expect(stderr).toContain(line);
});

test("the first line names the adapter; a quick doctor measures no ceilings", async () => {
  const { code, stdout } = await cli("doctor", "--quick");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^adapter: \S/);
  expect(stdout).toContain("timer quantum");
  expect(stdout).toMatch(/^mappings by rule\n {2}gemm: \w+ ?[(,]/m);
  expect(stdout).toMatch(/ceilings +not measured\n$/);
});

test("with --json stdout holds the result alone, the adapter's line goes to stderr", async () => {
  const { stdout, stderr } = await cli("doctor", "--quick", "--json");
  const found = JSON.parse(stdout) as Record<string, unknown>;
  expect(found).toMatchObject({ limits: { maxBufferSize: expect.any(Number) as number } });
  expect(found["timer_quantum_ns"]).not.toBe(0);
  expect(found["ceilings"]).toBeNull();
  expect(stderr).toMatch(/^adapter: [^\n]*\n$/);
});

test("doctor prints the ceilings that are known, with their date", async () => {
  const ceilings = {
    version: 4,
    date: "2026-01-02T03:04:05.678Z",
    adapter: gpu.facts.name,
    driver: gpu.facts.driver,
    bandwidth: [{ working_set_bytes: 2 ** 20, copy_gbytes: 11, read_gbytes: 12, triad_gbytes: 13 }],
    gflops: 100,
    f16_gflops: 200,
    empty_dispatch_us: 7,
  } as const;
  await writeCeilings(ceilingsFile(folder, gpu.facts), ceilings);
  const { stdout } = await cli("doctor");
  expect(stdout).toMatch(/ceilings +measured 2026-01-02\n/);
  expect(stdout).toMatch(/1 MiB +11.0 +12.0 +13.0\n/);
  expect(stdout).toMatch(/arithmetic +100 GFLOP\/s f32, 200 f16\n/);
  const { stdout: json } = await cli("doctor", "--json");
  expect(JSON.parse(json)).toMatchObject({ ceilings });
});

test("ceilings that cannot be read do not keep doctor from the rest", async () => {
  const file = ceilingsFile(folder, gpu.facts);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "{");
  const { code, stdout, stderr } = await cli("doctor", "--quick");
  rmSync(file);
  expect(code).toBe(0);
  expect(stdout).toContain("timer quantum");
  expect(stderr).toMatch(/^ringdepth: [^\n]*\n$/);
  expect(stderr).toContain(file);
});

test("without an adapter doctor says what to do and exits with 4", async () => {
  let stderr = "";
  const code = await runCli(["doctor"], {
    stdout: { write: () => undefined },
    stderr: { write: (text) => (stderr += text) },
    openGpu: async () => await Promise.reject(new NoAdapterError("none")),
  });
  expect(code).toBe(4);
  expect(stderr).toContain("npm run setup");
});

test("check holds a kernel against its reference and prints each case as JSON", async () => {
  const { code, stdout } = await cli("check", "scale_*", "--json");
  expect(code).toBe(0);
  const { kernels } = JSON.parse(stdout) as { kernels: Record<string, unknown>[] };
  expect(kernels.length).toBeGreaterThan(0);
  for (const kernel of kernels) {
    expect(kernel).toEqual({
      name: "scale_by",
      case: expect.any(String) as string,
      ok: true,
      max_abs_error: expect.any(Number) as number,
      max_rel_error: expect.any(Number) as number,
    });
  }
});
