// The brief profile: each problem once, with the mapping that this adapter runs, on warm caches and
// without ceilings.
import type { KernelProblem } from "../../engine/kernel.ts";
import { canRun, mappingsOf } from "../../engine/mapping.ts";
import { chooseVariant, problemKey } from "../../engine/tuning.ts";
import type { Gpu } from "../../gpu/device.ts";
import type { Bench, MeasureSettings } from "../../measure/measure.ts";
import { makeChecker } from "../../measure/problems.ts";
import { profileTargets, type Target } from "../../measure/run_profile.ts";
import { kernelOnDisk, type SourcedKernel } from "../../measure/shader_source.ts";
import type { ProfileRow } from "../../measure/saved_run.ts";
import { summarizeTiming, type TimingSummary } from "../../measure/summary.ts";
import { familyOf } from "./preset.ts";
import { chooseTargets, type ProblemChoice } from "./targets.ts";

/** How long each row is measured unless the command line says otherwise. */
export const BRIEF: MeasureSettings = { time_s: 0.2, min_samples: 15, noise: 0.02, timeout_s: 1 };

/** One problem in a brief profile. */
export interface BriefRow {
  readonly case: string;
  readonly kernel: string;
  readonly time: TimingSummary | null;
  readonly gflops: number | null;
  readonly gbytes: number | null;
  /**
   * The cases that were compared with a reference: this one, or the kernel's own; none if there is
   * no reference.
   */
  readonly checked: "case" | "kernel" | "none";
  /** The fault of the output; empty if it is correct. */
  readonly error: string;
}

/** Each problem of a base kernel with the mapping that the rule picks on this adapter. */
export function ruleTargets({ facts }: Gpu, problems: readonly KernelProblem[]): Target[] {
  // One object per kernel: its own cases are checked once.
  const onDisk = new Map<string, SourcedKernel>();
  return problems.map((problem) => {
    const chosen = chooseVariant(problem.kernel, facts, problem.shapes, problem.attributes);
    const { name } = chosen.shader;
    const sourced = onDisk.get(name) ?? kernelOnDisk(chosen);
    onDisk.set(name, sourced);
    return { ...sourced, problem };
  });
}

/**
 * The targets of `profile --brief`. A kernel stands for all its mappings; a mapping that is named in
 * full is timed itself. Throws InputError if no kernel or no problem has the requested names.
 */
export async function briefTargets(
  gpu: Gpu,
  globs: readonly string[],
  choice: ProblemChoice,
): Promise<Target[]> {
  const all = await chooseTargets(gpu, globs, choice);
  const isNamed = ({ kernel }: Target): boolean =>
    familyOf(kernel).shader.name !== kernel.shader.name && globs.includes(kernel.shader.name);
  const problems = new Map<string, KernelProblem>();
  for (const { kernel, problem } of all.filter((target) => !isNamed(target))) {
    const base = familyOf(kernel);
    const key = problemKey(base, problem.shapes, problem.attributes);
    problems.set(`${key} ${problem.name}`, { ...problem, kernel: base });
  }
  return [...ruleTargets(gpu, [...problems.values()]), ...all.filter(isNamed)];
}

/**
 * Times every target on warm caches, as `ringdepth profile --hot` does. A kernel and its other
 * mappings are first checked on their own cases: a bench has training sizes and may miss a wrong
 * branch, and which mapping runs depends on the adapter.
 * Once the bench is interrupted it returns the complete rows.
 */
export async function briefRows(
  bench: Bench,
  targets: readonly Target[],
  progress: (line: string) => void,
): Promise<BriefRow[]> {
  const checker = makeChecker(bench.gpu);
  const checked: Target[] = [];
  for (const target of targets) {
    const { shapes, attributes } = target.problem;
    if (bench.signal?.aborted === true) break;
    let { fault } = target;
    for (const mapping of [target.kernel, ...mappingsOf(familyOf(target.kernel))]) {
      if (fault !== "") break;
      if (mapping !== target.kernel && !canRun(mapping, bench.gpu.facts, shapes, attributes))
        continue;
      progress(`${mapping.shader.name}: checking its cases`);
      fault = (await checker.checkOwn(mapping)).error;
    }
    checked.push({ ...target, fault });
  }
  return briefOf(await profileTargets(bench, checked, true, progress));
}

/** Rows of a profile on warm caches, in brief. */
export function briefOf(rows: readonly ProfileRow[]): BriefRow[] {
  return rows.map(({ kernel, case: name, checked: how, error, hot, flops, bytes }) => {
    const row = { case: name, kernel, checked: how, error };
    if (hot === null) return { ...row, time: null, gflops: null, gbytes: null };
    const time = summarizeTiming(hot);
    const rate = (amount: number): number | null =>
      flops === 0 && bytes === 0 ? null : amount / time.median_ms / 1e6;
    return { ...row, time, gflops: rate(flops), gbytes: rate(bytes) };
  });
}
