// `ringdepth teacher fit | list | cache` from the command line, on a rig of three moments.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ownCache } from "../own_cache.ts";
import { cli, type CliRun } from "../run.ts";

ownCache();
const root = mkdtempSync(join(tmpdir(), "ringdepth-teacher-"));
afterAll(() => rmSync(root, { recursive: true }));
const at = (name: string): string => join(root, name);
const config = at("tiny.yaml");
writeFileSync(
  config,
  `
rig: { train_moments: 2, held_out_moments: 1 }
size: { height: 32, width: 32 }
head: { bins: 8 }
steps: 2
checkpoint_every: 1
`,
);
const teacher = async (command: string, ...more: string[]): Promise<CliRun> =>
  await cli("teacher", command, "--config", config, ...more);

interface Fit {
  readonly steps: number;
  readonly interrupted: boolean;
  readonly teacher: string;
  readonly evaluation: { readonly all: { readonly abs_rel: number } };
  readonly baseline: Fit["evaluation"];
  readonly aligned: Fit["evaluation"];
}

interface Cached {
  readonly moments: number;
  readonly written: number;
  readonly found: number;
}

interface Listed {
  readonly data: string;
  readonly moments: readonly {
    readonly id: string;
    readonly splits: readonly string[];
    readonly cameras: readonly { readonly name: string; readonly stem: string }[];
  }[];
}

test.each(["run", "fit", "list", "cache"])("help of %s has its example", async (command) => {
  const { code, stdout } = await cli("teacher", command, "--help");
  expect(code).toBe(0);
  expect(stdout).toContain(`Usage: ringdepth teacher ${command} [options]`);
  expect(stdout).toContain(`Example:\n  ringdepth teacher ${command} `);
});

test("list prints a line for each map, as JSON with moments and splits", async () => {
  const text = await teacher("list");
  const json = await teacher("list", "--json");
  expect([text.code, json.code]).toEqual([0, 0]);
  const { data, moments } = JSON.parse(json.stdout) as Listed;
  expect(data).toBe("rig");
  expect(moments.map(({ splits }) => splits)).toEqual([["train"], ["train"], ["held-out"]]);
  const stems = moments.flatMap(({ id, cameras }) =>
    cameras.map(({ name, stem }) => {
      expect(stem).toBe(`${id}/${name}`);
      return stem;
    }),
  );
  expect(stems).toHaveLength(3 * 6);
  expect(text.stdout).toBe(`${stems.join("\n")}\n`);
});

test("fit trains and evaluates beside constant and aligned; resumed it is the same", async () => {
  const out = ["--no-tune", "--out", at("fit")];
  const first = await teacher("fit", "--json", ...out);
  expect(first.code, first.stderr).toBe(0);
  const fit = JSON.parse(first.stdout) as Fit;
  expect(fit).toMatchObject({
    steps: 2,
    interrupted: false,
    teacher: at("fit/teacher.safetensors"),
  });
  for (const { all } of [fit.evaluation, fit.baseline, fit.aligned]) {
    expect(all.abs_rel).toBeGreaterThan(0);
  }
  expect(fit.aligned.all.abs_rel).toBeLessThan(fit.evaluation.all.abs_rel);
  const bytes = readFileSync(fit.teacher);

  expect((await teacher("fit", ...out)).stderr).toContain("holds a run already");
  const checkpoints = at("fit/checkpoints");
  expect(readdirSync(checkpoints)).toHaveLength(2);
  rmSync(join(checkpoints, "step-2.safetensors"));
  rmSync(fit.teacher);
  const resumed = await cli("teacher", "fit", "--resume", ...out);
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(resumed.stdout).toContain("resumed after step 1");
  expect(resumed.stdout).toMatch(/AbsRel of the fitted teacher: +\d/);
  expect(resumed.stdout).toMatch(/AbsRel of the base aligned to the LiDAR of these moments: \d/);
  expect(readFileSync(fit.teacher).equals(bytes)).toBe(true);
});

test("cache computes the maps of every moment once", async () => {
  const cached = async (...more: string[]): Promise<Cached> => {
    const { code, stdout, stderr } = await teacher("cache", "--json", "--out", at("maps"), ...more);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as Cached;
  };
  expect(await cached()).toMatchObject({ moments: 2, written: 2, found: 0 });
  expect(await cached()).toMatchObject({ moments: 2, written: 0, found: 2 });
  expect(await cached("--size", "32x64")).toMatchObject({ moments: 2, written: 2, found: 0 });
});

test.each([
  [["nope"], "unknown command 'nope'"],
  [["cache"], "required option '--out <dir>' not specified"],
  [["fit", "--beams", "4"], "unknown option '--beams'"],
  [["fit", "--steps", "0"], "--steps"],
  [["list", "--data", "folder:/nowhere"], "/nowhere"],
  [["list", "--seed", "x"], "--seed"],
  [["list", "--config", "none.yaml"], "none.yaml"],
])("%j is refused with exit code 2", async (args, line) => {
  const { code, stdout, stderr } = await cli("teacher", ...args);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(line);
});

test("data without a teacher has nothing to cache or to fit", async () => {
  const none = at("none.yaml");
  writeFileSync(none, "teacher: { kind: none }\nrig: { train_moments: 1, held_out_moments: 1 }\n");
  const { code, stderr } = await cli("teacher", "cache", "--config", none, "--out", at("empty"));
  expect(code).toBe(2);
  expect(stderr).toContain("there is no teacher to cache: set teacher.kind or teacher.path");
});
