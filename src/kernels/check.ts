// Holds a kernel on the GPU against its reference in f64: equality, stray and missing stores, reads
// outside of its inputs and of what an output held, same bits twice, and that the reference leaves
// its inputs alone.
import type { Gpu } from "../gpu/device.ts";
import type { NumberArray } from "../tensor/array.ts";
import { formatShape, type Shape } from "../tensor/shape.ts";
import type { AnyKernel, Case } from "../engine/kernel.ts";
import { caseInputs } from "./random_inputs.ts";
import { prepareKernel, UNWRITTEN, type RunOptions } from "../engine/run.ts";
import { toleranceOf, type Tolerance } from "../engine/tolerance.ts";

/** The outcome of one case of one kernel. */
export interface CheckResult {
  readonly name: string;
  readonly case: string;
  readonly ok: boolean;
  readonly max_abs_error: number;
  /** Largest |got - want| / max |want| of the tensor. */
  readonly max_rel_error: number;
  /** What went wrong, with the worst element and its neighbours; empty when all is well. */
  readonly message: string;
}

/** A case with its inputs and what the reference makes of them: one for all mappings of a kernel. */
export interface PreparedCase {
  readonly problem: Case<string, unknown>;
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /** Null where the reference failed. */
  readonly want: Readonly<Record<string, Float64Array>> | null;
  readonly rounding: Readonly<Record<string, Float64Array>> | null;
  /** What is wrong with the reference. */
  readonly faults: readonly string[];
}

/** Draws the inputs of a case and runs the reference on them. */
export function prepareCase(kernel: AnyKernel, problem: Case<string, unknown>): PreparedCase {
  const { shapes, attributes } = problem;
  let inputs: Record<string, Float32Array> = {};
  try {
    inputs = caseInputs(kernel, problem);
    const wide = widen(inputs);
    const want = kernel.reference(wide, shapes, attributes) as Record<string, Float64Array>;
    const faults = Object.entries(inputs)
      .filter(([name, values]) => !values.every((value, i) => Object.is(value, wide[name][i])))
      .map(([name]) => `the reference changes its input ${name}`);
    const rounding = roundingAllowance(kernel, wide, shapes, attributes);
    return { problem, inputs, want, rounding, faults };
  } catch (error) {
    return { problem, inputs, want: null, rounding: null, faults: [(error as Error).message] };
  }
}

/**
 * Runs one case of a kernel on the GPU twice and compares it with the reference in f64. Accesses far
 * outside of a tensor are found where the device was opened with `clamp_indices`.
 */
export async function checkCase(
  gpu: Gpu,
  kernel: AnyKernel,
  problem: Case<string, unknown>,
  options: RunOptions = {},
): Promise<CheckResult> {
  return await checkPrepared(gpu, kernel, prepareCase(kernel, problem), options);
}

/** As `checkCase`, of a case that was prepared, maybe for another mapping of the kernel. */
export async function checkPrepared(
  gpu: Gpu,
  kernel: AnyKernel,
  { problem, inputs, want, rounding, faults: known }: PreparedCase,
  options: RunOptions = {},
): Promise<CheckResult> {
  const { name } = kernel.shader;
  const { shapes, attributes } = problem;
  let max_abs_error = 0;
  let max_rel_error = 0;
  const faults = [...known];
  try {
    const outputs: Record<string, Shape> = { ...shapes, ...kernel.shapes(shapes, attributes) };
    // Without what to compare with there is nothing to run for.
    const [got, again] =
      want === null ? [{}, {}] : await runTwice(gpu, kernel, inputs, shapes, attributes, options);
    for (const tensor of Object.keys(got)) {
      const compared = compareTensor(tensor, got[tensor], want?.[tensor], {
        rounding: rounding?.[tensor],
        tolerance: toleranceOf(name),
        shape: outputs[tensor],
      });
      max_abs_error = Math.max(max_abs_error, compared.max_abs_error);
      max_rel_error = Math.max(max_rel_error, compared.max_rel_error);
      if (compared.fault !== "") faults.push(compared.fault);
      const fault = difference(tensor, got[tensor], again[tensor]);
      if (fault !== "") faults.push(fault);
    }
  } catch (error) {
    faults.push((error as Error).message);
  }
  const message = faults.length === 0 ? "" : `${name}, case ${problem.name}: ${faults.join("; ")}`;
  return {
    name,
    case: problem.name,
    ok: faults.length === 0,
    max_abs_error,
    max_rel_error,
    message,
  };
}

/** Compares one changed tensor; `fault` says what differs. Throws where the reference lacks it. */
function compareTensor(
  tensor: string,
  got: Float32Array,
  want: Float64Array | undefined,
  allowed: {
    readonly rounding: Float64Array | undefined;
    readonly tolerance: Tolerance;
    readonly shape: Shape;
  },
): Comparison & { readonly fault: string } {
  if (want === undefined) throw new Error(`the reference does not return ${tensor}`);
  if (want.length !== got.length) {
    throw new Error(
      `the reference returns ${want.length} numbers as ${tensor}, its shape has ${got.length}`,
    );
  }
  const compared = compare(got, want, allowed.rounding, allowed.tolerance, allowed.shape);
  if (compared.bad === 0) return { ...compared, fault: "" };
  const unwritten = got.filter((v, i) => v === UNWRITTEN && want[i] !== UNWRITTEN).length;
  const why = unwritten === 0 ? "" : ` (${unwritten} were never written)`;
  const fault = `${tensor}: ${compared.bad} of ${want.length} elements differ${why}; ${compared.worst}`;
  return { ...compared, fault };
}

async function runTwice(
  gpu: Gpu,
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Float32Array>>,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
  options: RunOptions,
): Promise<[Record<string, Float32Array>, Record<string, Float32Array>]> {
  const prepared = await prepareKernel(gpu, kernel, inputs, shapes, attributes, options);
  try {
    // Once more on NaN: what an output held before must not matter, not even times 0.
    return [await prepared.run(), await prepared.run(NaN)];
  } finally {
    prepared.destroy();
  }
}

function widen(inputs: Readonly<Record<string, Float32Array>>): Record<string, Float64Array> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, values]) => [name, Float64Array.from(values)]),
  );
}

/**
 * n * 2^-24 * sum |terms| for each output of a sum: by the kernel's own rule, else the reference run
 * on absolute values.
 */
function roundingAllowance(
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Float64Array>>,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
): Record<string, Float64Array> | null {
  if (kernel.terms === undefined) return null;
  const absolute = (): Record<string, Float64Array> =>
    Object.fromEntries(
      Object.entries(inputs).map(([name, values]) => [name, values.map(Math.abs)]),
    );
  const sums = (kernel.magnitudes?.(inputs, shapes, attributes) ??
    kernel.reference(absolute(), shapes, attributes)) as Record<string, Float64Array>;
  const unit = kernel.terms(shapes, attributes) * 2 ** -24;
  return Object.fromEntries(
    Object.entries(sums).map(([name, s]) => [name, s.map((v) => v * unit)]),
  );
}

/** How far two tensors are apart, and the worst place as axes. */
export interface Comparison {
  readonly max_abs_error: number;
  readonly max_rel_error: number;
  readonly bad: number;
  readonly worst: string;
}

/**
 * Compares a result with what was expected; NaN is equal to NaN only, an infinity to itself only.
 */
export function compare(
  got: Float32Array,
  want: Float64Array,
  rounding: Float64Array | undefined,
  tolerance: Tolerance,
  shape: Shape,
): Comparison {
  let scale = 0;
  for (const value of want) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  let [max_abs_error, bad, worstExcess, worstAt] = [0, 0, -Infinity, 0];
  for (let i = 0; i < want.length; i++) {
    const [a, b] = [got[i], want[i]];
    if (Object.is(a, b) || a === b) continue;
    const error = Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) : Infinity;
    // an allowance that is not finite allows nothing
    const rounded = Number.isFinite(rounding?.[i]) ? rounding![i] : 0;
    const allowed = tolerance.atol + tolerance.rtol * Math.abs(b) + tolerance.sum * rounded;
    max_abs_error = Math.max(max_abs_error, error);
    const excess = error === Infinity ? Infinity : error / allowed;
    if (excess > 1) bad++;
    if (excess > worstExcess) [worstExcess, worstAt] = [excess, i];
  }
  return {
    max_abs_error,
    max_rel_error: max_abs_error === 0 ? 0 : max_abs_error / Math.max(scale, 1e-30),
    bad,
    worst: bad === 0 ? "" : describe(got, want, worstAt, shape),
  };
}

function describe(got: Float32Array, want: Float64Array, at: number, shape: Shape): string {
  const index: number[] = [];
  let rest = at;
  for (const axis of shape.toReversed()) {
    index.unshift(rest % axis);
    rest = Math.floor(rest / axis);
  }
  const near = (values: NumberArray): string =>
    [at - 1, at, at + 1]
      .filter((i) => i >= 0 && i < values.length)
      .map((i) => values[i].toPrecision(7))
      .join(", ");
  return `worst at ${formatShape(index)} of ${formatShape(shape)}: got ${got[at]}, want ${want[at]} (around it got ${near(got)}; want ${near(want)})`;
}

/** How two runs differ, the second of which began with NaN in the outputs; empty where they do not. */
function difference(tensor: string, got: Float32Array, again: Float32Array): string {
  const [x, y] = [got, again].map((v) => new Uint32Array(v.buffer, v.byteOffset, v.length));
  let [others, stale] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    // what was never written is told by the comparison with the reference
    if (x[i] === y[i] || (got[i] === UNWRITTEN && Number.isNaN(again[i]))) continue;
    if (Number.isNaN(again[i]) && !Number.isNaN(got[i])) stale++;
    else others++;
  }
  if (stale > 0) return `${tensor}: ${stale} elements depend on what ${tensor} held before the run`;
  return others === 0 ? "" : `${tensor}: two runs differ in their bits`;
}
