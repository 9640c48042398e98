// The only place for kernel tolerances. A wider bound states the observed value, the case and the
// adapter.

/** |got - want| <= atol + rtol |want|, plus for sums of n terms: sum * n * 2^-24 * sum |terms|. */
export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
  /** The allowed share of the worst-case rounding bound of a sum. */
  readonly sum: number;
}

const F32: Tolerance = { atol: 1e-6, rtol: 1e-5, sum: 0.25 };

const ATTENTION_GRADIENT = {
  atol: 1e-5,
  why: "terms to 60 cancel in the sums; worst 2.8e-6 of d_k at [1, 32, 8] of [2, 33, 16], lavapipe 25.0.7",
};
const BINOMIAL_GRADIENT = {
  atol: 5e-5,
  why: "terms to 40 cancel in the sum over bins; worst 1.2e-5 of d_pi, centres of the pixel, lavapipe 25.0.7",
};
const MATRIX_PRODUCT = {
  atol: 2e-6,
  sum: 1,
  why: "each product is off by up to 2^-10, as both operands are rounded to f16 (F16_TERMS)",
};
const SLAB_SUMS = {
  atol: 5e-5,
  why: "sums over slabs of pixels cancel; worst 1.6e-5 of sums to 20 at 6x48x80x128, lavapipe 25.0.7",
};
const EXCEPTIONS: Readonly<Record<string, Partial<Tolerance> & { readonly why: string }>> = {
  attention_grad_q: ATTENTION_GRADIENT,
  attention_grad_q_broadcast: ATTENTION_GRADIENT,
  attention_grad_q_rows: ATTENTION_GRADIENT,
  attention_grad_q_subgroup: ATTENTION_GRADIENT,
  attention_grad_kv: ATTENTION_GRADIENT,
  attention_grad_kv_broadcast: ATTENTION_GRADIENT,
  attention_grad_kv_rows: ATTENTION_GRADIENT,
  attention_grad_kv_subgroup: ATTENTION_GRADIENT,
  bin_decode_grad_centers_slabs: SLAB_SUMS,
  bin_decode_grad_centers_slabs_vec4: SLAB_SUMS,
  bin_distill_grad_binomial: BINOMIAL_GRADIENT,
  bin_distill_grad_binomial_rows: BINOMIAL_GRADIENT,
  ceiling_fma_f16: {
    rtol: 4e-3,
    why: "steps in half precision, 4.9e-4 a rounding; worst 9.4e-4, a workgroup and one, lavapipe 25.0.7",
  },
  conv2d_grad_input_matrix: MATRIX_PRODUCT,
  conv2d_grad_weight_matrix: MATRIX_PRODUCT,
  conv2d_matrix: MATRIX_PRODUCT,
  gemm_matrix: MATRIX_PRODUCT,
  norm_grad_partial: {
    atol: 5e-6,
    why: "products of x - mean cancel in the sum; worst 3.8e-7 of terms to 5, group norm [1, 6, 21], lavapipe 25.0.7",
  },
};

/** For outputs in half precision of shaders from anywhere: two roundings of 4.9e-4. */
export const HALF_TOLERANCE: Pick<Tolerance, "atol" | "rtol"> = { atol: 1e-4, rtol: 1e-3 };

/** The tolerance of a kernel, by the name of its shader. */
export function toleranceOf(name: string): Tolerance {
  const exception = EXCEPTIONS[name];
  const tolerance = exception === undefined ? F32 : { ...F32, ...exception };
  if (tolerance.rtol > 1e-2) throw new RangeError(`${name}: rtol ${tolerance.rtol} hides bugs`);
  return tolerance;
}

/**
 * For central differences in f64 with step 1e-5: their own error is of order step^2 f''' and 1e-16
 * / step.
 */
export const DIFFERENCES_TOLERANCE = 1e-5;

/** For |<A x, y> - <x, A^T y>| / (|A x| |y|) in f32: only the rounding of the sums. */
export const ADJOINT_TOLERANCE = 2e-5;

/**
 * |gpu - cpu| / max |cpu| of a tensor at the end of a small network, f32 against f64; worst 1.3e-5,
 * second moments after three steps, lavapipe 25.0.7.
 */
export const NETWORK_TOLERANCE = 5e-5;

/**
 * |got - want| / |want| of a depth between levels of fusing (src/distill/README.md), and of the
 * unfused level between f32 and f64.
 */
export const BIN_DEPTH_TOLERANCE = 1e-5;

/**
 * For |got - want| / |want| of the norm of each gradient and of each loss, between the same levels.
 */
export const BIN_GRADIENT_TOLERANCE = 1e-4;

/**
 * For |a - b| / max |b| of each output of one training step in f32 with other mappings: these add
 * in another order throughout the network. Equal to the bound that `check --network` allows for
 * gradients.
 */
export const STEP_TOLERANCE = 1e-3;

/**
 * |f16 - f32| / |f32| of a tensor's length, for outputs and gradients of a small block stored as
 * f16; a rounding is 4.9e-4 at most. Worst 1.0e-3, lavapipe 25.0.7.
 */
export const F16_NETWORK_TOLERANCE = 4e-3;

/** As ADJOINT_TOLERANCE, for products whose operands are rounded to f16. */
export const F16_ADJOINT_TOLERANCE = 1e-3;
