// One kernel on one problem, checked before it may be timed.
import type { Gpu } from "../gpu/device.ts";
import { checkPrepared, prepareCase, type PreparedCase } from "../kernels/check/check.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { caseInputs } from "../kernels/check/random_inputs.ts";
import { prepareKernel, type PreparedKernel } from "../engine/run.ts";
import { canRun } from "../engine/mapping.ts";

/** The inputs that a kernel is timed on. */
export function timedInputs(kernel: AnyKernel, problem: Problem): Record<string, Float32Array> {
  const inputs = caseInputs(kernel, problem);
  if (problem.zeros === true) for (const values of Object.values(inputs)) values.fill(0);
  return inputs;
}

/** Uploads the inputs that a kernel is timed on and prepares its dispatch. */
export async function prepareProblem(
  gpu: Gpu,
  kernel: AnyKernel,
  problem: Problem,
): Promise<PreparedKernel> {
  const { shapes, attributes } = problem;
  return await prepareKernel(gpu, kernel, timedInputs(kernel, problem), shapes, attributes);
}

/** The result of a kernel's check. */
export interface Checked {
  /**
   * The cases that were compared with a reference: this problem, or the kernel's own; none if there
   * is no reference.
   */
  readonly checked: "case" | "kernel" | "none";
  /** The fault of the output; empty if it is correct. */
  readonly error: string;
}

// The plain loops of the reference take minutes on a larger problem.
const CHECKED_FLOPS = 2e8;

/** Checks kernels before they are timed; the cases of a kernel run only once. */
export interface Checker {
  readonly check: (kernel: AnyKernel, problem: Problem) => Promise<Checked>;
  /** The same with the kernel's own cases, whatever the problem. */
  readonly checkOwn: (kernel: AnyKernel) => Promise<Checked>;
}

/** Makes a checker. */
export function makeChecker(gpu: Gpu): Checker {
  const known = new Map<AnyKernel, string>();
  const prepare = preparer();
  const checkOwn = async (kernel: AnyKernel): Promise<Checked> => {
    let error = known.get(kernel);
    if (error === undefined) {
      error = await checkKernel(gpu, kernel);
      known.set(kernel, error);
    }
    return { checked: "kernel", error };
  };
  return {
    checkOwn,
    check: async (kernel, problem) => {
      if (kernel.cost(problem.shapes, problem.attributes).flops <= CHECKED_FLOPS) {
        return { checked: "case", error: await faultOf(gpu, kernel, prepare(kernel, problem)) };
      }
      return await checkOwn(kernel);
    },
  };
}

/**
 * Prepares cases; consecutive mappings of one kernel share them, because the reference takes longer
 * than the mappings do.
 */
function preparer(): typeof prepareCase {
  let last: { readonly kernel: AnyKernel; readonly prepared: PreparedCase } | null = null;
  return (kernel, problem) => {
    const same =
      last?.prepared.problem === problem &&
      last.kernel.reference === kernel.reference &&
      last.kernel.terms === kernel.terms;
    if (last === null || !same) last = { kernel, prepared: prepareCase(kernel, problem) };
    return last.prepared;
  };
}

/** Whether this adapter can run the kernel on the problem. */
export function isRunnable({ facts }: Gpu, kernel: AnyKernel, problem: Problem): boolean {
  return canRun(kernel, facts, problem.shapes, problem.attributes);
}

/** The fault of a case on the device that times it, else on the one that clamps indices. */
async function faultOf(gpu: Gpu, kernel: AnyKernel, prepared: PreparedCase): Promise<string> {
  const { message } = await checkPrepared(gpu, kernel, prepared);
  const { clamped } = gpu;
  if (message !== "" || clamped === undefined) return message;
  return (await checkPrepared(clamped, kernel, prepared)).message;
}

/** The first fault in the kernel's own cases, or that none of them can run here; else "". */
export async function checkKernel(gpu: Gpu, kernel: AnyKernel): Promise<string> {
  // A mapping that the rule reserves for other adapters must be correct here too.
  const cases = kernel.cases.filter(({ shapes, attributes }) =>
    canRun(kernel, gpu.facts, shapes, attributes),
  );
  if (cases.length === 0)
    return `${kernel.shader.name}: none of its own problems runs on this adapter`;
  for (const problem of cases) {
    const message = await faultOf(gpu, kernel, prepareCase(kernel, problem));
    if (message !== "") return message;
  }
  return "";
}
