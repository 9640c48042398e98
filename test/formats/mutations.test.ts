// Every reader of files from outside under 10,000 damaged files, pictures under 2,000, the same ones in
// every run: values or one printable line, within a second, in memory that the file accounts for.
import { expect, test } from "vitest";
import { mutateFor, mutations } from "../../tools/torture/mutations.ts";
import { BYTE_READERS } from "../support/hostile_bytes.ts";
import { FILE_READERS } from "../support/hostile_files.ts";

const MUTATIONS = 10_000;

test.each([...BYTE_READERS, ...FILE_READERS])("$name survives damage", async (reader) => {
  const counts = await mutateFor(reader, MUTATIONS / reader.every);
  expect(counts.faults).toEqual([]);
  // Most damage shows; a reader that takes all of it would not be one.
  expect(counts.refused).toBeGreaterThan(counts.tried * 0.7);
  expect(counts.refused).toBeLessThan(counts.tried);
});

test("the counts of all readers are told in a line each", async () => {
  const lines: string[] = [];
  const all = await mutations(20, (line) => lines.push(line));
  expect(lines).toHaveLength(BYTE_READERS.length + FILE_READERS.length);
  expect(lines[0]).toMatch(/^safetensors: 20 tried, \d+ refused, 0 faults, slowest \d+ ms/);
  expect(all.flatMap(({ faults }) => faults)).toEqual([]);
});
