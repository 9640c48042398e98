// Reads attributes of a case, which each source spells its own way, as numbers, lists, flags and
// words.
import { UnknownValueError, type VectorCase } from "./vectors.ts";

function fail(given: VectorCase, name: string, wanted: string): never {
  const value = JSON.stringify(given.attributes[name]);
  throw new UnknownValueError(`${name} is ${value}, expected ${wanted}`);
}

/** Whether an attribute is given and not null. */
export function has({ attributes }: VectorCase, name: string): boolean {
  return attributes[name] !== undefined && attributes[name] !== null;
}

const WORDS: Readonly<Record<string, number>> = {
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

/** A number; infinities may be spelled as words. */
export function numberOf(given: VectorCase, name: string, fallback: number): number {
  if (!has(given, name)) return fallback;
  const item = given.attributes[name];
  const value = typeof item === "string" ? WORDS[item] : item;
  return typeof value === "number" ? value : fail(given, name, "a number");
}

/** A list of numbers, or null when it was left out; a lone number is a list of one. */
export function listOf(given: VectorCase, name: string): readonly number[] | null {
  if (!has(given, name)) return null;
  const value = given.attributes[name];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.every((item) => typeof item === "number") ? list : fail(given, name, "numbers");
}

/** One number for each of `count` axes; a lone number stands for all. */
export function perAxis(
  given: VectorCase,
  name: string,
  count: number,
  fallback: number,
): readonly number[] {
  const list = listOf(given, name) ?? [fallback];
  if (list.length === count) return list;
  if (list.length === 1) return Array.from<number>({ length: count }).fill(list[0]);
  return fail(given, name, `${count} numbers`);
}

/** A flag: true, or a number other than 0. */
export function flagOf(given: VectorCase, name: string, fallback: boolean): boolean {
  if (!has(given, name)) return fallback;
  const value = given.attributes[name];
  if (typeof value === "boolean") return value;
  return typeof value === "number" ? value !== 0 : fail(given, name, "a flag");
}

/** A word. */
export function wordOf(given: VectorCase, name: string, fallback: string): string {
  if (!has(given, name)) return fallback;
  const value = given.attributes[name];
  return typeof value === "string" ? value : fail(given, name, "a word");
}

/** An axis counted from the end when negative. */
export function axisIn(rank: number, axis: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** All axes of a tensor. */
export function axesOf(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** All axes with `last` moved to the end, in the order given there. */
export function withLast(rank: number, ...last: readonly number[]): number[] {
  return [...axesOf(rank).filter((axis) => !last.includes(axis)), ...last];
}
