// One profile: every kernel on every problem is compiled, checked, then timed; a wrong kernel gets
// its error instead of a time.
import type { Problem } from "../engine/problem.ts";
import type { Gpu } from "../gpu/device.ts";
import { shaderText } from "../engine/shader_text.ts";
import { shaderHash } from "./environment.ts";
import {
  measureCold,
  measureHot,
  measurePair,
  nullIfInterrupted,
  type Bench,
  type PairTiming,
} from "./measure.ts";
import { makeChecker, prepareProblem, type Checked, type Checker } from "./problems.ts";
import type { ProfileRow } from "./saved_run.ts";
import { compileFault, type SourcedKernel } from "./shader_source.ts";

/** A kernel and the problem to time it on. */
export interface Target extends SourcedKernel {
  readonly problem: Problem;
}

/**
 * Checks and times the targets in order; with `hot`, times with warm caches too. Once the bench is
 * interrupted it returns the complete rows.
 */
export async function profileTargets(
  bench: Bench,
  targets: readonly Target[],
  hot: boolean,
  progress: (line: string) => void,
): Promise<ProfileRow[]> {
  const checker = makeChecker(bench.gpu);
  const rows: ProfileRow[] = [];
  for (const [i, target] of targets.entries()) {
    const { kernel, problem } = target;
    progress(`${i + 1}/${targets.length} ${kernel.shader.name}, ${problem.name}`);
    if (bench.signal?.aborted === true) break;
    const row = await profileTarget(bench, checker, target, hot).catch(nullIfInterrupted);
    if (row === null) break;
    rows.push(row);
  }
  return rows;
}

/** Two kernels on one problem: the fault of either, else their interleaved times. */
export interface PairRow {
  readonly case: string;
  readonly error: string;
  readonly timing: PairTiming | null;
}

/** Checks two kernels on each problem and times them interleaved. */
export async function profilePair(
  bench: Bench,
  kernels: readonly [SourcedKernel, SourcedKernel],
  problems: readonly Problem[],
  threshold: number,
  progress: (line: string) => void,
): Promise<PairRow[]> {
  const checker = makeChecker(bench.gpu);
  const rows: PairRow[] = [];
  for (const [i, problem] of problems.entries()) {
    progress(`${i + 1}/${problems.length} ${problem.name}`);
    const errors: string[] = [];
    for (const kernel of kernels) {
      errors.push((await checkTarget(bench.gpu, checker, { ...kernel, problem })).error);
    }
    const error = errors.filter((text) => text !== "").join("; ");
    const timing = error === "" ? await timePair(bench, kernels, problem, threshold) : null;
    rows.push({ case: problem.name, error, timing });
  }
  return rows;
}

async function profileTarget(
  bench: Bench,
  checker: Checker,
  target: Target,
  hot: boolean,
): Promise<ProfileRow> {
  const { kernel, problem } = target;
  const { flops, bytes } = kernel.cost(problem.shapes, problem.attributes);
  const found = await checkTarget(bench.gpu, checker, target);
  const row = {
    kernel: kernel.shader.name,
    case: problem.name,
    shader_hash: shaderHash(shaderText(kernel.shader)),
    ...found,
    flops,
    bytes,
  };
  if (found.error !== "") return { ...row, cold: null, hot: null };
  const prepared = await prepareProblem(bench.gpu, kernel, problem);
  try {
    return {
      ...row,
      cold: bench.flush === null ? null : await measureCold(bench, prepared, bench.flush),
      hot: hot ? await measureHot(bench, prepared) : null,
    };
  } finally {
    prepared.destroy();
  }
}

async function timePair(
  bench: Bench,
  [a, b]: readonly [SourcedKernel, SourcedKernel],
  problem: Problem,
  threshold: number,
): Promise<PairTiming> {
  const first = await prepareProblem(bench.gpu, a.kernel, problem);
  try {
    const second = await prepareProblem(bench.gpu, b.kernel, problem);
    try {
      return await measurePair(bench, [first, second], threshold);
    } finally {
      second.destroy();
    }
  } finally {
    first.destroy();
  }
}

/** The fault of a kernel: a compile error, else a wrong result. */
async function checkTarget(gpu: Gpu, checker: Checker, target: Target): Promise<Checked> {
  const { kernel, problem } = target;
  const error = await compileFault(gpu, target, problem);
  if (error !== "") return { checked: "case", error };
  return await checker.check(kernel, problem);
}
