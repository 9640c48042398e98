// The run folder: what a resumed run keeps, that no run is lost to another, and that nothing of
// somebody else's is replaced or removed.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readEvents } from "../../src/formats/events.ts";
import { InputError } from "../../src/tensor/error.ts";
import {
  claimRunFolder,
  openRunFolder,
  runPaths,
  type StepRecord,
} from "../../src/train/run_folder.ts";

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

/** Writes a run's records from `first` to `last`; returns what people were told. */
async function writeRun(first: number, last: number): Promise<string[]> {
  const told: string[] = [];
  const lock = await claimRunFolder(root, first === 1 ? "new" : "resume");
  const folder = await openRunFolder(root, first - 1, (message) => told.push(message));
  for (let step = first; step <= last; step++) await folder.add(record(step));
  await folder.close();
  await lock.release();
  return told;
}

const metrics = (): string => readFileSync(runPaths(root).metrics, "utf8");
const written = (): number[] =>
  metrics()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as StepRecord).step);
const logged = (): number[] => {
  const { events_file } = runPaths(root);
  return readEvents(readFileSync(events_file), events_file).flatMap(({ step, scalars }) =>
    scalars.has("loss/total") ? [step] : [],
  );
};

test("every step is in metrics.jsonl and in the events, as soon as it is added", async () => {
  const folder = await openClaimed(0);
  for (let step = 1; step <= 3; step++) {
    expect(await folder.add(record(step))).toBe(true);
    expect([written().at(-1), logged().at(-1)]).toEqual([step, step]);
  }
  expect(await folder.add(record(2))).toBe(false);
  expect([written(), logged()]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
  await folder.close();
});

async function openClaimed(step: number): ReturnType<typeof openRunFolder> {
  await (await claimRunFolder(root, step === 0 ? "new" : "resume")).release();
  return await openRunFolder(root, step, (message) => expect.fail(message));
}

test("a resumed run keeps the steps up to its checkpoint and drops what came after", async () => {
  await writeRun(1, 5);
  const folder = await openClaimed(3);
  expect(folder.records).toEqual([1, 2, 3].map(record));
  await folder.add(record(4));
  await folder.close();
  expect([written(), logged()]).toEqual([
    [1, 2, 3, 4],
    [1, 2, 3, 4],
  ]);
});

test("lines that are no record are left out and counted, a step is never there twice", async () => {
  await writeRun(1, 3);
  const [one, two, three] = metrics().trim().split("\n");
  const lines = [one, '{"step":2,"loss":null}', three, three, one, "no JSON", '{"step":4,"lo'];
  writeFileSync(runPaths(root).metrics, lines.join("\n"));
  const told = await writeRun(4, 4);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain("no readable record of 1 steps up to 3 (the first: 2)");
  expect(written()).toEqual([1, 3, 4]);
  expect(two).toContain('"step":2');
});

test("what the events have lost comes from metrics.jsonl", async () => {
  await writeRun(1, 4);
  const { events_file } = runPaths(root);
  const bytes = readFileSync(events_file);
  writeFileSync(events_file, bytes.subarray(0, Math.round(bytes.length / 2)));
  await writeRun(5, 5);
  expect(logged()).toEqual([1, 2, 3, 4, 5]);
  rmSync(events_file);
  await writeRun(6, 6);
  expect(logged()).toEqual([1, 2, 3, 4, 5, 6]);
});

test("a new run takes a folder without checkpoints, and refuses one that has some", async () => {
  await writeRun(1, 2);
  await writeRun(1, 1);
  expect(written()).toEqual([1]);
  const { checkpoints, student } = runPaths(root);
  writeFileSync(student, "");
  await expect(claimRunFolder(root, "new")).rejects.toThrow(`${root} holds a run already`);
  rmSync(student);
  writeFileSync(join(checkpoints, "step-1.safetensors"), "");
  await expect(claimRunFolder(root, "new")).rejects.toThrow(`${root} holds a run already`);
});

test("a run that replaces another leaves what is not of a run", async () => {
  await writeRun(1, 2);
  const { checkpoints, depth, student } = runPaths(root);
  writeFileSync(join(checkpoints, "step-2.safetensors"), "");
  for (const name of ["rig_0_held-out_0_panorama.png", "mine.png"]) {
    writeFileSync(join(depth, name), "");
  }
  writeFileSync(student, "");
  writeFileSync(join(root, "notes.txt"), "mine");
  await (await claimRunFolder(root, "replace")).release();
  expect(readdirSync(checkpoints)).toEqual([]);
  expect(readdirSync(depth)).toEqual(["mine.png"]);
  expect(readdirSync(root).sort()).toEqual([
    ".ringdepth-files.json",
    "checkpoints",
    "depth",
    "notes.txt",
  ]);
});

test("while one run is at work a second and a resumed one are told its pid and host", async () => {
  const lock = await claimRunFolder(root, "new");
  for (const beginning of ["new", "resume", "replace"] as const) {
    await expect(claimRunFolder(root, beginning)).rejects.toThrow(
      new RegExp(`run folder .* is in use by process ${process.pid} on `),
    );
  }
  await lock.release();
  await (await claimRunFolder(root, "resume")).release();
});

test.each(["config.yaml", "metrics.jsonl", "student.safetensors", "report.html", "tuning.json"])(
  "a foreign %s is named and stays",
  async (name) => {
    mkdirSync(root);
    writeFileSync(join(root, name), "somebody else's");
    await expect(claimRunFolder(root, "new")).rejects.toThrow(
      name === "student.safetensors" ? "holds a run already" : "was not written by ringdepth",
    );
    expect(readFileSync(join(root, name), "utf8")).toBe("somebody else's");
    expect(existsSync(runPaths(root).lock)).toBe(false);
  },
);

test("temporary files of a killed run go, those of others stay", async () => {
  await writeRun(1, 1);
  const { checkpoints, metrics: file } = runPaths(root);
  const own = [
    join(checkpoints, "step-1.safetensors.77-0.tmp"),
    `${file}.${process.pid}-99.tmp`,
    `${runPaths(root).lock}.0123abcd-0000-4000-8000-000000000000`,
  ];
  const foreign = [
    join(root, "notes.tmp"),
    join(checkpoints, "step-1.tmp"),
    join(root, "x.1-1.tmp"),
  ];
  for (const name of [...own, ...foreign]) writeFileSync(name, "half");
  mkdirSync(join(root, "folder.tmp"));
  await writeRun(2, 2);
  expect(own.filter((name) => existsSync(name))).toEqual([]);
  expect(foreign.filter((name) => existsSync(name))).toEqual(foreign);
});

test.each(["metrics", "events_file", "config", "checkpoints", "depth"] as const)(
  "the wrong kind of thing in place of %s is one clear line",
  async (part) => {
    await writeRun(1, 1);
    const path = runPaths(root)[part];
    rmSync(path, { recursive: true, force: true });
    if (part === "checkpoints" || part === "depth") writeFileSync(path, "");
    else mkdirSync(path);
    const begun = async (): Promise<void> => {
      const lock = await claimRunFolder(root, "new");
      await openRunFolder(root, 0).finally(() => void lock.release());
    };
    const error: unknown = await begun().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(path);
    // The folder's name is random, and may look like a code of the system.
    expect((error as Error).message.replaceAll(root, "")).not.toMatch(/E[A-Z]{3,}|\n/);
  },
);

test("a path that cannot be a folder, and a run that is not there, are named", async () => {
  await expect(claimRunFolder(root, "resume")).rejects.toThrow(`${root}: no run to resume`);
  writeFileSync(root, "a file");
  await expect(claimRunFolder(root, "new")).rejects.toThrow(root);
});
