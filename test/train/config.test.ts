// The configuration: complete once resolved, and strict about what it does not know.
import { expect, test } from "vitest";
import { resolveConfig } from "../../src/train/config.ts";
import { formatConfig, parseConfigFile } from "../../src/train/config/text.ts";
import { headOf } from "../../src/train/head.ts";
import { configKeys, explainedConfig } from "../../src/train/config/help.ts";
import { InputError } from "../../src/tensor/error.ts";

test("a learning rate that is not given suits the student", () => {
  const rate = (given: unknown): number => resolveConfig(given, "test").optimizer.learning_rate;
  expect(rate({})).toBe(3e-3);
  expect(rate({ student: "resnet18" })).toBe(3e-4);
  expect(rate({ student: "resnet18", optimizer: { learning_rate: 0.1 } })).toBe(0.1);
});

test("nothing given resolves to the defaults, all of them written out", () => {
  const config = resolveConfig({}, "test");
  expect(config).toMatchObject({
    data: "rig",
    student: "nano",
    size: { height: 96, width: 160 },
    steps: 600,
    seed: 0,
    bad_samples: "stop",
    loss: { ckd: true, relation: "cosine", weights: { silog: 1, kl: 3, cross: 1, relation: 5 } },
  });
  expect(formatConfig(config)).toContain("max_norm: 1");
});

test("what is written is read back as it was", () => {
  const config = resolveConfig({ seed: 5, teacher: { kind: "files", path: "maps" } }, "test");
  const again = resolveConfig(parseConfigFile(formatConfig(config), "config.yaml"), "config.yaml");
  expect(again).toEqual(config);
});

test("the head follows from student and configuration", () => {
  const head = headOf(resolveConfig({ student: "resnet18", head: { bins: 128 } }, "test"), 80);
  expect(head).toMatchObject({ bins: 128, embedding: 128, depth_max_m: 80, seed: "cumulative" });
});

test.each([
  [{ stepz: 3 }, 'test: unknown key "stepz"; known keys: data, rig, lidar, student,'],
  [{ loss: { weights: { kl_loss: 1 } } }, 'unknown key "loss.weights.kl_loss"; known keys: silog,'],
  [
    { teacher: { pth: "x" } },
    'unknown key "teacher.pth"; known keys: kind, path, base, weights, preparation, side, module, fit_steps',
  ],
  [{ size: { height: 90, width: 160 } }, "test: size.height: must be a multiple of 32"],
  [{ steps: 0 }, "test: steps: "],
  [{ student: "giant" }, "test: student: "],
  [{ optimizer: { beta1: 1 } }, "test: optimizer.beta1: "],
  [{ optimizer: { beta2: 1 - 1e-12 } }, "test: optimizer.beta2: must be below 1 in single"],
  [{ optimizer: { learning_rate: Number.NaN } }, "test: optimizer.learning_rate: "],
  [{ optimizer: { learning_rate: Infinity } }, "test: optimizer.learning_rate: "],
  [{ optimizer: { learning_rate: -1e-3 } }, "test: optimizer.learning_rate: "],
  [{ optimizer: { learning_rate: 1e39 } }, "test: optimizer.learning_rate: must fit single"],
  [{ optimizer: { epsilon: 1e-60 } }, "test: optimizer.epsilon: must fit single precision"],
  [{ loss: { weights: { kl: Number.NaN } } }, "test: loss.weights.kl: "],
  [{ loss: { ramp: Number.NaN } }, "test: loss.ramp: "],
  [{ loss: { temperature: 0 } }, "test: loss.temperature: "],
  [{ rig: { train_moments: 1e12 } }, "test: rig.train_moments: "],
  [{ steps: Infinity }, "test: steps: "],
  [{ seed: 2 ** 60 }, "test: seed: "],
])("%j is refused in one line", (given, line) => {
  const resolve = (): unknown => resolveConfig(given, "test");
  expect(resolve).toThrow(InputError);
  expect(resolve).toThrow(line);
  expect(resolve).not.toThrow("\n");
});

test("every key is explained, in the help and above it in config.yaml", () => {
  const keys = configKeys();
  expect(keys.filter(({ description }) => description === "")).toEqual([]);
  expect(keys).toContainEqual({
    path: "optimizer.beta1",
    value: 0.9,
    description: "decay rate of the mean gradient (AdamW)",
  });
  const config = resolveConfig({ steps: 7 }, "test");
  const text = explainedConfig(config);
  expect(text).toContain("  # decay rate of the mean gradient (AdamW)\n  beta1: 0.9\n");
  expect(resolveConfig(parseConfigFile(text, "config.yaml"), "config.yaml")).toEqual(config);
});

test("a file that is not keys and values is refused by name", () => {
  expect(() => parseConfigFile("- 1\n- 2\n", "run.yaml")).toThrow("run.yaml: expected keys");
  expect(() => parseConfigFile("a: [1\n", "run.yaml")).toThrow(/^run\.yaml: .*line/);
  expect(parseConfigFile("", "run.yaml")).toEqual({});
});

test.each([
  ["a number that is none", "steps: .nan", /run\.yaml: steps: /],
  [
    "a control character",
    "steps: 3\ndata: rig\u0000",
    /run\.yaml: .*line 2, column 10: a control character/,
  ],
  ["brackets without end", `steps: ${"[".repeat(9000)}`, /9001 keys and items; at most 2000/],
  ["lists without end", "- ".repeat(800), /nested 801 levels deep; at most 16/],
  ["a bracket on each line", "[\n".repeat(800), /nested 801 levels deep; at most 16/],
  ["aliases of aliases", aliases(), /run\.yaml: .*alias/],
  ["a text without end", "# nothing\n".repeat(2000), /20000 bytes of YAML, at most 16384/],
  [
    "a tag of another language",
    "steps: !!js/function 'x'",
    /run\.yaml: .*line 1, column 8: Unresolved tag/,
  ],
  ["a key twice", "steps: 1\nsteps: 2", /run\.yaml: .*unique/],
])("%s is refused in one line", (_name, text, message) => {
  const read = (): unknown => resolveConfig(parseConfigFile(text, "run.yaml"), "run.yaml");
  expect(read).toThrow(InputError);
  expect(read).toThrow(message);
  expect(read).not.toThrow("\n");
});

/** Twenty lists, each twice the one before. */
function aliases(): string {
  const lines = Array.from({ length: 20 }, (_, i) => `b${i + 1}: &b${i + 1} [*b${i}, *b${i}]`);
  return ["b0: &b0 [x]", ...lines].join("\n");
}

test("a group whose keys are all comments holds its defaults", () => {
  const text =
    "teacher:\n  # path: maps\nloss:\nlidar:\nrig: ~\nhead:\noptimizer: null\nsteps: 3\n";
  const config = resolveConfig(parseConfigFile(text, "a.yaml"), "a.yaml");
  expect(config).toEqual(resolveConfig({ steps: 3 }, "test"));
  // A key without its value was forgotten.
  for (const key of ["steps", "data", "size"]) {
    const read = (): unknown => resolveConfig(parseConfigFile(`${key}:\n`, "a.yaml"), "a.yaml");
    expect(read).toThrow(InputError);
  }
});
