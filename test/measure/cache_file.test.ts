// Caches that cannot be made, read or written, and two writers of one file.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { takeLock } from "../../src/formats/lock_file.ts";
import { mergeCache, readCache } from "../../src/measure/cache_file.ts";
import { cachedFile } from "../../src/measure/environment.ts";
import { keepTuning, readTuning, type TuningEntry } from "../../src/tune/tuning_file.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-cache-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

const FACTS = { name: "An Adapter", driver: "1" };

function entry(problem: string): TuningEntry {
  return {
    problem,
    rule: "gemm",
    kernel: "gemm",
    constants: {},
    reason: "rule",
    change: null,
    pairs: 0,
    date: new Date().toISOString(),
    shaders: {},
  };
}

async function keep(file: string | null, problem: string): Promise<string[]> {
  const lines: string[] = [];
  const warn = (line: string): number => lines.push(line);
  const known = await readCache(file, readTuning, warn);
  const { value } = await keepTuning(file, FACTS, { steps: [], entries: [entry(problem)] }, warn);
  expect(value.entries.map((one) => one.problem)).toContain(problem);
  expect(value.entries.length).toBe((known?.entries.length ?? 0) + 1);
  return lines;
}

test("of two writers of one file, each merging one entry at a time, no entry is lost", async () => {
  const file = join(folder, "two", "tuning.json");
  const writer = async (name: string): Promise<void> => {
    for (let i = 0; i < 30; i++) {
      const warn = (line: string): never => expect.fail(line);
      await keepTuning(file, FACTS, { steps: [], entries: [entry(`${name}${i}`)] }, warn);
    }
  };
  await Promise.all([writer("a"), writer("b")]);
  expect((await readTuning(file))!.entries.length).toBe(60);
  expect(readdirSync(join(folder, "two"))).toEqual(["tuning.json"]);
});

const OLD = '{"version": 0, "entries": []}';
test.each([
  ["cut short", '{"version": 1, "ada'],
  ["empty", ""],
  ["of another version", OLD],
  ["other JSON", "[1, 2]"],
])(
  "a file that is %s is moved aside, not overwritten, and one line names it",
  async (name, text) => {
    const file = join(folder, `damaged ${name}`, "tuning.json");
    mkdirSync(join(folder, `damaged ${name}`));
    writeFileSync(file, text);
    const lines = await keep(file, "one");
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain(file);
    expect(readFileSync(`${file}.unreadable`, "utf8")).toBe(text);
    expect((await readTuning(file))!.entries.length).toBe(1);
  },
);

const UNUSABLE: readonly (readonly [string, (file: string) => void])[] = [
  ["a folder", (file) => mkdirSync(file, { recursive: true })],
  ["below a file", (file) => writeFileSync(join(file, ".."), "")],
  ["below a folder that cannot be made", () => undefined],
  ["a pipe", (file) => execFileSync("sh", ["-c", `mkfifo "${file}"`])],
];
test.skipIf(process.platform === "win32").each(UNUSABLE)(
  "a cache that is %s costs one line, and what was found counts",
  async (name, make) => {
    const parent = name.includes("made") ? "/proc/none" : join(folder, name);
    const file = join(parent, "tuning.json");
    if (name === "a pipe") mkdirSync(parent);
    make(file);
    const lines = await keep(file, "one");
    expect(lines).toEqual([expect.stringContaining(file)]);
    // The folder's name is random, and may look like a code of the system.
    expect(lines[0].replaceAll(folder, "")).not.toMatch(/\n|E[A-Z]{4}/);
  },
);

test("a lock that another process holds costs the file, not the command", async () => {
  const file = join(folder, "tuning.json");
  const lock = await takeLock(`${file}.lock`, file);
  let now_ms = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => (now_ms += 3000));
  const kept = mergeCache(
    file,
    { read: readTuning, write: async () => expect.fail(), merge: () => null },
    (line) => expect(line).toContain(`process ${process.pid} on `),
  );
  expect(await kept).toEqual({ value: null, keptIn: null });
  clock.mockRestore();
  await lock.release();
});

test("the folder is the user's own only where that is a whole path", async () => {
  const where = (cache: string, xdg: string, home: string): string | null => {
    vi.stubEnv("RINGDEPTH_CACHE", cache);
    vi.stubEnv("XDG_CACHE_HOME", xdg);
    vi.stubEnv("HOME", home);
    return cachedFile((path: string) => path, null);
  };
  expect(where("here", "/x", "/h")).toBe("here");
  expect(where("", "/x", "/h")).toBe("/x/ringdepth");
  expect(where("", "relative", "/h")).toBe("/h/.cache/ringdepth");
  expect(where("", "", "")).toBeNull();
  expect(await keep(null, "one")).toEqual([expect.stringContaining("there is no home folder")]);
});
