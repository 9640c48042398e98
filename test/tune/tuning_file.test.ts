// The autotuner's file: what is written is read, merged by problem, and stale entries are not
// followed; a damaged file says that you may delete it, and without one the rule runs.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { conv2d } from "../../src/kernels/convolution/conv2d.ts";
import { gemm } from "../../src/kernels/gemm.ts";
import { shaderText } from "../../src/engine/shader_text.ts";
import { mappingsOf } from "../../src/engine/mapping.ts";
import { specialize } from "../../src/engine/specialize.ts";
import { problemKey, chooseVariant } from "../../src/engine/tuning.ts";
import type { Swept } from "../../src/tune/sweep.ts";
import { entryOf, isSettled } from "../../src/tune/tuning_entry.ts";
import {
  choicesOf,
  emptyTuning,
  hashesOf,
  mergeTuning,
  readTuning,
  tuningPath,
  writeTuning,
  type TuningEntry,
} from "../../src/tune/tuning_file.ts";
import { LAVAPIPE, NVIDIA } from "../support/adapters.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-tuning-"));
afterAll(() => rmSync(folder, { recursive: true }));

const { shapes, attributes } = gemm.cases[0];
const PROBLEM = problemKey(gemm, shapes, attributes);
const ENTRY: TuningEntry = {
  problem: PROBLEM,
  rule: "gemm",
  kernel: "gemm",
  constants: { TM: 8 },
  reason: "faster",
  change: { median: -0.1, low: -0.12, high: -0.08 },
  pairs: 40,
  date: new Date(0).toISOString(),
  shaders: hashesOf(mappingsOf(gemm)),
};
const STEP = {
  name: "train nano 64x128, 6 views",
  date: ENTRY.date,
  choices: 1,
  change: ENTRY.change!,
  pairs: 20,
};
/** The text that runs where a file has these entries. */
const kernelBy = (entries: readonly TuningEntry[]): string => {
  const kernel = chooseVariant(gemm, NVIDIA, shapes, attributes, choicesOf({ entries }));
  return specialize(kernel, shapes, attributes, true).source.code;
};
const BY_RULE = shaderText(gemm.shader);

test("what is written is read: the choice of a problem is found by its key", async () => {
  const file = tuningPath(folder, NVIDIA);
  expect(file).toBe(join(folder, "tuning", "nvidia-h200-nvidia-570.json"));
  const written = mergeTuning(emptyTuning(NVIDIA), { steps: [STEP], entries: [ENTRY] });
  await writeTuning(file, written);
  const read = await readTuning(file);
  expect(read).toEqual(written);
  expect(kernelBy(read!.entries)).toContain("const TM: u32 = 8u;");
  expect(readFileSync(file, "utf8")).toContain(`\n      "problem": ${JSON.stringify(PROBLEM)},\n`);
});

test("without a file the rule runs", async () => {
  expect(await readTuning(tuningPath(folder, LAVAPIPE))).toBeNull();
  expect(kernelBy([])).toBe(BY_RULE);
});

test("what is found replaces what was known of the problem, and leaves the rest, in order", () => {
  const other = { ...ENTRY, problem: "a" };
  const known = mergeTuning(emptyTuning(NVIDIA), { steps: [STEP], entries: [ENTRY, other] });
  expect(known.entries.map(({ problem }) => problem)).toEqual(["a", PROBLEM]);
  const anew = { ...ENTRY, constants: { TM: 2 } };
  const merged = mergeTuning(known, { steps: [], entries: [anew] });
  expect(merged.entries).toEqual([other, anew]);
  expect(merged.steps).toEqual([STEP]);
});

test.each<[string, Partial<TuningEntry>]>([
  ["another text of the shader", { shaders: { ...ENTRY.shaders, gemm: "0123456789abcdef" } }],
  ["a shader that is not named", { shaders: {} }],
  ["the rule's own", { reason: "rule" }],
  ["a choice without gain in the step", { reason: "no gain in the step" }],
  ["a rule that is not today's", { rule: "gemm_register" }],
])("an entry of %s is not followed", (_, change) => {
  expect(kernelBy([{ ...ENTRY, ...change }])).toBe(BY_RULE);
});

test("a change of a mapping that is neither rule nor choice leaves the choice", () => {
  const shaders = { ...ENTRY.shaders, gemm_register: "0123456789abcdef" };
  expect(kernelBy([{ ...ENTRY, shaders }])).toContain("const TM: u32 = 8u;");
});

test.each([
  ["no JSON", "{", "not valid JSON: line 1"],
  ["another version", '{"version":0}', "version: "],
  [
    "a field of another kind",
    JSON.stringify({ ...emptyTuning(NVIDIA), entries: [1] }),
    "entries.0",
  ],
])("a file with %s says that it may be deleted", async (_, text, why) => {
  const file = join(folder, "damaged.json");
  writeFileSync(file, text);
  await expect(readTuning(file)).rejects.toThrow(`${file}: not `);
  await expect(readTuning(file)).rejects.toThrow(why);
  await expect(readTuning(file)).rejects.toThrow("you may delete it and run ringdepth tune again");
});

test("a problem whose rule goes by shape is settled until the rule changes", () => {
  const [problem] = conv2d.cases;
  const key = problemKey(conv2d, problem.shapes, problem.attributes);
  const one = { key, base: conv2d, problem };
  const row = { kernel: "conv2d", constants: {}, error: "", time_ms: 1, dropped: false };
  const none = { winner: null, comparison: null, pairs: 0, complete: true };
  const entry = entryOf(one, { rule: "conv2d", rows: [row], ...none }, NVIDIA)!;
  expect(entry.rule_constants).toEqual(conv2d.tuneRule!(problem.shapes, problem.attributes));
  expect(isSettled(entry, one, NVIDIA)).toBe(true);
  const other = { ...conv2d, tuneRule: () => ({ ...entry.rule_constants, TM: 1 }) };
  expect(isSettled(entry, { ...one, base: other }, NVIDIA)).toBe(false);
});

test("a sweep to its end settles its problem until a shader changes; one cut short does not", () => {
  const one = { key: PROBLEM, base: gemm, problem: gemm.cases[0] };
  const rule = { kernel: "gemm", constants: {}, error: "", time_ms: 1, dropped: false };
  const swept: Swept = {
    rule: "gemm",
    rows: [rule],
    winner: null,
    comparison: null,
    pairs: 0,
    complete: true,
  };
  const whole = entryOf(one, swept, NVIDIA)!;
  expect(whole).toMatchObject({ problem: PROBLEM, kernel: "gemm", constants: {}, reason: "rule" });
  expect(isSettled(whole, one, NVIDIA)).toBe(true);
  const shader = { ...gemm.shader, code: `${BY_RULE}\n` };
  expect(isSettled(whole, { ...one, base: { ...gemm, shader } }, NVIDIA)).toBe(false);
  expect(isSettled({ ...whole, reason: "no gain in the step" }, one, NVIDIA)).toBe(false);
  expect(isSettled(whole, one, LAVAPIPE)).toBe(false); // other mappings, another rule
  expect(entryOf(one, { ...swept, complete: false }, NVIDIA)).toBeNull();
  const winner = { kernel: "gemm", constants: { TM: 8 } };
  const part = entryOf(one, { ...swept, winner, complete: false }, NVIDIA)!;
  expect(part).toMatchObject({ ...winner, reason: "faster" });
  expect(kernelBy([part])).toContain("const TM: u32 = 8u;");
  expect(isSettled(part, one, NVIDIA)).toBe(false);
  expect(entryOf(one, { ...swept, rows: [{ ...rule, error: "wrong" }] }, NVIDIA)).toBeNull();
});
