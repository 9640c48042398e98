// Checks a kernel on the GPU against its reference in f64: equality, missing and stray stores,
// reads outside its inputs and of an output's old content, the same bits twice and from a folded
// grid, and a reference that leaves its inputs unchanged.
import type { Gpu } from "../../gpu/device.ts";
import type { NumberArray } from "../../tensor/array.ts";
import { axesAt, formatShape, type Shape } from "../../tensor/shape.ts";
import { tensorFailure, type TensorFailure } from "../../engine/failure_table.ts";
import type { AnyKernel } from "../../engine/kernel.ts";
import { checkProblem, type Problem } from "../../engine/problem.ts";
import { caseInputs } from "./random_inputs.ts";
import {
  checkRunOptions,
  prepareKernel,
  UNWRITTEN,
  type PreparedKernel,
  type RunOptions,
} from "../../engine/run.ts";
import { toleranceOf, type Tolerance } from "../../engine/tolerance.ts";

/** The outcome of one case of one kernel. */
export interface CheckResult {
  readonly name: string;
  readonly case: string;
  readonly ok: boolean;
  readonly max_abs_error: number;
  /** Largest |got - want| / max |want| of the tensor. */
  readonly max_rel_error: number;
  /** The fault, with the worst element and its neighbours; empty if there is none. */
  readonly message: string;
  /** The tensors that differ from the reference; `failureLines` shows them as tables. */
  readonly failures: readonly TensorFailure[];
}

/** A case with its inputs and the reference's outputs, shared by all mappings of a kernel. */
export interface PreparedCase {
  readonly problem: Problem;
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /** Null if the reference failed. */
  readonly want: Readonly<Record<string, Float64Array>> | null;
  readonly rounding: Readonly<Record<string, Float64Array>> | null;
  /** The reference's faults. */
  readonly faults: readonly string[];
}

/** Draws the inputs of a case and runs the reference on them. */
export function prepareCase(kernel: AnyKernel, problem: Problem): PreparedCase {
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
 * Runs one case of a kernel on the GPU twice, and once more with its grid folded as large ones are,
 * and compares it with the reference in f64. Accesses far outside a tensor are found if the device was
 * opened with `clamp_indices`. Throws InputError for an unknown option or an unknown key of the
 * problem.
 */
export async function checkCase(
  gpu: Gpu,
  kernel: AnyKernel,
  problem: Problem,
  options: RunOptions = {},
): Promise<CheckResult> {
  checkRunOptions("checkCase", options);
  checkProblem("checkCase: problem", problem);
  return await checkPrepared(gpu, kernel, prepareCase(kernel, problem), options);
}

/**
 * As `checkCase`, for a case that was already prepared, perhaps for another mapping of the kernel.
 */
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
  const failures: TensorFailure[] = [];
  try {
    const outputs: Record<string, Shape> = { ...shapes, ...kernel.shapes(shapes, attributes) };
    // Without a reference there is nothing to compare, so the kernel does not run.
    const { got, again, folded } =
      want === null
        ? { got: {}, again: {}, folded: null }
        : await runAgain(gpu, kernel, inputs, shapes, attributes, options);
    for (const tensor of Object.keys(got)) {
      const compared = compareTensor(tensor, got[tensor], want?.[tensor], {
        rounding: rounding?.[tensor],
        tolerance: toleranceOf(name),
        shape: outputs[tensor],
      });
      max_abs_error = Math.max(max_abs_error, compared.max_abs_error);
      max_rel_error = Math.max(max_rel_error, compared.max_rel_error);
      if (compared.failure !== null) {
        faults.push(compared.message);
        failures.push(compared.failure);
      }
      const fault = difference(tensor, got[tensor], again[tensor]);
      if (fault !== "") faults.push(fault);
      else if (folded !== null && !sameBits(got[tensor], folded.outputs[tensor])) {
        faults.push(`${tensor}: other numbers from the grid folded to ${folded.grid}`);
      }
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
    failures,
  };
}

/** Compares one changed tensor. Throws if the reference does not return it. */
function compareTensor(
  tensor: string,
  got: Float32Array,
  want: Float64Array | undefined,
  allowed: {
    readonly rounding: Float64Array | undefined;
    readonly tolerance: Tolerance;
    readonly shape: Shape;
  },
): Comparison {
  if (want === undefined) throw new Error(`the reference does not return ${tensor}`);
  if (want.length !== got.length) {
    throw new Error(
      `the reference returns ${want.length} numbers as ${tensor}, its shape has ${got.length}`,
    );
  }
  return compare(tensor, got, want, allowed.rounding, allowed.tolerance, allowed.shape);
}

/** The outputs of a kernel in several runs. */
interface Runs {
  readonly got: Record<string, Float32Array>;
  /** With NaN in the outputs before. */
  readonly again: Record<string, Float32Array>;
  /** With the grid folded as that of a large tensor; null if it does not fold. */
  readonly folded: {
    readonly grid: string;
    readonly outputs: Record<string, Float32Array>;
  } | null;
}

async function runAgain(
  gpu: Gpu,
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Float32Array>>,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
  options: RunOptions,
): Promise<Runs> {
  const prepared = await prepareKernel(gpu, kernel, inputs, shapes, attributes, options);
  try {
    const got = await prepared.run();
    // Once more on NaN: the old content of an output must not matter, not even times 0.
    const again = await prepared.run(NaN);
    return { got, again, folded: await runFolded(prepared) };
  } finally {
    prepared.destroy();
  }
}

async function runFolded({ dispatch, folded, run }: PreparedKernel): Promise<Runs["folded"]> {
  const grid = folded.join(" x ");
  if (grid === dispatch.grid.join(" x ")) return null;
  try {
    return { grid, outputs: await run(UNWRITTEN, folded) };
  } catch (error) {
    throw new Error(`${(error as Error).message}, with the grid folded to ${grid}`, {
      cause: error,
    });
  }
}

function widen(inputs: Readonly<Record<string, Float32Array>>): Record<string, Float64Array> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, values]) => [name, Float64Array.from(values)]),
  );
}

/**
 * n * 2^-24 * sum |terms| for each output of a sum: by the kernel's own rule, else from the
 * reference run on absolute values.
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

/** The difference of two tensors. */
export interface Comparison {
  readonly max_abs_error: number;
  readonly max_rel_error: number;
  /** The elements that differ by more than allowed; null if there are none. */
  readonly failure: TensorFailure | null;
  /** The failure in one line, with the worst element and its neighbours; else empty. */
  readonly message: string;
}

/** Compares a result with the expected one; NaN equals only NaN, and an infinity only itself. */
export function compare(
  tensor: string,
  got: Float32Array,
  want: Float64Array,
  rounding: Float64Array | undefined,
  tolerance: Tolerance,
  shape: Shape,
): Comparison {
  let scale = 0;
  for (const value of want) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  // an allowance that is not finite allows nothing
  const allowed = (i: number): number =>
    tolerance.atol +
    tolerance.rtol * Math.abs(want[i]) +
    tolerance.sum * (Number.isFinite(rounding?.[i]) ? rounding![i] : 0);
  const excess = (i: number): number => {
    const error = errorOf(got[i], want[i]);
    return error === 0 || error === Infinity ? error : error / allowed(i);
  };
  const isBad = (i: number): boolean => excess(i) > 1;
  let [max_abs_error, count, first, last, worst, worstExcess] = [0, 0, -1, -1, 0, 0];
  for (let i = 0; i < want.length; i++) {
    const error = errorOf(got[i], want[i]);
    if (error === 0) continue;
    max_abs_error = Math.max(max_abs_error, error);
    const beyond = excess(i);
    if (beyond > worstExcess) [worstExcess, worst] = [beyond, i];
    if (beyond <= 1) continue;
    if (count === 0) first = i;
    last = i;
    count++;
  }
  const max_rel_error = max_abs_error === 0 ? 0 : max_abs_error / Math.max(scale, 1e-30);
  if (count === 0) return { max_abs_error, max_rel_error, failure: null, message: "" };
  const bad = { count, first, last, worst, isBad };
  const failure = tensorFailure(tensor, shape, { got, want }, bad);
  const { unwritten } = failure;
  const why = unwritten === 0 ? "" : ` (${unwritten} were never written)`;
  const message = `${tensor}: ${count} of ${want.length} elements differ${why}; ${describe(got, want, worst, shape)}`;
  return { max_abs_error, max_rel_error, failure, message };
}

/** |got - want|: 0 for equal numbers, NaN and infinities too; Infinity if only one is finite. */
function errorOf(got: number, want: number): number {
  if (Object.is(got, want) || got === want) return 0;
  return Number.isFinite(got) && Number.isFinite(want) ? Math.abs(got - want) : Infinity;
}

function describe(got: Float32Array, want: Float64Array, at: number, shape: Shape): string {
  const near = (values: NumberArray): string =>
    [at - 1, at, at + 1]
      .filter((i) => i >= 0 && i < values.length)
      .map((i) => values[i].toPrecision(7))
      .join(", ");
  return `worst at ${formatShape(axesAt(at, shape))} of ${formatShape(shape)}: got ${got[at]}, want ${want[at]} (around it got ${near(got)}; want ${near(want)})`;
}

function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const other = bitsOf(b);
  return bitsOf(a).every((word, i) => word === other[i]);
}

/** The difference of two runs, the second of which began with NaN in the outputs; empty if none. */
function difference(tensor: string, got: Float32Array, again: Float32Array): string {
  const [x, y] = [got, again].map(bitsOf);
  let [others, stale] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    // the comparison with the reference reports elements that were never written
    if (x[i] === y[i] || (got[i] === UNWRITTEN && Number.isNaN(again[i]))) continue;
    if (Number.isNaN(again[i]) && !Number.isNaN(got[i])) stale++;
    else others++;
  }
  if (stale > 0) return `${tensor}: ${stale} elements depend on what ${tensor} held before the run`;
  return others === 0 ? "" : `${tensor}: two runs differ in their bits`;
}
