// Which mapping of each kernel runs on a GPU and on software adapters of two widths: GPUs take the
// base kernels, whose loads coalesce, software adapters those without barriers.
import { describe, expect, test } from "vitest";
import type { AdapterFacts } from "../../src/gpu/device.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { freezesShapes } from "../../src/engine/specialize.ts";
import { chooseVariant } from "../../src/engine/tuning.ts";
import { LAVAPIPE, NVIDIA, SWIFTSHADER } from "../support/adapters.ts";

/** Kernels with several mappings: what software adapters run with subgroups and without. */
const SOFTWARE: Readonly<Record<string, readonly [subgroups: string, none: string]>> = {
  activation: ["activation_subgroup", "activation"],
  activation_grad: ["activation_grad_subgroup", "activation_grad"],
  attention: ["attention_broadcast", "attention_rows"],
  attention_grad_kv: ["attention_grad_kv_broadcast", "attention_grad_kv_rows"],
  attention_grad_q: ["attention_grad_q_broadcast", "attention_grad_q_rows"],
  attractor: ["attractor", "attractor"],
  attractor_grad_attractors: ["attractor_grad_attractors_rows", "attractor_grad_attractors_rows"],
  attractor_grad_centers: ["attractor_grad_centers", "attractor_grad_centers"],
  bin_decode: ["bin_decode_rows", "bin_decode_rows"],
  bin_distill: ["bin_distill_rows", "bin_distill_rows"],
  bin_distill_binomial: ["bin_distill_binomial_rows", "bin_distill_binomial_rows"],
  bin_distill_grad_binomial: ["bin_distill_grad_binomial_rows", "bin_distill_grad_binomial_rows"],
  bin_expectation: ["bin_expectation_rows", "bin_expectation_rows"],
  bin_head: ["bin_head_subgroup", "bin_head"],
  bin_head_grad_features: ["bin_head_grad_features_subgroup", "bin_head_grad_features_rows"],
  bin_head_grad_weight: ["bin_head_grad_weight_subgroup", "bin_head_grad_weight_rows"],
  bin_kl: ["bin_kl_rows", "bin_kl_rows"],
  bin_pool: ["bin_pool_narrow", "bin_pool_narrow"],
  binomial_decode: ["binomial_decode_rows", "binomial_decode_rows"],
  column_sum: ["column_sum", "column_sum"],
  concat: ["concat", "concat"],
  conv2d: ["conv2d_subgroup", "conv2d_register"],
  conv2d_grad_input: ["conv2d_grad_input_subgroup", "conv2d_grad_input_register"],
  conv2d_grad_weight: ["conv2d_grad_weight_subgroup", "conv2d_grad_weight_register"],
  gemm: ["gemm_subgroup", "gemm_register"],
  layer_norm: ["layer_norm_subgroup", "layer_norm"],
  layer_norm_grad_input: ["layer_norm_grad_input_subgroup", "layer_norm_grad_input"],
  layer_norm_grad_partial: ["layer_norm_grad_partial_vec4", "layer_norm_grad_partial_vec4"],
  log_binomial_grad: ["log_binomial_grad_rows", "log_binomial_grad_rows"],
  masked_pool_grad: ["masked_pool_grad", "masked_pool_grad"],
  resize_bilinear: ["resize_bilinear", "resize_bilinear"],
  resize_bilinear_grad: ["resize_bilinear_grad", "resize_bilinear_grad"],
  softmax_bins: ["softmax_bins_rows", "softmax_bins_rows"],
  softmax_bins_grad: ["softmax_bins_grad_rows", "softmax_bins_grad_rows"],
  view_relation_fused: ["view_relation_fused_register", "view_relation_fused_register"],
  view_relation_fused_grad: [
    "view_relation_fused_grad_register",
    "view_relation_fused_grad_register",
  ],
  view_relation_softmax: ["view_relation_softmax_rows", "view_relation_softmax_rows"],
  view_relation_softmax_grad: [
    "view_relation_softmax_grad_rows",
    "view_relation_softmax_grad_rows",
  ],
  view_relation_weighted: ["view_relation_weighted_rows", "view_relation_weighted_rows"],
  view_relation_weighted_grad: [
    "view_relation_weighted_grad_rows",
    "view_relation_weighted_grad_rows",
  ],
};

/** Mappings for some widths of subgroups, which share loads among sums. */
function shared(name: string, lanes: number): string[] {
  if (name === "gemm") return ["gemm_vec4"];
  if (["conv2d", "conv2d_grad_input"].includes(name))
    return [`${name}_vec4`, ...(lanes === 8 ? [`${name}_strip`] : [])];
  // heads that are not whole vectors of four wide
  if (name.startsWith("attention")) return [`${name}_subgroup`];
  return name === "conv2d_grad_weight" ? [`${name}_strip`, `${name}_vec4`] : [];
}

/** Kernels with a mapping named `_vec4` for tensors of fours, wherever they run. */
const FOURS = new Set([
  "activation",
  "activation_grad",
  "attractor",
  "attractor_grad_centers",
  "column_sum",
  "concat",
  "resize_bilinear",
  "resize_bilinear_grad",
]);

/** Mappings for tensors of fours that software adapters alone prefer. */
const SOFTWARE_FOURS: Readonly<Record<string, string | undefined>> = {
  attractor_grad_attractors: "attractor_grad_attractors_vec4",
  masked_pool_grad: "masked_pool_grad_rows",
};

const several = kernels.filter((kernel) => (kernel.variants?.() ?? []).length > 0);

test("the table names every kernel with several mappings", () => {
  expect(several.map(({ shader }) => shader.name).toSorted()).toEqual(Object.keys(SOFTWARE));
});

describe.each(several.map((kernel) => [kernel.shader.name, kernel] as const))(
  "%s",
  (name, base) => {
    const chosen = (facts: AdapterFacts): Set<string> =>
      new Set(
        base.cases.map(
          ({ shapes, attributes }) => chooseVariant(base, facts, shapes, attributes).shader.name,
        ),
      );
    // depthwise convolutions, and tensors of fours, have a mapping of their own wherever they run
    const own = name.startsWith("conv2d")
      ? [`${name}_depthwise`]
      : FOURS.has(name)
        ? [`${name}_vec4`]
        : [];

    const fours = [SOFTWARE_FOURS[name] ?? []].flat();

    test("runs as the base on a GPU, whatever its subgroups", () => {
      for (const subgroup_size of [0, 8, 16, 32, 64]) {
        expect(chosen({ ...NVIDIA, subgroup_size })).toEqual(new Set([name, ...own]));
      }
      expect(chosen({ ...NVIDIA, subgroup_size: 0, features: new Set() })).toEqual(
        new Set([name, ...own]),
      );
    });

    test("runs without barriers on software adapters, in subgroups where their width is known", () => {
      const [subgroups, none] = SOFTWARE[name];
      // some rows are not whole vectors of four, some too wide
      const rest = REST[name] ?? [];
      for (const facts of [LAVAPIPE, SWIFTSHADER, { ...LAVAPIPE, subgroup_size: 16 }]) {
        expect(chosen(facts)).toEqual(
          new Set([subgroups, ...own, ...fours, ...shared(name, facts.subgroup_size)]),
        );
      }
      const ranging = { ...LAVAPIPE, subgroup_size: 0, subgroup_min_size: 4 };
      expect(chosen(ranging)).toEqual(new Set([none, ...own, ...fours]));
      expect(chosen({ ...ranging, features: new Set() })).toEqual(
        new Set([none, ...own, ...fours]),
      );
    });
  },
);

test("pipelines are frozen on shapes on GPUs alone", () => {
  expect([NVIDIA, LAVAPIPE, SWIFTSHADER].map(freezesShapes)).toEqual([true, false, false]);
});
