// TensorBoard events: bytes, round trips, resuming at a step, torn and damaged files.
import {
  appendFileSync,
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
function train(begin: number, end: number): void {
  let step = begin;
  const log = openEventLog(file, begin, () => 1000 + step);
  for (; step < end; step++) log.scalar("loss", step, step);
  log.close();
}

function steps(): number[] {
  return readEvents(readFileSync(file), file).map(({ step }) => step);
}

test("a record is length, masked check, Event, masked check", () => {
  clock_s = 0;
  openEventLog(file, 0, now_s).close();
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
  const log = openEventLog(file, 0, now_s);
  log.scalar("train/loss", 0.1, 5);
  log.image("panorama é", png, 2 ** 40);
  log.scalar("train/nan", NaN, 0);
  log.close();
  const [version, loss, image, nan] = readEvents(readFileSync(file), file);
  expect(version).toMatchObject({
    wallTime_s: 1_800_000_000,
    fileVersion: "brain.Event:2",
    step: 0,
  });
  expect(loss).toMatchObject({ wallTime_s: 1_800_000_001, step: 5 });
  expect([...loss.scalars]).toEqual([["train/loss", Math.fround(0.1)]]);
  expect(image.step).toBe(2 ** 40);
  expect(Buffer.from(image.images.get("panorama é")!)).toEqual(Buffer.from(png));
  expect(nan.scalars.get("train/nan")).toBeNaN();
});

test("a resumed run continues the file of the unbroken one, byte for byte", () => {
  train(0, 10);
  const unbroken = readFileSync(file);
  rmSync(file);
  train(0, 7); // Killed at 7; the last checkpoint was at 4.
  train(4, 10);
  expect(steps()).toEqual([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]); // The first is the file's version.
  expect(readFileSync(file)).toEqual(unbroken);
});

test("a torn last record is cut off, a run from 0 begins the file anew", () => {
  train(0, 3);
  truncateSync(file, readFileSync(file).length - 5);
  train(3, 5);
  expect(steps()).toEqual([0, 0, 1, 3, 4]);
  appendFileSync(file, Buffer.alloc(100)); // As a power cut leaves it.
  train(5, 6);
  expect(steps()).toEqual([0, 0, 1, 3, 4, 5]);
  train(0, 1);
  expect(steps()).toEqual([0, 0]);
});

test("what is no event file is left alone", () => {
  writeFileSync(file, "a text of somebody else's");
  expect(() => openEventLog(file, 0)).toThrow(/event record at byte 0: the checksum of its length/);
  expect(readFileSync(file, "utf8")).toBe("a text of somebody else's");
  expect(() => openEventLog(folder, 0)).toThrow(/cannot open the event file/);
});

test("only a PNG is a picture", () => {
  const log = openEventLog(file, 0);
  expect(() => log.image("x", new Uint8Array(100), 0)).toThrow(/takes the bytes of a PNG file/);
  log.close();
});

test("damage is refused with its place, a cut unless it falls between records", async () => {
  train(0, 3);
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
