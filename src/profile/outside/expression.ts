// Arithmetic in texts: `ceil(n / WG)` of a sidecar file, and the constant expressions of WGSL that
// decide sizes. Pure.
import { InputError } from "../../tensor/error.ts";

/** The value of a name; undefined if there is none. */
export type Names = (name: string) => number | undefined;

/** How an expression is read. */
export interface ExpressionStyle {
  /** Division of whole numbers drops the remainder, as in WGSL. */
  readonly wgsl?: boolean;
}

const FUNCTIONS: Readonly<Record<string, (...values: number[]) => number>> = {
  ceil: Math.ceil,
  floor: Math.floor,
  sqrt: Math.sqrt,
  log2: Math.log2,
  abs: Math.abs,
  min: Math.min,
  max: Math.max,
  // conversions of WGSL
  u32: Math.trunc,
  i32: Math.trunc,
  f32: (value) => value,
  f16: (value) => value,
};
const TOKEN =
  /\s*(0[xX][\da-fA-F]+[iu]?|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[iufh]?|[A-Za-z_][\w.]*|<<|>>|[-+*/%(),])/y;

/**
 * The value of an expression: numbers, names, + - * / % << >>, parentheses and ceil, floor, sqrt,
 * log2, abs, min, max. Throws InputError naming `where` for a text that is none, an unknown name or
 * a value that is not finite.
 */
export function evaluate(
  text: string,
  names: Names,
  where: string,
  { wgsl = false }: ExpressionStyle = {},
): number {
  const tokens = tokensOf(text, where);
  let at = 0;
  const fail = (why: string): never => {
    throw new InputError(`${where}: ${JSON.stringify(text)}: ${why}`);
  };
  const take = (token: string): boolean => {
    if (tokens[at] !== token) return false;
    at++;
    return true;
  };
  const call = (name: string): number => {
    const of = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : fail(`no function ${name}`);
    const values: number[] = [];
    while (!take(")")) {
      values.push(sum());
      if (!take(",") && tokens[at] !== ")") fail("a parenthesis is not closed");
    }
    return of(...values);
  };
  const atom = (): number => {
    const token = tokens[at++] ?? fail("it ends too early");
    if (token === "-") return -atom();
    if (token === "+") return atom();
    if (token === "(") {
      const value = sum();
      if (!take(")")) fail("a parenthesis is not closed");
      return value;
    }
    if (/^[\d.]/.test(token)) return numberOf(token);
    if (!/^[A-Za-z_]/.test(token)) fail(`${token} is not expected there`);
    if (take("(")) return call(token);
    return names(token) ?? fail(`${token} has no value`);
  };
  const product = (): number => {
    let value = atom();
    for (;;) {
      if (take("*")) value *= atom();
      else if (take("%")) value %= atom();
      else if (take("/")) {
        const other = atom();
        const whole = wgsl && Number.isInteger(value) && Number.isInteger(other);
        value = whole ? Math.trunc(value / other) : value / other;
      } else return value;
    }
  };
  const sum = (): number => {
    let value = product();
    for (;;) {
      if (take("+")) value += product();
      else if (take("-")) value -= product();
      else if (take("<<")) value *= 2 ** product();
      else if (take(">>")) value = Math.floor(value / 2 ** product());
      else return value;
    }
  };
  const value = sum();
  if (at < tokens.length) fail(`${tokens[at]} is not expected there`);
  return Number.isFinite(value) ? value : fail(`is ${value}`);
}

/** The number of a literal, whose suffix says its type in WGSL. */
function numberOf(literal: string): number {
  return Number(literal.replace(/^0x/i.test(literal) ? /[iu]$/ : /[iufh]$/, ""));
}

function tokensOf(text: string, where: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const from = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) {
      throw new InputError(`${where}: ${JSON.stringify(text)}: ${text.slice(from).trim()[0]}`);
    }
    tokens.push(token);
  }
  return tokens;
}
