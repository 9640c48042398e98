// Which operators of a source the engine can run: a predicate made of clauses that print
// themselves, so that the printed text and the deciding test cannot differ, and a function that
// builds the case as a graph.
import type { Request } from "../../src/graph/request.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Value } from "../../src/graph/value.ts";
import { UnknownValueError, type VectorCase, type VectorTensor } from "./vectors.ts";
import type { Workbench } from "./workbench.ts";

/** One condition of a predicate. */
export interface Clause {
  readonly text: string;
  readonly holds: (given: VectorCase) => boolean;
  /** The exact reason why a case fails the clause, if the text does not say it. */
  readonly why?: (given: VectorCase) => string | null;
}

/**
 * A result of a case: the value, and how its stored axes map to the axes of the source's layout.
 */
export interface Result {
  readonly value: Value;
  /** Stored axis k is axis `axes[k]` of the source; absent: stored as in the source. */
  readonly axes?: readonly number[];
  /**
   * Lets the case name its outputs in any order; without names, outputs are matched by position.
   */
  readonly name?: string;
}

/**
 * Results in the order of the case's outputs; results that the case does not contain may be
 * missing.
 */
export type Build = (bench: Workbench) => readonly (Result | Value)[];

/** How an operator is offered: under which conditions, and as which computation. */
export type Offer = { readonly clauses: readonly Clause[] } & (
  | { readonly build: Build }
  /** Training steps, for optimisers: the value of a parameter after each. */
  | { readonly steps: (given: VectorCase) => Steps }
  /** Plain code of the host, for metrics that run nowhere else: values by name of the output. */
  | { readonly host: (given: VectorCase) => Readonly<Record<string, number | undefined>> }
);

/** Steps of training from given first parameters. */
export interface Steps {
  readonly graph: Graph;
  readonly request: Request;
  /** Written before every step; by number of the step. */
  readonly inputs: (step: number) => Readonly<Record<string, Float64Array>>;
  readonly scalars: (step: number) => Readonly<Record<string, number>>;
  readonly parameters: Readonly<Record<string, Float64Array>>;
  /** The expected parameters after this many steps. */
  readonly wants: readonly {
    readonly step: number;
    readonly parameter: string;
    readonly want: VectorTensor;
  }[];
}

/** The offered operators of one source, by the source's names. */
export type Offers = Readonly<Record<string, Offer>>;

/** A clause from its text and its test. */
export function clause(text: string, holds: (given: VectorCase) => boolean): Clause {
  return { text, holds };
}

/** An offer under all of `clauses`. */
export function offer(clauses: readonly Clause[], build: Build): Offer & { readonly build: Build } {
  return { clauses, build };
}

/** The predicate as text. */
export function predicateText({ clauses }: Offer): string {
  return clauses.map(({ text }) => text).join("; ");
}

/**
 * Why a case is not offered: its unreadable part, else the first clause that it does not meet; null
 * if it is offered.
 */
export function refusal(offers: Offers | undefined, given: VectorCase): string | null {
  const offered = offers?.[given.operator];
  if (offered === undefined) return "no such operator";
  if (given.unreadable !== null) return given.unreadable;
  try {
    return firstMissed(offered, given);
  } catch (error) {
    // a clause that throws on a case does not accept it
    const { message } = error as Error;
    return error instanceof UnknownValueError ? message : `its clauses cannot be told: ${message}`;
  }
}

function firstMissed(offered: Offer, given: VectorCase): string | null {
  const failed = offered.clauses.find(({ holds }) => !holds(given));
  return failed === undefined ? null : (failed.why?.(given) ?? `not ${failed.text}`);
}

/** All tensors of a case that carry data through the operator. */
function tensors(given: VectorCase): VectorTensor[] {
  return [...given.inputs, ...given.outputs, ...given.d_outputs, ...given.gradients].filter(
    (tensor) => tensor !== null,
  );
}

/**
 * Every tensor is float32 or float64, save the inputs named or numbered in `settings`, which are
 * read by the host.
 */
export function floats(...settings: readonly (string | number)[]): Clause {
  const text = settings.length === 0 ? "" : ` (but ${settings.join(", ")}, read by the host)`;
  return clause(`float32 or float64${text}`, (given) =>
    tensors(given).every(
      (tensor) =>
        FLOATS.has(tensor.dtype) ||
        settings.includes(tensor.name) ||
        settings.includes(given.inputs.indexOf(tensor)),
    ),
  );
}

/** A comparison: numbers in, truth values out. */
export const comparison: Clause = clause("float32 or float64 in, booleans out", (given) =>
  given.inputs.every((tensor) => tensor !== null && FLOATS.has(tensor.dtype)),
);

/**
 * A choice: a condition first, whose numbers other than 0 are true, values after it.
 */
export const condition: Clause = clause("a condition, float32 or float64 else", (given) =>
  [...given.inputs.slice(1), ...given.outputs, ...given.gradients].every(
    (tensor) => tensor !== null && FLOATS.has(tensor.dtype),
  ),
);

const FLOATS: ReadonlySet<string> = new Set(["float32", "float64"]);

/**
 * All numbers are finite in float32: WGSL lets an implementation assume that there are no NaN and
 * no infinities.
 */
export const finite: Clause = clause("numbers finite in float32", (given) =>
  tensors(given).every(({ values }) => values.every((x) => Number.isFinite(Math.fround(x)))),
);

/** Squares of numbers neither overflow nor vanish in float32: roots of their sums are right. */
export const squarable: Clause = clause("largest number 0 or between 1e-16 and 1e16", (given) => {
  let largest = 0;
  for (const x of given.inputs[0]?.values ?? []) largest = Math.max(largest, Math.abs(x));
  return largest === 0 || (largest > 1e-16 && largest < 1e16);
});

/** No attribute other than `names`. */
export function knows(...names: readonly string[]): Clause {
  return clause(
    names.length === 0 ? "no attributes" : `attributes among ${names.join(", ")}`,
    ({ attributes }) => Object.keys(attributes).every((name) => names.includes(name)),
  );
}

/** Input `i` has between `low` and `high` axes. */
export function ranked(low: number, high: number = low, i = 0): Clause {
  const what = i === 0 ? "rank" : `rank of input ${i}`;
  return clause(low === high ? `${what} ${low}` : `${what} ${low} to ${high}`, ({ inputs }) => {
    const rank = inputs[i]?.shape.length;
    return rank !== undefined && rank >= low && rank <= high;
  });
}

/** The attribute is one of `values`; the first is the default. */
export function attribute(name: string, ...values: readonly (string | number | boolean)[]): Clause {
  return clause(`${name} ${values.join(" or ")}`, ({ attributes }) =>
    values.some((value) => value === (attributes[name] ?? values[0])),
  );
}
