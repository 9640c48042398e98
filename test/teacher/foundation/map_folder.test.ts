// The folder of maps that a network's run fills: what is done stays done, and nothing leaves the folder.
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openMapFolder, type MapsHeader } from "../../../src/teacher/foundation/map_folder.ts";

const root = mkdtempSync(join(tmpdir(), "ringdepth-map-folder-"));
afterAll(() => rmSync(root, { recursive: true }));
const about: MapsHeader = {
  weights: [{ file: "/w.safetensors", bytes: 3, modified_ms: 5 }],
  identity: "weights 1",
  choice: "auto",
  name: "a network",
  kind: "disparity",
  embedding: 0,
  patch: 14,
  preparation: "original",
  side_px: 518,
};
const bytes = new TextEncoder().encode("map");
const file = (name: string) => ({ name, bytes });
const record = ".ringdepth-maps.jsonl";

test("a moment is done once all its files and its line are there", async () => {
  const at = join(root, "one");
  const first = await openMapFolder(at);
  expect(first.earlier).toBeNull();
  await first.describe(about);
  expect(await first.has("a/0", "k", ["F.npy"])).toBe(false);
  await first.write("a/0", "k", [file("F.npy"), file("left/B.npy")]);
  expect(await first.has("a/0", "k", ["F.npy", "left/B.npy"])).toBe(true);
  expect(await first.has("a/0", "other", ["F.npy"])).toBe(false);
  expect(await first.has("a/0", "k", ["F.npy", "C.npy"])).toBe(false);
  await expect(openMapFolder(at)).rejects.toThrow(/folder .* process/);
  await first.close();
  appendFileSync(join(at, record), '{"sample":"a/1","k'); // a writer that was killed

  const second = await openMapFolder(at);
  expect(second.earlier).toEqual(about);
  expect(await second.has("a/0", "k", ["F.npy", "left/B.npy"])).toBe(true);
  await second.write("a/1", "k", [file("F.npy")]);
  await second.describe({ ...about, weights: [] }); // the weights moved
  await second.write("a/2", "k", [file("F.npy")]);
  for (const other of [
    { name: "another" },
    { kind: "metric_depth" },
    { embedding: 8 },
    { identity: "weights 2" },
  ] as const) {
    await expect(second.describe({ ...about, ...other })).rejects.toThrow("choose another --out");
  }
  await second.close();
  const lines = readFileSync(join(at, record), "utf8").trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { sample?: string }).sample)).toEqual([
    undefined,
    "a/0",
    "a/1",
    "a/2",
  ]);
  expect(readFileSync(join(at, "a/0/left/B.npy"), "utf8")).toBe("map");
});

test("no name and no link leads out of the folder", async () => {
  const at = join(root, "inside");
  const outside = join(root, "outside");
  mkdirSync(outside);
  const folder = await openMapFolder(at);
  await folder.describe(about);
  for (const [sample, name] of [
    ["../outside", "F.npy"],
    ["/tmp", "F.npy"],
    ["a", "../../outside/F.npy"],
    ["", "F.npy"],
  ] as const) {
    await expect(folder.write(sample, "k", [file(name)]), sample).rejects.toThrow("the path");
  }
  symlinkSync(outside, join(at, "b"));
  await expect(folder.write("b", "k", [file("F.npy")])).rejects.toThrow("is a link, not a folder");
  await expect(folder.write("b/c", "k", [file("F.npy")])).rejects.toThrow("is a link");
  expect(readdirSync(outside)).toEqual([]);
  await folder.close();
});

test("a record of something else stays as it is", async () => {
  const at = join(root, "mine");
  mkdirSync(at);
  for (const text of ["hello\n", '{"format":"other"}\n', "[]\n", `${"x".repeat(100)}\n`]) {
    writeFileSync(join(at, record), text);
    await expect(openMapFolder(at)).rejects.toThrow(join(at, record));
    expect(readFileSync(join(at, record), "utf8")).toBe(text);
  }
  rmSync(join(at, record));
  writeFileSync(join(at, "teacher.json"), "{}");
  const folder = await openMapFolder(at);
  await expect(folder.describe(about)).rejects.toThrow(
    "teacher.json: was not written by ringdepth",
  );
  await folder.close();
});
