// Between a sweep and its file: the entry to write for a problem, and whether an existing entry is
// complete.
import type { AdapterFacts } from "../gpu/device.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import type { Problem } from "../engine/problem.ts";
import { canRun, exactMappings } from "../engine/mapping.ts";
import { isOfRule, ruleConstants, chooseVariant } from "../engine/tuning.ts";
import type { Swept } from "./sweep.ts";
import { hashesOf, type TuningEntry } from "./tuning_file.ts";

/** A problem of a base kernel under its key. */
export interface KeyedProblem {
  readonly key: string;
  readonly base: AnyKernel;
  readonly problem: Problem;
}

/**
 * The file entry of a swept problem; null if there is nothing to write: its rule is wrong, or the
 * time was up without a winner.
 */
export function entryOf(
  { key, base, problem }: KeyedProblem,
  swept: Swept,
  facts: AdapterFacts,
): TuningEntry | null {
  const { rule, rows, winner, comparison, pairs, complete } = swept;
  if (rows[0].error !== "" || (winner === null && !complete)) return null;
  const { kernel, constants } = winner ?? { kernel: rule, constants: {} };
  // A partial sweep names only the shaders of its choice, so the problem is swept again later.
  const named = exactMappings(base).filter(({ shader }) => [rule, kernel].includes(shader.name));
  const ruling = exactMappings(base).find(({ shader }) => shader.name === rule)!;
  const rule_constants = ruleConstants(ruling, problem.shapes, problem.attributes);
  return {
    problem: key,
    rule,
    ...(Object.keys(rule_constants).length === 0 ? {} : { rule_constants }),
    kernel,
    constants,
    reason: winner === null ? "rule" : "faster",
    change: comparison?.change ?? null,
    pairs,
    date: new Date().toISOString(),
    shaders: hashesOf(complete ? ableMappings(base, problem, facts) : named),
  };
}

/** Whether an entry is complete: its rule and every mapping are still the current ones. */
export function isSettled(
  entry: TuningEntry,
  { key, base, problem }: KeyedProblem,
  facts: AdapterFacts,
): boolean {
  const { shapes, attributes } = problem;
  const hashes = Object.entries(hashesOf(ableMappings(base, problem, facts)));
  return (
    entry.problem === key &&
    // The whole step's decision on a winner depends on the other choices, and on the available
    // time.
    entry.reason !== "no gain in the step" &&
    isOfRule(entry, chooseVariant(base, facts, shapes, attributes), shapes, attributes) &&
    hashes.every(([name, hash]) => entry.shaders[name] === hash)
  );
}

function ableMappings(
  base: AnyKernel,
  { shapes, attributes }: Problem,
  facts: AdapterFacts,
): AnyKernel[] {
  return exactMappings(base).filter((kernel) => canRun(kernel, facts, shapes, attributes));
}
