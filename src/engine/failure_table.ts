// Describes a wrong tensor: how many elements are bad, and where, with the elements around the
// first bad one.
import type { Problem } from "./problem.ts";
import { axesAt, formatShape, size, type Shape } from "../tensor/shape.ts";
import { ulpDistance } from "../tensor/ulps.ts";
import { UNWRITTEN } from "./run.ts";

/** One element with its expected value. */
export interface ComparedElement {
  readonly index: readonly number[];
  readonly got: number;
  readonly want: number;
  /**
   * Distance from `got` to `want` in f32 steps; null if either is not finite or was never written.
   */
  readonly ulps: number | null;
  /** |got - want|; null as `ulps`. */
  readonly abs_error: number | null;
  readonly bad: boolean;
  /** The kernel never wrote it: `got` is the initial fill value. */
  readonly unwritten: boolean;
}

/** The bad elements of one tensor. */
export interface TensorFailure {
  readonly tensor: string;
  readonly shape: Shape;
  readonly elements: number;
  readonly bad: number;
  /** Elements that were never written. */
  readonly unwritten: number;
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly worst: ComparedElement;
  /** The elements around the first bad one. */
  readonly around: readonly ComparedElement[];
}

/** The bad elements of a tensor, by their positions in memory. */
export interface BadElements {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  readonly worst: number;
  readonly isBad: (at: number) => boolean;
}

/** Whether an element was never written. */
function isUnwritten(got: number, want: number): boolean {
  return got === UNWRITTEN && want !== UNWRITTEN;
}

const SHOWN = 7;

/** Describes the bad elements of a tensor. */
export function tensorFailure(
  tensor: string,
  shape: Shape,
  { got, want }: { readonly got: Float32Array; readonly want: Float64Array },
  { count, first, last, worst, isBad }: BadElements,
): TensorFailure {
  const elements = size(shape);
  const compared = (at: number): ComparedElement => {
    const [a, b] = [got[at], want[at]];
    const unwritten = isUnwritten(a, b);
    const isSame = a === b || Object.is(a, b);
    const hasDistance = isSame || (!unwritten && Number.isFinite(a) && Number.isFinite(b));
    return {
      index: axesAt(at, shape),
      got: a,
      want: b,
      ulps: hasDistance ? ulpDistance(a, b) : null,
      abs_error: !hasDistance ? null : isSame ? 0 : Math.abs(a - b),
      bad: isBad(at),
      unwritten,
    };
  };
  const shown = Math.min(SHOWN, elements);
  const begin = Math.max(0, Math.min(first - (SHOWN - 1) / 2, elements - shown));
  return {
    tensor,
    shape,
    elements,
    bad: count,
    unwritten: got.reduce((sum, value, at) => sum + Number(isUnwritten(value, want[at])), 0),
    first: axesAt(first, shape),
    last: axesAt(last, shape),
    worst: compared(worst),
    around: Array.from({ length: shown }, (_, i) => compared(begin + i)),
  };
}

const COLUMNS = 100;

/** The numbers of a wrong case and a table for each wrong tensor, as lines of at most 100 columns. */
export function failureLines(
  kernel: string,
  { name, shapes, attributes, seed }: Problem,
  failures: readonly TensorFailure[],
): string[] {
  const named = Object.entries(shapes).map(([tensor, shape]) => `${tensor} ${formatShape(shape)}`);
  // JSON has no infinities
  const text = (one: unknown): string =>
    typeof one === "number" ? String(one) : JSON.stringify(one);
  const set = Object.entries(attributes ?? {}).map(([key, one]) => `${key} ${text(one)}`);
  const lines = [
    `${kernel}, case ${name}`,
    ...labelled("shapes", named),
    ...labelled("attributes", set),
    ...labelled("seed", seed === undefined ? [] : [String(seed)]),
    ...failures.flatMap(tensorLines),
  ];
  return lines.map((line) => (line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line));
}

/** Items after a label, on as many lines as they need. */
function labelled(label: string, items: readonly string[]): string[] {
  const lines: string[] = [];
  let line = `  ${label.padEnd(12)}${items[0] ?? "none"}`;
  for (const item of items.slice(1)) {
    if (`${line}, ${item},`.length > COLUMNS) {
      lines.push(`${line},`);
      line = `${" ".repeat(14)}${item}`;
    } else {
      line += `, ${item}`;
    }
  }
  return [...lines, line];
}

function tensorLines(failure: TensorFailure): string[] {
  const { tensor, shape, elements, bad, unwritten, first, last, worst, around } = failure;
  const why = unwritten === 0 ? "" : ` (${unwritten} never written)`;
  const rows = [
    ["", "index", "got", "want", "ulps", "abs error"],
    ...around.map((element) => cells(element.bad ? "xx" : "", element)),
    cells("worst", worst),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return [
    `  ${tensor} ${formatShape(shape)}: ${bad} of ${elements} bad${why}, ` +
      `first ${formatShape(first)}, last ${formatShape(last)}, worst ${formatShape(worst.index)}`,
    ...rows.map(
      ([mark, ...numbers]) =>
        `  ${[mark.padEnd(widths[0]), ...numbers.map((one, i) => one.padStart(widths[i + 1]))].join("  ")}`,
    ),
  ];
}

function cells(
  mark: string,
  { index, got, want, ulps, abs_error, unwritten }: ComparedElement,
): string[] {
  return [
    mark,
    formatShape(index),
    unwritten ? "never written" : numberText(got),
    numberText(want),
    ulps === null ? "-" : String(ulps),
    abs_error === null ? "-" : abs_error === 0 ? "0" : abs_error.toExponential(1),
  ];
}

/** A number with enough digits to distinguish every f32 from its neighbours. */
function numberText(value: number): string {
  return value === 0 || !Number.isFinite(value) ? String(value) : value.toPrecision(9);
}
