// Whole cases through both paths: passed, failed, not offered; predicates; and that the
// page beside this file is up to date.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { predicateText, refusal } from "../../tools/oracle/offer.ts";
import { partOf, README, STATIC_PARTS, unformatted } from "../../tools/oracle/readme.ts";
import { summarize, table, type Judged } from "../../tools/oracle/report.ts";
import { mergedRows, readRows, resultsText, rowsOf } from "../../tools/oracle/results.ts";
import { runCase } from "../../tools/oracle/run.ts";
import { OFFERS, plain } from "../../tools/oracle/sources/offers.ts";
import { readCases, type VectorCase } from "../../tools/oracle/vectors.ts";
import { reorder } from "../../tools/oracle/workbench.ts";
import { gpu } from "../support/gpu.ts";

type Tensor = readonly [name: string, shape: readonly number[], ...data: number[]];

function tensors(list: readonly Tensor[]): object[] {
  return list.map(([name, shape, ...data]) => ({ name, shape, dtype: "float32", data }));
}

function vectorCase(
  source: string,
  operator: string,
  record: object,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
): VectorCase {
  const one = { id: "a case", ...record, inputs: tensors(inputs), outputs: tensors(outputs) };
  const text = JSON.stringify({ header: {}, cases: [one] });
  return plain(readCases(text, source, `${source}/${operator}.json`)[0]);
}

async function judge(given: VectorCase): Promise<Judged> {
  const reason = refusal(OFFERS[given.source], given);
  if (reason !== null) return { given, outcome: { kind: "not_offered", reason } };
  const failures = await runCase(gpu, OFFERS[given.source][given.operator], given);
  return {
    given,
    outcome: failures.length === 0 ? { kind: "passed" } : { kind: "failed", failures },
  };
}

const X: Tensor = ["x", [2, 2], 1, -2, 3, -4];
const relu = (record: object, ...y: number[]): VectorCase =>
  vectorCase("onnx", "Relu", { op: "Relu", ...record }, [X], [["y", [2, 2], ...y]]);

describe("a case", () => {
  test("passes where both paths give what was published", async () => {
    expect((await judge(relu({}, 1, 0, 3, 0))).outcome).toEqual({ kind: "passed" });
  });

  test("fails on both paths where one number is wrong", async () => {
    const { outcome } = await judge(relu({}, 1, 0, 3.5, 0));
    expect(outcome).toMatchObject({
      kind: "failed",
      failures: [
        { path: "cpu", message: "y[2] is 3, expected 3.5 (atol 0, rtol 0); 1 of 4 differ" },
        { path: "gpu" },
      ],
    });
  });

  test("fails where the shape is wrong, and where an output is not made", async () => {
    const flat = vectorCase("onnx", "Relu", {}, [X], [["y", [4], 1, 0, 3, 0]]);
    expect((await judge(flat)).outcome).toMatchObject({
      failures: [{ path: "build", message: "y is [2, 2], expected [4, -1]" }],
    });
    const two = vectorCase(
      "onnx",
      "Relu",
      {},
      [X],
      [
        ["y", [2, 2], 1, 0, 3, 0],
        ["z", [1], 0],
      ],
    );
    expect((await judge(two)).outcome).toMatchObject({
      failures: [{ path: "build", message: "output 1 is not made" }],
    });
  });

  test("fails where it holds nothing", async () => {
    expect((await judge(vectorCase("onnx", "Relu", {}, [X], []))).outcome).toMatchObject({
      failures: [{ path: "build", message: "no output and no gradient to hold" }],
    });
  });

  test("is not offered where a clause of the predicate does not hold", async () => {
    expect((await judge(relu({ attrs: { alpha: 1 } }, 1, 0, 3, 0))).outcome).toEqual({
      kind: "not_offered",
      reason: "not no attributes",
    });
    const unknown = vectorCase("onnx", "Resnet", {}, [X], []);
    expect((await judge(unknown)).outcome).toMatchObject({ reason: "no such operator" });
    const foreign = vectorCase("elsewhere", "Relu", {}, [X], []);
    expect((await judge(foreign)).outcome).toMatchObject({ kind: "not_offered" });
  });

  test("in NCHW and OIHW is moved to the engine's layout and back", async () => {
    const given = vectorCase(
      "onnx",
      "Conv",
      { attrs: { kernel_shape: [1, 1] } },
      [
        ["x", [1, 2, 1, 2], 1, 2, 10, 20],
        ["w", [3, 2, 1, 1], 1, 0, 0, 1, 1, 1],
      ],
      [["y", [1, 3, 1, 2], 1, 2, 10, 20, 11, 22]],
    );
    expect((await judge(given)).outcome).toEqual({ kind: "passed" });
  });

  test("of gradients is held by the inputs it names", async () => {
    const gradient = (wrong: number): object => ({
      attrs: {},
      dy: tensors([["dy", [2, 2], 1, 1, 1, 1]])[0],
      grads: tensors([["x", [2, 2], 2, -4, 6, -8 + wrong]]),
      tol: { atol: 1e-3 },
    });
    const square = (wrong: number): VectorCase =>
      vectorCase("tfjs-grad", "Square", gradient(wrong), [X], []);
    expect((await judge(square(0))).outcome).toEqual({ kind: "passed" });
    expect((await judge(square(1))).outcome).toMatchObject({
      failures: [{ message: "d_x[3] is -8, expected -7 (atol 0.001, rtol 0); 1 of 4 differ" }, {}],
    });
  });
});

describe("a case of one's own", () => {
  const matmul = (record: object, inputs: readonly Tensor[]): VectorCase =>
    vectorCase("own", "x", { op: "matmul", ...record }, inputs, [["y", [2, 1], 5, 11]]);
  const A: Tensor = ["a", [2, 2], 1, 2, 3, 4];
  const B: Tensor = ["b", [2, 1], 1, 2];

  test("tells its inputs by name or by place", async () => {
    expect((await judge(matmul({}, [B, A]))).outcome).toEqual({ kind: "passed" });
    const foreign: Tensor[] = [
      ["left", A[1], ...(A.slice(2) as number[])],
      ["right", B[1], ...(B.slice(2) as number[])],
    ];
    expect((await judge(matmul({}, foreign))).outcome).toEqual({ kind: "passed" });
  });

  test.each([
    [
      { attrs: { transpose: true } },
      [A, B],
      "no attribute transpose; there are transpose_a, transpose_b",
    ],
    [
      { attrs: { transpose_a: "yes" } },
      [A, B],
      'attribute transpose_a is "yes", expected true or false',
    ],
    [{}, [A], "input b is left out"],
    [{}, [A, B, ["scale", [1], 1] as Tensor], "no input scale; there are a, b, bias"],
    [{ op: "matmal" }, [A, B], "no such operator"],
    [
      { op: "pad" },
      [["x", [2], 1, 2] as Tensor],
      "attribute padding must be given: list of [before, after]",
    ],
  ])("is not offered for a reason that is said: %j", async (record, inputs, reason) => {
    expect((await judge(matmul(record, inputs))).outcome).toEqual({ kind: "not_offered", reason });
  });

  test("keeps states that an op changes, and names them among its outputs", async () => {
    const given = vectorCase(
      "own",
      "x",
      { op: "batch_norm", attrs: { momentum: 0.5 }, tol: { atol: 1e-6 } },
      [
        ["x", [1, 1, 2, 1], 1, 3],
        ["gamma", [1], 1],
        ["beta", [1], 0],
        ["running_mean", [1], 0],
        ["running_variance", [1], 0],
      ],
      [
        ["running_variance", [1], 1],
        ["running_mean", [1], 1],
      ],
    );
    expect((await judge(given)).outcome).toEqual({ kind: "passed" });
  });
});

const ALL: Tensor = ["usable", [1, 1, 2, 1], 1, 1];
const METRES: readonly Tensor[] = [
  ["depth_m", [1, 1, 3, 1], 2, 4, 9],
  ["teacher_depth_m", [1, 1, 3, 1], 1, 4, 0],
  ["usable", [1, 1, 3, 1], 1, 1, 1],
];
const HALF = Math.SQRT1_2;

test.each<[string, object, readonly Tensor[], number]>([
  // logarithms ln 2 and 0: their mean is ln 2 / 2, their variance (ln 2)^2 / 2
  ["output_silog", {}, METRES, 10 * Math.LN2 * Math.sqrt(1 / 2 + 0.15 / 4)],
  ["output_l1", {}, METRES, 0.5],
  [
    "hinton",
    { temperature: 2 },
    [
      ["logits", [1, 1, 2, 2], 0, 0, 3, 3],
      ["teacher_logits", [1, 1, 2, 2], 2 * Math.log(3), 0, 1, 1],
      ALL,
    ],
    // probabilities 3/4 and 1/4 against halves at one of two pixels
    (4 * (0.75 * Math.log(1.5) + 0.25 * Math.log(0.5))) / 2,
  ],
  [
    "fitnets",
    {},
    [
      ["embedding", [1, 1, 2, 2], 1, 2, 1, 0],
      ["projection", [3, 2], 1, 1, 1, 0, 0, 1],
      ["teacher_embedding", [1, 1, 2, 3], 0, 1, 2, 1, 1, 0],
      ALL,
    ],
    9 / 3 / 2,
  ],
  [
    "attention_transfer",
    { grid: [1, 2] },
    [["embedding", [1, 1, 2, 1], 1, 2], ["teacher_embedding", [1, 1, 2, 1], 3, -3], ALL],
    2 - (2 * 5 * HALF) / Math.sqrt(17),
  ],
  [
    "similarity",
    { grid: [1, 1] },
    [
      ["embedding", [2, 1, 1, 2], 1, 0, 0, 1],
      ["teacher_embedding", [2, 1, 1, 1], 4, 4],
      ["usable", [2, 1, 1, 1], 1, 1],
    ],
    ((1 - HALF) ** 2 + HALF ** 2) / 2,
  ],
])("own/baseline_%s equals its definition", async (name, attrs, inputs, loss) => {
  const record = { op: `baseline_${name}`, attrs, tol: { rtol: 1e-5 } };
  const given = vectorCase("own", "x", record, inputs, [["baseline", [1], loss]]);
  expect((await judge(given)).outcome).toEqual({ kind: "passed" });
});

test("axes are moved and moved back", () => {
  const moved = reorder([1, 2, 3, 4, 5, 6], [2, 3], [1, 0]);
  expect([...moved]).toEqual([1, 4, 2, 5, 3, 6]);
  expect([...reorder(moved, [3, 2], [1, 0])]).toEqual([1, 2, 3, 4, 5, 6]);
  expect([...reorder([7], [], [])]).toEqual([7]);
});

test("counts name every case once, under its operator", async () => {
  const judged = await Promise.all([
    judge(relu({}, 1, 0, 3, 0)),
    judge(relu({}, 1, 0, 3, 1)),
    judge(relu({ attrs: { alpha: 1 } }, 1, 0, 3, 0)),
  ]);
  const counts = { passed: 1, failed: 1, not_offered: 1 };
  expect(summarize(judged)).toEqual({ ...counts, by_operator: { Relu: counts } });
  expect(table(judged).split("\n")[2]).toBe(
    "| onnx   | Relu      |      1 |      1 |           1 |",
  );
});

test("a predicate prints all that it asks for", () => {
  expect(predicateText(OFFERS["onnx"]["Relu"])).toBe(
    "float32 or float64; numbers finite in float32; no attributes",
  );
});

test("results of operators that did not run stay on the page", async () => {
  const none = { passed: 0, failed: 0, not_offered: 0, gradients: 0 };
  const before = [
    { ...none, source: "onnx", operator: "Abs", passed: 2 },
    { ...none, source: "onnx", operator: "Relu", failed: 3 },
    { ...none, source: "tfjs", operator: "Square", passed: 4, not_offered: 1, gradients: 4 },
    { ...none, source: "tfjs", operator: "TopK", not_offered: 5 },
  ];
  expect(readRows(resultsText(before))).toEqual(before);
  const judged = await Promise.all([judge(relu({}, 1, 0, 3, 0)), judge(relu({}, 1, 0, 3, 1))]);
  const after = mergedRows(before, rowsOf(judged));
  const ran = { ...none, source: "onnx", operator: "Relu", passed: 1, failed: 1 };
  expect(after).toEqual([before[0], ran, before[2], before[3]]);
  expect(resultsText(after).split("\n")[0]).toBe(
    "7 cases passed, 4 of them with gradients, 1 failed, 6 were not offered.",
  );
});

test.each(["predicates", "own"] as const)(`${README} is up to date: %s`, (part) => {
  const text = readFileSync(README, "utf8");
  const current = unformatted(partOf(text, part)) === unformatted(STATIC_PARTS[part]());
  expect(current, `run \`npm run oracle -- --${part} --write\``).toBe(true);
});
