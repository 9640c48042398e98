// Finds the fastest mapping of one problem: tries every mapping that the adapter can run with every
// value of its tuned lines, rejects wrong ones, drops slow ones early, and compares the best with
// the rule. The GPU work is in sweep_tools.ts.
import type { AdapterFacts } from "../gpu/device.ts";
import type { AnyKernel, ShaderInfo } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { canRun, exactMappings } from "../engine/mapping.ts";
import { freeConstants, tunedKernel, type Mapping, chooseVariant } from "../engine/tuning.ts";
import type { Comparison } from "../measure/statistics.ts";

// Up to this many combinations of tuned values are all tried; beyond it, the lines are varied one
// at a time from the best so far.
const MOST_TOGETHER = 16;
// A mapping that, with its file's values, takes this many times the best is varied only on request.
const FAR = 2;

/** The operations on a kernel and problem that a sweep needs. */
export interface SweepTools {
  /** The fault of a kernel: its compile error or its output; empty if it is correct. */
  readonly check: (kernel: AnyKernel, problem: Problem) => Promise<string>;
  /** A quick time; `dropped` once it is clearly far above `best_ms`. */
  readonly time: (
    kernel: AnyKernel,
    problem: Problem,
    best_ms: number,
  ) => Promise<{ readonly time_ms: number; readonly dropped: boolean }>;
  /** Times two kernels, interleaved; null if the clock is too coarse for them. */
  readonly compare: (
    rule: AnyKernel,
    best: AnyKernel,
    problem: Problem,
  ) => Promise<{ readonly comparison: Comparison; readonly pairs: number } | null>;
}

/** Restricts a sweep to some mappings. */
export interface SweepChoice {
  /** Values by constant; if given, other constants keep the rule's values. */
  readonly constants?: Readonly<Record<string, readonly number[]>>;
  /** Names of kernels; by default, all that the adapter can run. */
  readonly kernels?: readonly string[];
  /** Whether the time of the sweep is up; candidates tried by then count. */
  readonly isOver?: () => boolean;
}

/** One candidate of a sweep. */
export interface SweepRow extends Mapping {
  /** The fault of the candidate; a wrong candidate has no time. */
  readonly error: string;
  readonly time_ms: number | null;
  /** Its time was far above the best after a few samples, so no more were taken. */
  readonly dropped: boolean;
}

/** The result of sweeping one problem. */
export interface Swept {
  readonly rule: string;
  /** The rule first, then in the order of trying. */
  readonly rows: readonly SweepRow[];
  /** The mapping that is faster than the rule beyond noise and threshold; null if there is none. */
  readonly winner: Mapping | null;
  /** The best against the rule, interleaved; null if no candidate had a better quick time. */
  readonly comparison: Comparison | null;
  readonly pairs: number;
  /** Whether every candidate was tried before the time was up. */
  readonly complete: boolean;
}

/** The maximum number of candidates of a problem, including the rule. */
export function candidateCount(
  base: AnyKernel,
  facts: AdapterFacts,
  { shapes, attributes }: Problem,
): number {
  return ableMappings(base, facts, { shapes, attributes })
    .map((kernel) => freeConstants(kernel, shapes, attributes))
    .reduce((sum, lines) => sum + lines.reduce((n, { values }) => n * values.length, 1), 0);
}

/** Sweeps the mappings of `base` on a problem, the rule's first. */
export async function sweepProblem(
  tools: SweepTools,
  base: AnyKernel,
  facts: AdapterFacts,
  problem: Problem,
  choice: SweepChoice = {},
): Promise<Swept> {
  const { shapes, attributes } = problem;
  const rule = chooseVariant(base, facts, shapes, attributes);
  const rows: SweepRow[] = [];
  const state: { best: Best | null; complete: boolean } = { best: null, complete: true };
  const best_ms = (): number => state.best?.time_ms ?? Infinity;
  const attempt = async (kernel: AnyKernel, constants: Mapping["constants"]): Promise<number> => {
    if (choice.isOver?.() === true && rows.length > 0) {
      state.complete = false;
      return Infinity;
    }
    const candidate = tunedKernel(kernel, constants);
    const mapping = {
      kernel: kernel.shader.name,
      constants: changedConstants(kernel, problem, constants),
    };
    const error = await tools.check(candidate, problem);
    if (error !== "") {
      rows.push({ ...mapping, error, time_ms: null, dropped: false });
      return Infinity;
    }
    const { time_ms, dropped } = await tools.time(candidate, problem, best_ms());
    rows.push({ ...mapping, error, time_ms, dropped });
    if (time_ms < best_ms()) state.best = { candidate, mapping, time_ms };
    return time_ms;
  };
  const wanted = ableMappings(base, facts, problem).filter(
    ({ shader: { name } }) => name !== rule.shader.name && isWanted(name, choice),
  );
  for (const kernel of [rule, ...wanted]) {
    const plain_ms = await attempt(kernel, {});
    // A wrong rule is a fault to be fixed, not to be tuned around.
    if (rows[0].error !== "") break;
    if (kernel === rule && !isWanted(rule.shader.name, choice)) continue;
    const asked = choice.constants !== undefined;
    if (plain_ms > FAR * best_ms() && !asked) continue;
    await vary(kernel, linesToVary(kernel, problem, choice), plain_ms, attempt);
  }
  const { best, complete } = state;
  const none = { rule: rule.shader.name, rows, winner: null, comparison: null, pairs: 0, complete };
  if (best === null || best.candidate === rule) return none;
  const compared = await tools.compare(rule, best.candidate, problem);
  if (compared === null) return none;
  return {
    ...none,
    ...compared,
    winner: compared.comparison.verdict === "FAST" ? best.mapping : null,
  };
}

/** The candidate with the best quick time so far. */
interface Best {
  readonly candidate: AnyKernel;
  readonly mapping: Mapping;
  readonly time_ms: number;
}

function ableMappings(
  base: AnyKernel,
  facts: AdapterFacts,
  { shapes, attributes }: Pick<Problem, "shapes" | "attributes">,
): AnyKernel[] {
  return exactMappings(base).filter((kernel) => canRun(kernel, facts, shapes, attributes));
}

function isWanted(name: string, { kernels }: SweepChoice): boolean {
  return kernels === undefined || kernels.includes(name);
}

/** The values that differ from the rule's. */
function changedConstants(
  kernel: AnyKernel,
  { shapes, attributes }: Problem,
  constants: Mapping["constants"],
): Mapping["constants"] {
  const changed = freeConstants(kernel, shapes, attributes).filter(
    ({ name, value }) => (constants[name] ?? value) !== value,
  );
  return Object.fromEntries(changed.map(({ name }) => [name, constants[name]]));
}

/** The lines of a kernel that a sweep varies, with the values that it tries. */
function linesToVary(
  kernel: AnyKernel,
  { shapes, attributes }: Problem,
  { constants }: SweepChoice,
): ShaderInfo["tune"] {
  const free = freeConstants(kernel, shapes, attributes);
  if (constants === undefined) return free;
  return free.flatMap((line) => {
    const values = constants[line.name]?.filter((value) => line.values.includes(value)) ?? [];
    return values.length === 0 ? [] : [{ ...line, values }];
  });
}

/** Tries combinations of values: all if they are few, else line by line from the best. */
async function vary(
  kernel: AnyKernel,
  lines: ShaderInfo["tune"],
  plain_ms: number,
  attempt: (kernel: AnyKernel, constants: Mapping["constants"]) => Promise<number>,
): Promise<void> {
  const plain = Object.fromEntries(lines.map(({ name, value }) => [name, value]));
  const count = lines.reduce((n, { values }) => n * values.length, 1);
  if (count <= MOST_TOGETHER) {
    for (const constants of combinations(lines)) {
      if (lines.every(({ name }) => constants[name] === plain[name])) continue;
      await attempt(kernel, constants);
    }
    return;
  }
  let [at, at_ms] = [plain, plain_ms];
  for (const { name, values } of lines) {
    const from = at;
    for (const value of values) {
      if (value === from[name]) continue;
      const constants = { ...from, [name]: value };
      const time_ms = await attempt(kernel, constants);
      if (time_ms < at_ms) [at, at_ms] = [constants, time_ms];
    }
  }
}

function combinations(lines: ShaderInfo["tune"]): Record<string, number>[] {
  return lines.reduce<Record<string, number>[]>(
    (all, { name, values }) =>
      all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}
