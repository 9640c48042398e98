// The distinct problems of a step and the share of its GPU time that each takes, for the autotuner.
import type { Call } from "../graph/value.ts";
import type { AnyKernel } from "../engine/kernel.ts";
import type { Distribution, Problem } from "../engine/problem.ts";
import { problemKey } from "../engine/tuning.ts";
import type { Shape } from "../tensor/shape.ts";

/** One base kernel on one set of shapes and attributes, wherever the step uses it. */
export interface StepProblem {
  readonly key: string;
  readonly base: AnyKernel;
  readonly problem: Problem;
  readonly dispatches: number;
  readonly time_ms: number;
  /** Share of the GPU time of all dispatches. */
  readonly share: number;
}

/** The keys of the calls' problems, as in a tuning. */
export function problemKeys(calls: readonly Call[]): Set<string> {
  return new Set(calls.map((call) => problemKey(call.base, inputShapes(call), call.attributes)));
}

function inputShapes({ base, bindings }: Call): Record<string, Shape> {
  const read = base.shader.bindings.filter(({ access }) => access !== "write");
  return Object.fromEntries(read.map(({ name }) => [name, bindings[name].shape]));
}

/** The problems of the calls of a step, which took `times_ms`; longest first. */
export function stepProblems(calls: readonly Call[], times_ms: readonly number[]): StepProblem[] {
  const total_ms = times_ms.reduce((a, b) => a + b, 0);
  const found = new Map<string, Omit<StepProblem, "share">>();
  calls.forEach((call, i) => {
    const { base, attributes, op } = call;
    const shapes = inputShapes(call);
    const key = problemKey(base, shapes, attributes);
    const known = found.get(key);
    found.set(key, {
      key,
      base,
      problem: known?.problem ?? {
        name: `${op} of a step`,
        shapes,
        attributes,
        data: likelyData(base, shapes, attributes),
      },
      dispatches: (known?.dispatches ?? 0) + 1,
      time_ms: (known?.time_ms ?? 0) + times_ms[i],
    });
  });
  return [...found.values()]
    .map((one) => ({ ...one, share: one.time_ms / total_ms }))
    .toSorted((a, b) => b.time_ms - a.time_ms);
}

/**
 * How to draw inputs: as the kernel's own case with the same attributes does, else its first case.
 * Positive inputs, masks and tables keep their kind.
 */
function likelyData(
  { cases }: AnyKernel,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
): Record<string, Distribution> {
  const text = JSON.stringify(attributes);
  const like = cases.find((one) => JSON.stringify(one.attributes) === text) ?? cases[0];
  const bins = shapes["log_choose"]?.[0];
  const drawn = Object.entries<Distribution | undefined>(like?.data ?? {}).map(([name, kind]) => [
    name,
    kind?.kind === "binomial_rows" && bins !== undefined ? { ...kind, bins } : kind,
  ]);
  return Object.fromEntries(drawn) as Record<string, Distribution>;
}
