// The losses as properties, in f64: what the definitions of src/distill/README.md promise
// whatever the numbers are.
import { describe, expect, test } from "vitest";
import {
  losses,
  LOSS_TERMS,
  weightName,
  type LossConfig,
  type Losses,
  type LossTerm,
} from "../../src/distill/losses.ts";
import { indexTeacher } from "../../src/distill/teacher_values.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { HEAD_WIDTHS, student } from "../../src/student/student.ts";
import { randomStream } from "../../src/tensor/random.ts";

const [V, H, W, K, E] = [5, 12, 16, 8, 8];
const [h, w] = [H / 2, W / 2];
const ALL: LossConfig = {
  ckd: true,
  supervised: "silog",
  silog_lambda: 0.85,
  kl_domain: "usable",
  cross_term: "silog",
  relation: "cosine",
  relation_form: "fused",
  bins_form: "fused",
  temperature: 1,
  relation_grid: [2, 4],
  relation_temperature: 0.1,
};

type Data = Record<
  "logits" | "centers" | "embedding" | "scale_m" | "depth_m" | "valid" | "usable" | "teacher",
  Float64Array
>;

/** A student's output and its targets at random, as inputs of a graph. */
const DATA: Data = (() => {
  const normal = (length: number, seed: number): Float64Array =>
    Float64Array.from(draw([length], { kind: "normal" }, seed));
  const uniform = (length: number, seed: number, low: number, high: number): Float64Array =>
    Float64Array.from(draw([length], { kind: "uniform", low, high }, seed));
  const mask = (length: number, share: number, seed: number): Float64Array =>
    Float64Array.from(draw([length], { kind: "mask", share }, seed));
  // ascending by pixel
  const centers = uniform(V * h * w * K, 2, 0.05, 0.2);
  for (let i = 0; i < centers.length; i++) if (i % K > 0) centers[i] += centers[i - 1];
  return {
    logits: normal(V * h * w * K, 1),
    centers,
    embedding: normal(V * h * w * E, 3),
    scale_m: uniform(V, 4, 60, 90),
    depth_m: uniform(V * H * W, 5, 1, 80),
    valid: mask(V * H * W, 0.3, 6),
    usable: mask(V * H * W, 0.9, 7),
    teacher: uniform(V * h * w, 8, 0, 1),
  };
})();

interface Built extends Losses {
  readonly g: Graph;
  readonly of: Readonly<Record<keyof Data, Value>>;
}

function build(config: LossConfig = ALL, hasTeacher = true): Built {
  const g = graph();
  const of = {
    logits: g.input("logits", [V, h, w, K]),
    centers: g.input("centers", [V, h, w, K]),
    embedding: g.input("embedding", [V, h, w, E]),
    scale_m: g.input("scale_m", [V]),
    depth_m: g.input("depth_m", [V, H, W, 1]),
    valid: g.input("valid", [V, H, W, 1]),
    usable: g.input("usable", [V, H, W, 1]),
    teacher: g.input("teacher", [V, h, w, 1]),
  };
  const { logits, centers, embedding, scale_m, depth_m, valid, usable } = of;
  const decoded = binDecode(logits, centers, scale_m);
  const output = { logits, binomial: null, centers, embedding, scale_m, depth_m: decoded };
  const targets = { depth_m, valid, usable, teacher: hasTeacher ? indexTeacher(of.teacher) : null };
  return { g, of, ...losses(g, output, targets, config) };
}

const WEIGHTS: Record<LossTerm, number> = { silog: 1, kl: 1, cross: 1, relation: 1, baseline: 1 };
// The terms of the method itself.
const OWN_TERMS = LOSS_TERMS.filter((term) => term !== "baseline");
const scalarsOf = (weights: Record<LossTerm, number>): Record<string, number> =>
  Object.fromEntries(OWN_TERMS.map((term) => [weightName(term), weights[term]]));

/**
 * Every term, the total and the number of pixels with ground truth, at data that differ by
 * `changes`.
 */
function terms(
  changes: Partial<Data> = {},
  config: LossConfig = ALL,
  weights: Record<LossTerm, number> = WEIGHTS,
): Record<LossTerm | "total" | "count", number> {
  const built = build(config);
  const outputs = { ...built.terms, total: built.total, count: built.valid_count };
  const inputs = { ...DATA, ...changes };
  const results = runOnCpu(
    built.g,
    { outputs },
    initialStore(built.g, 1),
    inputs,
    scalarsOf(weights),
  );
  const entries = Object.entries(results).map(([name, values]) => [name, values[0]]);
  return Object.fromEntries(entries) as ReturnType<typeof terms>;
}

/** Gradient of one term by one input. */
function gradient(
  term: LossTerm,
  by: keyof Data,
  changes: Partial<Data> = {},
  config: LossConfig = ALL,
): Float64Array {
  const { g, of, terms: built } = build(config);
  const d = g.gradients(built[term]!, [of[by]]).get(of[by])!;
  return runOnCpu(g, { outputs: { d } }, initialStore(g, 1), { ...DATA, ...changes })["d"];
}

const largest = (values: Float64Array): number =>
  values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/**
 * The logits that the soft-binned teacher has: Gaussians of sigma 1 / K around its relative depth.
 */
const TEACHER_LOGITS = Float64Array.from({ length: V * h * w * K }, (_, i) => {
  const [pixel, k] = [Math.floor(i / K), i % K];
  return -0.5 * (K * DATA.teacher[pixel] - (k + 0.5)) ** 2;
});

const BASE = terms();

describe("distillation of probabilities", () => {
  test("of a student that agrees with the teacher is zero, and so is its gradient", () => {
    const agreed = { logits: TEACHER_LOGITS };
    expect(Math.abs(terms(agreed).kl)).toBeLessThan(1e-14);
    expect(largest(gradient("kl", "logits", agreed))).toBeLessThan(1e-14);
    expect(BASE.kl).toBeGreaterThan(0.1);
    expect(largest(gradient("kl", "logits"))).toBeGreaterThan(1e-5);
  });

  test("and its gradients are the same with bins stored", () => {
    const stored: LossConfig = { ...ALL, bins_form: "stored" };
    const [got, want] = [BASE, terms({}, stored)];
    for (const term of ["silog", "kl", "cross", "total"] as const) {
      expect(got[term]).toBeCloseTo(want[term], 12);
    }
    for (const term of ["silog", "kl", "cross"] as const) {
      const by = term === "cross" ? "centers" : "logits";
      const [d, d_stored] = [gradient(term, by), gradient(term, by, {}, stored)];
      expect(largest(d.map((v, i) => v - d_stored[i]))).toBeLessThan(1e-12 * largest(d_stored));
    }
  });

  test("makes the student's depth the cross depth when it agrees", () => {
    const { silog, cross } = terms({ logits: TEACHER_LOGITS });
    expect(silog).toBeCloseTo(cross, 12);
    expect(Math.abs(BASE.silog - BASE.cross)).toBeGreaterThan(1e-3);
  });

  test("does not see a constant added to the logits of a pixel", () => {
    const moved = DATA.logits.map((z, i) => z + Math.floor(i / K));
    expect(terms({ logits: moved }).kl).toBeCloseTo(BASE.kl, 12);
  });

  test("does not see where the bins are, nor any metre", () => {
    const other = terms({
      centers: DATA.centers.map((c) => c * 3),
      depth_m: DATA.depth_m.map((d) => d / 2),
    });
    expect([other.kl, other.relation]).toEqual([BASE.kl, BASE.relation]);
  });
});

describe("scale", () => {
  test("of the centres moves SILog's mean error alone: its variance stays", () => {
    const at = (s: number): number => {
      const { silog } = terms({ centers: DATA.centers.map((c) => c * s) });
      return (silog / 10) ** 2; // Var + 0.15 (mean + ln s)^2
    };
    const s = 1.7;
    const bend = at(s) + at(1 / s) - 2 * at(1);
    expect(bend / (2 * 0.15 * Math.log(s) ** 2)).toBeCloseTo(1, 5); // not exactly: the log of depth + 1e-7
  });

  test("of centres and truth together changes nothing", () => {
    const doubled = terms({
      centers: DATA.centers.map((c) => 2 * c),
      depth_m: DATA.depth_m.map((d) => 2 * d),
    });
    expect(doubled.silog).toBeCloseTo(BASE.silog, 6);
    expect(doubled.cross).toBeCloseTo(BASE.cross, 6);
  });
});

describe("the relation of views", () => {
  /** Data with views in another order. */
  const ordered = (order: readonly number[]): Partial<Data> =>
    Object.fromEntries(
      Object.entries(DATA).map(([name, values]) => {
        const view = values.length / V;
        const moved = new Float64Array(values.length);
        order.forEach((from, to) =>
          moved.set(values.subarray(from * view, (from + 1) * view), to * view),
        );
        return [name, moved];
      }),
    );

  test.each([
    ["a turn of the ring", [1, 2, 3, 4, 0]],
    ["two turns", [2, 3, 4, 0, 1]],
    ["the other way round", [4, 3, 2, 1, 0]],
  ])("is the same after %s", (_, order) => {
    expect(terms(ordered(order)).relation).toBeCloseTo(BASE.relation, 13);
  });

  test.each([
    ["two neighbours swapped", [1, 0, 2, 3, 4]],
    ["every second view", [0, 2, 4, 1, 3]],
  ])("is another one after %s: neighbours are", (_, order) => {
    expect(Math.abs(terms(ordered(order)).relation - BASE.relation)).toBeGreaterThan(1e-4);
  });

  test("is zero for an embedding that is the teacher's probabilities, turned in any way", () => {
    const probabilities = new Float64Array(V * h * w * K);
    for (let at = 0; at < probabilities.length; at += K) {
      const row = TEACHER_LOGITS.subarray(at, at + K).map(Math.exp);
      const sum = row.reduce((a, b) => a + b, 0);
      probabilities.set(
        row.map((p) => p / sum),
        at,
      );
    }
    expect(terms({ embedding: probabilities }).relation).toBeLessThan(1e-25);
    const turned = new Float64Array(probabilities.length);
    const turn = rotation(K);
    for (let at = 0; at < turned.length; at += K) {
      for (let i = 0; i < K; i++) {
        for (let j = 0; j < K; j++) turned[at + i] += turn[i * K + j] * probabilities[at + j];
      }
    }
    expect(terms({ embedding: turned }).relation).toBeLessThan(1e-25);
    expect(BASE.relation).toBeGreaterThan(0.1);
  });

  test("and its gradient are the same with relations stored", () => {
    const stored: LossConfig = { ...ALL, relation_form: "stored" };
    expect(terms({}, stored).relation).toBeCloseTo(BASE.relation, 13);
    const [got, want] = [ALL, stored].map((form) => gradient("relation", "embedding", {}, form));
    const apart = got.map((d, i) => d - want[i]);
    expect(largest(apart)).toBeLessThan(1e-13 * largest(want));
  });

  test("does not see the length of an embedding", () => {
    const longer = terms({ embedding: DATA.embedding.map((v) => 30 * v) });
    expect(longer.relation).toBeCloseTo(BASE.relation, 13);
  });
});

/** A random orthogonal matrix [n, n]: Gram-Schmidt on normal rows. */
function rotation(n: number): Float64Array {
  const random = randomStream(9);
  const rows = Float64Array.from({ length: n * n }, () => random.normal());
  for (let i = 0; i < n; i++) {
    const row = rows.subarray(i * n, (i + 1) * n);
    for (let j = 0; j < i; j++) {
      const other = rows.subarray(j * n, (j + 1) * n);
      const along = row.reduce((sum, v, k) => sum + v * other[k], 0);
      row.forEach((v, k) => (row[k] = v - along * other[k]));
    }
    const length = Math.hypot(...row);
    row.forEach((v, k) => (row[k] = v / length));
  }
  return rows;
}

describe("masks", () => {
  const changedWhere = (values: Float64Array, mask: (pixel: number) => boolean): Float64Array =>
    values.map((v, pixel) => (mask(pixel) ? v + 1 + (pixel % 7) : v));

  test("truth where it does not count changes nothing, where it does it does", () => {
    const { depth_m, valid } = DATA;
    expect(terms({ depth_m: changedWhere(depth_m, (i) => valid[i] === 0) })).toEqual(BASE);
    const seen = terms({ depth_m: changedWhere(depth_m, (i) => valid[i] === 1) });
    expect(seen.silog).not.toBe(BASE.silog);
    expect(seen.cross).not.toBe(BASE.cross);
    expect(BASE.count).toBe(valid.reduce((a, b) => a + b, 0));
  });

  test("what the vehicle itself hides does not count for KL and relation", () => {
    const hidden = (pixel: number): boolean => {
      const [view, row, column] = [
        Math.floor(pixel / (h * w)),
        Math.floor((pixel % (h * w)) / w),
        pixel % w,
      ];
      return DATA.usable[(view * H + 2 * row) * W + 2 * column] === 0;
    };
    const logits = DATA.logits.map((z, i) => (hidden(Math.floor(i / K)) ? z + (i % K) : z));
    const embedding = DATA.embedding.map((e, i) => (hidden(Math.floor(i / E)) ? e + (i % E) : e));
    const teacher = DATA.teacher.map((r, i) => (hidden(i) ? 1 - r : r));
    const other = terms({ logits, embedding, teacher });
    expect([other.kl, other.relation]).toEqual([BASE.kl, BASE.relation]);
    expect(terms({ usable: new Float64Array(V * H * W).fill(1) }).kl).not.toBe(BASE.kl);
  });

  test("fewer than two pixels with truth give no supervised loss, and no gradient", () => {
    const valid = new Float64Array(V * H * W);
    valid[100] = 1;
    const { silog, cross, count } = terms({ valid });
    expect([silog, cross, count]).toEqual([0, 0, 1]);
    expect(largest(gradient("silog", "logits", { valid }))).toBe(0);
  });
});

describe("terms and weights", () => {
  test("the total is the weighted sum of the terms", () => {
    const weights = { silog: 0.5, kl: 2, cross: 0, relation: 3, baseline: 1 };
    const { total, ...each } = terms({}, ALL, weights);
    const sum = OWN_TERMS.reduce((s, term) => s + weights[term] * each[term], 0);
    expect(total).toBeCloseTo(sum, 12);
    expect(each.cross).toBe(BASE.cross); // reported unweighted
  });

  const names = (config: Partial<LossConfig>, hasTeacher = true): string[] =>
    Object.keys(build({ ...ALL, ...config }, hasTeacher).terms);

  test("are those that the configuration asks for", () => {
    expect(names({})).toEqual(OWN_TERMS);
    expect(names({ baseline: "hinton" })).toEqual([...LOSS_TERMS]);
    expect(names({ cross_term: "none" })).toEqual(["silog", "kl", "relation"]);
    expect(names({ ckd: false })).toEqual(["silog", "relation"]);
    expect(names({ relation: "none" })).toEqual(["silog", "kl", "cross"]);
    expect(names({ ckd: false, relation: "none" })).toEqual(["silog"]);
  });

  test("without a teacher are SILog alone, and ask for no other weight", () => {
    const { g, terms: built } = build(ALL, false);
    expect(Object.keys(built)).toEqual(["silog"]);
    expect(g.scalarNames).toEqual(["weight_silog"]);
  });
});

describe("which part of the student a term teaches", () => {
  const g = graph();
  const images = g.input("images", [2, 64, 64, 4]);
  const head = {
    kind: "metric_bins",
    bins: 16,
    seed: "cumulative",
    spacing: "log",
    depth_max_m: 80,
    ...HEAD_WIDTHS.nano,
  } as const;
  const output = student(g, "nano", head, images, g.input("focal_scale", [2]), true);
  const full = [2, 64, 64, 1];
  const { terms: built } = losses(
    g,
    output,
    {
      depth_m: g.input("depth_m", full),
      valid: g.input("valid", full),
      usable: g.input("usable", full),
      teacher: indexTeacher(g.input("teacher", [2, 32, 32, 1])),
    },
    // the fused form has all terms come from one op: there a gradient is zero by value (below)
    { ...ALL, bins_form: "stored" },
  );
  /** Whether a term has a gradient by a parameter. */
  const teaches = (term: LossTerm, parameter: string): boolean => {
    const value = g.parameters.find(({ name }) => name === `${parameter}.weight`)!;
    try {
      return g.gradients(built[term]!, [value]).size === 1;
    } catch (error) {
      if ((error as Error).message === `the loss does not depend on ${parameter}.weight`)
        return false;
      throw error;
    }
  };

  test.each([
    // (pi, t), seeds, attractors, embedding, decoder
    ["silog", [true, true, true, true, true]],
    ["kl", [true, false, false, true, true]],
    ["cross", [false, true, true, true, true]],
    ["relation", [false, false, false, true, true]],
  ] as const)("%s", (term, expected) => {
    const parts = [
      "head.binomial.1",
      "head.seed.1",
      "head.level4.attractor.1",
      "head.level4.projector.1",
      "decoder.1.before",
    ];
    expect(parts.map((part) => teaches(term, part))).toEqual(expected);
  });

  test("fused, the KL has no gradient by centres and the cross term none by logits", () => {
    expect(largest(gradient("kl", "centers"))).toBe(0);
    expect(largest(gradient("cross", "logits"))).toBe(0);
  });
});
