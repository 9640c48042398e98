// The small changes that turn a shader into a wrong one: as a slip of its author would.

/** One change of a shader. */
export interface Mutation {
  /** Line of the shader, from 1. */
  readonly line: number;
  /** The changed line, with the change marked. */
  readonly change: string;
  /** The text of the whole shader after it. */
  readonly code: string;
}

/** Operators, functions and numbers, and what takes their place. */
const RULES: readonly (readonly [pattern: RegExp, replacement: (found: string) => string])[] = [
  swap(" + ", " - "),
  swap(" - ", " + "),
  swap(" * ", " + "),
  swap(" / ", " * "),
  swap(" % ", " / "),
  swap(" < ", " <= "),
  swap(" <= ", " < "),
  swap(" > ", " >= "),
  swap(" >= ", " > "),
  swap(" == ", " != "),
  swap(" != ", " == "),
  swap(" && ", " || "),
  swap(" || ", " && "),
  swap(" & ", " | "),
  swap(" += ", " -= "),
  swap(" -= ", " += "),
  [/\bmin\(/g, () => "max("],
  [/\bmax\(/g, () => "min("],
  [/\bexp\(/g, () => "exp2("],
  [/\b\d+u\b/g, (found) => `${Number.parseInt(found, 10) + 1}u`],
  [/\b\d+\.\d+\b/g, (found) => `${Number(found) * 1.25 + 0.25}`],
  // an assignment is left out
  [/^\s+[-\w()*[\].+/% ]+ [-+]?= [^{}]*;$/g, () => ""],
];

function swap(from: string, to: string): (typeof RULES)[number] {
  return [new RegExp(from.replaceAll(/[*+|/]/g, String.raw`\$&`), "g"), () => to];
}

/** A line that declares what the host sets, or that has no text of its own. */
const DECLARES = /^(?:\s*@|override|const|enable|alias|struct|var<|\s+\w+: \w+,)/;
/** A declaration of a variable, which cannot be left out. */
const VARIABLE = /^\s+(?:let|var|for|if|while|return|case)\b/;

/** Every mutation of the functions of a shader, one at a time; comments stay as they are. */
export function mutationsOf(shader: string): Mutation[] {
  const mutations: Mutation[] = [];
  const lines = shader.split("\n");
  let depth = 0;
  lines.forEach((line, i) => {
    const code = line.replace(/\s*\/\/.*$/, "");
    if (depth > 0 && !DECLARES.test(code)) {
      for (const [pattern, replacement] of RULES) {
        for (const { 0: found, index } of code.matchAll(pattern)) {
          if (found === code && VARIABLE.test(code)) continue;
          const [before, after] = [code.slice(0, index), code.slice(index + found.length)];
          const made = replacement(found);
          mutations.push({
            line: i + 1,
            change: `${before}«${found} → ${made}»${after}`.trim(),
            code: lines.with(i, before + made + after).join("\n"),
          });
        }
      }
    }
    depth += count(code, "{") - count(code, "}");
  });
  return mutations;
}

function count(text: string, letter: string): number {
  return text.split(letter).length - 1;
}
