// Every choice of the losses, the teacher's kind, the spacing and the balance: one step on the GPU is
// that of the CPU, and twenty steps of the tiny rig train from end to end.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BASELINES } from "../../src/distill/baselines.ts";
import { RELATIONS } from "../../src/distill/relations.ts";
import { SUPERVISED } from "../../src/distill/supervised.ts";
import { CENTER_SPACINGS } from "../../src/graph/ops/bin_centers.ts";
import type { Teacher, TeacherMaps } from "../../src/teacher/teacher.ts";
import { compareNetwork, INITIAL_GATE } from "../../src/train/network_check.ts";
import { train } from "../../src/train/trainer.ts";
import { gpu } from "../support/gpu.ts";
import { tinyConfig, tinySource, tinyTeacher } from "./tiny.ts";

const [STEPS, BINS, FEATURES] = [20, 8, 2];

/** The tiny teacher with metres, an embedding, centres of its own and, where asked, (pi, t). */
function teacherOf(kind: "index" | "binomial"): Teacher {
  const isBinomial = kind === "binomial";
  const more = { embedding: FEATURES, depth_m: true, centers: true };
  return {
    ...tinyTeacher,
    name: kind,
    parts: { ...tinyTeacher.parts, index: !isBinomial, binomial: isBinomial, ...more },
    maps: async (sample, size): Promise<TeacherMaps> => {
      const index = (await tinyTeacher.maps(sample, size)).index!;
      const each = (count: number, value: (place: number, i: number) => number): Float32Array =>
        Float32Array.from({ length: count * index.length }, (_, i) =>
          value(index[Math.floor(i / count)], i % count),
        );
      return {
        ...(isBinomial
          ? { pi: index.map((place) => 0.1 + 0.8 * place), t: index.map(() => 1.5) }
          : { index }),
        depth_m: index.map((place) => 2 + 30 * place),
        embedding: each(FEATURES, (place, i) => Math.cos(3 * place + i)),
        // log-spaced up to the cap
        centers: each(BINS, (_, k) => 80 ** (k / BINS - 1)),
      };
    },
  };
}

const silog = (
  silog_lambda: number,
): Readonly<Record<"supervised" | "cross_term", string>> & { readonly silog_lambda: number } => ({
  supervised: "silog",
  silog_lambda,
  cross_term: "silog",
});
const [plain, disparity, uniform] = CENTER_SPACINGS.map((spacing) => ({ spacing }));
const soft = { kind: "softmax_bins" } as const;
const softplus = { centers: "softplus" } as const;
const none = { cross_term: "none", kl_domain: "lidar" } as const;

/** Rows that together have every value of every choice: teacher, relation, baseline, losses, head. */
const ROWS = [
  ["index", "cosine", "none", silog(0.85), plain],
  ["binomial", "aligned", "output_silog", { supervised: "l1", cross_term: "stopped" }, disparity],
  ["binomial", "features", "fitnets", { supervised: "berhu", cross_term: "symmetric" }, uniform],
  ["index", "softmax", "hinton", { ...silog(0.5), ...none }, { ...soft, ...plain }],
  ["binomial", "overlap", "attention_transfer", silog(0), { ...soft, ...disparity, ...softplus }],
  ["index", "views", "similarity", { ...silog(1), cross_term: "symmetric" }, uniform],
  ["binomial", "probabilities", "output_l1", { balance: "gradient_norm", balance_step: 3 }, plain],
  ["binomial", "none", "none", { ...none, bins_form: "stored", temperature: 2 }, plain],
] as const;

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-choices-"));
});
afterAll(() => rmSync(root, { recursive: true }));

test("no value of a choice is left out", () => {
  expect(ROWS.map(([, relation]) => relation)).toEqual(RELATIONS);
  expect(new Set(ROWS.map(([, , baseline]) => baseline))).toEqual(new Set(BASELINES));
  const losses: string = JSON.stringify(ROWS.map(([, , , loss]) => loss));
  const heads: string = JSON.stringify(ROWS.map(([, , , , head]) => head));
  for (const value of SUPERVISED) expect(losses).toContain(`"${value}"`);
  for (const value of CENTER_SPACINGS) expect(heads).toContain(`"${value}"`);
});

test.each(ROWS)("taught by %s, relation %s, baseline %s, %j, %j", async (...row) => {
  const [kind, relation, baseline, choice, head] = row;
  const loss = { relation, baseline, relation_grid: [2, 2], ramp: 0, ...choice };
  const config = tinyConfig({
    steps: STEPS,
    checkpoint_every: 100,
    size: { height: 32, width: 32 },
    head: { bins: BINS, ...head },
    loss: { ...loss, weights: { baseline: 0.1 } },
  });
  const [source, teacher] = [tinySource("train"), teacherOf(kind)];
  const { parameters } = await compareNetwork(gpu, { config, source, teacher });
  const beyond = parameters.filter(({ relative_error }) => !(relative_error < INITIAL_GATE));
  expect(beyond).toEqual([]);
  const out = join(root, relation);
  const trained = await train({ gpu, config, source, teacher, out, resume: false });
  const { records } = trained.folder;
  await trained.close();
  expect(records).toHaveLength(STEPS);
  const hasCross = "cross_term" in choice && ["silog", "symmetric"].includes(choice.cross_term);
  const terms = ["silog", "kl", "cross", "relation", "baseline"].filter(
    (term) =>
      (term !== "cross" || hasCross) &&
      (term !== "relation" || relation !== "none") &&
      (term !== "baseline" || baseline !== "none"),
  );
  for (const record of records) {
    expect(Object.keys(record.terms)).toEqual(terms);
    expect(Object.values(record.terms).every(Number.isFinite)).toBe(true);
  }
  const mean = (from: number): number =>
    records.slice(from, from + 5).reduce((sum, record) => sum + record.terms["silog"] / 5, 0);
  expect(mean(STEPS - 5)).toBeLessThan(mean(0));
  expect(records.filter(({ balance }) => balance !== undefined).map(({ step }) => step)).toEqual(
    "balance" in choice ? [4] : [],
  );
});
