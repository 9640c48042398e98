// Gives an axis another length in all inputs at once, by the axes that a twin declares. An input
// that may have any shape has no axes.
import type { AnyKernel } from "../../engine/kernel.ts";
import { sameShape, type Shape } from "../../tensor/shape.ts";

/** The length of one axis: its factors, letters and numbers, over the divisor. */
interface Axis {
  readonly scale: number;
  readonly letters: readonly string[];
  /** For `n / 64`; `groups` for `C'`, which means C / groups. */
  readonly divisor: number | "groups";
  /** For `B or 1`. */
  readonly orOne: boolean;
  /** For `before + LENGTH + after`, whose length is not computed. */
  readonly opaque: boolean;
}

/** One possible layout of a tensor. */
interface Pattern {
  /** Begins with any number of axes: `..., M, K`. */
  readonly rest: boolean;
  readonly axes: readonly Axis[];
}

/** The possible layouts of each tensor of a kernel, by its binding. */
export type Layout = ReadonlyMap<string, readonly Pattern[]>;

/** The length of each letter. */
type Lengths = ReadonlyMap<string, number>;

/** The axes that a twin declares. */
export function layoutOf({ axes = {} }: Pick<AnyKernel, "axes">): Layout {
  const entries = Object.entries<string | readonly string[] | undefined>(axes);
  return new Map(
    entries.map(([name, ways = []]) => {
      const texts = typeof ways === "string" ? [ways] : ways;
      return [name, texts.map(readPattern)];
    }),
  );
}

/** The letters of the axes of these tensors, in order. */
export function lettersOf(layout: Layout, names: readonly string[]): string[] {
  const patterns = names.flatMap((name) => layout.get(name) ?? []);
  const axes = patterns.flatMap((pattern) => pattern.axes).filter(({ opaque }) => !opaque);
  return [...new Set(axes.flatMap(({ letters }) => letters))];
}

/**
 * The length of each letter that `shapes` give by themselves or by numbers among the attributes;
 * several answers if the axes are ambiguous, none if shapes and axes contradict each other.
 */
export function axisLengths(
  layout: Layout,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
): Lengths[] {
  return solutions(layout, shapes, numbersOf(attributes)).map(({ lengths }) => lengths);
}

/** Shapes with an axis of another length. */
export interface AxisAnswer {
  readonly shapes: Record<string, Shape>;
  /**
   * Shapes of the same layout in which every letter has a different length: a twin that refuses
   * them interprets the shapes in another way. Null if there are none.
   */
  readonly probe: Record<string, Shape> | null;
}

/**
 * `shapes` with another length of the axis `letter`: every answer that the axes allow. None if the
 * letter has no length of its own, or only occurs where its length cannot be determined.
 */
export function withAxisLength(
  layout: Layout,
  shapes: Readonly<Record<string, Shape>>,
  attributes: unknown,
  letter: string,
  length: number,
): AxisAnswer[] {
  const numbers = numbersOf(attributes);
  const answers: AxisAnswer[] = [];
  for (const { lengths, patterns } of solutions(layout, shapes, numbers)) {
    if (!lengths.has(letter)) continue;
    const lengthen = (changed: Lengths, letters: readonly string[]): AxisAnswer["probe"] =>
      relaid(shapes, patterns, letters, (axis, was) => {
        if (axis.orOne && was === 1 && lengthOf(axis, lengths, numbers) !== 1) return 1;
        return lengthOf(axis, changed, numbers);
      });
    const answer = lengthen(new Map(lengths).set(letter, length), [letter]);
    if (answer === null) continue;
    const unit = PROBE * (numbers.get("groups") ?? 1);
    const distinct = [...lengths.keys()].map((one, i) => [one, (i + 2) * unit] as const);
    answers.push({ shapes: answer, probe: lengthen(new Map(distinct), [...lengths.keys()]) });
  }
  return answers;
}

// A multiple of every divisor that a twin declares.
const PROBE = 64;

/** Replaces the axes that contain any of `letters`; null if one of them has no whole length. */
function relaid(
  shapes: Readonly<Record<string, Shape>>,
  patterns: ReadonlyMap<string, Pattern>,
  letters: readonly string[],
  replace: (axis: Axis, was: number) => number | null,
): Record<string, Shape> | null {
  const made: Record<string, Shape> = { ...shapes };
  for (const [name, { axes }] of patterns) {
    const shape = [...shapes[name]];
    const first = shape.length - axes.length;
    for (const [i, axis] of axes.entries()) {
      if (!axis.letters.some((one) => letters.includes(one))) continue;
      const length = axis.opaque ? null : replace(axis, shape[first + i]);
      if (length === null || !Number.isInteger(length)) return null;
      shape[first + i] = length;
    }
    made[name] = shape;
  }
  return made;
}

/** The lengths of the letters, and the pattern that each tensor follows; none for an absent one. */
interface Solution {
  readonly lengths: Lengths;
  readonly patterns: ReadonlyMap<string, Pattern>;
}

/** Every way to lay the tensors out by their axes, tensor by tensor. */
function solutions(
  layout: Layout,
  shapes: Readonly<Record<string, Shape>>,
  numbers: Lengths,
): Solution[] {
  let open: Solution[] = [{ lengths: new Map(), patterns: new Map() }];
  for (const [name, shape] of Object.entries(shapes)) {
    const choices = layout.get(name);
    if (choices === undefined) continue;
    open = open.flatMap(({ lengths, patterns }) => {
      const fitting = choices.flatMap((pattern): Solution[] => {
        const found = fit(pattern, shape, lengths, numbers);
        if (found === null) return [];
        return [{ lengths: found, patterns: new Map(patterns).set(name, pattern) }];
      });
      if (fitting.length > 0 || !sameShape(shape, [0])) return fitting;
      return [{ lengths, patterns }]; // an input that was left out
    });
  }
  return open.filter((solution) => isConsistent(solution, shapes, numbers));
}

/** `known` with the letters that a shape determines; null if it does not follow the pattern. */
function fit(
  { rest, axes }: Pattern,
  shape: Shape,
  known: Lengths,
  numbers: Lengths,
): Lengths | null {
  const first = shape.length - axes.length;
  if (first < 0 || (first > 0 && !rest)) return null;
  const lengths = new Map(known);
  for (const [i, axis] of axes.entries()) {
    const was = shape[first + i];
    if (axis.opaque || (axis.orOne && was === 1)) continue;
    const unknown = axis.letters.filter((one) => !numbers.has(one) && !lengths.has(one));
    if (unknown.length === 1) {
      const unit = lengthOf(axis, new Map(lengths).set(unknown[0], 1), numbers);
      const value = was / unit!;
      if (!Number.isInteger(value)) return null;
      lengths.set(unknown[0], value);
    } else if (unknown.length === 0 && lengthOf(axis, lengths, numbers) !== was) {
      return null;
    }
  }
  return lengths;
}

/** Checks what an earlier tensor left open against the results of later tensors. */
function isConsistent(
  { lengths, patterns }: Solution,
  shapes: Readonly<Record<string, Shape>>,
  numbers: Lengths,
): boolean {
  return [...patterns].every(([name, pattern]) => {
    const again = fit(pattern, shapes[name], lengths, numbers);
    return again !== null && again.size === lengths.size;
  });
}

/** The length of an axis; null if one of its letters has none. */
function lengthOf(
  { scale, letters, divisor }: Axis,
  lengths: Lengths,
  numbers: Lengths,
): number | null {
  let length = scale;
  for (const letter of letters) {
    const factor = numbers.get(letter) ?? lengths.get(letter);
    if (factor === undefined) return null;
    length *= factor;
  }
  return length / (divisor === "groups" ? (numbers.get("groups") ?? 1) : divisor);
}

function readPattern(text: string): Pattern {
  const parts = text.split(",").map((part) => part.trim());
  const rest = parts[0] === "...";
  return { rest, axes: (rest ? parts.slice(1) : parts).map(readAxis) };
}

function readAxis(text: string): Axis {
  const orOne = text.endsWith(" or 1");
  const term = /^([A-Za-z]\w*)( [A-Za-z]\w*)?('| \/ \d+)?$/.exec(text.replace(/ or 1$/, ""));
  const plain = { scale: 1, letters: [], divisor: 1, orOne, opaque: false };
  if (/^\d+$/.test(text)) return { ...plain, scale: Number(text) };
  if (term === null) return { ...plain, letters: text.match(/[A-Za-z]\w*/g) ?? [], opaque: true };
  const [, one, two, divided] = term;
  const letters = two === undefined ? [one] : [one, two.trim()];
  if (divided === "'") return { ...plain, letters, divisor: "groups" };
  return { ...plain, letters, divisor: divided === undefined ? 1 : Number(divided.slice(3)) };
}

/** Numbers among attributes, which axes name as they name lengths: `heads W`. */
function numbersOf(attributes: unknown): Lengths {
  const entries = Object.entries((attributes ?? {}) as Readonly<Record<string, unknown>>);
  return new Map(
    entries.filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}
