// Which mappings of each kernel its cases take on a GPU and on software adapters: GPUs take the base
// kernels, whose loads coalesce, software adapters those without barriers, with loads of four numbers.
import { describe, expect, test } from "vitest";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { freezesShapes } from "../../src/engine/specialize.ts";
import { chooseVariant } from "../../src/engine/tuning.ts";
import { LAVAPIPE, NVIDIA, SWIFTSHADER } from "../support/adapters.ts";

/**
 * Kernels with several mappings: those of a GPU, of a software adapter whose subgroups have a known
 * width, and of one without. The base kernel is "base"; the others are named without its name.
 */
const MAPPINGS: Readonly<Record<string, readonly [gpu: string, subgroups: string, none: string]>> =
  {
    activation: ["base vec4", "base subgroup", "base vec4"],
    activation_grad: ["base vec4", "base subgroup", "base vec4"],
    attention: ["base", "broadcast subgroup", "rows"],
    attention_grad_kv: ["base", "broadcast subgroup", "rows"],
    attention_grad_q: ["base", "broadcast subgroup", "rows"],
    attractor: ["base vec4", "base vec4", "base vec4"],
    attractor_grad_attractors: ["base", "rows vec4", "rows vec4"],
    attractor_grad_centers: ["base vec4", "base vec4", "base vec4"],
    bin_decode: ["base", "rows vec4", "rows vec4"],
    bin_decode_grad_centers_slabs: ["base", "base vec4", "base vec4"],
    bin_decode_grad_logits: ["base", "base vec4", "base vec4"],
    bin_distill: ["base", "rows", "rows"],
    bin_distill_binomial: ["base", "rows vec4", "rows vec4"],
    bin_distill_grad_binomial: ["base", "rows vec4", "rows vec4"],
    bin_expectation: ["base", "rows", "rows"],
    bin_head: ["base", "subgroup", "base"],
    bin_head_grad_features: ["base", "subgroup", "rows"],
    bin_head_grad_weight: ["base", "rows subgroup", "rows"],
    bin_kl: ["base", "rows", "rows"],
    bin_pool: ["base", "subgroup", "narrow"],
    binomial_decode: ["base", "rows", "rows"],
    column_sum: ["base vec4", "base vec4", "base vec4"],
    concat: ["base vec4", "base vec4", "base vec4"],
    conv2d: ["base depthwise", "depthwise subgroup vec4", "depthwise register"],
    conv2d_grad_input: ["base depthwise", "depthwise subgroup vec4", "depthwise register"],
    conv2d_grad_weight: ["base depthwise", "depthwise strip subgroup vec4", "depthwise register"],
    // without subgroups, a product with relu has the base alone; no op asks for it there
    gemm: ["base", "outer panel panels subgroup vec4", "base register"],
    layer_norm: ["base", "base subgroup", "base"],
    layer_norm_grad_input: ["base", "base subgroup", "base"],
    layer_norm_grad_partial: ["base", "base vec4", "base vec4"],
    log_binomial_grad: ["base", "rows", "rows"],
    masked_pool: ["base vec4", "base vec4", "base vec4"],
    masked_pool_grad: ["base", "base rows", "base rows"],
    norm_fused_apply: ["base", "rows", "rows"],
    resize_bilinear: ["base vec4", "base vec4", "base vec4"],
    resize_bilinear_grad: ["base vec4", "base vec4", "base vec4"],
    resize_nearest: ["base vec4", "base vec4", "base vec4"],
    resize_nearest_grad: ["base vec4", "base vec4", "base vec4"],
    slice_sum: ["base", "rows", "rows"],
    softmax_bins: ["base", "rows subgroup", "rows"],
    softmax_bins_grad: ["base", "rows", "rows"],
    view_relation_fused: ["base", "register", "register"],
    view_relation_fused_grad: ["base", "register", "register"],
    view_relation_softmax: ["base", "rows", "rows"],
    view_relation_softmax_grad: ["base", "rows", "rows"],
    view_relation_weighted: ["base", "rows", "rows"],
    view_relation_weighted_grad: ["base", "rows", "rows"],
  };

/** Mappings for subgroups of 8 alone. */
const OF_8: Readonly<Record<string, string>> = {
  // narrow and strip are for larger convolutions than these cases
  conv2d: "few panel",
  conv2d_grad_input: "few panel",
  conv2d_grad_weight: "band few",
};

const several = kernels.filter((kernel) => (kernel.variants?.() ?? []).length > 0);

test("the table names every kernel with several mappings", () => {
  expect(several.map(({ shader }) => shader.name).toSorted()).toEqual(Object.keys(MAPPINGS));
});

describe.each(several.map((kernel) => [kernel.shader.name, kernel] as const))(
  "%s",
  (name, base) => {
    const [gpu, subgroups, none] = MAPPINGS[name];
    const chosen = (facts: AdapterFacts): string => {
      const names = base.cases.map(
        ({ shapes, attributes }) => chooseVariant(base, facts, shapes, attributes).shader.name,
      );
      const short = names.map((one) => (one === name ? "base" : one.slice(name.length + 1)));
      return [...new Set(short)].toSorted().join(" ");
    };

    test("a GPU takes the same mappings whatever its subgroups", () => {
      for (const subgroup_size of [0, 8, 16, 32, 64]) {
        expect(chosen({ ...NVIDIA, subgroup_size })).toBe(gpu);
      }
      expect(chosen({ ...NVIDIA, subgroup_size: 0, features: new Set() })).toBe(gpu);
    });

    test("software adapters take mappings without barriers, in subgroups of known width", () => {
      for (const facts of [SWIFTSHADER, { ...LAVAPIPE, subgroup_size: 16 }]) {
        expect(chosen(facts)).toBe(subgroups);
      }
      const of_8 = `${subgroups} ${OF_8[name] ?? ""}`.trim().split(" ");
      expect(chosen(LAVAPIPE)).toBe(of_8.toSorted().join(" "));
      const ranging = { ...LAVAPIPE, subgroup_size: 0, subgroup_min_size: 4 };
      expect(chosen(ranging)).toBe(none);
      expect(chosen({ ...ranging, features: new Set() })).toBe(none);
    });
  },
);

test("pipelines are frozen on shapes on GPUs alone", () => {
  expect([NVIDIA, LAVAPIPE, SWIFTSHADER].map(freezesShapes)).toEqual([true, false, false]);
});
