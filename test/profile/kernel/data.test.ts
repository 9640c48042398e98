// The numbers that --data and --seed give a problem.
import type { Problem } from "../../../src/engine/problem.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readData, withData } from "../../../src/profile/kernel/data.ts";
import { writeNpy } from "../../../src/formats/npy.ts";
import { binDecode } from "../../../src/kernels/depth_bins/bin_decode.ts";
import { caseInputs } from "../../../src/kernels/check/random_inputs.ts";
import { makePipe } from "../../support/special_files.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-data-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "logits.npy");
writeFileSync(file, writeNpy(Float64Array.from([1, 2, 3, 4]), [1, 1, 2, 2]));

const problem: Problem = {
  name: "one",
  shapes: { logits: [1, 1, 2, 2], centers: [1, 1, 1, 2], scale: [0] },
  attributes: undefined,
};

test("a seed draws other numbers, the same for the same seed", () => {
  const drawn = (seed?: number): Record<string, Float32Array> =>
    caseInputs(binDecode, withData(binDecode, problem, seed === undefined ? {} : { seed }, null));
  expect(drawn(3)).toEqual(drawn(3));
  expect(drawn(3)["logits"]).not.toEqual(drawn(4)["logits"]);
  expect(drawn()).toEqual(caseInputs(binDecode, problem));
});

test("a pipe or a folder in place of a file is refused", async () => {
  const other = join(folder, "other.npy");
  makePipe(other);
  await expect(readData({ data: other })).rejects.toThrow(/other\.npy: .*not a regular file/);
  rmSync(other);
  await expect(readData({ data: other })).rejects.toThrow(/--data .*other\.npy: no such file/);
});

test("zeros are timed, and random numbers checked all the same", () => {
  const zeros = withData(binDecode, problem, { data: "zeros" }, null);
  expect(zeros).toMatchObject({ name: "one, zeros", zeros: true });
  expect(caseInputs(binDecode, zeros)["logits"].some((value) => value !== 0)).toBe(true);
});

test("a file is the first input, of the shape it must have", async () => {
  const data = await readData({ data: file });
  const filled = withData(binDecode, problem, { data: file }, data);
  expect(caseInputs(binDecode, filled)["logits"]).toEqual(Float32Array.of(1, 2, 3, 4));
  const other = { ...problem, shapes: { ...problem.shapes, logits: [1, 1, 3, 2] } };
  expect(() => withData(binDecode, other, { data: file }, data)).toThrow(
    /logits\.npy is \[1, 1, 2, 2\], but logits of bin_decode, one, is \[1, 1, 3, 2\]/,
  );
});
