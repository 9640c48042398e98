// Between a sweep and its file: what is written down of a problem, and whether what was written down
// says all there is to find.
import type { AdapterFacts } from "../gpu/device.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import { isAble, isOfRule, mappingsOf, ruleConstants } from "../engine/tuning.ts";
import { chooseVariant } from "../engine/variant.ts";
import type { Problem } from "../measure/problems.ts";
import type { Swept } from "./sweep.ts";
import { hashesOf, type TuningEntry } from "./tuning_file.ts";

/** A problem of a base kernel under its key. */
export interface KeyedProblem {
  readonly key: string;
  readonly base: AnyKernel;
  readonly problem: Problem;
}

/**
 * What a file is to say of a problem that was swept; null where that is nothing: its rule is wrong,
 * or the time was up without a winner.
 */
export function entryOf(
  { key, base, problem }: KeyedProblem,
  swept: Swept,
  facts: AdapterFacts,
): TuningEntry | null {
  const { rule, rows, winner, comparison, pairs, complete } = swept;
  if (rows[0].error !== "" || (winner === null && !complete)) return null;
  const { kernel, constants } = winner ?? { kernel: rule, constants: {} };
  // One that was swept in part names the shaders of its choice alone, and so is swept again.
  const named = mappingsOf(base).filter(({ shader }) => [rule, kernel].includes(shader.name));
  const ruling = mappingsOf(base).find(({ shader }) => shader.name === rule)!;
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

/** Whether an entry says all there is to find of a problem: its rule and every mapping as today. */
export function isSettled(
  entry: TuningEntry,
  { key, base, problem }: KeyedProblem,
  facts: AdapterFacts,
): boolean {
  const { shapes, attributes } = problem;
  const hashes = Object.entries(hashesOf(ableMappings(base, problem, facts)));
  return (
    entry.problem === key &&
    // What the whole step said of a winner depends on the others, and on the time there was.
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
  return mappingsOf(base).filter((kernel) => isAble(kernel, facts, shapes, attributes));
}
