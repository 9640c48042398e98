// `predict --anchor` and `eval --anchor` on a tiny folder with depth and on one without.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeFolder } from "../folder_fixture.ts";
import { cli } from "../run.ts";

let root = "";
const at = (...path: string[]): string => join(root, ...path);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-anchor-"));
  await writeFolder(at("data"), true);
  await writeFolder(at("images_only"), false);
  const data = ["--data", `folder:${at("data")}`, "--size", "32x64"];
  const run = await cli("train", ...data, "--steps", "2", "--out", at("run"));
  expect(run.code).toBe(0);
});
afterAll(() => rmSync(root, { recursive: true }));

interface Predicted {
  readonly moments: readonly string[];
  readonly anchors: readonly {
    readonly views: readonly { camera: string; kind: string; points: number; factor: number }[];
  }[];
}

async function predict(out: string, ...more: string[]): Promise<Predicted> {
  const args = ["predict", "--checkpoint", at("run"), "--out", at(out), "--json", ...more];
  const { code, stdout } = await cli(...args);
  expect(code).toBe(0);
  return JSON.parse(stdout) as Predicted;
}

test("predict --anchor corrects each view and says how; without LiDAR it keeps every bit", async () => {
  const found = await predict("anchored", "--anchor", "300");
  expect(found.anchors).toHaveLength(1);
  expect(found.anchors[0].views).toEqual(
    ["front", "rear"].map((camera) => ({
      camera,
      points: 300,
      kind: "smooth",
      factor: expect.any(Number) as number,
    })),
  );
  const data = ["--data", `folder:${at("images_only")}`];
  const plain = await predict("plain", ...data);
  expect(plain).not.toHaveProperty("anchors");
  const kept = await predict("kept", ...data, "--anchor");
  expect(kept.anchors[0].views.map(({ kind, points }) => [kind, points])).toEqual([
    ["none", 0],
    ["none", 0],
  ]);
  const bytes = ({ moments: [folder] }: Predicted): Buffer =>
    readFileSync(join(folder, "front.npy"));
  expect(bytes(kept).equals(bytes(plain))).toBe(true);
});

test("eval --anchor evaluates on the other pixels, with and without the correction", async () => {
  const args = ["eval", "--checkpoint", at("run")];
  const { stdout } = await cli(...args, "--anchor", "--json");
  const result = JSON.parse(stdout) as {
    all: { abs_rel: number };
    anchor: { points_per_view: number; without: { all: { abs_rel: number } } };
  };
  expect(result.anchor.points_per_view).toBe(200);
  expect(result.all.abs_rel).toBeLessThan(0.5 * result.anchor.without.all.abs_rel);
  const lines = await cli(...args, "--anchor", "100");
  expect(lines.stdout).toContain("anchored to at most 100 LiDAR points per view");
  const wrong = await cli(...args, "--anchor", "0");
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("--anchor 0: expected a whole number of at least 1");
});
