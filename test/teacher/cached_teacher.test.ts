// A teacher computes each moment once: in one run, in the next, and in two processes at a time.
import { spawn } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { cachedTeacher } from "../../src/teacher/cached_teacher.ts";
import { checkedMaps } from "../../src/teacher/checked_teacher.ts";
import { InputError } from "../../src/tensor/error.ts";
import { CACHE_SIZE, cacheSamples, countingTeacher } from "./cache_fixture.ts";

let root = "";
let samples: RigSample[] = [];
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-teacher-cache-"));
  samples = await cacheSamples();
});
afterAll(() => rmSync(root, { recursive: true }));

const entries = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".safetensors"))
    .toSorted()
    .map((name) => join(folder, name));

describe("a cached teacher", () => {
  test("is asked once per moment, without a folder too", async () => {
    const { teacher, asked } = countingTeacher();
    const cached = cachedTeacher(teacher, { folder: null });
    const first = await cached.maps(samples[0], CACHE_SIZE);
    expect(await cached.maps(samples[0], CACHE_SIZE)).toBe(first);
    expect(asked()).toBe(1);
    await cached.maps(samples[1], CACHE_SIZE);
    expect(asked()).toBe(2);
  });

  test("is asked again where memory is full, and gives the same", async () => {
    const { teacher, asked } = countingTeacher();
    const cached = cachedTeacher(teacher, { folder: null, limit_bytes: 1000 });
    const first = await cached.maps(samples[0], CACHE_SIZE);
    expect(await cached.maps(samples[0], CACHE_SIZE)).toEqual(first);
    expect(asked()).toBe(2);
  });

  test("is not asked by a later run, which gets the same bits", async () => {
    const folder = join(root, "later");
    const { teacher } = countingTeacher();
    const first = await cachedTeacher(teacher, { folder }).maps(samples[0], CACHE_SIZE);
    const later = countingTeacher();
    const cached = cachedTeacher(later.teacher, { folder });
    expect(await checkedMaps(cached, samples[0], CACHE_SIZE, 8)).toEqual(first);
    expect(later.asked()).toBe(0);
  });

  test.each<[string, (sample: RigSample) => RigSample, string]>([
    ["another pixel", (s) => ({ ...s, images: s.images.map((v, i) => (i === 9 ? v ^ 1 : v)) }), ""],
    ["another id", (s) => ({ ...s, id: "another" }), ""],
    ["another LiDAR", (s) => ({ ...s, sparse_depth_m: s.sparse_depth_m.map((d) => d / 2) }), ""],
    ["another body", (s) => ({ ...s, usable: s.usable.map((u, i) => (i === 0 ? 0 : u)) }), ""],
    [
      "another calibration",
      (s) => ({ ...s, cameras: s.cameras.map((camera) => ({ ...camera, fx: camera.fx + 1 })) }),
      "",
    ],
    ["another teacher", (s) => s, "another"],
  ])("is asked again for %s", async (name, change, identity) => {
    const folder = join(root, name);
    await cachedTeacher(countingTeacher().teacher, { folder }).maps(samples[0], CACHE_SIZE);
    const other = countingTeacher(identity === "" ? undefined : identity);
    await cachedTeacher(other.teacher, { folder }).maps(change(samples[0]), CACHE_SIZE);
    expect(other.asked()).toBe(1);
  });

  test.each<[string, (file: string) => void]>([
    [
      "a flipped bit",
      (file) => {
        const bytes = readFileSync(file);
        bytes[bytes.length - 5] ^= 4;
        writeFileSync(file, bytes);
      },
    ],
    ["a lost end", (file) => truncateSync(file, 700)],
    ["no byte", (file) => truncateSync(file, 0)],
    ["other content", (file) => writeFileSync(file, "a note")],
    [
      "another entry",
      (file) => {
        const other = entries(join(file, "../..")).find((name) => name !== file)!;
        writeFileSync(file, readFileSync(other));
      },
    ],
  ])("names an entry with %s, and computes it again", async (name, damage) => {
    const folder = join(root, `damaged ${name}`);
    const cached = cachedTeacher(countingTeacher().teacher, { folder });
    await cached.maps(samples[0], CACHE_SIZE);
    const [file] = entries(folder);
    await cached.maps(samples[1], CACHE_SIZE);
    const good = readFileSync(file);
    damage(file);
    const { teacher, asked } = countingTeacher();
    const messages: string[] = [];
    const again = cachedTeacher(teacher, { folder, onMessage: (line) => messages.push(line) });
    const maps = await again.maps(samples[0], CACHE_SIZE);
    expect(maps).toEqual(await teacher.maps(samples[0], CACHE_SIZE));
    expect(asked()).toBe(2);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(file);
    expect(messages[0]).toContain("the entry is computed and written again");
    expect(readFileSync(file).equals(good)).toBe(true);
  });

  test("says where its folder cannot be", async () => {
    const folder = join(root, "a file");
    writeFileSync(folder, "");
    const cached = cachedTeacher(countingTeacher().teacher, { folder });
    await expect(cached.maps(samples[0], CACHE_SIZE)).rejects.toThrow(/a file.*cannot make this/);
  });

  test("must have an identity", () => {
    const { identity: _, ...nameless } = countingTeacher().teacher;
    expect(() => cachedTeacher(nameless, { folder: null })).toThrow(InputError);
  });
});

test("two processes fill one folder: nobody fails, and no entry is broken", async () => {
  const folder = join(root, "shared");
  const writer = async (): Promise<number | null> =>
    await new Promise((resolve) => {
      const script = join(import.meta.dirname, "cache_writer.ts");
      const child = spawn(process.execPath, ["--import", "tsx", script, folder]);
      child.on("exit", resolve);
    });
  expect(await Promise.all([writer(), writer()])).toEqual([0, 0]);
  const { teacher, asked } = countingTeacher();
  const messages: string[] = [];
  const cached = cachedTeacher(teacher, { folder, onMessage: (line) => messages.push(line) });
  for (const sample of samples) {
    const maps = await cached.maps(sample, CACHE_SIZE);
    expect(maps).toEqual(await countingTeacher().teacher.maps(sample, CACHE_SIZE));
  }
  expect(asked()).toBe(0);
  expect(messages).toEqual([]);
  const left = readdirSync(folder, { recursive: true, encoding: "utf8" });
  expect(left.filter((name) => name.includes(".tmp"))).toEqual([]);
  expect(entries(folder)).toHaveLength(samples.length);
});
