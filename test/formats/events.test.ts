// TensorBoard events: bytes, round trips, resuming at a step, torn and damaged files.
import {
  appendFileSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { writeColorPng } from "../../src/formats/color_png.ts";
import { openEventLog, readEvents } from "../../src/formats/events.ts";
import { expectRefused, FILE, tryDamaged } from "./damage.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-events-"));
const file = join(folder, "events.out.tfevents.0.test");
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => rmSync(file, { force: true }));

let clock_s = 0;
const now_s = (): number => clock_s++;

/** Logs `loss = step` for each step from `begin` to before `end`. */
async function train(begin: number, end: number): Promise<void> {
  let step = begin;
  const log = await openEventLog(file, begin, () => 1000 + step);
  for (; step < end; step++) await log.scalars(new Map([["loss", step]]), step);
  await log.close();
}

function steps(): number[] {
  return readEvents(readFileSync(file), file).map(({ step }) => step);
}

test("a record is length, masked check, Event, masked check", async () => {
  clock_s = 0;
  await (await openEventLog(file, 0, now_s)).close();
  // Event {wall_time: 0, file_version: "brain.Event:2"}; TensorFlow's own first record of any file
  // starts with the same 12 bytes: 24 bytes follow, and the check of that length.
  const event = `09${"00".repeat(8)}1a0d${Buffer.from("brain.Event:2").toString("hex")}`;
  const hex = readFileSync(file).toString("hex");
  expect(hex.slice(0, 24)).toBe("1800000000000000a37f4b22");
  expect(hex.slice(24, -8)).toBe(event);
});

test("scalars and pictures come back with tag, step and time", async () => {
  const png = await writeColorPng(new Uint8Array(2 * 3 * 3), 2, 3);
  clock_s = 1_800_000_000;
  const log = await openEventLog(file, 0, now_s);
  await log.scalars(
    new Map([
      ["train/loss", 0.1],
      ["train/silog", 0.5],
    ]),
    5,
  );
  await log.image("panorama é", png, 2 ** 40);
  await log.scalars(new Map([["train/nan", NaN]]), 0);
  await log.close();
  const [version, loss, image, nan] = readEvents(readFileSync(file), file);
  expect(version).toMatchObject({
    wallTime_s: 1_800_000_000,
    fileVersion: "brain.Event:2",
    step: 0,
  });
  expect(loss).toMatchObject({ wallTime_s: 1_800_000_001, step: 5 });
  expect([...loss.scalars]).toEqual([
    ["train/loss", Math.fround(0.1)],
    ["train/silog", 0.5],
  ]);
  expect(image.step).toBe(2 ** 40);
  expect(Buffer.from(image.images.get("panorama é")!)).toEqual(Buffer.from(png));
  expect(nan.scalars.get("train/nan")).toBeNaN();
});

test("a resumed run continues the file of the unbroken one, byte for byte", async () => {
  await train(0, 10);
  const unbroken = readFileSync(file);
  rmSync(file);
  await train(0, 7); // Killed at 7; the last checkpoint was at 4.
  await train(4, 10);
  expect(steps()).toEqual([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]); // The first is the file's version.
  expect(readFileSync(file)).toEqual(unbroken);
});

test("a hard link to the file of an earlier run keeps what it had", async () => {
  await train(0, 7);
  const before = readFileSync(file);
  const copy = `${file}.copy`;
  linkSync(file, copy);
  await train(4, 10);
  expect(readFileSync(copy)).toEqual(before);
  rmSync(copy);
});

test("a torn last record is cut off, a run from 0 begins a new file", async () => {
  await train(0, 3);
  truncateSync(file, readFileSync(file).length - 5);
  await train(3, 5);
  expect(steps()).toEqual([0, 0, 1, 3, 4]);
  appendFileSync(file, Buffer.alloc(100)); // As a power cut leaves it.
  await train(5, 6);
  expect(steps()).toEqual([0, 0, 1, 3, 4, 5]);
  await train(0, 1);
  expect(steps()).toEqual([0, 0]);
});

test("what is no event file is left alone", async () => {
  writeFileSync(file, "a text of somebody else's");
  await expect(openEventLog(file, 0)).rejects.toThrow(
    /event record at byte 0: the checksum of its length/,
  );
  expect(readFileSync(file, "utf8")).toBe("a text of somebody else's");
  await expect(openEventLog(folder, 0)).rejects.toThrow(/it is a folder/);
});

test("only a PNG is a picture", async () => {
  const log = await openEventLog(file, 0);
  await expect(log.image("x", new Uint8Array(100), 0)).rejects.toThrow(
    /takes the bytes of a PNG file/,
  );
  await log.close();
});

test("damage is refused with its place, a cut unless it falls between records", async () => {
  await train(0, 3);
  const bytes = new Uint8Array(readFileSync(file));
  const changed = (at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  await expectRefused(
    () => readEvents(changed(0), FILE),
    /record at byte 0: the checksum of its len/,
  );
  await expectRefused(
    () => readEvents(changed(20), FILE),
    /record at byte 0: its checksum is wrong/,
  );
  await expectRefused(
    () => readEvents(bytes.slice(0, 30), FILE),
    /record at byte 0: it is cut short/,
  );
  await expectRefused(() => readEvents(bytes.slice(0, 45), FILE), /record at byte 40: it is cut/);
  const { cut, prefixes, flipped } = await tryDamaged(bytes, 500, (b) => readEvents(b, FILE));
  expect(prefixes - cut).toBe(4); // No bytes, and after each of the first three records.
  expect(flipped).toBeGreaterThan(490); // A flip may write the byte that was there.
});
