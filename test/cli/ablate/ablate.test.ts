// `ringdepth ablate` from the command line: its table, what a second start finds, cells that fail,
// and what a killed process leaves.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, expect, test } from "vitest";
import { SYSTEM_DISK, withDisk } from "../../../src/formats/disk.ts";
import { ownCache } from "../own_cache.ts";
import { cli, type CliRun } from "../run.ts";

ownCache();
const root = mkdtempSync(join(tmpdir(), "ringdepth-ablate-"));
afterAll(() => rmSync(root, { recursive: true }));
const config = join(root, "tiny.yaml");
writeFileSync(
  config,
  `
rig: { train_moments: 2, held_out_moments: 1 }
size: { height: 32, width: 32 }
head: { kind: softmax_bins, bins: 8 }
loss: { relation_grid: [1, 2] }
checkpoint_every: 1
`,
);
const shared = ["--config", config, "--no-tune", "--rows", "supervised,ckd"];
const settings = [...shared, "--steps", "2", "--seeds", "2"];

interface Table {
  readonly rows: readonly {
    readonly name: string;
    readonly seeds: Readonly<Record<string, Readonly<Record<string, number>>>>;
    readonly failed: Readonly<Record<string, string>>;
    readonly mean: Readonly<Record<string, number>>;
    readonly gain: Readonly<Record<string, readonly number[]>>;
    readonly disagreement: number;
  }[];
  readonly cells: { readonly finished: number; readonly failed: number };
}

async function ablate(out: string, ...more: string[]): Promise<CliRun & { table: () => Table }> {
  const run = await cli("ablate", ...settings, "--json", "--out", join(root, out), ...more);
  return { ...run, table: () => JSON.parse(run.stdout) as Table };
}

/** Runs `work` and calls `before` before each file gets its name: the points between which a kill differs. */
async function watched<T>(before: (file: string) => void, work: () => Promise<T>): Promise<T> {
  const rename = async (from: string, to: string): Promise<void> => {
    before(to);
    await SYSTEM_DISK.rename(from, to);
  };
  return await withDisk({ ...SYSTEM_DISK, rename }, work);
}

/** The folder as a process that is killed now leaves it: with temporary files, and locks of a dead one. */
function killedNow(out: string, name: string): string {
  const left = join(root, name);
  cpSync(join(root, out), left, { recursive: true });
  for (const file of readdirSync(left, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith("ringdepth.lock")) continue;
    const owner = JSON.parse(readFileSync(join(left, file), "utf8")) as { pid: number };
    writeFileSync(join(left, file), JSON.stringify({ ...owner, pid: 999_999_999 }));
  }
  return name;
}

// Before these files of the last cell and of the table get their names, a kill would leave different folders.
const LAST = "ckd.seed-1";
const POINTS = [
  "config.yaml",
  "checkpoints/step-1.safetensors",
  "checkpoints/step-2.safetensors",
  "student.safetensors",
  "cell.json",
].map((file) => join("cells", LAST, ...file.split("/")));
const left = new Map<string, string>();
const first = watched(
  (file) => {
    const own = relative(join(root, "first"), file);
    const isPoint = [...POINTS, "ablation.json", "report.html"].includes(own);
    if (isPoint && !left.has(own)) left.set(own, killedNow("first", `killed-${left.size}`));
  },
  async () => await ablate("first", "--md", join(root, "first.md")),
);
const cellFile = (out: string, name: string): string => join(root, out, "cells", name, "cell.json");

test("the table has every row, seed, mean, gain and file", async () => {
  const { code, table, stderr } = await first;
  expect(code, stderr).toBe(0);
  const [supervised, ckd] = table().rows;
  expect([supervised.name, ckd.name]).toEqual(["supervised", "ckd"]);
  expect(Object.keys(ckd.seeds)).toEqual(["0", "1"]);
  const metrics = Object.values(ckd.seeds["1"]);
  expect(metrics.length).toBe(9);
  expect(metrics.every(Number.isFinite)).toBe(true);
  expect(ckd.mean["abs_rel"]).toBeCloseTo(
    (ckd.seeds["0"]["abs_rel"] + ckd.seeds["1"]["abs_rel"]) / 2,
    12,
  );
  const [percent, low, high] = ckd.gain["abs_rel"];
  expect(low).toBeLessThan(percent);
  expect(high).toBeGreaterThan(percent);
  expect(ckd.disagreement).toBeGreaterThan(0);
  const stored = JSON.parse(readFileSync(join(root, "first", "ablation.json"), "utf8")) as Table;
  expect(stored).toEqual(table());
  expect(readFileSync(join(root, "first", "report.html"), "utf8")).toContain("<svg");
  expect(readFileSync(join(root, "first.md"), "utf8")).toContain("| ckd |");
});

test("a finished cell is never run again, and other settings are refused", async () => {
  const { table } = await first;
  const before = statSync(cellFile("first", "ckd.seed-1")).mtimeMs;
  const again = await ablate("first");
  expect(again.code, again.stderr).toBe(0);
  expect(again.stderr).toContain("ckd.seed-1: AbsRel");
  expect(again.stderr).not.toContain("step 1/2");
  expect(again.table()).toEqual(table());
  expect(statSync(cellFile("first", "ckd.seed-1")).mtimeMs).toBe(before);
  const other = await ablate("first", "--steps", "3");
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("holds a cell of another configuration (steps: 2, now 3)");
});

test("a damaged result is reported and evaluated again", async () => {
  const { table } = await first;
  const file = cellFile("first", "supervised.seed-0");
  writeFileSync(file, readFileSync(file, "utf8").replace('"moments": 1', '"moments": 7'));
  const { code, stderr, table: repaired } = await ablate("first");
  expect(code).toBe(0);
  expect(stderr).toContain("its checksum does not match its content; the cell is evaluated again");
  expect(repaired().rows).toEqual(table().rows);
});

test("a cell that fails is shown, retried, and stops no other", async () => {
  const rows = ["--rows", "huge:optimizer.learning_rate=1e30,supervised", "--seeds", "1"];
  const { code, table, stderr } = await ablate("failing", ...rows);
  expect(code, stderr).toBe(1);
  const [huge, supervised] = table().rows;
  expect(supervised.mean["abs_rel"]).toBeGreaterThan(0);
  expect(huge.failed["0"]).toMatch(/^NonFiniteError: .*is (NaN|-?Infinity)/);
  expect(huge.mean).toEqual({});
  expect(table().cells).toMatchObject({ finished: 1, failed: 1 });
  const failed = statSync(cellFile("failing", "huge.seed-0")).mtimeMs;
  expect((await ablate("failing", ...rows)).code).toBe(1);
  expect(statSync(cellFile("failing", "huge.seed-0")).mtimeMs).toBeGreaterThan(failed);
});

test("wrong settings are refused before anything runs", async () => {
  const folder = await ablate("none", "--data", "folder:/nowhere");
  expect(folder.code).toBe(2);
  expect(folder.stderr).toContain("row ckd: there is no teacher for data folder");
  expect((await ablate("none", "--rows", "none")).stderr).toContain("no such row; known: ");
  expect((await ablate("none", "--seeds", "0")).stderr).toContain("--seeds 0: expected");
  expect((await ablate("none", "--reference", "ckd2")).stderr).toContain("is not one of --rows");
  mkdirSync(join(root, "run"));
  writeFileSync(join(root, "run", "config.yaml"), "steps: 1\n");
  expect((await ablate("run")).stderr).toContain("holds a training run; choose another --out");
});

test("killed at any point of its last cell or of its table, it ends with the same table", async () => {
  const { table } = await first;
  expect([...left.keys()]).toEqual([...POINTS, "ablation.json", "report.html"]);
  for (const [file, name] of left) {
    const again = await ablate(name);
    expect(again.code, `${file}: ${again.stderr}`).toBe(0);
    expect(again.table().rows, file).toEqual(table().rows);
    expect(existsSync(join(root, name, "report.html")), file).toBe(true);
    const files = readdirSync(join(root, name), { recursive: true, encoding: "utf8" });
    expect(
      files.filter((one) => /\.tmp$|\.lock/.test(one)),
      file,
    ).toEqual([]);
  }
});

test("stopped by a signal it writes a checkpoint, says how to go on, and ends the same", async () => {
  const { table } = await first;
  const one = ["--rows", "ckd", "--seeds", "1"];
  let isAsked = false;
  const asked = await watched(
    (file) => {
      // A checkpoint of the cell is being written, so its training is on. A second signal would end it at once.
      if (isAsked || !/cells.*step-1\.safetensors$/.test(file)) return;
      isAsked = true;
      process.emit("SIGTERM");
    },
    async () => await ablate("stopped", ...one),
  );
  expect(asked.code, asked.stderr).toBe(143);
  expect(asked.stderr).toContain("SIGTERM: writing a checkpoint after this step");
  expect(asked.table().cells).toMatchObject({ planned: 1, finished: 0, interrupted: true });
  const resumed = await ablate("stopped", ...one);
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(resumed.stderr).toContain("ckd.seed-0: resumed after step 1");
  expect(resumed.table().rows[0].seeds["0"]).toEqual(table().rows[1].seeds["0"]);
});
