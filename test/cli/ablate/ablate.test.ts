// `ringdepth ablate` from the command line: its table, what a second start finds, cells that fail,
// and processes that are killed.
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
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
checkpoint_every: 2
`,
);
const shared = ["--config", config, "--no-tune", "--rows", "supervised,ckd"];
const settings = [...shared, "--steps", "4", "--seeds", "2"];

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

const first = ablate("first", "--md", join(root, "first.md"));
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
  expect(again.stderr).not.toContain("step 1/4");
  expect(again.table()).toEqual(table());
  expect(statSync(cellFile("first", "ckd.seed-1")).mtimeMs).toBe(before);
  const other = await ablate("first", "--steps", "5");
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("holds a cell of another configuration (steps: 4, now 5)");
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
  const rows = ["--rows", "supervised,huge:optimizer.learning_rate=1e30", "--seeds", "1"];
  const { code, table, stderr } = await ablate("failing", ...rows);
  expect(code, stderr).toBe(1);
  const [supervised, huge] = table().rows;
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

/** Starts the program on one seed and sends it `signal` once `isReached`; returns how it ended. */
async function stopped(
  signal: "SIGKILL" | "SIGTERM",
  isReached: (text: string) => boolean,
): Promise<{ readonly code: number | null; readonly text: string }> {
  const folder = join(root, "killed");
  const args = ["tools/ringdepth.js", "ablate", ...settings, "--seeds", "1", "--out", folder];
  const child = spawn(process.execPath, args, { stdio: "pipe" });
  let text = "";
  child.stdout.on("data", (part: Buffer) => (text += part.toString()));
  child.stderr.on("data", (part: Buffer) => (text += part.toString()));
  const watch = setInterval(() => {
    if (!isReached(text)) return;
    // A second signal would end it at once.
    clearInterval(watch);
    child.kill(signal);
  }, 2);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearInterval(watch);
  return { code, text };
}

test("killed in the middle of a cell and started again, it gives the same table", async () => {
  const metrics = join(root, "killed", "cells", "ckd.seed-0", "metrics.jsonl");
  const killed = await stopped(
    "SIGKILL",
    () => existsSync(metrics) && readFileSync(metrics, "utf8").split("\n").length > 3,
  );
  expect(killed.code, killed.text).toBeNull();
  expect(existsSync(cellFile("killed", "supervised.seed-0"))).toBe(true);
  expect(existsSync(cellFile("killed", "ckd.seed-0"))).toBe(false);
  const asked = await stopped("SIGTERM", (text) => text.includes("resumed after step 2"));
  expect(asked.code, asked.text).toBe(143);
  expect(asked.text).toContain("cells not finished: 1; the same command continues with them");
  const { code, stderr, table } = await ablate("killed", "--seeds", "1");
  expect(code, stderr).toBe(0);
  await first;
  expect(table().rows).toEqual((await ablate("first", "--seeds", "1")).table().rows);
}, 300_000);
