// Tables are read once per process, and again when they change.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nuscenes } from "../../../src/data/nuscenes/nuscenes.ts";
import { sharedTables } from "../../../src/data/nuscenes/shared_tables.ts";
import { editTable, writeNuscenes } from "./nuscenes_fixture.ts";

const VERSION = "v1.0-mini";
let root = "";
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-tables-"));
  await writeNuscenes(root);
});
afterEach(() => rmSync(root, { recursive: true }));

test("both splits share one reading, also when they are opened together", async () => {
  const read: string[] = [];
  const onProgress = (table: string): number => read.push(table);
  const [train] = await Promise.all([
    nuscenes(root, { split: "train", onProgress }),
    nuscenes(root, { split: "held-out", onProgress }),
  ]);
  await nuscenes(root, { split: "train", onProgress });
  expect(train.count).toBe(2);
  expect(read.filter((table) => table === "sample_data")).toHaveLength(1);
});

test("a table that changed is read again, and a broken one is not remembered", async () => {
  const before = await sharedTables(root, VERSION);
  expect(await sharedTables(root, VERSION)).toBe(before);
  editTable(root, "scene", (text) => text.replace("scene-0061", "scene-0553"));
  const after = await sharedTables(root, VERSION);
  expect(after.scenes[0].name).toBe("scene-0553");
  writeFileSync(join(root, VERSION, "log.json"), "");
  expect(await sharedTables(root, VERSION)).toBe(after);
  editTable(root, "scene", (text) => `${text}x`);
  for (let i = 0; i < 2; i++) {
    await expect(sharedTables(root, VERSION)).rejects.toThrow(/scene\.json: .*text after the end/);
  }
  editTable(root, "scene", (text) => text.slice(0, -1));
  expect((await sharedTables(root, VERSION)).scenes).toHaveLength(2);
});
