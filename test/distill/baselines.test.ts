// The baselines: each against its definition in plain loops, its gradient against central
// differences, and the GPU against the f64 path.
import { describe, expect, test } from "vitest";
import {
  BASELINES,
  baselineLoss,
  PROJECTION,
  type Baseline,
  type BaselineInputs,
} from "../../src/distill/baselines.ts";
import type { Distribution } from "../../src/engine/problem.ts";
import { backward } from "../../src/graph/backward.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { softBins } from "../../src/graph/ops/soft_bins.ts";
import { compile } from "../../src/graph/plan.ts";
import { createStore } from "../../src/graph/store.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { gpu } from "../support/gpu.ts";

const [V, h, w, K, E, C] = [3, 4, 6, 5, 7, 3];
const PIXELS = V * h * w;
const grid = [2, 3] as const;
const KINDS = BASELINES.filter((kind) => kind !== "none");
const DATA: Readonly<Record<string, Distribution>> = {
  depth_m: { kind: "uniform", low: 2, high: 60 },
  index: { kind: "uniform", low: 0, high: 1 },
  metric_m: { kind: "uniform", low: 1, high: 80 },
  usable: { kind: "mask", share: 0.8 },
};

interface Built {
  readonly inputs: BaselineInputs;
  /** The inputs that a baseline has a gradient for. */
  readonly wrt: Readonly<Record<"logits" | "embedding" | "depth_m", Value>>;
}

function build(g: Graph, feature = false): Built {
  const wrt = {
    logits: g.input("logits", [V, h, w, K]),
    embedding: g.input("embedding", [V, h, w, E]),
    depth_m: g.input("depth_m", [V, h, w, 1]),
  };
  const index = g.input("index", [V, h, w, 1]);
  const teacher = {
    index,
    binomial: null,
    centers: null,
    embedding: feature ? g.input("feature", [V, h, w, C]) : null,
    depth_m: g.input("metric_m", [V, h, w, 1]),
    mask: null,
  };
  const inputs = {
    output: wrt,
    depth_m: wrt.depth_m,
    teacher,
    bins: { logits: softBins(index, { bins: K }) },
    usable: g.input("usable", [V, h, w, 1]),
    temperature: 2,
    grid,
  } as const;
  return { inputs, wrt };
}

const inputOf = (baseline: Baseline): keyof Built["wrt"] =>
  baseline.startsWith("output") ? "depth_m" : baseline === "hinton" ? "logits" : "embedding";

describe.each(KINDS)("%s", (baseline) => {
  for (const feature of [false, true]) {
    checkGradient(
      `${baseline}${feature ? " of the teacher's embedding" : ""}`,
      (g) => {
        const { inputs, wrt } = build(g, feature);
        return { output: baselineLoss(g, baseline, inputs), wrt: [wrt[inputOf(baseline)]] };
      },
      { data: DATA },
    );
  }

  test("is the same on the GPU, its gradient too, and twice to the same bits", async () => {
    const g = graph();
    const { inputs, wrt } = build(g, true);
    const loss = baselineLoss(g, baseline, inputs);
    const by = wrt[inputOf(baseline)];
    const seed = g.input("seed", [1]);
    const d = backward(g, [[loss, seed]], [by]).get(by)!;
    const data = { ...dataOf(g), seed: Float32Array.of(1) };
    const store = createStore(gpu, g, initialStore(g, 1));
    const plan = await compile(gpu, g, { outputs: { loss, d } }, store);
    try {
      const [got, again] = [await plan.run(data), await plan.run(data)];
      const want = runOnCpu(g, { outputs: { loss, d } }, initialStore(g, 1), data);
      expect(Math.abs(got["loss"][0] / want["loss"][0] - 1)).toBeLessThan(1e-4);
      const largest = want["d"].reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(largest).toBeGreaterThan(0);
      got["d"].forEach((x, i) => expect(Math.abs(x - want["d"][i])).toBeLessThan(1e-4 * largest));
      expect(again).toEqual(got);
    } finally {
      plan.destroy();
      store.destroy();
    }
  });
});

function dataOf(
  g: Graph,
  changes: Readonly<Record<string, Float32Array>> = {},
): Record<string, Float32Array> {
  const drawn = g.inputs.map(({ name, shape }, i) => [
    name,
    draw(shape, DATA[name] ?? { kind: "normal" }, i + 1),
  ]);
  return { ...(Object.fromEntries(drawn) as Record<string, Float32Array>), ...changes };
}

/** A baseline's value, with the numbers that it was computed from. */
function valueOf(
  baseline: Exclude<Baseline, "none">,
  feature: boolean,
  changes: Readonly<Record<string, Float32Array>> = {},
): {
  readonly value: number;
  readonly data: Record<string, Float32Array>;
  readonly weight: number[];
} {
  const g = graph();
  const { inputs } = build(g, feature);
  const loss = baselineLoss(g, baseline, inputs);
  const data = dataOf(g, changes);
  const store = initialStore(g, 1);
  const slot = store.layout.byName.get(PROJECTION);
  const weight =
    slot === undefined
      ? []
      : [...store.arenas.parameters.subarray(slot.offset, slot.offset + slot.size)];
  return { value: runOnCpu(g, { outputs: { loss } }, store, data)["loss"][0], data, weight };
}

const rows = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, i) =>
    Array.from({ length: width }, (_unused, j) => values[i * width + j]),
  );
const mean = (values: readonly number[]): number =>
  values.reduce((sum, x) => sum + x, 0) / values.length;
const norm = (values: readonly number[]): number => Math.hypot(...values);
const squared = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0);

/** Tokens of a grid [V, L, C]: means of the usable pixels of each cell. */
function pooled(feature: number[][], usable: ArrayLike<number>): number[][][] {
  const [rowsPerCell, columnsPerCell] = [h / grid[0], w / grid[1]];
  return Array.from({ length: V }, (_, v) =>
    Array.from({ length: grid[0] * grid[1] }, (_unused, cell) => {
      const [top, left] = [Math.floor(cell / grid[1]), cell % grid[1]];
      const members = Array.from({ length: rowsPerCell * columnsPerCell }, (_m, i) => {
        const row = top * rowsPerCell + Math.floor(i / columnsPerCell);
        const column = left * columnsPerCell + (i % columnsPerCell);
        return (v * h + row) * w + column;
      }).filter((pixel) => usable[pixel] > 0);
      const width = feature[0].length;
      if (members.length === 0) return Array.from({ length: width }, () => 0);
      return Array.from({ length: width }, (_c, c) => mean(members.map((i) => feature[i][c])));
    }),
  );
}

describe("definitions", () => {
  test("output_l1 is the mean distance in metres where both masks hold", () => {
    const metric_m = draw([PIXELS], { kind: "uniform", low: 1, high: 80 }, 9);
    metric_m.fill(0, 0, 20);
    const { value, data } = valueOf("output_l1", false, { metric_m });
    const counted = [...metric_m.keys()].filter((i) => metric_m[i] > 0 && data["usable"][i] > 0);
    const want = mean(counted.map((i) => Math.abs(data["depth_m"][i] - metric_m[i])));
    expect(value).toBeCloseTo(want, 10);
  });

  test("output_silog is 0 for equal metres and sees no factor of the teacher's zeros", () => {
    const metric_m = draw([PIXELS], { kind: "uniform", low: 1, high: 80 }, 9);
    const depth_m = metric_m.slice();
    metric_m.fill(0, 0, 20);
    // The root has 1e-8 below it.
    expect(valueOf("output_silog", false, { metric_m, depth_m }).value).toBeCloseTo(1e-3, 8);
  });

  test("hinton is tau^2 KL of softened bins", () => {
    const { value, data } = valueOf("hinton", false);
    const softmax = (z: readonly number[]): number[] => {
      const powers = z.map((x) => Math.exp((x - Math.max(...z)) / 2));
      const sum = powers.reduce((a, b) => a + b);
      return powers.map((x) => x / sum);
    };
    const kls = rows(data["logits"], K).flatMap((student, i) => {
      if (!(data["usable"][i] > 0)) return [];
      const index = data["index"][i];
      const teacher = student.map((_, k) => -0.5 * (K * index - (k + 0.5)) ** 2);
      const [q, p] = [softmax(teacher), softmax(student)];
      return [4 * q.reduce((sum, x, k) => sum + x * Math.log(x / p[k]), 0)];
    });
    expect(value).toBeCloseTo(mean(kls), 6);
  });

  test("fitnets projects the embedding to the teacher's feature", () => {
    const { value, data, weight } = valueOf("fitnets", true);
    const matrix = rows(weight, E);
    expect(matrix.length).toBe(C);
    const features = rows(data["feature"], C);
    const distances = rows(data["embedding"], E).flatMap((x, i) => {
      const y = matrix.map((row) => row.reduce((sum, m, j) => sum + m * x[j], 0));
      return data["usable"][i] > 0 ? [squared(y, features[i]) / C] : [];
    });
    expect(value).toBeCloseTo(mean(distances), 9);
  });

  test("attention_transfer compares normalised maps of energy, view by view", () => {
    const { value, data } = valueOf("attention_transfer", true);
    const maps = (feature: number[][]): number[][] =>
      pooled(
        feature.map((x) => [mean(x.map((one) => one * one))]),
        data["usable"],
      ).map((tokens) => {
        const flat = tokens.flat();
        return flat.map((x) => x / norm(flat));
      });
    const [s, t] = [maps(rows(data["embedding"], E)), maps(rows(data["feature"], C))];
    expect(value).toBeCloseTo(mean(s.map((x, v) => squared(x, t[v]))), 9);
  });

  test("similarity compares how alike the views of a moment are", () => {
    const { value, data } = valueOf("similarity", true);
    const similarities = (feature: number[][]): number[] => {
      const views = pooled(feature, data["usable"]).map((tokens) => tokens.flat());
      return views.flatMap((a) => {
        const row = views.map((b) => a.reduce((sum, x, i) => sum + x * b[i], 0));
        return row.map((x) => x / norm(row));
      });
    };
    const [s, t] = [
      similarities(rows(data["embedding"], E)),
      similarities(rows(data["feature"], C)),
    ];
    expect(value).toBeCloseTo(squared(s, t) / V ** 2, 9);
  });

  test("no pixel that counts gives 0, and a teacher without metres is refused", () => {
    const usable = new Float32Array(PIXELS);
    for (const baseline of KINDS) {
      expect(valueOf(baseline, true, { usable }).value, baseline).toBe(0);
    }
    const g = graph();
    const { inputs } = build(g);
    const teacher = { ...inputs.teacher, depth_m: null };
    expect(() => baselineLoss(g, "output_l1", { ...inputs, teacher })).toThrow(
      "loss.baseline output_l1: the teacher gives no depth in metres",
    );
  });
});
