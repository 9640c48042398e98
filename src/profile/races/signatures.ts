// The functions of a WGSL text: their parameters, the places of their bodies, and which pointers to
// shared memory they take. Pure.
import type { Token } from "./tokens.ts";

/** A parameter of a function. */
export interface Parameter {
  readonly name: string;
  readonly type: string;
  /** The name of its built-in value, for entry points; empty if it has none. */
  readonly builtin: string;
  /** Its target in memory that several invocations share; null for anything else. */
  readonly shared: {
    readonly space: "workgroup" | "storage";
    readonly type: string;
  } | null;
  readonly end: number;
}

/** A function with the tokens of its body. */
export interface FunctionText {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** The place behind `(`. */
  readonly open: number;
  /** The place behind `{`. */
  readonly body_start: number;
  /** The index of the first token of the body, and of its `}`. */
  readonly first: number;
  readonly last: number;
}

/** The functions of a text. */
export function functionsOf(tokens: readonly Token[]): FunctionText[] {
  const found: FunctionText[] = [];
  let depth = 0;
  for (let i = 0; i < tokens.length; i++) {
    const { text } = tokens[i];
    if (text === "{") depth++;
    if (text === "}") depth--;
    if (depth > 0 || text !== "fn") continue;
    const open = i + 2;
    const close = closing(tokens, open);
    let first = close;
    while (tokens[first].text !== "{") first++;
    const last = closing(tokens, first);
    found.push({
      name: tokens[i + 1].text,
      parameters: parametersOf(tokens.slice(open + 1, close)),
      open: tokens[open].end,
      body_start: tokens[first].end,
      first: first + 1,
      last,
    });
    i = last;
  }
  return found;
}

/** The index of the bracket that closes the one at `open`. */
function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let i = open; i < tokens.length; i++) {
    if ("([{".includes(tokens[i].text)) depth++;
    if (")]}".includes(tokens[i].text) && --depth === 0) return i;
  }
  throw new Error("a bracket is not closed");
}

/** Splits tokens at the commas that no bracket encloses. */
function splitTokens(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.kind === "open" || "([".includes(token.text)) depth++;
    if (token.kind === "close" || ")]".includes(token.text)) depth--;
    if (token.text === "," && depth === 0) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts.filter((part) => part.length > 0);
}

function textOf(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join(" ");
}

function parametersOf(tokens: readonly Token[]): Parameter[] {
  return splitTokens(tokens).map((part) => {
    const colon = part.findIndex(({ text }) => text === ":");
    const builtin = part.findIndex(({ text }) => text === "builtin");
    const type = part.slice(colon + 1);
    return {
      name: part[colon - 1].text,
      type: textOf(type),
      builtin: builtin < 0 || builtin > colon ? "" : part[builtin + 2].text,
      shared: sharedTarget(type),
      end: part.at(-1)!.end,
    };
  });
}

function sharedTarget(type: readonly Token[]): Parameter["shared"] {
  if (type[0].text !== "ptr") return null;
  const [space, target, access] = splitTokens(type.slice(2, -1)).map(textOf);
  if (space === "workgroup") return { space, type: target };
  return space === "storage" && access === "read_write" ? { space, type: target } : null;
}
