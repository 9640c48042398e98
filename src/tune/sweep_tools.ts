// The GPU work of a sweep: compiles and checks a candidate, times it quickly, and compares it with
// the rule, interleaved.
import type { AnyKernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { prepareKernel, type PreparedKernel } from "../engine/run.ts";
import { batchFor, timeHot } from "../measure/clock.ts";
import { measurePair, type Bench, type Prepared } from "../measure/measure.ts";
import { makeChecker, timedInputs } from "../measure/problems.ts";
import { compileFault } from "../measure/shader_source.ts";
import { median } from "../measure/statistics.ts";
import type { SweepTools } from "./sweep.ts";

// Samples of a quick time, and the number after which a candidate far above the best is dropped.
const SAMPLES = 9;
const SAMPLES_TO_DROP = 3;
const DROPPED = 1.3;
// A candidate that far above it is dropped after its first run, which may be slower than the next.
const DROPPED_AT_ONCE = 4;
const QUICK_MS = 500;

/** The change of time from which a candidate counts as faster than the rule. */
export const FASTER = 0.03;

/**
 * The tools of a sweep on the adapter of `bench`; with `own`, candidates are compared with their
 * reference on their kernel's cases instead of the problem.
 */
export function sweepTools(bench: Bench, threshold: number = FASTER, own = false): SweepTools {
  const { gpu } = bench;
  const checker = makeChecker(gpu);
  const inputsOf = lastInputs();
  const prepare = async (kernel: AnyKernel, problem: Problem): Promise<PreparedKernel> => {
    const { shapes, attributes } = problem;
    return await prepareKernel(gpu, kernel, inputsOf(kernel, problem), shapes, attributes);
  };
  return {
    check: async (kernel, problem) => {
      const fault = await compileFault(gpu, { kernel, fault: "" }, problem);
      if (fault !== "") return fault;
      return (await (own ? checker.checkOwn(kernel) : checker.check(kernel, problem))).error;
    },
    time: async (kernel, problem, best_ms) => {
      const prepared = await prepare(kernel, problem);
      try {
        return await quickTime(bench, prepared, best_ms);
      } finally {
        prepared.destroy();
      }
    },
    compare: async (rule, best, problem) => {
      const kernels: PreparedKernel[] = [];
      try {
        for (const kernel of [rule, best]) kernels.push(await prepare(kernel, problem));
        const [first, second] = kernels;
        const { a, b, comparison } = await measurePair(bench, [first, second], threshold);
        if (!a.trusted || !b.trusted) return null;
        return { comparison, pairs: a.samples_ms.length };
      } finally {
        for (const kernel of kernels) kernel.destroy();
      }
    },
  };
}

/** A quick time of a kernel; `dropped` once it is clearly far above `best_ms`. */
export async function quickTime(
  { gpu, quantum_ns }: Bench,
  kernel: Prepared,
  best_ms: number,
): Promise<{ time_ms: number; dropped: boolean }> {
  const first_ms = await timeHot(gpu, kernel, 1);
  if (first_ms > DROPPED_AT_ONCE * best_ms) return { time_ms: first_ms, dropped: true };
  const batch = batchFor(await timeHot(gpu, kernel, 1), quantum_ns);
  const samples_ms: number[] = [];
  const end = performance.now() + QUICK_MS;
  while (samples_ms.length < SAMPLES) {
    samples_ms.push(await timeHot(gpu, kernel, batch));
    if (samples_ms.length < SAMPLES_TO_DROP) continue;
    const time_ms = median(samples_ms);
    if (time_ms > DROPPED * best_ms) return { time_ms, dropped: true };
    if (performance.now() > end) break;
  }
  return { time_ms: median(samples_ms), dropped: false };
}

/** The inputs of a problem, made once for all its consecutive mappings. */
function lastInputs(): typeof timedInputs {
  let last: { readonly problem: Problem; readonly inputs: Record<string, Float32Array> } | null =
    null;
  return (kernel, problem) => {
    if (last?.problem !== problem) last = { problem, inputs: timedInputs(kernel, problem) };
    return last.inputs;
  };
}
