// What is not finite comes out: NaN and both infinities at the first, the middle and the last
// element of each input of each kernel, on the adapter, compared with the reference in f64 element
// by element. Two lists say where a kernel may differ, and why.
import { expect, test } from "vitest";
import { compare, prepareCase } from "../../src/kernels/check/check.ts";
import type { AnyKernel } from "../../src/engine/kernel.ts";
import type { Problem } from "../../src/engine/problem.ts";
import { canRun } from "../../src/engine/mapping.ts";
import { kernels } from "../../src/kernels/kernels.ts";
import { runKernel } from "../../src/engine/run.ts";
import { toleranceOf } from "../../src/engine/tolerance.ts";
import { size, type Shape } from "../../src/tensor/shape.ts";
import { gpu } from "../support/gpu.ts";

const OUTSIDE = "what lies outside the image or a tile counts as 0, and 0 times infinity is NaN";
const SHIFTED = "takes differences to a first value, and infinity less infinity is NaN";
const UNDERFLOW = "a weight that rounds to 0 in f32 times infinity is NaN";
const EXPONENTIAL = "the exponential of NaN is infinite on some adapters";
const POINTS = "a point that is 0 counts as a factor, and 0 times infinity is NaN";
const HIDDEN = "a row without a finite logit has NaN for its maximum";

/**
 * Kernels, with their mappings, that may have NaN where the reference has an infinity or a number,
 * or an infinity where it has NaN.
 * Where the reference is not finite, they must not be finite either.
 */
const MAY_SPREAD: Readonly<Record<string, string>> = {
  attention: OUTSIDE,
  attention_grad_kv: OUTSIDE,
  attention_grad_q: OUTSIDE,
  bin_decode: HIDDEN,
  bin_decode_grad_centers: EXPONENTIAL,
  bin_decode_grad_centers_slabs: EXPONENTIAL,
  bin_decode_grad_logits: EXPONENTIAL,
  bin_distill: UNDERFLOW,
  bin_distill_binomial: UNDERFLOW,
  bin_distill_grad: EXPONENTIAL,
  bin_distill_grad_binomial: UNDERFLOW,
  bin_distill_grad_binomial_slabs: EXPONENTIAL,
  bin_head: HIDDEN,
  bin_head_grad_features: EXPONENTIAL,
  bin_head_grad_weight: OUTSIDE,
  bin_kl: HIDDEN,
  bin_pool_grad: "multiplies the sum over bins by the mask, not each of its terms",
  bin_kl_grad: "its two probabilities are multiplied by the weight before they are subtracted",
  conv2d: OUTSIDE,
  conv2d_grad_input: OUTSIDE,
  conv2d_grad_weight: OUTSIDE,
  masked_pool_grad: "multiplies the sum over cells by the mask, not each of its terms",
  norm_partial: SHIFTED,
  norm_statistics: SHIFTED,
  reduce_grad: EXPONENTIAL,
  resize_bilinear: SHIFTED,
  silog: SHIFTED,
  silog_finish: SHIFTED,
  silog_grad: "takes the logarithm of a quotient, not two logarithms",
  view_relation_fused: OUTSIDE,
  view_relation_fused_grad: OUTSIDE,
  view_relation_grad: OUTSIDE,
  view_relation_softmax: HIDDEN,
  view_relation_softmax_grad: EXPONENTIAL,
  view_relation_weighted: OUTSIDE,
  view_relation_weighted_grad: OUTSIDE,
  winograd_grad_weight: POINTS,
  winograd_slopes: POINTS,
};

const UNREAD = "is not read where no window or tap reaches it";
const PLACE = "a place outside the axis counts as none";
const SLICE = "is not read outside its slice";
const SLOPE = "does not enter the derivative of some functions";
const FLAG = "says which elements count: above 0 or not";
const KEYS = "is not read where a mask or the order of tokens hides it";
const NOT_USED = "holds numbers of which some are not used";
const STOPPED = "does not enter where the gradient to the probabilities is stopped";
const PART = "does not enter the gradients that the case asks for";

/** Inputs whose NaN may stay without effect, by kernel (with its mappings), and why. */
const MAY_ABSORB: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  adamw: { scalars: NOT_USED },
  argmax: { x: "is compared; the result is a place" },
  attention: { k: KEYS, v: KEYS, mask: KEYS },
  attention_grad_kv: { k: KEYS, v: KEYS, mask: KEYS, stats: KEYS, d_y: KEYS },
  attention_grad_q: { k: KEYS, v: KEYS, mask: KEYS, stats: KEYS, d_y: KEYS },
  bin_distill: { teacher: NOT_USED },
  bin_distill_binomial: { teacher: NOT_USED },
  bin_distill_factors: { depth: PART, scale: PART },
  bin_distill_grad: { centers: STOPPED, factors: STOPPED, teacher: NOT_USED },
  bin_distill_grad_binomial: {
    centers: STOPPED,
    factors: NOT_USED,
    rows: NOT_USED,
    teacher: NOT_USED,
  },
  bin_distill_grad_binomial_slabs: { factors: NOT_USED, rows: NOT_USED, teacher: NOT_USED },
  bin_kl: { usable: FLAG },
  bin_kl_grad: Object.fromEntries(
    ["usable", "student", "teacher", "statistics", "count", "d_loss"].map((name) => [name, FLAG]),
  ),
  bin_pool: { rows: NOT_USED, log_choose: FLAG },
  bin_pool_grad: { rows: NOT_USED, d_tokens: FLAG },
  binary: { a: "comparisons give 0 or 1, by IEEE 754", b: "comparisons give 0 or 1, by IEEE 754" },
  binary_grad: { a: SLOPE, b: SLOPE },
  binomial_pack: { log_choose: "only says which bin is the highest; decoding reads it again" },
  conv2d: { x: UNREAD },
  conv2d_grad_weight: { x: UNREAD },
  depth_error: { valid: FLAG },
  depth_error_grad: { valid: FLAG },
  depth_error_peak: { valid: FLAG },
  dropout: { scalars: NOT_USED },
  gather: { x: "is not read at places that no index names" },
  gather_grad: { indices: PLACE, d_y: PLACE },
  grad_norm: { gradients: "is counted; grad_norm_finish reports it as not finite" },
  grad_norm_finish: { partials: "is reported as not finite" },
  masked_mean: { mask: FLAG },
  masked_mean_grad: { mask: FLAG, count: FLAG, d_mean: FLAG },
  masked_pool: { x: FLAG },
  masked_pool_grad: { mask: FLAG, d_tokens: FLAG },
  norm_grad_input: {
    x: "does not enter with fixed statistics",
    mean: "does not enter with fixed statistics",
    group_sum: "does not enter with fixed statistics",
    group_dot: "does not enter with fixed statistics",
  },
  norm_fused_grad_input: { beta: SLOPE, d_a: SLICE, d_b: SLICE },
  norm_fused_grad_sums: { beta: SLOPE, gamma: SLOPE, d_a: SLICE, d_b: SLICE },
  norm_statistics: { slab_mean: NOT_USED, slab_m2: NOT_USED },
  pool_average: { x: UNREAD },
  pool_average_grad: { d_y: UNREAD },
  pool_max: { x: UNREAD },
  pool_max_grad: { x: "chooses where d_y goes", y: "chooses where d_y goes", d_y: UNREAD },
  reduce_grad: { x: SLOPE, y: SLOPE },
  reduce_grad_product: { x: "does not enter its own derivative" },
  resize_bilinear: { x: UNREAD },
  resize_nearest: { x: UNREAD },
  resize_nearest_grad: { d_y: SLICE },
  scale_by: { scalars: NOT_USED },
  sgd: { scalars: NOT_USED },
  silog: { valid: FLAG },
  silog_grad: { valid: FLAG, statistics: NOT_USED },
  slice_sum: { a: SLICE, b: SLICE, c: SLICE, d: SLICE },
  strided_read: { x: UNREAD },
  unary_grad: { x: SLOPE },
  winograd_grad_weight: { d_weight: "is replaced by the first part of a sum" },
  winograd_image: { x: UNREAD },
  winograd_output: {
    products: "serves only outputs beyond the edge, in ragged tiles",
    y: "is overwritten",
  },
  winograd_slopes: { d_y: UNREAD },
};

/** Elements of an input that are whole numbers which say where to read. */
function isIndex(input: string, i: number, attributes: unknown): boolean {
  const { teacher } = { teacher: "", ...(attributes as object | undefined) };
  const isPacked = input === "rows" || (input === "teacher" && teacher === "binomial");
  return isPacked && i % 5 === 2; // the bin of the highest logit of a pixel
}

/** The kernel whose mapping `kernel` is, or itself. */
function baseOf(kernel: AnyKernel): string {
  const { name } = kernel.shader;
  const isBase = (other: AnyKernel): boolean =>
    other.variants?.().some(({ shader }) => shader.name === name) ?? false;
  return kernels.find(isBase)?.shader.name ?? name;
}

/**
 * One case of each set of attributes and of optional inputs, the smallest with something to do; the
 * three smallest of a further mapping.
 */
function casesOf(kernel: AnyKernel): Problem[] {
  const smallest = new Map<string, Problem>();
  const elements = ({ shapes }: Problem): number =>
    Object.values(shapes).reduce((sum, shape) => sum + size(shape), 0);
  for (const problem of kernel.cases as readonly Problem[]) {
    const { attributes } = problem;
    const shapes: Readonly<Record<string, Shape>> = problem.shapes;
    if (!canRun(kernel, gpu.facts, shapes, attributes)) continue;
    const names = Object.keys(shapes).filter((name) => size(shapes[name]) === 0);
    // [0] is an optional input that is left out, another empty shape a problem of no elements
    if (names.some((name) => shapes[name].length > 1)) continue;
    if (names.length === Object.keys(shapes).length || names.includes("parameters")) continue;
    const key = JSON.stringify([attributes, kernel.overrides?.(shapes, attributes), names]);
    const known = smallest.get(key);
    if (known === undefined || elements(problem) < elements(known)) smallest.set(key, problem);
  }
  const cases = [...smallest.values()].toSorted((a, b) => elements(a) - elements(b));
  return baseOf(kernel) === kernel.shader.name ? cases : cases.slice(0, 3);
}

const kindOf = (v: number): string => (Number.isFinite(v) ? "a number" : String(v));

/** What is wrong with one tensor, "" when nothing is. */
function faultOf(
  kernel: AnyKernel,
  tensor: string,
  got: Float32Array,
  want: Float64Array,
  rounding: Float64Array | undefined,
  shape: Shape,
): string {
  const spreads = baseOf(kernel) in MAY_SPREAD;
  // where both are of one kind, or may differ, there is nothing left to compare
  const rest = want.slice();
  for (let i = 0; i < want.length; i++) {
    const [mine, theirs] = [kindOf(got[i]), kindOf(want[i])];
    if (mine === "a number" && theirs === "a number") continue;
    if (mine !== theirs && (mine === "a number" || !spreads)) {
      return `${tensor}: element ${i} is ${got[i]}, expected ${want[i]}`;
    }
    rest[i] = got[i];
  }
  return compare(tensor, got, rest, rounding, toleranceOf(kernel.shader.name), shape).message;
}

/** Runs `problem` with `value` at one place of one input; what is wrong, and whether it came out. */
async function probe(
  kernel: AnyKernel,
  { problem, inputs, rounding }: ReturnType<typeof prepareCase>,
  input: string,
  place: number,
  value: number,
): Promise<{ readonly faults: string[]; readonly reached: boolean }> {
  const { shapes, attributes } = problem;
  const changed: Record<string, Float32Array> = { ...inputs, [input]: inputs[input].slice() };
  changed[input][place] = value;
  const wide = Object.fromEntries(
    Object.entries(changed).map(([name, values]) => [name, Float64Array.from(values)]),
  );
  const want = kernel.reference(wide, shapes, attributes) as Record<string, Float64Array>;
  const got = await runKernel(gpu, kernel, changed, shapes, attributes);
  const outputs: Record<string, Shape> = { ...shapes, ...kernel.shapes(shapes, attributes) };
  const faults: string[] = [];
  for (const [tensor, values] of Object.entries(got)) {
    const fault = faultOf(
      kernel,
      tensor,
      values,
      want[tensor],
      rounding?.[tensor],
      outputs[tensor],
    );
    if (fault !== "") {
      faults.push(`${problem.name}: ${input}[${place}] = ${value}: ${fault}`);
    }
  }
  const reached = Object.values(want).some((values) => !values.every(Number.isFinite));
  return { faults, reached };
}

/** Inputs that swallowed a NaN. */
const absorbing = new Map<string, Set<string>>();

for (const kernel of kernels) {
  const { name, features } = kernel.shader;
  const able = features.every((feature) => gpu.facts.features.has(feature));
  test.skipIf(!able)(`${name} passes on what is not finite`, async () => {
    const allowed = MAY_ABSORB[baseOf(kernel)] ?? {};
    const absorbed = absorbing.get(baseOf(kernel)) ?? new Set<string>();
    absorbing.set(baseOf(kernel), absorbed);
    const faults: string[] = [];
    for (const problem of casesOf(kernel)) {
      const prepared = prepareCase(kernel, problem);
      for (const [input, { length }] of Object.entries(prepared.inputs)) {
        const places = new Set([0, length >> 1, length - 1].filter((place) => place < length));
        for (const place of length === 0 ? [] : places) {
          if (isIndex(input, place, problem.attributes)) continue;
          for (const value of [NaN, Infinity, -Infinity]) {
            const seen = await probe(kernel, prepared, input, place, value);
            faults.push(...seen.faults);
            // what an infinity comes to is the reference's affair: many functions have a limit
            if (seen.reached || !Number.isNaN(value)) continue;
            absorbed.add(input);
            if (!(input in allowed)) {
              faults.push(`${problem.name}: NaN in ${input}[${place}] reaches no output`);
            }
          }
        }
      }
    }
    expect(faults.slice(0, 5)).toEqual([]);
  });
}

test("every entry of the lists is needed and names a kernel", () => {
  const bases = new Set(kernels.map(baseOf));
  const unknown = [...Object.keys(MAY_SPREAD), ...Object.keys(MAY_ABSORB)].filter(
    (name) => !bases.has(name),
  );
  expect(unknown).toEqual([]);
  const idle = Object.entries(MAY_ABSORB).flatMap(([name, inputs]) =>
    Object.keys(inputs)
      .filter((input) => absorbing.has(name) && !absorbing.get(name)!.has(input))
      .map((input) => `${name}: ${input}`),
  );
  expect(idle).toEqual([]);
});
