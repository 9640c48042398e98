// Run-time checks of op options, for callers without TypeScript. An unknown option is refused,
// because it would be a setting that silently does nothing.
import { InputError } from "../tensor/error.ts";

/**
 * The kinds of options: a finite number, one number or a list, a flag, one of several words, or a
 * value of the graph or null.
 */
type OptionRule = "number" | "numbers" | "flag" | "value" | readonly string[];

/** Rules by name. */
export type OptionRules = Readonly<Record<string, OptionRule>>;

/**
 * Throws InputError, naming op and option, if an option is unknown, missing or of the wrong kind;
 * `optional` ones may be left out.
 */
export function checkOptions(
  op: string,
  given: unknown,
  required: OptionRules,
  optional: OptionRules = {},
): void {
  if (typeof given !== "object" || given === null) {
    throw new InputError(`${op}: expected options, was given ${String(given)}`);
  }
  const rules = { ...required, ...optional };
  const options = given as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(rules, name)) continue;
    throw new InputError(
      `${op}: unknown option ${name}; it has ${Object.keys(rules).join(", ") || "none"}`,
    );
  }
  for (const [name, rule] of Object.entries(rules)) {
    const value = options[name];
    if (value === undefined && Object.hasOwn(optional, name)) continue;
    checkOption(op, name, value, rule);
  }
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
    case "value":
      return [typeof value === "object", "a value of the graph or null"];
    default:
      return [typeof value === "string" && rule.includes(value), rule.join(", ")];
  }
}
