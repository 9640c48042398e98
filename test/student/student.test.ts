// The students: sizes and names, cost of nano, one set of parameters for training and use, and what
// the focal scale does.
import { describe, expect, test } from "vitest";
import { NO_ADAPTER, runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { bindingShapes, lower } from "../../src/graph/lower.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import {
  HEAD_WIDTHS,
  student,
  STUDENTS,
  type StudentName,
  type StudentOutput,
} from "../../src/student/student.ts";
import { nanoEncoder, resnetEncoder, RESNETS } from "../../src/student/encoder.ts";
import { multiply } from "../../src/graph/ops/arithmetic.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { size } from "../../src/tensor/shape.ts";

const BINS = 64;
const DEPTH_MAX_M = 80;

interface Built extends StudentOutput {
  readonly g: Graph;
}

function build(
  name: StudentName,
  views: number,
  [height, width]: number[],
  training = false,
): Built {
  const g = graph();
  const images = g.input("images", [views, height, width, 4]);
  const focal_scale = g.input("focal_scale", [views]);
  const head = {
    kind: "metric_bins",
    bins: BINS,
    seed: "cumulative",
    spacing: "log",
    depth_max_m: DEPTH_MAX_M,
    ...HEAD_WIDTHS[name],
  } as const;
  return { g, ...student(g, name, head, images, focal_scale, training) };
}

const namesAndShapes = (values: readonly Value[]): string[] =>
  values.map(({ name, shape }) => `${name} ${shape.join("x")}`);
const count = (values: readonly Value[]): number =>
  values.reduce((sum, { shape }) => sum + size(shape), 0);

describe.each(STUDENTS)("%s", (name) => {
  test("gives bins and depth at half the size of the images, for every view", () => {
    const { logits, centers, embedding, depth_m, scale_m } = build(name, 3, [96, 160]);
    expect(logits.shape).toEqual([3, 48, 80, BINS]);
    expect(centers.shape).toEqual([3, 48, 80, BINS]);
    expect(embedding.shape).toEqual([3, 48, 80, HEAD_WIDTHS[name].embedding]);
    expect(depth_m.shape).toEqual([3, 48, 80, 1]);
    expect(scale_m.shape).toEqual([3]);
  });

  test("has the same parameters and states in training and in use, whatever the number of views", () => {
    const training = build(name, 6, [64, 96], true).g;
    const use = build(name, 1, [96, 160]).g;
    expect(namesAndShapes(use.parameters)).toEqual(namesAndShapes(training.parameters));
    expect(namesAndShapes(use.states)).toEqual(namesAndShapes(training.states));
  });

  test("decays weights of convolutions only, and has no bias before a norm", () => {
    const { g } = build(name, 1, [64, 96]);
    const names = new Set(g.parameters.map((parameter) => parameter.name));
    for (const { name: parameter, shape, source } of g.parameters) {
      if (source.kind !== "parameter") continue;
      expect(source.decays, parameter).toBe(shape.length === 4);
    }
    for (const weight of names) {
      const convolution = weight.replace(/_norm\.weight$/, "");
      if (convolution !== weight) expect(names.has(`${convolution}.bias`), weight).toBe(false);
    }
  });

  test("has no parameter that its depth does not depend on", () => {
    const { g, depth_m } = build(name, 1, [64, 64], true);
    // a gradient for each, or gradients() names the one
    const loss = lossOf(g, depth_m);
    expect(g.gradients(loss).size).toBe(g.parameters.length);
  });
});

/** One number that depends on all depths. */
function lossOf(g: Graph, depth_m: Value): Value {
  const ones = g.constant("ones", depth_m.shape, new Float32Array(size(depth_m.shape)).fill(1));
  return reduce(multiply(depth_m, ones), "sum");
}

test("images that do not fit are refused with what would", () => {
  expect(() => build("nano", 1, [100, 160])).toThrow(
    "student nano: images of 100x160; both sides must be multiples of 32, at least 32; change --size",
  );
  expect(() => build("resnet18", 1, [32, 64])).toThrow(
    "student resnet18: images of 32x64; both sides must be multiples of 32, at least 64; change --size",
  );
});

describe("nano", () => {
  test("keeps to its budget: 150 MMAC a view at 96x160 and 0.4 M parameters", () => {
    const { g, depth_m } = build("nano", 1, [96, 160]);
    const { calls } = lower(g, [depth_m], NO_ADAPTER);
    const convolutions = calls.filter(({ op }) => op === "conv2d");
    const macs = convolutions.reduce(
      (sum, { kernel, bindings, attributes }) =>
        sum + kernel.cost(bindingShapes(bindings), attributes).flops / 2,
      0,
    );
    expect(convolutions.length).toBeGreaterThan(20);
    expect(macs / 1e6).toBeLessThan(150);
    expect(macs / 1e6).toBeGreaterThan(60);
    expect(count(g.parameters)).toBeLessThan(400_000);
  });

  test("has features at 1/2 to 1/32 of the images", () => {
    const g = graph();
    const features = nanoEncoder({ g, training: true }, g.input("images", [2, 96, 160, 4]));
    expect(features.map(({ shape }) => shape.slice(0, 3))).toEqual([
      [2, 48, 80],
      [2, 24, 40],
      [2, 12, 20],
      [2, 6, 10],
      [2, 3, 5],
    ]);
  });

  const INPUTS = { images: draw([2, 32, 64, 4], { kind: "normal" }, 1), focal_scale: [1, 1] };

  test("predicts finite depths between the nearest and the largest, and not all the same", () => {
    const { g, depth_m } = build("nano", 2, [32, 64]);
    const depths = runOnCpu(g, { outputs: { depth_m } }, initialStore(g, 1), INPUTS)["depth_m"];
    expect(depths.every((d) => d > 0.1 && d < 1.2 * DEPTH_MAX_M)).toBe(true);
    expect(new Set(depths).size).toBeGreaterThan(500);
  });

  test("with twice the focal scale of a view gives twice its depth and the same probabilities", () => {
    const { g, depth_m, logits, centers } = build("nano", 2, [32, 64]);
    const run = (focal_scale: number[]): Record<string, Float64Array> =>
      runOnCpu(g, { outputs: { depth_m, logits, centers } }, initialStore(g, 1), {
        ...INPUTS,
        focal_scale,
      });
    const [once, twice] = [run([1, 1]), run([1, 2])];
    const view = once["depth_m"].length / 2;
    expect(twice["depth_m"].subarray(0, view)).toEqual(once["depth_m"].subarray(0, view));
    expect(twice["depth_m"].subarray(view)).toEqual(
      once["depth_m"].map((d) => 2 * d).subarray(view),
    );
    expect(twice["logits"]).toEqual(once["logits"]);
    expect(twice["centers"]).toEqual(once["centers"]);
  });

  test("sees each view by itself", () => {
    const { g, depth_m } = build("nano", 2, [32, 64]);
    const run = (images: Float32Array): Float64Array =>
      runOnCpu(g, { outputs: { depth_m } }, initialStore(g, 1), { ...INPUTS, images })["depth_m"];
    const other = INPUTS.images.map((v, i) => (i < INPUTS.images.length / 2 ? v : -v));
    const [before, after] = [run(INPUTS.images), run(other)];
    const view = before.length / 2;
    expect(after.subarray(0, view)).toEqual(before.subarray(0, view));
    expect(after.subarray(view)).not.toEqual(before.subarray(view));
  });
});

describe("resnet18", () => {
  const g = graph();
  const images = g.input("images", [1, 96, 160, 4]);
  const features = resnetEncoder({ g, training: true }, images, RESNETS.resnet18);

  test("has torchvision's features, parameters and statistics under torchvision's names", () => {
    const norm = (name: string): string[] => [`${name}.weight`, `${name}.bias`];
    const blocks = [1, 2, 3, 4].flatMap((layer) =>
      [0, 1].flatMap((block) => {
        const name = (part: string): string => `encoder.layer${layer}.${block}.${part}`;
        const convolutions = ["1", "2"].flatMap((n) => [
          name(`conv${n}.weight`),
          ...norm(name(`bn${n}`)),
        ]);
        const shortcut = [name("downsample.0.weight"), ...norm(name("downsample.1"))];
        return layer > 1 && block === 0 ? [...convolutions, ...shortcut] : convolutions;
      }),
    );
    const expected = ["encoder.conv1.weight", ...norm("encoder.bn1"), ...blocks];
    expect(g.parameters.map(({ name }) => name)).toEqual(expected);
    expect(g.states).toHaveLength(2 * 20); // a mean and a variance of each batch norm
    expect(features.map(({ shape }) => shape)).toEqual([
      [1, 48, 80, 64],
      [1, 24, 40, 64],
      [1, 12, 20, 128],
      [1, 6, 10, 256],
      [1, 3, 5, 512],
    ]);
  });

  test("resnet34 has 21,284,672 parameters, those of the fourth channel, and 36 batch norms", () => {
    const deep = graph();
    const input = deep.input("images", [1, 64, 64, 4]);
    resnetEncoder({ g: deep, training: true }, input, RESNETS.resnet34);
    expect(count(deep.parameters)).toBe(21_284_672 + 64 * 7 * 7);
    expect(deep.states).toHaveLength(2 * 36);
  });

  test("has 11,176,512 parameters and those of the fourth channel, stored OHWI", () => {
    expect(count(g.parameters)).toBe(11_176_512 + 64 * 7 * 7);
    const shapes = new Map(g.parameters.map(({ name, shape }) => [name, shape]));
    expect(shapes.get("encoder.conv1.weight")).toEqual([64, 7, 7, 4]);
    expect(shapes.get("encoder.layer3.0.conv1.weight")).toEqual([256, 3, 3, 128]);
    expect(shapes.get("encoder.layer3.0.downsample.0.weight")).toEqual([256, 1, 1, 128]);
  });
});
