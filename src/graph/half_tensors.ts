// Which tensors of a program are stored as f16: activations and their gradients. Sums, statistics
// of norms, logits, losses, parameters and their gradients stay in f32, and everything is computed
// in f32.
import { canStoreHalf } from "../engine/half_storage.ts";
import { shaderText } from "../engine/shader_text.ts";
import { ruleConstants } from "../engine/tuning.ts";
import { size } from "../tensor/shape.ts";
import { bindingShapes, type Program } from "./lower.ts";
import type { Call, Tensor } from "./value.ts";

/** Fewer numbers than this save nothing: an arena aligns its tensors. */
const LEAST = 256;

/** The bindings of each kernel, by the base of its mapping, that may be stored as f16. */
const STORED: Readonly<Record<string, readonly string[] | undefined>> = {
  activation: ["x", "y"],
  activation_fused_grad: ["x", "d_y", "d_x"],
  activation_grad: ["x", "d_y", "d_x"],
  attention: ["q", "k", "v", "y"],
  attention_grad_kv: ["q", "k", "v", "d_y", "d_k", "d_v"],
  attention_grad_q: ["q", "k", "v", "d_y", "d_q"],
  attention_grad_stats: ["y", "d_y"],
  attractor: ["centers", "y"],
  attractor_grad_attractors: ["centers", "d_y"],
  attractor_grad_centers: ["centers", "d_y", "d_centers"],
  bin_distill: ["centers"],
  bin_distill_binomial: ["centers"],
  bin_distill_grad: ["centers", "d_centers"],
  bin_distill_grad_binomial: ["centers", "d_centers"],
  bin_head: ["features"],
  bin_head_grad_features: ["features", "d_features"],
  bin_head_grad_weight: ["features"],
  binary: ["a", "b", "y"],
  binary_grad: ["a", "b", "d_y", "d_operand"],
  // of slices, which have five axes and stay f32, and of pixels for the gradient of a bias
  column_sum: ["x", "y"],
  column_sum_four: ["a", "b", "c", "d"],
  concat: ["a", "b", "c", "d", "y"],
  conv2d: ["x", "y"],
  conv2d_grad_input: ["d_y", "d_x"],
  conv2d_grad_weight: ["x", "d_y"],
  gemm: ["a", "b", "y"],
  layer_norm: ["x", "y"],
  layer_norm_grad_input: ["x", "d_y", "d_x"],
  layer_norm_grad_partial: ["x", "d_y"],
  masked_pool: ["x"],
  masked_pool_grad: ["d_x"],
  norm_apply: ["x", "y"],
  norm_fused_apply: ["x", "residual", "y"],
  norm_fused_grad_input: ["x", "d_a", "d_b", "d_x"],
  norm_fused_grad_sums: ["x", "d_a", "d_b"],
  norm_grad_input: ["x", "d_y", "d_x"],
  norm_grad_partial: ["x", "d_y"],
  norm_partial: ["x"],
  pad: ["x", "y"],
  pad_grad: ["d_y", "d_x"],
  pool_average: ["x", "y"],
  pool_average_grad: ["d_y", "d_x"],
  pool_max: ["x", "y"],
  pool_max_grad: ["x", "y", "d_y", "d_x"],
  resize_bilinear: ["x", "y"],
  resize_bilinear_grad: ["d_y", "d_x"],
  resize_nearest: ["x", "y"],
  resize_nearest_grad: ["d_y", "d_x"],
  slice_sum: ["a", "b", "c", "d", "y"],
  // of the teacher, for its tokens: distances below 0 and shares of 1
  soft_bins: ["logits"],
  softmax_bins: ["logits", "probabilities"],
  strided_read: ["x", "y"],
  strided_write: ["x", "y"],
  unary: ["x", "y"],
  unary_grad: ["x", "d_y", "d_x"],
};

/**
 * The root tensors that are stored as f16: feature maps [V, H, W, C] that only these kernels touch,
 * each in a way that its shader can store. `fixed` are those that live outside of the arenas or
 * leave the device.
 */
export function halfTensors(
  { calls, rootOf }: Program,
  fixed: (root: Tensor) => boolean,
): ReadonlySet<Tensor> {
  const half = new Set<Tensor>();
  const whole = new Set<Tensor>();
  for (const call of calls) {
    for (const { name } of call.kernel.shader.bindings) {
      const root = rootOf(call.bindings[name]);
      const isFeatureMap = root.shape.length === 4 && size(root.shape) >= LEAST;
      if (isFeatureMap && !fixed(root) && storesHalf(call, name)) half.add(root);
      else whole.add(root);
    }
  }
  return new Set([...half].filter((root) => !whole.has(root)));
}

/** Kernels that add or scale gradients of a parameter, and their operands. */
const SUMS: Readonly<Record<string, readonly string[] | undefined>> = {
  binary: ["a", "b"],
  slice_sum: ["a", "b", "c", "d"],
  unary: ["x"],
};

/**
 * The root tensors whose sums or means are gradients of parameters, from several uses of a parameter
 * or several passes; the gradients are among them.
 */
export function gradientParts(
  { calls, rootOf }: Program,
  gradients: ReadonlySet<Tensor>,
): ReadonlySet<Tensor> {
  const parts = new Set(gradients);
  for (const { base, bindings } of calls.toReversed()) {
    const operands = SUMS[base.shader.name];
    if (operands === undefined || !parts.has(rootOf(bindings["y"]))) continue;
    for (const operand of operands) parts.add(rootOf(bindings[operand]));
  }
  return parts;
}

/** The bindings of a call that are stored as f16. */
export function halfBindings(
  { kernel, bindings }: Call,
  rootOf: Program["rootOf"],
  half: ReadonlySet<Tensor>,
): string[] {
  return kernel.shader.bindings
    .map(({ name }) => name)
    .filter((name) => half.has(rootOf(bindings[name])));
}

const known = new Map<string, boolean>();

function storesHalf(call: Call, name: string): boolean {
  const { base, kernel } = call;
  if (STORED[base.shader.name]?.includes(name) !== true) return false;
  const { access } = kernel.shader.bindings.find((binding) => binding.name === name)!;
  if (access === "write" && storesParts(call)) return false;
  const key = `${kernel.shader.name} ${name}`;
  const found = known.get(key) ?? canStoreHalf(kernel.shader, shaderText(kernel.shader), name);
  known.set(key, found);
  return found;
}

function storesParts({ kernel, bindings, attributes }: Call): boolean {
  if (kernel.storesParts === undefined) return false;
  const shapes = bindingShapes(bindings);
  const { tune } = kernel.shader;
  const tuned = Object.fromEntries(tune.map(({ name, value }) => [name, value]));
  const rule = ruleConstants(kernel, shapes, attributes);
  return kernel.storesParts(shapes, attributes, { ...tuned, ...rule });
}
