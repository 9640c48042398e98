// A misspelt option is refused with the nearest right name, in every function of the entry points
// that takes options: programs in JavaScript have no type checker, and an option that is not read
// would silently do nothing. No device is needed: options are looked at first.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as ringdepth from "../../src/index.ts";
import { InputError } from "../../src/tensor/error.ts";
import { nearestName } from "../../src/tensor/nearest_name.ts";

const {
  graph: newGraph,
  size: _,
  ...exported
} = ringdepth as unknown as Record<string, (...given: unknown[]) => unknown>;
type Call = (options: object) => unknown;
type Row = readonly [valid: Readonly<Record<string, unknown>>, call?: Call];

const gpu = {};
const g = (): { readonly input: (name: string, shape: readonly number[]) => object } =>
  newGraph() as never;
/** Values of four axes of 1 of one graph. */
const values = (count: number): object[] => {
  const own = g();
  return Array.from({ length: count }, (__, i) => own.input(`x${i}`, [1, 1, 1, 1]));
};
const problem = { name: "one", shapes: { x: [1] }, attributes: undefined };
const own = { wgsl: "", inputs: [], outputs: [], shapes: null, grid: null, reference: null };
const config = ringdepth.resolveConfig({}, "test");
const source = { protocol: {}, cameras: [] };
/** The call of a function whose options come after `before`. */
const after =
  (name: string, ...before: unknown[]): Call =>
  (options) =>
    exported[name](...before, options);
/** The call of an op on some values. */
const op =
  (name: string, count: number): Call =>
  (options) =>
    exported[name](...values(count), options);

/** Every function with options: valid ones, and how it is called. */
const ROWS: Readonly<Record<string, Row>> = {
  adamw: [
    { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0 },
    (options) => exported["adamw"](newGraph(), values(1)[0], options),
  ],
  attention: [{ heads: 1, causal: true }, op("attention", 3)],
  attractor: [{ alpha: 1, gamma: 2, kind: "inverse" }, op("attractor", 2)],
  averagePool: [{ window: 1, stride: 1 }, op("averagePool", 1)],
  batchNorm: [
    { training: true, epsilon: 1e-5, momentum: 0.1 },
    after("batchNorm", { x: values(1)[0] }),
  ],
  binKl: [{ temperature: 1 }, op("binKl", 3)],
  checkAdjoint: [{ title: "a" }, after("checkAdjoint", gpu, () => {})],
  checkCase: [{ freeze: true }, after("checkCase", gpu, {}, problem)],
  checkGradient: [{ step: 1e-5, title: "a" }, after("checkGradient", () => {})],
  compareNetwork: [{ config, source, teacher: null }, after("compareNetwork", gpu)],
  compile: [{ fused: true, precision: "f32" }, after("compile", gpu, g(), {}, {})],
  conv2d: [
    { stride: 1, dilation: 1, pad: 0 },
    (options) => exported["conv2d"](...values(2), null, options),
  ],
  conv2dTranspose: [
    { outputPadding: 0, stride: 1 },
    (options) => exported["conv2dTranspose"](...values(2), null, options),
  ],
  cosineRate: [{ final: 0 }, after("cosineRate", 1, 10)],
  depthError: [{ form: "l1", scale: 1 }, op("depthError", 3)],
  dropout: [{ seed: 1 }, after("dropout", g(), values(1)[0], 0.5)],
  evaluate: [{ overlap: true, anchor_points: 2 }, after("evaluate", {}, source, "stop", () => {})],
  evaluator: [{ medianScaling: true, quantity: "metres" }, after("evaluator", [], {})],
  gradNorm: [{ max_norm: 1 }, op("gradNorm", 1)],
  groupNorm: [{ groups: 1, epsilon: 1e-5 }, op("groupNorm", 3)],
  huber: [{ delta: 1 }, op("huber", 2)],
  kernel: [own],
  layerNorm: [{ epsilon: 1e-5 }, op("layerNorm", 3)],
  logBinomial: [{ bins: 2 }, op("logBinomial", 2)],
  logBinomialHead: [{ t_min: 0.1, t_max: 1 }, op("logBinomialHead", 1)],
  losses: [config.loss as never, after("losses", g(), {}, {})],
  maskedPool: [{ grid: [1, 1] }, op("maskedPool", 2)],
  matmul: [{ transposeA: false, transposeB: true }, op("matmul", 2)],
  maxPool: [{ window: 1, stride: 1 }, op("maxPool", 1)],
  measure: [{ time_s: 1, min_samples: 3, flush: true }, after("measure", gpu, {})],
  oneCycle: [{ share: 0.3, first: 0.1, last: 0.1 }, after("oneCycle", 1, 10)],
  openData: [{ split: "train", seed: 1, beams: 4 }, after("openData", "rig")],
  openGpu: [{ validation: true, adapter: "a", clamp_indices: true }],
  openPageGpu: [{ memory_budget_bytes: 1 }],
  openTeacher: [
    { kind: "none", path: null, base: "auto" },
    (options) => exported["openTeacher"](options, "rig", 0),
  ],
  reduce: [
    { axes: [0], keep: true },
    (options) => exported["reduce"](...values(1), "sum", options),
  ],
  resolveConfig: [
    { steps: 3, optimizer: {}, teacher: {} },
    (options) => exported["resolveConfig"](options, "test"),
  ],
  runKernel: [{ freeze: true }, after("runKernel", gpu, {}, {}, {}, undefined)],
  sgd: [
    { momentum: 0, nesterov: false, weight_decay: 0 },
    (options) => exported["sgd"](newGraph(), values(1)[0], options),
  ],
  silog: [{ variance_focus: 0.85, scale: 10 }, op("silog", 3)],
  softBins: [{ bins: 2 }, op("softBins", 1)],
  student: [{ attention: "none", rigs: 1 }, after("student", g(), "nano", {}, ...values(2), true)],
  summarize: [{ gpu, config, trained: {}, source, heldOut: source, teacher: null, date: "" }],
  train: [{ gpu, config, source, teacher: null, out: "x", resume: false }],
  trainer: [{ loss: {}, learning_rate: 1, max_norm: 1, seed: 0 }, after("trainer", gpu, g())],
};

/** Further objects of options: those inside others, and arguments beside the options. */
const INNER: Readonly<Record<string, Row>> = {
  "checkCase: problem": [{ ...problem, seed: 1 }, (p) => exported["checkCase"](gpu, {}, p)],
  "data of a problem": [
    { kind: "uniform", low: 0, high: 1 },
    (x) => exported["checkCase"](gpu, {}, { ...problem, data: { x } }),
  ],
  "data of checkGradient": [
    { kind: "normal", mean: 0, deviation: 1 },
    (x) => exported["checkGradient"](() => {}, { data: { x } }),
  ],
  "kernel: a case": [{ ...problem, seed: 1 }, (p) => exported["kernel"]({ ...own, cases: [p] })],
  "measure: kernel and problem": [{ kernel: {}, problem }, (s) => measured(s)],
  "measure: plan and inputs": [{ plan: {}, inputs: {}, scalars: {} }, (s) => measured(s)],
  "trainer: optimizer": [
    { kind: "adamw", beta1: 0.9, weight_decay: 0 },
    (optimizer) => trained({ optimizer }),
  ],
  "trainer: compile": [{ fused: true, precision: "f32" }, (compile) => trained({ compile })],
  "runOnCpu: request": [
    { outputs: {}, gradients: new Map() },
    (request) => exported["runOnCpu"](g(), request, {}, {}),
  ],
  "openData: moments": [
    { train: 1, "held-out": 1 },
    (moments) => exported["openData"]("rig", { split: "train", moments }),
  ],
  "openTeacher: metric": [
    { scale: {}, bins: 2 },
    (metric) => exported["openTeacher"]({ kind: "none", path: null }, "rig", 0, metric),
  ],
  "losses: targets": [
    { depth_m: {}, valid: {}, usable: {}, teacher: null },
    (targets) => exported["losses"](g(), {}, targets, config.loss),
  ],
  "student: head": [
    { kind: "metric_bins", bins: 2, spacing: "log" },
    (head) => exported["student"](g(), "nano", head, ...values(2), true),
  ],
  "evaluator: parts": [
    { min_m: null, cap_m: null, flip: false },
    (parts) => exported["evaluator"]([], {}, { parts }),
  ],
  writeDepthPng: [
    { height: 1, width: 1, depth_m: Float32Array.of(1) },
    (image) => exported["writeDepthPng"](image),
  ],
  writeGrey16Png: [
    { height: 1, width: 1, data: Uint16Array.of(1) },
    (image) => exported["writeGrey16Png"](image),
  ],
  writePfm: [
    { height: 1, width: 1, channels: 1, data: Float32Array.of(1) },
    (image) => exported["writePfm"](image),
  ],
  writePly: [
    { positions_m: Float32Array.of(1, 2, 3), colors: Uint8Array.of(1, 2, 3) },
    (cloud) => exported["writePly"](cloud),
  ],
  "train: prefetch": [
    { withTeacher: true },
    (prefetch) => exported["train"]({ gpu, config, source, teacher: null, prefetch }),
  ],
};

async function measured(subject: object): Promise<unknown> {
  // A device without a clock: no time is taken before the subject is looked at.
  const facts = { features: new Set() };
  return await exported["measure"]({ facts }, subject, {});
}

async function trained(options: object): Promise<unknown> {
  const own_graph = g();
  const loss = own_graph.input("loss", []);
  return await exported["trainer"](gpu, own_graph, { loss, learning_rate: 1, ...options });
}

/** Ways to misspell a name. */
function misspelt(name: string): string[] {
  const [first, second, ...rest] = name;
  return [`${name}s`, `${second}${first}${rest.join("")}`, name.slice(0, -1)].filter(
    (wrong) => wrong !== name && wrong !== "",
  );
}

async function refusal(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return null;
}

describe("a misspelt option is refused with the right one", () => {
  const rows = [...Object.entries(ROWS), ...Object.entries(INNER)];
  test.each(rows)("%s", async (name, [valid, call = exported[name]]) => {
    for (const right of Object.keys(valid)) {
      for (const wrong of misspelt(right)) {
        if (wrong in valid) continue;
        const error = await refusal(() => call({ ...valid, [wrong]: valid[right] }));
        expect(error, wrong).toBeInstanceOf(InputError);
        const { message } = error as InputError;
        expect(message).toMatch(new RegExp(`unknown (?:option|key) "?${wrong}\\b`));
        // Other misspellings may be equally near to two names, such as beta to beta1 and beta2.
        if (wrong === `${right}s`) expect(message).toContain(`did you mean ${right}?`);
      }
    }
  });
});

test("the table has every function with options", () => {
  const pages = ["graph", "profile", "formats", "ringdepth"].map((name) =>
    readFileSync(`docs/api/${name}.md`, "utf8"),
  );
  // An object of options by the name of its parameter, or by its type.
  const OPTIONS =
    /\b(?:options|settings|choices|check|choice|own|input|run)\??: |\battributes\??: (?!unknown)|: \w*(?:Options|Config|Choice|Settings|Attributes)\b|\?: \{/;
  const found = pages
    .flatMap((page) => [...page.matchAll(/^function (\w+)[^(]*\(([^]*?)\): /gm)])
    .filter(([, , parameters]) => OPTIONS.test(parameters))
    .map(([, name]) => name);
  // CpuRun is a list of arguments, a constructor has none of ours.
  const named = [...new Set([...found, "resolveConfig"])].filter((name) => name !== "runOnCpu");
  expect(named.toSorted()).toEqual(Object.keys(ROWS).toSorted());
});

test.each([
  ["strides", ["stride", "pad"], "stride"],
  ["maxNorm", ["min_norm", "max_norm"], "max_norm"],
  ["learnign_rate", ["learning_rate", "beta1"], "learning_rate"],
  ["rate", ["learning_rate", "seed"], "learning_rate"],
  ["beta3", ["beta1", "beta2"], null],
  ["lr", ["learning_rate", "seed"], null],
  ["x", [], null],
])("%s of %j is %s", (wrong, names, right) => {
  expect(nearestName(wrong, names)).toBe(right);
});
