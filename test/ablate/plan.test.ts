// Rows, axes and seeds as they are typed, and the cells that follow from them.
import { expect, test } from "vitest";
import { axisPoints } from "../../src/ablate/axes.ts";
import { withOverrides } from "../../src/ablate/overrides.ts";
import { parseSeeds, planAblation, type AblationPlan } from "../../src/ablate/plan.ts";
import { PAPER_ROWS, parseRows } from "../../src/ablate/rows.ts";
import { resolveConfig } from "../../src/train/config.ts";

const base = resolveConfig({}, "test");

function planOf(
  rows: string,
  more: Partial<Parameters<typeof planAblation>[0]> = {},
): AblationPlan {
  const questions = { given: {}, points: axisPoints({}), seeds: [0, 1], ...more };
  return planAblation({ ...questions, rows: parseRows(rows, base) });
}

test("the rows of the paper differ in nothing but the teacher's terms", () => {
  const { cells } = planOf(PAPER_ROWS.join(","), { seeds: [3] });
  const parts = cells.map(({ config: { teacher, loss } }) => [
    teacher.kind,
    loss.ckd,
    loss.relation,
  ]);
  expect(parts).toEqual([
    ["none", true, "cosine"],
    ["auto", true, "none"],
    ["auto", false, "cosine"],
    ["auto", true, "cosine"],
  ]);
  const others = cells.map(({ config }) => ({ ...config, teacher: null, loss: null }));
  for (const other of others) expect(other).toEqual({ ...others[0], seed: 3 });
});

test("both has a relation even where the configuration has none", () => {
  const plain = resolveConfig({ loss: { ckd: false, relation: "none" } }, "test");
  const [both] = parseRows("both", plain);
  expect(both.overrides.map(({ value }) => value)).toEqual([true, "cosine", "none"]);
});

test("a baseline takes the place of the method's own terms, at a weight that suits its size", () => {
  const { cells } = planOf("output_l1,hinton,at", { seeds: [0] });
  const parts = cells.map(({ config: { loss } }) => [
    loss.ckd,
    loss.relation,
    loss.baseline,
    loss.weights.baseline,
    loss.temperature,
  ]);
  expect(parts).toEqual([
    [false, "none", "output_l1", 0.1, 1],
    [false, "none", "hinton", 0.1, 4],
    [false, "none", "attention_transfer", 1, 1],
  ]);
});

test("cells come seed by seed, so that pairs are whole early", () => {
  const names = planOf("supervised,both").cells.map(({ name }) => name);
  expect(names).toEqual(["supervised.seed-0", "both.seed-0", "supervised.seed-1", "both.seed-1"]);
});

test("own rows take any key, lists too, and may begin with a built-in row", () => {
  const text =
    "kl01:loss.weights.kl=0.1,loss.relation_grid=[3, 5],both,slow:supervised,optimizer.learning_rate=1e-3";
  const { cells } = planOf(text, { seeds: [0] });
  const [first, , slow] = cells.map(({ config }) => config);
  expect(first.loss.weights).toMatchObject({ silog: 1, kl: 0.1, cross: 1, relation: 5 });
  expect(first.loss.relation_grid).toEqual([3, 5]);
  expect([slow.teacher.kind, slow.optimizer.learning_rate]).toEqual(["none", 1e-3]);
});

test("a learning rate that is left to the student is still its own", () => {
  const { cells } = planOf("big:student=resnet18", { seeds: [0] });
  expect(cells[0].config.optimizer.learning_rate).toBe(3e-4);
});

test("attention between views is a row like any other", () => {
  const { cells } = planOf("both,attended:both,student_attention=neighbours", { seeds: [0] });
  expect(cells.map(({ config }) => config.student_attention)).toEqual(["none", "neighbours"]);
});

test.each([
  ["nope", /no such row; known: supervised, ckd/],
  ["ckd,ckd", "ckd is named twice"],
  ["ckd:loss.ckd=true", "a built-in row has this name"],
  ["../x:loss.ckd=true", "letters, digits and underscores"],
  ["loss.ckd=true", "name the row first"],
  ["both,loss.ckd=true", "name the row first"],
  ["a:loss.ckd", "expected KEY=VALUE"],
  ["a:seed=3", "seed is the same for all rows"],
  ["a:data=rig", "data is the same for all rows"],
  ["", "no such row"],
])("rows %j are refused", (text, message) => {
  expect(() => parseRows(text, base)).toThrow(message);
});

test.each([
  ["a:loss.wrong=1", 'row a: unknown key "loss.wrong"; known keys: ckd'],
  ["a:__proto__.x=1", 'unknown key "__proto__"'],
  ["a:steps=0", "row a: steps: "],
  ["a:data.x=1", "row a: data: "],
])("the configuration of row %j is refused", (text, message) => {
  expect(() => planOf(text)).toThrow(message);
});

test("axes multiply, and the supervised row knows no weights of the teacher", () => {
  const points = axisPoints({ weights: "kl=1,kl=0.1,silog=2+kl=0.1" });
  const plan = planOf("supervised,both", { points, seeds: [0] });
  const names = plan.cells.map(({ name }) => name);
  expect(names).toEqual([
    "supervised.kl-1.seed-0",
    "both.kl-1.seed-0",
    "both.kl-0.1.seed-0",
    "supervised.silog-2+kl-0.1.seed-0",
    "both.silog-2+kl-0.1.seed-0",
  ]);
  const [supervised] = plan.rows;
  expect(plan.cellOf(supervised, points[1], 0)).toBe(plan.cells[0]);
  expect(axisPoints({ lidarShares: "1,0.1", beams: "32,8" }).map(({ axes }) => axes)).toEqual([
    { lidar_share: 1, beams: 32 },
    { lidar_share: 1, beams: 8 },
    { lidar_share: 0.1, beams: 32 },
    { lidar_share: 0.1, beams: 8 },
  ]);
});

test.each([
  [{ beams: "32,x" }, '--beams "x": expected numbers'],
  [{ lidarShares: "1,1.0" }, "--lidar-shares: lidar_share 1 is given twice"],
  [{ lidarShares: "" }, "expected numbers"],
  [{ weights: "kl" }, "expected KEY=VALUE"],
])("axes %j are refused", (texts, message) => {
  expect(() => axisPoints(texts)).toThrow(message);
});

test("seeds", () => {
  expect(parseSeeds("3")).toEqual([0, 1, 2]);
  expect(parseSeeds("0,1,7")).toEqual([0, 1, 7]);
  expect(parseSeeds("7,")).toEqual([7]);
  for (const wrong of ["0", "", "1,1", "-1", "1.5", "a", "1,,2", "100000"]) {
    expect(() => parseSeeds(wrong)).toThrow("--seeds");
  }
});

test("an override leaves the other keys of its group", () => {
  const given = { loss: { ramp: 0.5, weights: { kl: 2 } }, steps: 4 };
  expect(withOverrides(given, [{ key: "loss.weights.cross", value: 0 }])).toEqual({
    loss: { ramp: 0.5, weights: { kl: 2, cross: 0 } },
    steps: 4,
  });
});
