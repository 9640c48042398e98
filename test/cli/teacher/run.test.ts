// `ringdepth teacher run` and `train --teacher.weights` from the command line, with the tiny network of
// the golden vectors on a rig of two moments.
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readNpy } from "../../../src/formats/npy.ts";
import { TINY } from "../../teacher/foundation/fixture.ts";
import { ownCache } from "../own_cache.ts";
import { cli, type CliRun } from "../run.ts";

ownCache();
const root = mkdtempSync(join(tmpdir(), "ringdepth-teacher-run-"));
afterAll(() => rmSync(root, { recursive: true }));
const at = (name: string): string => join(root, name);
const config = at("tiny.yaml");
writeFileSync(
  config,
  `
rig: { train_moments: 1, held_out_moments: 1 }
size: { height: 32, width: 32 }
head: { bins: 8 }
teacher: { side: 28 }
steps: 1
checkpoint_every: 1
`,
);
const run = async (...more: string[]): Promise<CliRun> =>
  await cli("teacher", "run", "--weights", TINY, "--config", config, ...more);
const front = (folder: string): string => join(at(folder), "rig/0/train/0/CAM_FRONT.npy");

interface Result {
  readonly moments: number;
  readonly written: number;
  readonly found: number;
  readonly kind: string;
  readonly input: { readonly height: number; readonly width: number };
}

async function result(...more: string[]): Promise<Result> {
  const { code, stdout, stderr } = await run("--json", ...more);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Result;
}

let first: Result;
beforeAll(async () => {
  first = await result("--out", at("maps"), "--tokens", "2");
});

test("it writes maps and pooled tokens of every moment as a teacher's folder", () => {
  const input = { height: 28, width: 56 };
  expect(first).toMatchObject({ moments: 2, written: 2, found: 0, kind: "disparity", input });
  const about = JSON.parse(readFileSync(at("maps/teacher.json"), "utf8")) as unknown;
  const name = "Depth Anything of 4 blocks, 24 wide";
  expect(about).toEqual({ kind: "disparity", name, embedding: 24 });
  const map = readNpy(readFileSync(front("maps")), "map");
  expect(map.shape).toEqual([28, 56]);
  const tokens = front("maps").replace(".npy", ".embedding.npy");
  expect(readNpy(readFileSync(tokens), "tokens").shape).toEqual([1, 2, 24]);
});

test("it computes only what is missing, and neither reads weights nor opens a device for nothing", async () => {
  const again = await run("--out", at("maps"), "--tokens", "2");
  expect(again.stdout).toContain("2 moments in");
  expect(again.stdout).toContain("0 computed, 2 already there");
  expect(again.stdout).not.toContain("adapter:");
  const before = readFileSync(front("maps"));
  rmSync(front("maps"));
  appendFileSync(at("maps/.ringdepth-maps.jsonl"), '{"sample":"rig/0/tr'); // a killed writer
  const more = await result("--out", at("maps"), "--tokens", "2");
  expect(more).toMatchObject({ written: 1, found: 1 });
  expect(readFileSync(front("maps")).equals(before)).toBe(true);
  expect(await result("--out", at("maps"), "--tokens", "2")).toMatchObject({ found: 2 });
});

test("a folder of other maps, and a file of someone else, stay as they are", async () => {
  for (const [options, words] of [
    [["--side", "42"], "maps with tokens"],
    [["--side", "42", "--tokens", "2"], "maps of other weights or of another preparation"],
    [["--preparation", "original", "--tokens", "2"], "maps of other weights or of another"],
  ] as const) {
    const { code, stderr } = await run("--out", at("maps"), ...options);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  }
  rmSync(at("maps/.ringdepth-maps.jsonl"));
  writeFileSync(front("maps"), "mine");
  const { code, stderr } = await run("--out", at("maps"), "--tokens", "2");
  expect(code).toBe(2);
  expect(stderr).toContain("CAM_FRONT.npy: was changed since ringdepth wrote it");
  expect(statSync(front("maps")).size).toBe(4);
});

test("train --teacher.weights runs the network once per moment, and its maps are kept", async () => {
  const cache = at("cache");
  const own = at("train.yaml");
  writeFileSync(own, readFileSync(config, "utf8").replace("side: 28", `side: 28, cache: ${cache}`));
  const more = ["--config", own, "--no-tune", "--teacher.weights", TINY];
  const { code, stdout, stderr } = await cli("train", ...more, "--out", at("run"));
  expect(code, stderr).toBe(0);
  expect(stdout).toContain("teacher: fitted on Depth Anything of 4 blocks, 24 wide");
  expect(existsSync(cache)).toBe(true);
  expect(readFileSync(at("run/config.yaml"), "utf8")).toContain(`weights: ${TINY}`);
});

test.each([
  [[], "no network: give --weights"],
  [["--weights", "/nowhere"], "/nowhere: cannot read"],
  [["--weights", TINY, "--side", "500"], "a side of 500 pixels does not split into patches of 14"],
  [["--weights", TINY, "--preparation", "mine"], "expected original or huggingface"],
  [["--weights", TINY, "--tokens", "0"], "--tokens"],
])("%j is refused", async (options, words) => {
  const { code, stderr } = await cli("teacher", "run", "--out", at("bad"), ...options);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
});
