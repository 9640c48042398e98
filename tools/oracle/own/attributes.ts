// The attributes of the engine's operators as spelled in cases of the source `own`: kinds,
// defaults, meanings. One table serves the reading of cases and the page in test/oracle/README.md.
import type { Shape } from "../../../src/tensor/shape.ts";

/** The inputs of a derived default: shapes of the inputs by name, and the attributes before it. */
export interface At {
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A computed default. */
export interface Derived {
  readonly says: string;
  readonly of: (at: At) => unknown;
}

/** One attribute. */
export interface Attribute {
  readonly kind: string;
  /** null: it must be given. */
  readonly fallback: { readonly value: unknown } | Derived | null;
  readonly says: string;
  /** The value as the engine takes it; undefined when it is not of the kind. */
  readonly read: (value: unknown) => unknown;
}

/** The attributes of an operator, in the order of the page. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** Stands for an attribute that must be given. */
export const REQUIRED: unique symbol = Symbol("required");
type Fallback<T> = T | Derived | typeof REQUIRED;

function isDerived(fallback: unknown): fallback is Derived {
  return typeof fallback === "object" && fallback !== null && "of" in fallback;
}

function attribute<T>(
  kind: string,
  fallback: Fallback<T>,
  says: string,
  read: (value: unknown) => unknown,
): Attribute {
  if (fallback === REQUIRED) return { kind, fallback: null, says, read };
  return { kind, fallback: isDerived(fallback) ? fallback : { value: fallback }, says, read };
}

const isNumber = (value: unknown): value is number => typeof value === "number";
const areNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(isNumber);

/** A real number. */
export function number(fallback: Fallback<number>, says: string): Attribute {
  return attribute("number", fallback, says, (value) => (isNumber(value) ? value : undefined));
}

/** A whole number. */
export function whole(fallback: Fallback<number>, says: string): Attribute {
  return attribute("whole number", fallback, says, (value) =>
    Number.isInteger(value) ? value : undefined,
  );
}

/** true or false; 1 and 0 are accepted too. */
export function flag(fallback: Fallback<boolean>, says: string): Attribute {
  return attribute("true or false", fallback, says, (value) =>
    typeof value === "boolean" ? value : value === 0 || value === 1 ? value === 1 : undefined,
  );
}

/** One of some words. */
export function word<W extends string>(
  words: readonly W[],
  fallback: Fallback<W>,
  says: string,
): Attribute {
  return attribute(`one of ${words.map((one) => `"${one}"`).join(", ")}`, fallback, says, (value) =>
    words.includes(value as W) ? value : undefined,
  );
}

/** Rows and columns; a lone number stands for both. */
export function pair(fallback: Fallback<readonly [number, number]>, says: string): Attribute {
  return attribute("[rows, columns] or one number for both", fallback, says, (value) => {
    if (isNumber(value)) return [value, value];
    return areNumbers(value) && value.length === 2 ? value : undefined;
  });
}

/** Four sides; a lone number stands for all. */
export function sides(says: string): Attribute {
  const kind = "[top, bottom, left, right] or one number for all";
  return attribute(kind, [0, 0, 0, 0], says, (value) => {
    if (isNumber(value)) return [value, value, value, value];
    return areNumbers(value) && value.length === 4 ? value : undefined;
  });
}

/** Numbers; a lone number is a list of one. */
export function list(fallback: Fallback<readonly number[]>, says: string): Attribute {
  return attribute("list of numbers", fallback, says, (value) =>
    areNumbers(value) ? value : isNumber(value) ? [value] : undefined,
  );
}

/** [before, after] along each axis. */
export function margins(says: string): Attribute {
  return attribute("list of [before, after]", REQUIRED, says, (value) =>
    Array.isArray(value) && value.every((one) => areNumbers(one) && one.length === 2)
      ? value
      : undefined,
  );
}

/** The attributes of a case as the engine takes them, or their fault in words. */
export function resolve(
  known: Attributes,
  given: Readonly<Record<string, unknown>>,
  shapes: Readonly<Record<string, Shape>>,
): Readonly<Record<string, unknown>> | string {
  const names = Object.keys(known);
  const stranger = Object.keys(given).find((name) => !names.includes(name));
  if (stranger !== undefined) {
    const verb = names.length === 1 ? "is" : "are";
    return `no attribute ${stranger}; there ${verb} ${names.join(", ") || "none"}`;
  }
  const attributes: Record<string, unknown> = {};
  for (const [name, { kind, fallback, read }] of Object.entries(known)) {
    const value = given[name] ?? null;
    if (value !== null) {
      attributes[name] = read(value);
      if (attributes[name] === undefined) {
        return `attribute ${name} is ${JSON.stringify(value)}, expected ${kind}`;
      }
    } else if (fallback === null) return `attribute ${name} must be given: ${kind}`;
    else attributes[name] = "of" in fallback ? fallback.of({ shapes, attributes }) : fallback.value;
  }
  return attributes;
}
