// One profile: every kernel on every problem is compiled, checked, then timed; a wrong kernel gets
// its error instead of a time.
import type { Cost } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import type { AdapterFacts, Gpu } from "../gpu/device.ts";
import { freezesShapes, specialize } from "../engine/specialize.ts";
import { shaderText } from "../engine/shader_text.ts";
import { shaderHash } from "./shader_hash.ts";
import {
  measureCold,
  measureHot,
  measurePair,
  nullIfInterrupted,
  type Bench,
  type PairTiming,
  type Prepared,
} from "./measure.ts";
import { makeChecker, prepareProblem, type Checked, type Checker } from "./problems.ts";
import type { RaceCheck } from "./race_check.ts";
import type { ProfileRow } from "./saved_run.ts";
import { compileFault, type SourcedKernel } from "./shader_source.ts";

/** A kernel and the problem to time it on. */
export interface Target extends SourcedKernel {
  readonly problem: Problem;
}

/** A text with the numbers that it is dispatched with. */
export interface DispatchedSource {
  readonly code: string;
  readonly entry: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly grid: readonly [number, number, number];
}

/** Something that can be checked and timed: one row of a profile. */
export interface Subject {
  readonly kernel: string;
  readonly case: string;
  /** The work of one run; both are 0 if it is not known. */
  readonly cost: Cost;
  /** Its text as it is now. */
  readonly text: () => string;
  /** The dispatched text, for advice; null if it does not compile. */
  readonly dispatched: (facts: AdapterFacts) => DispatchedSource | null;
  /** Compiles it and compares its numbers. */
  readonly check: (gpu: Gpu) => Promise<Checked>;
  /** The data races that its check looked for; null if it did not. */
  readonly races?: () => RaceCheck | null;
  readonly prepare: (gpu: Gpu) => Promise<Prepared>;
}

/** Subjects for kernels on problems; the cases of a kernel are checked only once per device. */
export function subjectsOf(targets: readonly Target[]): Subject[] {
  const checkers = new Map<Gpu, Checker>();
  return targets.map((target) => {
    const { kernel, problem } = target;
    return {
      kernel: kernel.shader.name,
      case: problem.name,
      cost: kernel.cost(problem.shapes, problem.attributes),
      text: () => shaderText(kernel.shader),
      dispatched: (facts) => {
        const { shapes, attributes } = problem;
        const { source, grid } = specialize(kernel, shapes, attributes, freezesShapes(facts));
        return { code: source.code, entry: source.name, constants: source.constants, grid };
      },
      check: async (gpu) => {
        const checker = checkers.get(gpu) ?? makeChecker(gpu);
        checkers.set(gpu, checker);
        return await checkTarget(gpu, checker, target);
      },
      prepare: async (gpu) => await prepareProblem(gpu, kernel, problem),
    };
  });
}

/** As `profileSubjects`, for kernels on problems. */
export async function profileTargets(
  bench: Bench,
  targets: readonly Target[],
  hot: boolean,
  progress: (line: string) => void,
): Promise<ProfileRow[]> {
  return await profileSubjects(bench, subjectsOf(targets), hot, progress);
}

/**
 * Checks and times the subjects in order; with `hot`, times with warm caches too. Once the bench is
 * interrupted it returns the complete rows.
 */
export async function profileSubjects(
  bench: Bench,
  subjects: readonly Subject[],
  hot: boolean,
  progress: (line: string) => void,
): Promise<ProfileRow[]> {
  const rows: ProfileRow[] = [];
  for (const [i, subject] of subjects.entries()) {
    progress(`${i + 1}/${subjects.length} ${subject.kernel}, ${subject.case}`);
    if (bench.signal?.aborted === true) break;
    const row = await profileSubject(bench, subject, hot).catch(nullIfInterrupted);
    if (row === null) break;
    rows.push(row);
  }
  return rows;
}

/** Two kernels on one problem: the fault of either, else their interleaved times. */
export interface PairRow {
  readonly case: string;
  readonly error: string;
  /** Whether either was timed without a reference. */
  readonly unchecked: boolean;
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
  const [first, second] = kernels.map((kernel) =>
    subjectsOf(problems.map((problem) => ({ ...kernel, problem }))),
  );
  const pairs = first.map((a, i) => [a, second[i]] as const);
  return await pairSubjects(bench, pairs, threshold, progress);
}

/**
 * Checks both subjects of each pair and times them interleaved. Once the bench is interrupted it
 * returns the complete rows.
 */
export async function pairSubjects(
  bench: Bench,
  pairs: readonly (readonly [Subject, Subject])[],
  threshold: number,
  progress: (line: string) => void,
): Promise<PairRow[]> {
  const rows: PairRow[] = [];
  for (const [i, pair] of pairs.entries()) {
    const [{ case: name }] = pair;
    progress(`${i + 1}/${pairs.length} ${name}`);
    const found: Checked[] = [];
    for (const subject of pair) found.push(await subject.check(bench.gpu));
    const errors = found.map(({ error }) => error).filter((text) => text !== "");
    const error = [...new Set(errors)].join("; ");
    const unchecked = found.some(({ checked }) => checked === "none");
    if (bench.signal?.aborted === true) break;
    if (error !== "") {
      rows.push({ case: name, error, unchecked, timing: null });
      continue;
    }
    const timing = await timePair(bench, pair, threshold).catch(nullIfInterrupted);
    if (timing === null) break;
    rows.push({ case: name, error, unchecked, timing });
  }
  return rows;
}

async function profileSubject(bench: Bench, subject: Subject, hot: boolean): Promise<ProfileRow> {
  const found = await subject.check(bench.gpu);
  const { checked, error } = found;
  const row = {
    kernel: subject.kernel,
    case: subject.case,
    shader_hash: shaderHash(subject.text()),
    checked,
    error,
    ...subject.cost,
  };
  if (error !== "") return { ...row, cold: null, hot: null };
  const prepared = await subject.prepare(bench.gpu);
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
  [a, b]: readonly [Subject, Subject],
  threshold: number,
): Promise<PairTiming> {
  const first = await a.prepare(bench.gpu);
  try {
    const second = await b.prepare(bench.gpu);
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
