// Run-time checks of options, for callers without TypeScript. An unknown option is refused, because it
// would be a setting that silently does nothing.
import { InputError } from "./error.ts";
import { unknownName } from "./nearest_name.ts";

/**
 * The kinds of options: a finite number, one number or a list, a flag, a text, a list of texts, one
 * of several words, a function, a value of the graph or null, or anything, which is checked elsewhere.
 */
type OptionRule =
  | "number"
  | "numbers"
  | "flag"
  | "text"
  | "texts"
  | "function"
  | "value"
  | "any"
  | readonly string[];

/** Rules by name. */
export type OptionRules = Readonly<Record<string, OptionRule>>;

/**
 * Throws InputError, naming the function `op` and the option, if one is unknown, missing or of the
 * wrong kind; `optional` ones may be left out.
 */
export function checkOptions(
  op: string,
  given: unknown,
  required: OptionRules,
  optional: OptionRules = {},
): void {
  const rules = { ...required, ...optional };
  checkNames(op, given, Object.keys(rules));
  const options = given as Readonly<Record<string, unknown>>;
  for (const [name, rule] of Object.entries(rules)) {
    const value = options[name];
    if (value === undefined && Object.hasOwn(optional, name)) continue;
    checkOption(op, name, value, rule);
  }
}

/** Throws InputError, naming the nearest right name, for an option of the function `op` not in `known`. */
export function checkNames(op: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== "object" || given === null) {
    throw new InputError(`${op}: expected options, was given ${String(given)}`);
  }
  const wrong = Object.keys(given).find((name) => !known.includes(name));
  if (wrong === undefined) return;
  throw new InputError(unknownName(`${op}: unknown option`, wrong, known));
}

/** Throws InputError unless a value is one of `choices`. */
export function checkChoice(
  op: string,
  name: string,
  value: unknown,
  choices: readonly string[],
): void {
  checkOption(op, name, value, choices);
}

function checkOption(op: string, name: string, value: unknown, rule: OptionRule): void {
  const [fits, wanted] = judged(value, rule);
  if (fits) return;
  const shown = typeof value === "object" && value !== null ? "an object" : String(value);
  throw new InputError(`${op}: ${name} is ${shown}; expected ${wanted}`);
}

/** Whether a value fits a rule, and the rule in words. */
function judged(value: unknown, rule: OptionRule): readonly [fits: boolean, wanted: string] {
  switch (rule) {
    case "number":
      return [Number.isFinite(value), "a finite number"];
    case "numbers": {
      const list: readonly unknown[] = Array.isArray(value) ? value : [value];
      return [list.every(Number.isFinite), "a finite number or a list of them"];
    }
    case "flag":
      return [typeof value === "boolean", "true or false"];
    case "text":
      return [typeof value === "string", "a text"];
    case "texts": {
      const isList = Array.isArray(value) && value.every((one) => typeof one === "string");
      return [isList, "a list of texts"];
    }
    case "function":
      return [typeof value === "function", "a function"];
    case "value":
      return [typeof value === "object", "a value of the graph or null"];
    case "any":
      return [true, "anything"];
    default:
      return [typeof value === "string" && rule.includes(value), rule.join(", ")];
  }
}
