// Finds the fastest mapping of one problem: every mapping that the adapter can run with every value
// of its tuned lines, wrong ones rejected, slow ones dropped early, the best set against the rule.
// What runs on the GPU is in sweep_tools.ts.
import type { AdapterFacts } from "../gpu/device.ts";
import type { AnyKernel, ShaderInfo } from "../engine/kernel.ts";
import { freeConstants, isAble, mappingsOf, tunedKernel, type Mapping } from "../engine/tuning.ts";
import { chooseVariant } from "../engine/variant.ts";
import type { Problem } from "../measure/problems.ts";
import type { Comparison } from "../measure/statistics.ts";

// Up to so many combinations of tuned values all are tried; of more, one line after the other is
// varied from the best so far.
const MOST_TOGETHER = 16;
// A mapping that takes so many times the best as its file has it is varied only where that was
// asked for.
const FAR = 2;

/** What a sweep needs done to a kernel on a problem. */
export interface SweepTools {
  /** What is wrong with a kernel: its compile error or its output; empty where all is well. */
  readonly check: (kernel: AnyKernel, problem: Problem) => Promise<string>;
  /** A quick time; `dropped` once it is clear that it is far above `best_ms`. */
  readonly time: (
    kernel: AnyKernel,
    problem: Problem,
    best_ms: number,
  ) => Promise<{ readonly time_ms: number; readonly dropped: boolean }>;
  /** Times two kernels in turn; null where the clock is too coarse for them. */
  readonly compare: (
    rule: AnyKernel,
    best: AnyKernel,
    problem: Problem,
  ) => Promise<{ readonly comparison: Comparison; readonly pairs: number } | null>;
}

/** What of the mappings is wanted. */
export interface SweepChoice {
  /** Values by constant; where given, other constants stay as they are by rule. */
  readonly constants?: Readonly<Record<string, readonly number[]>>;
  /** Names of kernels; left out, all that the adapter can run. */
  readonly kernels?: readonly string[];
  /** Whether the time to sweep is up: what was tried by then counts. */
  readonly isOver?: () => boolean;
}

/** One candidate of a sweep. */
export interface SweepRow extends Mapping {
  /** What is wrong with it; such a candidate has no time. */
  readonly error: string;
  readonly time_ms: number | null;
  /** Its time was far above the best after a few samples, so that no more were taken. */
  readonly dropped: boolean;
}

/** What a sweep of one problem found. */
export interface Swept {
  readonly rule: string;
  /** The rule first, then in the order of trying. */
  readonly rows: readonly SweepRow[];
  /** The mapping that is faster than the rule beyond noise and threshold; null where none is. */
  readonly winner: Mapping | null;
  /** The best against the rule, in turn; null where no candidate had a better quick time. */
  readonly comparison: Comparison | null;
  readonly pairs: number;
  /** Whether every candidate was tried before the time was up. */
  readonly complete: boolean;
}

/** How many candidates a problem has at most, the rule included. */
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
    // A rule that is wrong is a fault to be mended, not to be tuned around.
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
  return mappingsOf(base).filter((kernel) => isAble(kernel, facts, shapes, attributes));
}

function isWanted(name: string, { kernels }: SweepChoice): boolean {
  return kernels === undefined || kernels.includes(name);
}

/** The values that differ from those by rule. */
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

/** The lines of a kernel that a sweep varies, with the values it tries. */
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

/** Tries combinations of values: all where they are few, else line by line from the best. */
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
