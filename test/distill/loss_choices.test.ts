// The choices of supervised loss, cross term and KL pixels, in f64: what src/distill/README.md says
// of each, their gradients by central differences, and fused against stored bins.
import { describe, expect, test } from "vitest";
import { losses, type LossConfig, type LossTerm } from "../../src/distill/losses.ts";
import { indexTeacher } from "../../src/distill/teacher_values.ts";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { graph, type Graph } from "../../src/graph/graph.ts";
import { binDecode } from "../../src/graph/ops/bin_decode.ts";
import { logBinomial } from "../../src/graph/ops/log_binomial.ts";
import type { Value } from "../../src/graph/value.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";

const [V, H, W, K] = [2, 6, 8, 5];
const [h, w] = [H / 2, W / 2];
const BASE: LossConfig = {
  ckd: true,
  supervised: "silog",
  silog_lambda: 0.85,
  cross_term: "silog",
  kl_domain: "usable",
  relation: "none",
  relation_form: "fused",
  bins_form: "fused",
  temperature: 1,
  relation_grid: [1, 1],
  relation_temperature: 0.1,
};

const SHAPES = {
  pi: [V, h, w, 1],
  t: [V, h, w, 1],
  logits: [V, h, w, K],
  centers: [V, h, w, K],
  teacher_centers: [V, h, w, K],
  teacher: [V, h, w, 1],
  mask: [V, h, w, 1],
  scale_m: [V],
  depth_m: [V, H, W, 1],
  valid: [V, H, W, 1],
  usable: [V, H, W, 1],
} as const;
type Name = keyof typeof SHAPES;
type Data = Readonly<Record<Name, Float64Array>>;
/** Whether the student has a log-binomial or plain logits. */
type Head = "binomial" | "logits";

const DATA: Data = (() => {
  const ranges: Partial<Record<Name, readonly [number, number]>> = {
    pi: [0.2, 0.8],
    t: [0.6, 4],
    centers: [0.1, 0.9],
    teacher_centers: [0.1, 0.9],
    teacher: [0, 1],
    scale_m: [60, 90],
    depth_m: [1, 80],
  };
  const masks: Partial<Record<Name, number>> = { valid: 0.3, usable: 0.9, mask: 0.8 };
  const made = Object.entries(SHAPES).map(([name, shape], seed) => {
    const range = ranges[name as Name];
    const share = masks[name as Name];
    const values =
      share === undefined
        ? draw(
            shape,
            range ? { kind: "uniform", low: range[0], high: range[1] } : { kind: "normal" },
            seed,
          )
        : draw(shape, { kind: "mask", share }, seed);
    return [name, Float64Array.from(values)];
  });
  const data = Object.fromEntries(made) as Data;
  data.valid.forEach((v, i) => (data.usable[i] = Math.max(v, data.usable[i])));
  return data;
})();

interface Built extends ReturnType<typeof losses> {
  readonly g: Graph;
  readonly of: Readonly<Record<Name, Value>>;
}

function build(config: Partial<LossConfig>, head: Head, hasCenters = true): Built {
  const g = graph();
  const of = Object.fromEntries(
    Object.entries(SHAPES).map(([name, shape]) => [name, g.input(name, shape)]),
  ) as Record<Name, Value>;
  const { pi, t, centers, scale_m, depth_m, valid, usable } = of;
  const binomial = head === "binomial" ? { pi, t } : null;
  const logits = head === "binomial" ? logBinomial(pi, t, { bins: K }) : of.logits;
  const decoded = binDecode(logits, centers, scale_m);
  const output = { logits, binomial, centers, embedding: logits, scale_m, depth_m: decoded };
  const teacher = {
    ...indexTeacher(of.teacher),
    centers: hasCenters ? of.teacher_centers : null,
    mask: of.mask,
  };
  const targets = { depth_m, valid, usable, teacher };
  return { g, of, ...losses(g, output, targets, { ...BASE, ...config }) };
}

/** Every weight that the loss has, at 1. */
const scalarsOf = (g: Graph): Record<string, number> =>
  Object.fromEntries(g.scalarNames.map((name) => [name, 1]));

/** Terms and total of a choice at data that differ by `changes`. */
function terms(
  config: Partial<LossConfig>,
  changes: Partial<Data> = {},
  head: Head = "binomial",
): Record<LossTerm | "total", number> {
  const built = build(config, head);
  const outputs = { ...built.terms, total: built.total };
  const got = runOnCpu(
    built.g,
    { outputs },
    initialStore(built.g, 1),
    { ...DATA, ...changes },
    scalarsOf(built.g),
  );
  return Object.fromEntries(
    Object.entries(got).map(([name, [value]]) => [name, value]),
  ) as ReturnType<typeof terms>;
}

/** Gradient of a term, or of the total, with respect to some inputs; zeros without a path. */
function gradients(
  term: LossTerm | "total",
  by: readonly Name[],
  config: Partial<LossConfig>,
  head: Head = "binomial",
): Record<string, Float64Array> {
  const built = build(config, head);
  const loss = term === "total" ? built.total : built.terms[term]!;
  const outputs: Record<string, Value> = {};
  for (const name of by) {
    try {
      outputs[name] = built.g.gradients(loss, [built.of[name]]).get(built.of[name])!;
    } catch (error) {
      expect((error as Error).message).toBe(`the loss does not depend on ${name}`);
    }
  }
  const got = runOnCpu(built.g, { outputs }, initialStore(built.g, 1), DATA, scalarsOf(built.g));
  return Object.fromEntries(
    by.map((name) => [name, got[name] ?? new Float64Array(DATA[name].length)]),
  );
}

const norm = (values: Float64Array): number => Math.hypot(...values);
const largest = (values: Float64Array): number => Math.max(...values.map(Math.abs));

const BY = { binomial: ["pi", "t", "centers"], logits: ["logits", "centers"] } as const;
const CHOICES: readonly (readonly [string, Partial<LossConfig>])[] = [
  ["supervised l1", { supervised: "l1" }],
  ["supervised silog, lambda 0.5", { silog_lambda: 0.5 }],
  ["cross term symmetric", { cross_term: "symmetric" }],
  ["cross term none", { cross_term: "none" }],
  ["KL on LiDAR", { kl_domain: "lidar" }],
  ["l1, symmetric, LiDAR", { supervised: "l1", cross_term: "symmetric", kl_domain: "lidar" }],
];

describe.each(["binomial", "logits"] as const)("with a head of %s", (head) => {
  test.each(CHOICES)("%s: the gradient equals central differences", (_, choice) => {
    const by = BY[head];
    const got = gradients("total", by, choice, head);
    for (const name of by) {
      // Along the gradient itself, where the derivative is its length.
      const length = norm(got[name]);
      expect(length).toBeGreaterThan(1e-4);
      const step = 1e-6;
      const moved = (sign: number): number => {
        const values = DATA[name].map((x, i) => x + (sign * step * got[name][i]) / length);
        return terms(choice, { [name]: values }, head).total;
      };
      const slope = (moved(1) - moved(-1)) / (2 * step);
      expect(Math.abs(slope / length - 1), name).toBeLessThan(1e-5);
    }
  });

  test.each([
    ...CHOICES,
    ["supervised berhu", { supervised: "berhu" }],
    ["cross term stopped", { cross_term: "stopped" }],
  ] as const)("%s: fused and stored bins give one loss and one gradient", (_, choice) => {
    const stored = { ...choice, bins_form: "stored" } as const;
    const [got, want] = [choice, stored].map((c) => terms(c, {}, head));
    for (const term of Object.keys(want) as LossTerm[])
      expect(got[term]).toBeCloseTo(want[term], 11);
    const [d, d_stored] = [choice, stored].map((c) => gradients("total", BY[head], c, head));
    for (const name of BY[head]) {
      const apart = norm(d[name].map((v, i) => v - d_stored[name][i]));
      expect(apart, name).toBeLessThan(1e-9 * norm(d_stored[name]));
    }
  });

  test("stopped: LiDAR teaches centres as before and probabilities nothing", () => {
    const stopped = { cross_term: "stopped" } as const;
    expect(terms(stopped, {}, head)).not.toHaveProperty("cross");
    expect(terms(stopped, {}, head).silog).toBe(terms({}, {}, head).silog);
    for (const bins_form of ["fused", "stored"] as const) {
      const got = gradients("silog", BY[head], { ...stopped, bins_form }, head);
      const free = gradients("silog", BY[head], { bins_form }, head);
      for (const name of BY[head]) {
        if (name === "centers") expect(got[name]).toEqual(free[name]);
        else {
          expect(largest(got[name])).toBe(0);
          expect(largest(free[name])).toBeGreaterThan(1e-4);
        }
      }
      // The total teaches probabilities what the KL does, and nothing else.
      const total = gradients("total", BY[head], { ...stopped, bins_form }, head);
      const kl = gradients("kl", BY[head], { ...stopped, bins_form }, head);
      for (const name of BY[head].filter((one) => one !== "centers")) {
        expect(largest(total[name].map((v, i) => v - kl[name][i]))).toBeLessThan(1e-15);
      }
    }
  });

  test("symmetric: both depths count, and the teacher's centres are constants", () => {
    const symmetric = { cross_term: "symmetric" } as const;
    // The student's own depth at the teacher's centres is the second of the two, on the same pixels.
    const everywhere = { mask: new Float64Array(V * h * w).fill(1) };
    const at_teacher = terms({}, { ...everywhere, centers: DATA.teacher_centers }, head).silog;
    expect(terms(symmetric, everywhere, head).cross).toBeCloseTo(
      terms({}, everywhere, head).cross + at_teacher,
      12,
    );
    const probabilities = BY[head].filter((name) => name !== "centers");
    const d = gradients("cross", BY[head], symmetric, head);
    const once = gradients("cross", BY[head], {}, head);
    for (const name of probabilities) {
      expect(largest(once[name])).toBe(0);
      expect(largest(d[name])).toBeGreaterThan(1e-4);
    }
    expect(norm(d["centers"].map((v, i) => v - once["centers"][i]))).toBeLessThan(1e-12);
  });
});

test("symmetric without centres of the teacher is refused, with the kinds that have them", () => {
  expect(() => build({ cross_term: "symmetric" }, "binomial", false)).toThrow(
    /^loss\.cross_term: symmetric needs the bin centres of the teacher.*teacher\.kind.*fitted/,
  );
});

test("a scale of centres leaves SILog alone at lambda 1, and only there", () => {
  const twice = { centers: DATA.centers.map((c) => 2 * c) };
  const at = (silog_lambda: number): number =>
    terms({ silog_lambda }, twice).silog - terms({ silog_lambda }).silog;
  expect(Math.abs(at(1))).toBeLessThan(1e-6);
  expect(Math.abs(at(0.85))).toBeGreaterThan(0.01);
});

test("L1 is a tenth of the mean error in metres, for the cross term too", () => {
  const valid = new Float64Array(V * H * W);
  const exact = terms({ supervised: "l1" }, { valid });
  expect([exact.silog, exact.cross]).toEqual([0, 0]);
  // A truth beyond every prediction: 10 m more of it cost 1 more.
  const far = (metres: number): Partial<Data> => ({ depth_m: DATA.depth_m.map(() => metres) });
  for (const term of ["silog", "cross"] as const) {
    const [near, more] = [100, 110].map((m) => terms({ supervised: "l1" }, far(m))[term]);
    expect(more - near).toBeCloseTo(1, 12);
  }
});

describe("the KL on LiDAR", () => {
  const lidar = { kl_domain: "lidar" } as const;
  const measured = (pixel: number): boolean => {
    const [view, row, column] = [
      Math.floor(pixel / (h * w)),
      Math.floor((pixel % (h * w)) / w),
      pixel % w,
    ];
    const at = (r: number, c: number): number =>
      DATA.valid[(view * H + 2 * row + r) * W + 2 * column + c];
    return [0, 1].some((r) => [0, 1].some((c) => at(r, c) > 0)) && DATA.mask[pixel] > 0;
  };

  test("sees the pixels whose block has LiDAR, and no other", () => {
    const moved = (where: (pixel: number) => boolean): Partial<Data> => ({
      pi: DATA.pi.map((p, i) => (where(i) ? 1 - p : p)),
    });
    const { kl } = terms(lidar);
    expect(
      terms(
        lidar,
        moved((i) => !measured(i)),
      ).kl,
    ).toBe(kl);
    for (let pixel = 0; pixel < V * h * w; pixel++) {
      if (measured(pixel))
        expect(
          terms(
            lidar,
            moved((i) => i === pixel),
          ).kl,
        ).not.toBe(kl);
    }
  });

  test("is that of all pixels where LiDAR is everywhere, and 0 where it is nowhere", () => {
    const everywhere = new Float64Array(V * H * W).fill(1);
    const full = { valid: everywhere, usable: everywhere };
    expect(terms(lidar, full).kl).toBe(terms({}, full).kl);
    expect(terms(lidar, { valid: new Float64Array(V * H * W) }).kl).toBe(0);
  });
});
