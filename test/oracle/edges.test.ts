// Operators at the edge of their definition, and values that the reader does not know: right, or
// not offered by a printed clause; never wrong, and never the end of a run.
import { describe, expect, test } from "vitest";
import { refusal } from "../../tools/oracle/offer.ts";
import { runCase } from "../../tools/oracle/run.ts";
import { OFFERS, plain } from "../../tools/oracle/sources/offers.ts";
import { readCases } from "../../tools/oracle/vectors.ts";
import { gpu } from "../support/gpu.ts";

type Tensor = readonly [shape: readonly number[], data: readonly unknown[], dtype?: string];

function tensorOf(name: string, [shape, data, dtype = "float32"]: Tensor): object {
  return { name, shape, dtype, data };
}

/** What becomes of one case: passed, what failed, or why it is not offered. */
async function judge(
  source: string,
  operator: string,
  inputs: readonly Tensor[],
  output: Tensor,
  more: object = {},
): Promise<string> {
  const record = {
    id: "one",
    inputs: inputs.map((tensor, i) => tensorOf(`x${i}`, tensor)),
    outputs: [tensorOf("y", output)],
    tol: { atol: 1e-6, rtol: 1e-5 },
    ...more,
  };
  const text = JSON.stringify({ cases: [record] });
  const given = plain(readCases(text, source, `${source}/${operator}.json`)[0]);
  const reason = refusal(OFFERS[source], given);
  if (reason !== null) return `not offered: ${reason}`;
  const failures = await runCase(gpu, OFFERS[source][operator], given);
  return failures.length === 0 ? "passed" : failures.map(({ message }) => message).join("; ");
}

const ONE: Tensor = [[1], [1]];

describe("values that the reader does not know", () => {
  test.each<[string, Tensor, RegExp]>([
    ["int16", [[1], [1], "int16"], /tensor x0 has elements of type int16/],
    ["bfloat16", [[1], [1], "bfloat16"], /elements of type bfloat16/],
    ["null", [[1], [null]], /tensor x0 has null at index 0, no float32/],
    ["a word", [[2], [1, "many"]], /tensor x0 has "many" at index 1, no float32/],
    ["an empty word", [[1], [""]], /tensor x0 has "" at index 0/],
    ["a list", [[1], [[1]]], /tensor x0 has a list at index 0/],
    ["an integer out of range", [[1], [300], "uint8"], /tensor x0 has 300 at index 0, no uint8/],
    ["half an integer", [[1], [0.5], "int32"], /tensor x0 has 0.5 at index 0, no int32/],
    ["beyond uint64", [[1], [1e30], "uint64"], /tensor x0 has 1e\+30 at index 0, no uint64/],
    ["uint64", [[1], ["18446744073709551615"], "uint64"], /float32 or float64/],
    ["infinity as a word", [[1], ["-inf"]], /numbers finite in float32/],
    ["NaN as a word", [[1], ["nan"]], /numbers finite in float32/],
    ["infinity beyond doubles", [[1], [1e39]], /numbers finite in float32/],
  ])("%s: not offered, with the reason", async (_, x, reason) => {
    const outcome = await judge("onnx", "Abs", [x], ONE);
    expect(outcome).toMatch(/^not offered: /);
    expect(outcome).toMatch(reason);
  });

  test("one of them leaves the other cases of the file as they are", () => {
    const good = { id: "good", inputs: [tensorOf("x", ONE)] };
    const cases = [
      { id: "a", inputs: [tensorOf("x", [[1], [null]])] },
      good,
      { id: "b", tol: { rtol: "small" } },
      { id: "c", attrs: [1] },
      { id: "d", outputs: [tensorOf("y", [[1], [1], "complex64"])] },
      good,
    ];
    const read = readCases(JSON.stringify({ cases }), "onnx", "onnx/Abs.json");
    expect(read.map(({ unreadable }) => unreadable === null)).toEqual([
      false,
      true,
      false,
      false,
      false,
      true,
    ]);
    expect(read[2].unreadable).toMatch(/^onnx\/Abs.json: case 2: tol.rtol: /);
  });

  test.each<[string, string, object]>([
    ["LeakyRelu", 'alpha is "0.1", expected a number', { alpha: "0.1" }],
    ["LeakyRelu", "alpha is true, expected a number", { alpha: true }],
    ["LeakyRelu", "alpha is [0.1], expected a number", { alpha: [0.1] }],
    ["ReduceSum", 'keepdims is "false", expected a flag', { keepdims: "false" }],
    ["ReduceSum", "axes is [null], expected numbers", { axes: [null] }],
    ["Gelu", "not approximate none or tanh", { approximate: "sigmoid" }],
  ])("an attribute of %s: %s", async (operator, reason, attrs) => {
    const tried = judge("onnx", operator, [ONE], ONE, { attrs });
    await expect(
      tried.catch((error: unknown) => `not offered: ${(error as Error).message}`),
    ).resolves.toBe(`not offered: ${reason}`);
  });

  test("a clause that trips over a missing input refuses the case", async () => {
    const outcome = await judge("onnx", "MaxPool", [], ONE, { attrs: { kernel_shape: [1, 1] } });
    expect(outcome).toMatch(/^not offered: /);
  });
});

describe("conditions other than 0 and 1", () => {
  test.each([
    ["bool", [2, 0, 255, 1]],
    ["uint8", [7, 0, 128, 1]],
    ["int32", [-3, 0, 5, 1]],
    ["float32", [0.5, 0, -2, 1e-20]],
  ])("where of %s", async (dtype, data) => {
    const values: Tensor[] = [
      [[4], data, dtype],
      [[4], [1, 2, 3, 4]],
      [[4], [-1, -2, -3, -4]],
    ];
    const want: Tensor = [[4], [1, -2, 3, 4]];
    expect(await judge("onnx", "Where", values, want)).toBe("passed");
    expect(await judge("tfjs", "Select", values, want)).toBe("passed");
    const args = { condition: "x0", trueValue: "x1", falseValue: "x2" };
    expect(await judge("wpt-webnn", "where", values, want, { args })).toBe("passed");
  });
});

describe("windows that hang over the edge", () => {
  const image: Tensor = [
    [1, 1, 1, 4],
    [3, 4, 5, 12],
  ];
  const call = (options: object): object => ({ args: { input: "x0", options } });

  test("l2 pools of WebNN with ceil rounding", async () => {
    const options = { windowDimensions: [1, 3], strides: [1, 2], roundingType: "ceil" };
    const want: Tensor = [
      [1, 1, 1, 2],
      [Math.hypot(3, 4, 5), Math.hypot(5, 12)],
    ];
    expect(await judge("wpt-webnn", "l2Pool2d", [image], want, call(options))).toBe("passed");
    const sized = { windowDimensions: [1, 3], strides: [1, 2], outputSizes: [1, 2] };
    expect(await judge("wpt-webnn", "l2Pool2d", [image], want, call(sized))).toBe("passed");
    const padded = { ...options, padding: [0, 0, 1, 0] };
    const left: Tensor = [
      [1, 1, 1, 2],
      [5, Math.hypot(4, 5, 12)],
    ];
    expect(await judge("wpt-webnn", "l2Pool2d", [image], left, call(padded))).toBe("passed");
  });

  test("a window of padding alone is not offered", async () => {
    const attrs = { kernel_shape: [1, 1], strides: [1, 1], pads: [0, 1, 0, 0] };
    const want: Tensor = [
      [1, 1, 1, 5],
      [0, 3, 4, 5, 12],
    ];
    for (const operator of ["MaxPool", "AveragePool", "LpPool"]) {
      expect(await judge("onnx", operator, [image], want, { attrs })).toBe(
        "not offered: not no window beyond the image",
      );
    }
    const options = { windowDimensions: [1, 1], padding: [0, 0, 1, 0] };
    expect(await judge("wpt-webnn", "maxPool2d", [image], want, call(options))).toMatch(
      /^not offered/,
    );
  });

  test("automatic padding has as many windows with ceil rounding as without", async () => {
    const attrs = { kernel_shape: [1, 1], strides: [1, 2], ceil_mode: 1, auto_pad: "SAME_UPPER" };
    const want: Tensor = [
      [1, 1, 1, 2],
      [3, 5],
    ];
    expect(await judge("onnx", "MaxPool", [image], want, { attrs })).toBe("passed");
    const wide: Tensor = [
      [1, 1, 1, 4],
      [3, 4, 5, 12],
    ];
    const valid = { kernel_shape: [1, 3], strides: [1, 2], ceil_mode: 1, auto_pad: "VALID" };
    expect(await judge("onnx", "MaxPool", [wide], [[1, 1, 1, 1], [5]], { attrs: valid })).toBe(
      "passed",
    );
  });

  test("means that count padding do not count what is beyond it", async () => {
    const attrs = {
      kernel_shape: [1, 3],
      strides: [1, 2],
      ceil_mode: 1,
      pads: [0, 1, 0, 0],
      count_include_pad: 1,
    };
    const want: Tensor = [
      [1, 1, 1, 2],
      [7 / 3, 21 / 3],
    ];
    expect(await judge("onnx", "AveragePool", [image], want, { attrs })).toBe("passed");
  });
});

describe("folds and norms", () => {
  test("squares that float32 does not hold are not offered", async () => {
    const reason = "not offered: not largest number 0 or between 1e-16 and 1e16";
    const huge: Tensor = [[2], [3e30, 4e30]];
    expect(await judge("onnx", "ReduceL2", [huge], [[1], [5e30]])).toBe(reason);
    expect(await judge("onnx", "LpNormalization", [huge], [[2], [0.6, 0.8]])).toBe(reason);
    const args = { input: "x0", options: {} };
    expect(await judge("wpt-webnn", "reduceL2", [huge], [[], [5e30]], { args })).toBe(reason);
    const zeros: Tensor = [[2], [0, 0]];
    expect(await judge("onnx", "ReduceL2", [zeros], [[1], [0]])).toBe("passed");
  });

  test("folds of large numbers, negative axes and none at all", async () => {
    const x: Tensor = [
      [2, 2],
      [1000, 1000, -1000, -1001],
    ];
    const want: Tensor = [
      [2, 1],
      [1000.6931471805599, -999.686738312],
    ];
    expect(await judge("onnx", "ReduceLogSumExp", [x], want, { attrs: { axes: [-1] } })).toBe(
      "passed",
    );
    const identity = { attrs: { noop_with_empty_axes: 1 } };
    expect(await judge("onnx", "ReduceSum", [x], x, identity)).toBe("passed");
    expect(await judge("onnx", "ReduceL1", [x], x, identity)).toMatch(/^not offered: not noop/);
    const each: Tensor = [
      [2, 2],
      [1000, 1000, 1000, 1001],
    ];
    const args = { input: "x0", options: { axes: [] } };
    expect(await judge("wpt-webnn", "reduceL1", [x], each, { args })).toBe("passed");
  });

  test("p of a norm that is neither 1 nor 2 is not offered", async () => {
    expect(await judge("onnx", "LpNormalization", [ONE], ONE, { attrs: { p: 3 } })).toBe(
      "not offered: not p 2 or 1",
    );
  });

  test("a clip whose bounds cross gives the upper one", async () => {
    const x: Tensor = [[3], [-1, 0, 1]];
    const bounds: Tensor[] = [
      [[], [0.5]],
      [[], [-0.5]],
    ];
    expect(await judge("onnx", "Clip", [x, ...bounds], [[3], [-0.5, -0.5, -0.5]])).toBe("passed");
  });

  test("a batch norm of early opsets that trains is not offered", async () => {
    const x: Tensor = [
      [1, 1, 2],
      [1, 2],
    ];
    const given = [x, ONE, ONE, ONE, ONE] as const;
    expect(await judge("onnx", "BatchNormalization", given, x, { attrs: { is_test: 0 } })).toMatch(
      /^not offered: not is_test/,
    );
  });
});

describe("metrics of depth", () => {
  const metric = async (prediction: number[], truth: number[], want: number): Promise<string> =>
    await judge(
      "depth-metrics",
      "metrics",
      [
        [[prediction.length], prediction, "float64"],
        [[truth.length], truth, "float64"],
      ],
      [[], [want], "float64"],
      { outputs: [tensorOf("abs_rel", [[], [want], "float64"])] },
    );
  test("beyond a million metres are right", async () => {
    expect(await metric([4e6, 2], [2e6, 1], 1)).toBe("passed");
    expect(await metric([1e6], [1e6], 0)).toBe("passed");
  });
  test("of depths that are none are not offered", async () => {
    for (const pair of [
      [
        [1, 1],
        [0, 1],
      ],
      [[-1], [1]],
      [[0], [1]],
    ]) {
      expect(await metric(pair[0], pair[1], 0)).toBe("not offered: not depths above 0 and finite");
    }
    expect(await metric([], [], 0)).toMatch(/^not offered: not as many/);
  });
});

test("Resize of opset 10 takes positions as Upsample does", async () => {
  const x: Tensor = [
    [1, 1, 1, 2],
    [1, 2],
  ];
  const scales: Tensor = [[4], [1, 1, 1, 2]];
  const more = {
    opset: 10,
    attrs: { mode: "linear" },
    inputs: [tensorOf("X", x), tensorOf("scales", scales)],
  };
  expect(
    await judge(
      "onnx",
      "Resize",
      [],
      [
        [1, 1, 1, 4],
        [1, 1.5, 2, 2],
      ],
      more,
    ),
  ).toBe("passed");
});
