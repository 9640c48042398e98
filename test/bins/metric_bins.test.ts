// The bin heads: shapes, where centres start, order of bins, and which pixels bins depend on.
import { describe, expect, test } from "vitest";
import { binHead, type BinHeadConfig, type BinOutput } from "../../src/bins/metric_bins.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore, type CpuStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { reduce } from "../../src/graph/ops/reduce.ts";
import { slice } from "../../src/graph/ops/slice.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { hashText } from "../../src/tensor/random.ts";

const VIEWS = 2;
const BINS = 16;
const CONFIG: BinHeadConfig = {
  kind: "metric_bins",
  bins: BINS,
  embedding: 6,
  hidden: 8,
  attractors: [3, 1],
  seed: "cumulative",
  spacing: "log",
  depth_max_m: 80,
};

interface Head extends BinOutput {
  readonly g: Graph;
  readonly store: CpuStore;
  readonly inputs: Record<string, Float32Array>;
}

/** A head over random features of three sizes. */
function head(changes: Partial<BinHeadConfig> = {}): Head {
  const g = graph();
  const features = [
    g.input("bottleneck", [VIEWS, 2, 3, 10]),
    g.input("decoded1", [VIEWS, 4, 5, 8]),
    g.input("decoded2", [VIEWS, 8, 10, 4]),
  ];
  const output = binHead(g, { ...CONFIG, ...changes }, features[0], features.slice(1));
  const inputs = Object.fromEntries(
    features.map(({ name, shape }) => [name, draw(shape, { kind: "normal" }, hashText(name))]),
  );
  return { ...output, g, store: initialStore(g, 1), inputs };
}

function evaluated({ g, store, inputs, logits, centers, embedding }: Head): {
  [name in keyof BinOutput]: Float64Array;
} {
  const outputs = { logits, centers, embedding };
  return runOnCpu(g, { outputs }, store, inputs) as ReturnType<typeof evaluated>;
}

/** The bins of each pixel. */
function* rows(values: Float64Array): Generator<Float64Array> {
  for (let at = 0; at < values.length; at += BINS) yield values.subarray(at, at + BINS);
}

const ascends = (row: Float64Array): boolean => row.every((v, k) => k === 0 || v > row[k - 1]);

describe("metric bins", () => {
  test("are given for each pixel of the finest feature", () => {
    const { logits, centers, embedding } = head();
    expect(logits.shape).toEqual([VIEWS, 8, 10, BINS]);
    expect(centers.shape).toEqual([VIEWS, 8, 10, BINS]);
    expect(embedding.shape).toEqual([VIEWS, 8, 10, CONFIG.embedding]);
  });

  test("have centres in ascending order, positive, the farthest near the largest depth", () => {
    for (const row of rows(evaluated(head()).centers)) {
      expect(ascends(row)).toBe(true);
      expect(row[0]).toBeGreaterThan(0);
      expect(row[BINS - 1]).toBeGreaterThan(0.5);
      expect(row[BINS - 1]).toBeLessThan(1.3);
    }
  });

  test("have probabilities with one peak: the bins are in order", () => {
    for (const row of rows(evaluated(head()).logits)) {
      const peak = row.indexOf(Math.max(...row));
      expect(row.every((z, k) => k === 0 || (k <= peak ? z >= row[k - 1] : z <= row[k - 1]))).toBe(
        true,
      );
    }
  });

  test("start with a gradient at every bin: no pixel is certain", () => {
    for (const row of rows(evaluated(head()).logits)) {
      const peak = Math.max(...row);
      const [sum, largest] = row.reduce(
        ([s, m], z) => [s + Math.exp(z - peak), Math.max(m, Math.exp(z - peak))],
        [0, 0],
      );
      expect(largest / sum).toBeLessThan(0.5);
    }
  });

  test.each(["cumulative", "softplus"] as const)("%s seeds start log-spaced", (seed) => {
    const of = head({ seed, attractors: [1, 1] });
    const { offset, size } = of.store.layout.byName.get("head.seed.1.weight")!;
    of.store.arenas.parameters.fill(0, offset, offset + size); // what is left is the bias
    const spaced = (k: number): number => 80 ** (k / BINS - 1);
    const expected = Array.from({ length: BINS }, (_, k) =>
      seed === "softplus"
        ? spaced(k + 0.5)
        : ((k === 0 ? 0.1 / 80 : spaced(k)) + spaced(k + 1)) / 2,
    );
    // two attractors move a centre by at most 1 / (2 sqrt(1000)) each
    const most = 1 / Math.sqrt(1000);
    for (const row of rows(evaluated(of).centers)) {
      expect(row.every((c, k) => Math.abs(c - expected[k]) < most)).toBe(true);
    }
  });
});

describe("softmax bins", () => {
  test("have logits of each pixel and one set of centres an image", () => {
    const { logits, centers, embedding } = head({ kind: "softmax_bins" });
    expect(logits.shape).toEqual([VIEWS, 8, 10, BINS]);
    expect(centers.shape).toEqual([VIEWS, 1, 1, BINS]);
    expect(embedding.shape).toEqual([VIEWS, 8, 10, CONFIG.embedding]);
    for (const row of rows(evaluated(head({ kind: "softmax_bins" })).centers)) {
      expect(ascends(row)).toBe(true);
    }
  });

  test("have centres that look at the whole image, and at their own only", () => {
    const { g, store, inputs, centers } = head({ kind: "softmax_bins" });
    const bottleneck = g.inputs.find(({ name }) => name === "bottleneck")!;
    const first = reduce(slice(centers, [0, 0, 0, 0], [1, 1, 1, BINS]), "sum");
    const d = g.gradients(first, [bottleneck]).get(bottleneck)!;
    const slopes = runOnCpu(g, { outputs: { d } }, store, inputs)["d"];
    const view = slopes.length / VIEWS;
    for (let pixel = 0; pixel < view; pixel += 10) {
      expect(slopes.subarray(pixel, pixel + 10).some((v) => v !== 0)).toBe(true);
    }
    expect(slopes.subarray(view).every((v) => v === 0)).toBe(true);
  });
});

test("attractors are given for each decoded level", () => {
  expect(() => head({ attractors: [4] })).toThrow(
    "the head has 1 levels of attractors, the decoder 2 features",
  );
});

test("biases do not decay, weights do", () => {
  for (const { name, source } of head().g.parameters) {
    if (source.kind === "parameter") expect(source.decays, name).toBe(name.endsWith(".weight"));
  }
});
