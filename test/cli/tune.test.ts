// `ringdepth tune` and `profile --sweep` on the adapter of the tests: formats, the file that is kept,
// what is refused. Who wins is the adapter's affair.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasTimestamps } from "../../src/gpu/timestamps.ts";
import {
  emptyTuning,
  readTuning,
  tuningPath,
  writeTuning,
  type TuningEntry,
} from "../../src/tune/tuning_file.ts";
import { gpu } from "../support/gpu.ts";
import { cli } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-tune-cli-"));
const file = tuningPath(folder, gpu.facts);
const cacheBefore = process.env["RINGDEPTH_CACHE"];

beforeAll(() => {
  process.env["RINGDEPTH_CACHE"] = folder;
});
afterAll(() => {
  if (cacheBefore === undefined) delete process.env["RINGDEPTH_CACHE"];
  else process.env["RINGDEPTH_CACHE"] = cacheBefore;
  rmSync(folder, { recursive: true });
});

const SWEEP = ["profile", "scale_by", "--cases", "own", "--case", "first slot", "--sweep"];
const QUICK = ["--time", "0.01", "--min-samples", "3", "--timeout", "0.1"];

describe.skipIf(!hasTimestamps(gpu))("profile --sweep", () => {
  test("tries every value of the tuned lines, the rule first", async () => {
    const { code, stdout } = await cli(...SWEEP, ...QUICK);
    expect(code).toBe(0);
    expect(stdout).toMatch(/case +candidate +ok +quick time +vs rule +change \[95 %\] +verdict\n/);
    expect(stdout).toMatch(/first slot +scale_by \(rule\) +yes +\S+ (us|ms) +1\.00/);
    for (const step of [1, 2, 4]) expect(stdout).toContain(`scale_by STEP=${step} `);
    expect(existsSync(file)).toBe(false);
  });

  test("of given values tries those; --json has stdout to itself", async () => {
    const { code, stdout } = await cli(...SWEEP, "STEP=2", ...QUICK, "--json");
    expect(code).toBe(0);
    const { problems } = JSON.parse(stdout) as {
      problems: { key: string; rows: { constants: unknown; error: string }[] }[];
    };
    expect(problems).toHaveLength(1);
    expect(problems[0].key).toMatch(/^scale_by scalars\[64\] x\[.*\] \{"slot":0\}$/);
    expect(problems[0].rows.map(({ constants }) => constants)).toEqual([{}, { STEP: 2 }]);
  });

  test("--apply keeps winners beside what was known", async () => {
    const known: TuningEntry = {
      problem: "another",
      rule: "gemm",
      kernel: "gemm",
      constants: {},
      reason: "rule",
      change: null,
      pairs: 0,
      date: new Date(0).toISOString(),
      shaders: {},
    };
    await writeTuning(file, { ...emptyTuning(gpu.facts), entries: [known] });
    const { code, stdout } = await cli(...SWEEP, ...QUICK, "--apply");
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`\\d choices kept in ${file}`));
    expect((await readTuning(file))!.entries).toContainEqual(known);
    rmSync(file);
  });
});

describe.skipIf(!hasTimestamps(gpu))("tune", () => {
  test("opens the training step, says what it did not reach, and keeps a file", async () => {
    const args = ["--size", "32x32", "--budget", "0.001", "--json"];
    const { code, stdout, stderr } = await cli("tune", ...args);
    expect(code).toBe(0);
    expect(stderr).toContain("step: train nano 32x32, 6 views");
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({ step: "train nano 32x32, 6 views", tuned: null, file });
    expect((result["left"] as { problems: number }).problems).toBeGreaterThan(0);
    expect((await readTuning(file))!.adapter).toBe(gpu.facts.name);
  });

  test("a damaged file costs one line; it is moved aside, and the choices are kept", async () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "{");
    const { code, stdout, stderr } = await cli(...SWEEP, "--apply");
    expect(code).toBe(0);
    expect(stderr).toMatch(/^ringdepth: [^\n]*\n$/);
    expect(stderr).toContain(`${file}: not valid JSON`);
    expect(stdout).toMatch(/choices kept in /);
    expect(readFileSync(`${file}.unreadable`, "utf8")).toBe("{");
    expect((await readTuning(file))!.adapter).toBe(gpu.facts.name);
    rmSync(file);
    rmSync(`${file}.unreadable`);
  });
});

test.each([
  [["profile", "gemm", "--apply"], "give --sweep too"],
  [["profile", "--sweep", "gemm"], "expected NAME=VALUE,VALUE; name kernels before --sweep"],
  [["profile", "gemm", "--sweep", "TM=3"], "3 is not a value of TM; expected 2, 4, 8"],
  [["profile", "gemm", "--sweep", "SIZE=3"], "SIZE is not a constant; expected SIDE, TM"],
  [["profile", "gemm", "--sweep", "variant=conv2d"], "conv2d is not a mapping; expected gemm,"],
  [["profile", "gemm", "--sweep", "--save", "x"], "--save cannot be combined with --sweep"],
  [["profile", "gemm", "--sweep", "--watch"], "--sweep cannot be combined with --watch"],
  [["tune", "--budget", "0"], "--budget 0: expected a number above 0"],
])("%j is refused with one line", async (args, message) => {
  const { code, stderr } = await cli(...args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});
