// Files that cannot be written are refused before anything is measured; a result that exists is
// printed, whatever happens to its file and whoever interrupts.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import type { Surroundings } from "../../src/cli/terminal/surroundings.ts";
import { hasTimestamps } from "../../src/gpu/timestamps.ts";
import { gpu } from "../support/gpu.ts";
import { ownCache } from "./own_cache.ts";

ownCache();
const folder = mkdtempSync(join(tmpdir(), "ringdepth-outputs-"));
const late = join(folder, "late");
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  vi.stubEnv("TERM", "xterm");
  mkdirSync(late, { recursive: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
});

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program; `onGpu` is called when it opens the adapter, `onText` for all that is written. */
async function run(
  args: readonly string[],
  onGpu: () => void,
  onText: (text: string) => void = () => undefined,
): Promise<Run> {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr"): Surroundings["stdout"] => ({
    isTTY: true,
    columns: 200,
    write: (text) => {
      written[name] += text;
      onText(text);
    },
  });
  const code = await runCli(args, {
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    openGpu: async () => {
      onGpu();
      return await Promise.resolve({ ...gpu, close: () => undefined });
    },
  });
  return { code, ...written };
}

const ONE = [
  "profile",
  "scale_by",
  "--cases",
  "own",
  "--time",
  "0.01",
  "--timeout",
  "0.1",
  "--hot",
];
const BINS = [
  "bench",
  "bins",
  "--bins",
  "16",
  "--size",
  "4x4",
  "--min-samples",
  "3",
  "--timeout",
  "0.1",
  "--from",
  "binomial",
];

const taken = join(folder, "taken");
mkdirSync(taken);
const file = join(folder, "file");
writeFileSync(file, "before");

describe.each([
  [[...ONE, "-o"]],
  [[...ONE, "--html"]],
  [[...ONE, "--save", "x", "--runs"]],
  [["profile", "step:train", "--trace"]],
  [["profile", "step:predict", "--html"]],
  [["profile", "ceilings", "-o"]],
  [["profile", "gemm", "--sweep", "-o"]],
  [["profile", "--ab", "gemm", "gemm", "-o"]],
  [[...BINS, "-o"]],
  [[...BINS, "--svg"]],
  [["bench", "relation", "-o"]],
  [["bench", "step", "-o"]],
  [["bench", "host", "-o"]],
  [["bench", "kernels", "-o"]],
  [["check", "--network", "nano", "--dump"]],
])("%j FILE", (args) => {
  const option = args.at(-1)!;
  const isFolder = option === "--dump" || option === "--runs";
  const cases: [string, string, string][] = [
    ["below a file", join(file, "x", "y"), "a part of the path is not a folder"],
    ["a name too long", join(folder, "x".repeat(300), "x".repeat(300)), ""],
  ];
  if (isFolder) {
    cases.push(["a file", file, "not a folder"]);
  } else {
    cases.push(
      ["a folder", taken, "it is a folder"],
      ["in no folder", join(folder, "none", "x"), "no such file or folder"],
      ["a device", "/dev/null", "it is not a regular file"],
    );
  }
  test.each(cases)(
    "%s: one line, exit code 2, no adapter opened, nothing left behind",
    async (_, path, why) => {
      const before = readdirSync(folder);
      const { code, stdout, stderr } = await run([...args, path], () =>
        expect.fail("the adapter was opened"),
      );
      expect(code).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^ringdepth: [^\n]*cannot write[^\n]*\n$/);
      expect(stderr).toContain(why);
      expect(readdirSync(folder)).toEqual(before);
      expect(readFileSync(file, "utf8")).toBe("before");
    },
  );
});

test("two options do not share one file, and none writes over what it reads", async () => {
  const fail = (): never => expect.fail("the adapter was opened");
  const path = join(folder, "both");
  const both = await run([...ONE, "-o", path, "--html", join(folder, ".", "both")], fail);
  expect(both.stderr).toContain("--html " + join(folder, "both") + ": -o names the same file");
  const npy = join(folder, "x.npy");
  const own = await run([...ONE, "--data", npy, "-o", npy], fail);
  expect(own.stderr).toContain(`-o ${npy}: --data names the same file`);
  expect([both.code, own.code]).toEqual([2, 2]);
});

describe.skipIf(!hasTimestamps(gpu))("a result that exists", () => {
  const lose = (): void => rmSync(late, { recursive: true, force: true });

  test.each([
    ["-o", [...ONE, "-o", join(late, "x")]],
    ["--html", [...ONE, "--html", join(late, "x")]],
    ["--svg", [...BINS, "--direction", "both", "--svg", join(late, "x")]],
  ])("is printed where %s fails in the end, with exit code 2", async (_, args) => {
    const { code, stdout, stderr } = await run(args, lose);
    expect(code).toBe(2);
    expect(stdout).toMatch(/p50 \[95 %\]/);
    expect(stderr).toMatch(/ringdepth: [^\n]*late[^\n]*: cannot write: no such file or folder\n$/);
  });

  test("goes into the other files where one of them fails", async () => {
    const html = join(folder, "x.html");
    const { code } = await run([...ONE, "-o", join(late, "x"), "--html", html], lose);
    expect(code).toBe(2);
    expect(existsSync(html)).toBe(true);
    rmSync(html);
  });

  test.each([
    ["SIGINT", 130, ONE, "rows"],
    ["SIGTERM", 143, ONE, "rows"],
    ["SIGINT", 130, BINS, "rows"],
  ] as const)(
    "is printed after %s, marked, with exit code %i",
    async (signal, exit, args, field) => {
      const out = join(folder, "interrupted.json");
      let sent = false;
      const onText = (text: string): void => {
        // What is second is about to be measured.
        if (sent || !/(^|K)2\/\d+ /.test(text)) return;
        sent = true;
        process.emit(signal, signal);
      };
      const { code, stdout, stderr } = await run([...args, "--json"], () => undefined, onText);
      expect(sent).toBe(true);
      expect(code).toBe(exit);
      const result = JSON.parse(stdout) as Record<string, unknown>;
      expect(result["interrupted"]).toBe(true);
      expect((result[field] as unknown[]).length).toBeGreaterThan(0);
      expect(stderr).toContain(`${signal}: printing what was measured`);
      sent = false;
      const table = await run([...args, "-o", out], () => undefined, onText);
      expect(table.code).toBe(exit);
      expect(table.stdout).toContain("interrupted");
      expect(existsSync(out)).toBe(false);
    },
  );

  test("is announced where no progress is drawn: what is measured, and for how long", async () => {
    vi.stubEnv("TERM", "dumb");
    const { stdout } = await run(ONE, () => undefined);
    expect(stdout).toMatch(
      /^adapter: .*\nmeasuring \d+ rows?, at most 0.1 s per row and cache state/,
    );
  });

  test("is not there when the signal comes first: one line says so", async () => {
    const { code, stdout, stderr } = await run(
      [...ONE, "--json"],
      () => undefined,
      (text) => {
        if (/(^|K)1\/\d+ /.test(text)) process.emit("SIGINT", "SIGINT");
      },
    );
    expect(code).toBe(130);
    expect(stdout).toBe("");
    expect(stderr).toContain("ringdepth: interrupted before anything was measured\n");
  });
});
