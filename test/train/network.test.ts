// The training graph as a whole: forms of one loss give one loss, and the fused form stores nothing
// of the teacher that has a number per bin.
import { expect, test } from "vitest";
import { runOnCpu } from "../../src/graph/cpu.ts";
import { initialStore } from "../../src/graph/cpu_store.ts";
import { draw } from "../../src/kernels/check/random_inputs.ts";
import { resolveConfig } from "../../src/train/config.ts";
import { lossNetwork } from "../../src/train/network.ts";
import { lower } from "../../src/graph/lower.ts";
import { stepScalars } from "../../src/train/schedule.ts";
import { INDEX_ONLY, type TeacherParts } from "../../src/teacher/teacher.ts";
import { gpu } from "../support/gpu.ts";

const BINOMIAL: TeacherParts = { ...INDEX_ONLY, index: false, binomial: true };
const BINS = 13; // as wide as nothing else
const SIZE = { height: 32, width: 64 };
type Form = "fused" | "stored";

function networkOf(
  form: Form,
  kind: "metric_bins" | "softmax_bins",
  teacher: TeacherParts,
  relation: "cosine" | "none" = "cosine",
): ReturnType<typeof lossNetwork> & { readonly scalars: Record<string, number> } {
  const loss = { bins_form: form, relation_form: form, relation, ramp: 0 };
  const config = resolveConfig({ steps: 2, head: { kind, bins: BINS }, loss }, "test");
  const network = lossNetwork(config, { views: 2, size: SIZE, depth_max_m: 80, teacher });
  return { ...network, scalars: stepScalars(config, 1) };
}

test.each([
  ["an index", "metric_bins", INDEX_ONLY],
  ["a binomial", "metric_bins", BINOMIAL],
  ["a binomial", "softmax_bins", BINOMIAL],
] as const)("taught by %s, %s: fused or stored, losses and gradients are the same", (...of) => {
  const run = (form: Form): Record<string, Float64Array> => {
    const { g, request, scalars } = networkOf(form, of[1], of[2]);
    const store = initialStore(g, 3);
    const inputs = Object.fromEntries(
      g.inputs.map(({ name, shape: axes }, i) => {
        const kind = { images: "normal", valid: "mask", usable: "mask" }[name] ?? "uniform";
        const [low, high] = name === "depth_m" ? [1, 70] : [0.1, 0.9];
        const data = { kind, low, high, share: 0.5 } as Parameters<typeof draw>[1];
        return [name, draw(axes, data, i)];
      }),
    );
    const outputs = runOnCpu(g, request, store, inputs, scalars);
    return { ...outputs, gradients: store.arenas.gradients };
  };
  const [fused, stored] = [run("fused"), run("stored")];
  const norm = (values: Float64Array): number =>
    Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  expect(Object.keys(fused)).toEqual(Object.keys(stored));
  for (const [name, values] of Object.entries(fused)) {
    const apart = norm(values.map((v, i) => v - stored[name][i]));
    expect(apart, name).toBeLessThan(1e-9 * norm(stored[name]));
  }
});

test.each(["metric_bins", "softmax_bins"] as const)(
  "%s: a step with the (pi, t) of a teacher binds no K-wide tensor of it in the fused form",
  (kind) => {
    const wide = (form: Form, teacher: TeacherParts, relation: "cosine" | "none"): number => {
      const { g, request } = networkOf(form, kind, teacher, relation);
      const targets = [...Object.values(request.outputs ?? {}), ...request.gradients!.values()];
      const tensors = lower(g, targets, gpu.facts).calls.flatMap(({ bindings }) =>
        Object.values(bindings).filter(({ shape }) => shape.join() === `2,16,32,${BINS}`),
      );
      return new Set(tensors).size;
    };
    // What is left is the student's, as where an index is distilled without a relation.
    const ofStudent = wide("fused", INDEX_ONLY, "none");
    expect(wide("fused", BINOMIAL, "cosine")).toBe(ofStudent);
    expect(wide("stored", BINOMIAL, "cosine")).toBeGreaterThan(ofStudent + 1);
  },
);
