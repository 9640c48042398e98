// Where the settings of a run come from, and that a run that goes on keeps its own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runSettings } from "../../../src/cli/settings/run_settings.ts";
import { resolveConfig } from "../../../src/train/config.ts";
import { formatConfig } from "../../../src/train/config/text.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-settings-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const write = (name: string, text: string): string => {
  writeFileSync(join(root, name), text);
  return join(root, name);
};

test("without anything given a run is the default one, in a folder named for it", async () => {
  const { config, out, resume } = await runSettings({});
  expect(config).toEqual(resolveConfig({}, "test"));
  expect(out).toBe(join("runs", "nano-rig"));
  expect(resume).toBe(false);
});

test("the command line comes after the file", async () => {
  const config = write("run.yaml", "steps: 7\nseed: 3\noptimizer:\n  learning_rate: 0.1\n");
  const settings = await runSettings({ config, steps: 9, skipBadSamples: true });
  expect(settings.config).toMatchObject({
    steps: 9,
    seed: 3,
    bad_samples: "skip",
    optimizer: { learning_rate: 0.1 },
  });
});

test("a misspelt key is named with its file and the keys that there are", async () => {
  const config = write("run.yaml", "optimizer:\n  learning_rat: 0.1\n");
  await expect(runSettings({ config })).rejects.toThrow(
    /run\.yaml: unknown key "optimizer\.learning_rat"; known keys: learning_rate, /,
  );
});

test("a resumed run takes its own configuration", async () => {
  const own = resolveConfig({ steps: 7, seed: 3 }, "test");
  write("config.yaml", formatConfig(own));
  expect(await runSettings({ out: root, resume: true })).toEqual({
    config: own,
    out: root,
    resume: true,
    tune: true,
  });
  expect((await runSettings({ out: root, resume: true, steps: 7 })).config).toEqual(own);
});

test("a flag that contradicts a resumed run is an error", async () => {
  write("config.yaml", formatConfig(resolveConfig({ steps: 7 }, "test")));
  await expect(runSettings({ out: root, resume: true, steps: 8 })).rejects.toThrow(
    /--resume: steps is 8, but the run in .* has 7/,
  );
});

test("paths become absolute, from the command line and from --config alike", async () => {
  const config = write("run.yaml", "teacher:\n  kind: files\n  path: maps\n");
  const settings = await runSettings({ config, data: "folder:drive" });
  expect(settings.config.data).toBe(`folder:${resolve("drive")}`);
  expect(settings.config.teacher.path).toBe(resolve("maps"));
  expect((await runSettings({ data: `ddad:${root}` })).config.data).toBe(`ddad:${root}`);
});

test("a resumed run may name another place of its data, and nothing else", async () => {
  const own = resolveConfig({ data: "folder:/old/drive", steps: 7 }, "test");
  write("config.yaml", formatConfig(own));
  const flags = { out: root, resume: true };
  expect((await runSettings(flags)).config).toEqual(own);
  const moved = await runSettings({ ...flags, data: "folder:/new/drive" });
  expect(moved.config).toEqual({ ...own, data: "folder:/new/drive" });
  await expect(runSettings({ ...flags, data: "ddad:/new" })).rejects.toThrow(
    /--resume: data is "ddad:\/new", but the run in .* has "folder:\/old\/drive"/,
  );
  await expect(runSettings({ ...flags, data: "folder:/new", seed: 5 })).rejects.toThrow(
    /--resume: seed is 5/,
  );
});

test("recomputation is a flag or a key, and a resumed run may begin with it", async () => {
  expect((await runSettings({})).config.recompute).toBe(false);
  const config = write("less.yaml", "recompute: true\n");
  for (const flags of [{ recompute: true }, { config }]) {
    expect((await runSettings(flags)).config.recompute).toBe(true);
  }
  const own = resolveConfig({ steps: 7 }, "test");
  write("config.yaml", formatConfig(own));
  const resumed = await runSettings({ out: root, resume: true, recompute: true });
  expect(resumed.config).toEqual({ ...own, recompute: true });
  write("config.yaml", formatConfig({ ...own, recompute: true }));
  expect((await runSettings({ out: root, resume: true })).config.recompute).toBe(true);
});

test("a resumed run may name another place of its teacher's maps by --config", async () => {
  const teacher = { kind: "files", path: "/old/maps" } as const;
  const own = resolveConfig({ data: "folder:/drive", teacher }, "test");
  write("config.yaml", formatConfig(own));
  const config = write("moved.yaml", "teacher: { path: /new/maps }\n");
  const settings = await runSettings({ out: root, resume: true, config });
  expect(settings.config).toEqual({ ...own, teacher: { ...own.teacher, path: "/new/maps" } });
});

test("an earlier run's relative path is found from the working directory or its own folder", async () => {
  write("config.yaml", formatConfig(resolveConfig({ data: "folder:drive" }, "test")));
  const flags = { out: root, resume: true };
  expect((await runSettings(flags)).config.data).toBe(`folder:${resolve("drive")}`);
  mkdirSync(join(root, "drive"));
  expect((await runSettings(flags)).config.data).toBe(`folder:${join(root, "drive")}`);
});

test("a run that goes by measured choices is not resumed without them", async () => {
  write("config.yaml", formatConfig(resolveConfig({}, "test")));
  const flags = { out: root, resume: true, tune: false };
  expect(await runSettings(flags)).toMatchObject({ resume: true, tune: false });
  const entry = {
    problem: "gemm a[1,1]",
    rule: "gemm",
    kernel: "gemm",
    constants: { TM: 8 },
    reason: "faster",
    change: null,
    pairs: 0,
    date: new Date(0).toISOString(),
    shaders: {},
  };
  const tuning = { version: 1, adapter: "", driver: "", steps: [], entries: [entry] };
  write("tuning.json", JSON.stringify(tuning));
  await expect(runSettings(flags)).rejects.toThrow("--no-tune: the run in");
  await expect(runSettings(flags)).rejects.toThrow("uses 1 measured choices");
});

test("there is nothing to resume in a folder without a run", async () => {
  const out = join(root, "none");
  await expect(runSettings({ out, resume: true })).rejects.toThrow(`${out}: no run to resume`);
});
