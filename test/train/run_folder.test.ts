// The run folder: what a resumed run keeps, and that no run is lost to another.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readEvents } from "../../src/formats/events.ts";
import { openRunFolder, runPaths, type StepRecord } from "../../src/train/run_folder.ts";

let root = "";
beforeEach(() => {
  root = join(mkdtempSync(join(tmpdir(), "ringdepth-run-")), "run");
});
afterEach(() => rmSync(join(root, ".."), { recursive: true }));

const record = (step: number): StepRecord => ({
  step,
  loss: 1 / step,
  terms: { silog: 2 / step },
  learning_rate: 0.1,
  gradient_norm: 3,
  valid_pixels: 40,
  time_ms: 5,
});

async function writeRun(steps: number): Promise<void> {
  const folder = await openRunFolder(root, 0, false);
  for (let step = 1; step <= steps; step++) folder.add(record(step));
  await folder.close();
}

const written = (): number[] =>
  readFileSync(runPaths(root).metrics, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as StepRecord).step);

test("every step is in metrics.jsonl and in the events", async () => {
  await writeRun(3);
  expect(written()).toEqual([1, 2, 3]);
  const { events_file } = runPaths(root);
  const losses = readEvents(readFileSync(events_file), events_file).flatMap(({ step, scalars }) =>
    scalars.has("loss/total") ? [[step, scalars.get("loss/total")]] : [],
  );
  expect(losses.map(([step]) => step)).toEqual([1, 2, 3]);
});

test("a resumed run keeps the steps up to its checkpoint and drops what came after", async () => {
  await writeRun(5);
  const folder = await openRunFolder(root, 3, true);
  expect(folder.records).toEqual([1, 2, 3].map(record));
  folder.add(record(4));
  await folder.close();
  expect(written()).toEqual([1, 2, 3, 4]);
  const events = readEvents(readFileSync(runPaths(root).events_file), "events");
  expect(Math.max(...events.map(({ step }) => step))).toBe(4);
});

test("a last line that a crash cut short is dropped", async () => {
  await writeRun(2);
  writeFileSync(runPaths(root).metrics, `${JSON.stringify(record(1))}\n{"step":2,"lo`);
  const folder = await openRunFolder(root, 2, true);
  await folder.close();
  expect(written()).toEqual([1]);
});

test("a new run takes a folder without checkpoints, and refuses one that has some", async () => {
  await writeRun(2);
  await writeRun(1);
  expect(written()).toEqual([1]);
  writeFileSync(join(runPaths(root).checkpoints, "step-1.safetensors"), "");
  await expect(openRunFolder(root, 0, false)).rejects.toThrow(`${root} holds a run already`);
});

test("temporary files of a killed run are removed", async () => {
  await writeRun(1);
  const leftover = join(runPaths(root).checkpoints, "step-1.safetensors.77-0.tmp");
  writeFileSync(leftover, "half");
  await (await openRunFolder(root, 1, true)).close();
  expect(existsSync(leftover)).toBe(false);
});

test("a path that cannot be a folder is named", async () => {
  writeFileSync(root, "a file");
  await expect(openRunFolder(root, 0, false)).rejects.toThrow(root);
});
