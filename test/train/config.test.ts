// The configuration: complete once resolved, and strict about what it does not know.
import { expect, test } from "vitest";
import { formatConfig, headOf, parseConfigFile, resolveConfig } from "../../src/train/config.ts";
import { configKeys, explainedConfig } from "../../src/train/config_help.ts";
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
    loss: { ckd: true, relation: "cosine", weights: { silog: 1, kl: 1, cross: 1, relation: 1 } },
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
  [{ stepz: 3 }, 'test: unknown key "stepz"; known there: data, rig, student, size,'],
  [
    { loss: { weights: { kl_loss: 1 } } },
    'unknown key "loss.weights.kl_loss"; known there: silog,',
  ],
  [{ teacher: { pth: "x" } }, 'unknown key "teacher.pth"; known there: kind, path'],
  [{ size: { height: 90, width: 160 } }, "test: size.height: must be a multiple of 32"],
  [{ steps: 0 }, "test: steps: "],
  [{ student: "giant" }, "test: student: "],
  [{ optimizer: { beta1: 1 } }, "test: optimizer.beta1: "],
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
    description: "decay of the first moment",
  });
  const config = resolveConfig({ steps: 7 }, "test");
  const text = explainedConfig(config);
  expect(text).toContain("  # decay of the first moment\n  beta1: 0.9\n");
  expect(resolveConfig(parseConfigFile(text, "config.yaml"), "config.yaml")).toEqual(config);
});

test("a file that is not keys and values is refused by name", () => {
  expect(() => parseConfigFile("- 1\n- 2\n", "run.yaml")).toThrow("run.yaml: expected keys");
  expect(() => parseConfigFile("a: [1\n", "run.yaml")).toThrow(/^run\.yaml: .*line/);
  expect(parseConfigFile("", "run.yaml")).toEqual({});
});
