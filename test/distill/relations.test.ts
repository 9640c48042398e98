// Every relation of VRKD: its gradient, both forms, both paths, the smallest and the emptiest rigs,
// and the teachers it refuses.
import { describe, expect, test } from "vitest";
import { teacherBins } from "../../src/distill/bin_levels.ts";
import {
  relationLoss,
  RELATIONS,
  type Relation,
  type RelationConfig,
} from "../../src/distill/relations.ts";
import { indexTeacher } from "../../src/distill/teacher_values.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { logBinomial } from "../../src/graph/ops/log_binomial.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { ringPairs } from "../../src/kernels/relations/view_relation.ts";
import type { Distribution } from "../../src/engine/problem.ts";
import { InputError } from "../../src/tensor/error.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { runGraph } from "../support/run_graph.ts";

const CHOICES = RELATIONS.filter((relation) => relation !== "none");
const [h, w, K, E, F] = [6, 8, 8, 5, 3];
const CONFIG: Omit<RelationConfig, "relation"> = {
  relation_form: "fused",
  relation_grid: [2, 3],
  relation_temperature: 0.3,
};

/** A relation of random inputs; the student's is `embedding`, or `logits` for probabilities. */
function build(g: Graph, views: number, config: RelationConfig): { loss: Value; wrt: Value } {
  const tokens = config.relation_grid[0] * config.relation_grid[1];
  const embedding = g.input("embedding", [views, h, w, E]);
  const logits = g.input("logits", [views, h, w, K]);
  const teacher = {
    ...indexTeacher(g.input("teacher", [views, h, w, 1])),
    embedding: g.input("teacher_embedding", [views, h, w, F]),
    depth_m: g.input("teacher_depth_m", [views, h, w, 1]),
  };
  const loss = relationLoss(
    {
      student: { embedding, logits, binomial: null, centers: g.input("centers", [views, h, w, K]) },
      teacher,
      bins: teacherBins(teacher, K),
      usable: g.input("usable", [views, h, w, 1]),
      overlap_weights: g.input("overlap_weights", [ringPairs(views), tokens, tokens]),
    },
    config,
  );
  return { loss: loss!, wrt: config.relation === "probabilities" ? logits : embedding };
}

const DRAWN: Readonly<Record<string, Distribution>> = {
  teacher: { kind: "uniform", low: 0, high: 1 },
  usable: { kind: "mask", share: 0.8 },
  overlap_weights: { kind: "uniform", low: 0, high: 2 },
};

/** Loss and gradient in f64; `usable` may replace the mask. */
function inDoubles(
  views: number,
  config: RelationConfig,
  usable: number | null = null,
): { loss: number; gradient: Float64Array } {
  const g = graph();
  const { loss, wrt } = build(g, views, config);
  const gradient = g.gradients(loss, [wrt]).get(wrt)!;
  const outputs = { loss, gradient };
  const got = runOnCpu(g, { outputs }, initialStore(g, 1), inputsOf(g, usable));
  return { loss: got["loss"][0], gradient: got["gradient"] };
}

function inputsOf(g: Graph, usable: number | null = null): Record<string, Float32Array> {
  return Object.fromEntries(
    g.inputs.map(({ name, shape }, i) => {
      const kind: Distribution =
        name === "usable" && usable !== null ? { kind: "constant", value: usable } : DRAWN[name];
      return [name, draw(shape, kind ?? { kind: "normal" }, i + 1)];
    }),
  );
}

const largest = (x: ArrayLike<number>): number =>
  Array.from(x).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

for (const relation of CHOICES) {
  for (const views of [3, 5]) {
    checkGradient(
      `relation ${relation} of ${views} views`,
      (g) => {
        const { loss, wrt } = build(g, views, { ...CONFIG, relation });
        return { output: loss, wrt: [wrt] };
      },
      { data: DRAWN },
    );
  }
}

describe.each(CHOICES)("relation %s", (relation) => {
  const config: RelationConfig = { ...CONFIG, relation };

  test("is the same on the GPU as in f64", async () => {
    const g = graph();
    build(g, 4, config);
    const got = await runGraph((other) => {
      const { loss, wrt } = build(other, 4, config);
      return { loss, gradient: other.gradients(loss, [wrt]).get(wrt)! };
    }, inputsOf(g));
    const want = inDoubles(4, config);
    expect(want.loss).toBeGreaterThan(0);
    expect(Math.abs(got["loss"][0] - want.loss)).toBeLessThan(1e-5 * Math.max(want.loss, 0.1));
    const apart = largest(want.gradient.map((v, i) => v - got["gradient"][i]));
    expect(apart).toBeLessThan(1e-4 * largest(want.gradient));
  });

  test("is the same stored, and so is its gradient", () => {
    const [fused, stored] = (["fused", "stored"] as const).map((relation_form) =>
      inDoubles(4, { ...config, relation_form }),
    );
    expect(fused.loss).toBeCloseTo(stored.loss, 12);
    const apart = largest(fused.gradient.map((v, i) => v - stored.gradient[i]));
    expect(apart).toBeLessThan(1e-11 * largest(stored.gradient));
  });

  test.each([
    ["one view", 1, [2, 3], 1],
    ["two views", 2, [2, 3], 1],
    ["a ring of three", 3, [2, 3], 1],
    ["one token", 4, [1, 1], 1],
    ["every pixel hidden", 4, [2, 3], 0],
  ] as const)("has a finite loss and gradient for %s", (_, views, relation_grid, usable) => {
    for (const relation_form of ["fused", "stored"] as const) {
      const given = { ...config, relation_grid, relation_form };
      const { loss, gradient } = inDoubles(views, given, usable);
      expect(Number.isFinite(loss) && gradient.every(Number.isFinite)).toBe(true);
      if (views === 1 || usable === 0) expect([loss, largest(gradient)]).toEqual([0, 0]);
    }
  });
});

test("of probabilities is the same from (pi, t) as from stored logits, on both sides", () => {
  const run = (relation_form: "fused" | "stored"): Record<string, Float64Array> => {
    const g = graph();
    const input = (name: string, width = 1): Value => g.input(name, [3, h, w, width]);
    const [pi, t] = [input("pi"), input("t")];
    const logits = logBinomial(pi, t, { bins: K });
    const binomial = { pi: input("teacher_pi"), t: input("teacher_t") };
    const teacher = { ...indexTeacher(pi), index: null, binomial };
    const loss = relationLoss(
      {
        student: {
          embedding: input("embedding", E),
          logits,
          binomial: { pi, t },
          centers: input("centers", K),
        },
        teacher,
        bins: teacherBins(teacher, K),
        usable: input("usable"),
        overlap_weights: null,
      },
      { ...CONFIG, relation: "probabilities", relation_form },
    )!;
    const gradients = g.gradients(loss, [pi, t]);
    const outputs = { loss, d_pi: gradients.get(pi)!, d_t: gradients.get(t)! };
    const inputs = Object.fromEntries(
      g.inputs.map(({ name, shape }, i) => {
        const high = name.endsWith("t") ? 4 : 0.95;
        const kind: Distribution = DRAWN[name] ?? { kind: "uniform", low: 0.05, high };
        return [name, draw(shape, kind, i + 1)];
      }),
    );
    return runOnCpu(g, { outputs }, initialStore(g, 1), inputs);
  };
  const [fused, stored] = [run("fused"), run("stored")];
  expect(fused["loss"][0]).toBeGreaterThan(1e-4);
  for (const [name, values] of Object.entries(fused)) {
    const apart = largest(values.map((v, i) => v - stored[name][i]));
    expect(apart, name).toBeLessThan(1e-7 * largest(stored[name]));
  }
});

test("a teacher that lacks a part is refused in words", () => {
  const lossOf = (relation: Relation): Value | null => {
    const g = graph();
    const input = (name: string, width: number): Value => g.input(name, [2, h, w, width]);
    const teacher = indexTeacher(input("teacher", 1));
    const [embedding, logits] = [input("embedding", E), input("logits", K)];
    const student = { embedding, logits, binomial: null, centers: input("centers", K) };
    const bins = teacherBins(teacher, K);
    const usable = input("usable", 1);
    return relationLoss(
      { student, teacher, bins, usable, overlap_weights: null },
      { ...CONFIG, relation },
    );
  };
  expect(() => lossOf("aligned")).toThrow(InputError);
  expect(() => lossOf("aligned")).toThrow("index means the same depth in every view");
  expect(() => lossOf("features")).toThrow("needs a teacher with an embedding");
  expect(() => lossOf("overlap")).toThrow("needs overlap_weights");
  expect(lossOf("none")).toBeNull();
});
