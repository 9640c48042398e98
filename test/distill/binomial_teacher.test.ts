// The losses of a teacher with a trained binning module: its (pi, t) are its bins, and where its mask
// is 0 it has no say.
import { describe, expect, test } from "vitest";
import { losses, LOSS_TERMS, weightName, type LossConfig } from "../../src/distill/losses.ts";
import { indexTeacher } from "../../src/distill/teacher_values.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph } from "../../src/graph/graph.ts";
import { binomialDecode } from "../../src/graph/ops/binomial_decode.ts";
import { logBinomial } from "../../src/graph/ops/log_binomial.ts";
import type { Distribution } from "../../src/engine/problem.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";

const [V, H, W, K, E] = [3, 12, 16, 8, 8];
const [h, w] = [H / 2, W / 2];
const SHAPES = {
  pi: [V, h, w, 1],
  t: [V, h, w, 1],
  centers: [V, h, w, K],
  embedding: [V, h, w, E],
  scale_m: [V],
  depth_m: [V, H, W, 1],
  valid: [V, H, W, 1],
  usable: [V, H, W, 1],
  teacher: [V, h, w, 1],
  teacher_pi: [V, h, w, 1],
  teacher_t: [V, h, w, 1],
  teacher_mask: [V, h, w, 1],
} as const;
type Input = keyof typeof SHAPES;
const between = (low: number, high: number): Distribution => ({ kind: "uniform", low, high });
const DRAWN: Record<Input, Distribution> = {
  pi: between(0.05, 0.95),
  t: between(0.5, 4),
  centers: between(0.1, 0.9),
  embedding: { kind: "normal" },
  scale_m: between(60, 90),
  depth_m: between(1, 80),
  valid: { kind: "mask", share: 0.5 },
  usable: { kind: "mask", share: 0.9 },
  teacher: between(0, 1),
  teacher_pi: between(0.05, 0.95),
  teacher_t: between(0.5, 4),
  teacher_mask: { kind: "mask", share: 0.6 },
};
const NAMES = Object.keys(SHAPES) as Input[];
const DATA = Object.fromEntries(
  NAMES.map((name, i) => [name, Float64Array.from(draw([...SHAPES[name]], DRAWN[name], i + 1))]),
) as Record<Input, Float64Array>;

// The terms of the method itself.
const TERMS = LOSS_TERMS.filter((term) => term !== "baseline");
const CONFIG: LossConfig = {
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

/** Every term of a student of (pi, t) and a teacher of (pi, t), with or without its mask. */
function terms(
  changes: Partial<Record<Input, Float64Array>> = {},
  config: LossConfig = CONFIG,
  isMasked = false,
): Record<string, number> {
  const g = graph();
  const of = Object.fromEntries(
    NAMES.map((name) => [name, g.input(name, [...SHAPES[name]])]),
  ) as Record<Input, ReturnType<typeof g.input>>;
  const { pi, t, centers, embedding, scale_m, depth_m, valid, usable } = of;
  const output = {
    logits: logBinomial(pi, t, { bins: K }),
    binomial: { pi, t },
    centers,
    embedding,
    scale_m,
    depth_m: binomialDecode({ pi, t, centers, scale: scale_m }),
  };
  const teacher = {
    ...indexTeacher(of.teacher),
    binomial: { pi: of.teacher_pi, t: of.teacher_t },
    mask: isMasked ? of.teacher_mask : null,
  };
  const built = losses(g, output, { depth_m, valid, usable, teacher }, config);
  const weights = Object.fromEntries(TERMS.map((term) => [weightName(term), 1]));
  const inputs = { ...DATA, ...changes };
  const found = runOnCpu(g, { outputs: { ...built.terms } }, initialStore(g, 1), inputs, weights);
  return Object.fromEntries(Object.entries(found).map(([name, values]) => [name, values[0]]));
}

describe("a teacher of (pi, t)", () => {
  test("that the student agrees with gives no divergence, and its depth is the cross depth", () => {
    const { kl, cross, silog } = terms({ teacher_pi: DATA.pi, teacher_t: DATA.t });
    expect(kl).toBeCloseTo(0, 12);
    expect(cross).toBeCloseTo(silog, 10);
  });

  test("has other terms than its index would give, and its index has no say", () => {
    const found = terms();
    expect(found["kl"]).toBeGreaterThan(0.1);
    expect(terms({ teacher: DATA.teacher.map((r) => 1 - r) })).toEqual(found);
  });

  test("gives the same terms fused and stored", () => {
    const fused = terms();
    const stored = terms({}, { ...CONFIG, bins_form: "stored", relation_form: "stored" });
    for (const name of TERMS) expect(stored[name], name).toBeCloseTo(fused[name], 9);
  });
});

describe("where its mask is 0, a teacher", () => {
  const other = (name: "teacher_pi" | "teacher_t", value: number): Float64Array =>
    DATA[name].map((v, i) => (DATA.teacher_mask[i] === 0 ? value : v));
  const changed = { teacher_pi: other("teacher_pi", 0.01), teacher_t: other("teacher_t", 0.3) };

  test.each(["fused", "stored"] as const)("has no say in any term, %s", (bins_form) => {
    const config = { ...CONFIG, bins_form };
    const plain = terms({}, config);
    const masked = terms({}, config, true);
    for (const name of ["kl", "relation"] as const) {
      expect(masked[name], name).not.toBeCloseTo(plain[name], 6);
    }
    const without = terms(changed, config, true);
    for (const name of ["silog", "kl", "relation"] as const) {
      expect(without[name], name).toBeCloseTo(masked[name], 10);
    }
  });
});
