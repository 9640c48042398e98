// Storage in half precision as a property of a binding: rewrites a shader's text so that some of
// its tensors are stored as f16, while everything is still computed in f32. Every line keeps its
// number; comments go. A text that uses such a tensor in another way than by loads and stores of
// whole elements cannot be rewritten. Pure.
import type { ShaderInfo } from "./kernel.ts";

/** Types of elements, and their halves. */
const HALVES: Readonly<Record<string, string | undefined>> = {
  f32: "f16",
  vec2f: "vec2<f16>",
  vec4f: "vec4<f16>",
};

/** Whether a shader with this text can store a binding as f16. */
export function canStoreHalf(
  shader: Pick<ShaderInfo, "bindings">,
  code: string,
  name: string,
): boolean {
  const binding = shader.bindings.find((one) => one.name === name);
  if (binding === undefined || binding.uniform || binding.access === "inout") return false;
  return rewritten(withoutComments(code), name) !== null;
}

/**
 * The text with these bindings stored as f16: a load widens, a store rounds to the nearest. Throws
 * if one of them cannot be, which `canStoreHalf` tells.
 */
export function storedAsHalf(code: string, names: readonly string[]): string {
  if (names.length === 0) return code;
  let text = withoutComments(code);
  for (const name of names) {
    const next = rewritten(text, name);
    if (next === null) throw new Error(`${name} is used in a way that f16 cannot store`);
    text = next;
  }
  // the first line was a comment
  return /^enable f16;/m.test(text) ? text : `enable f16;${text}`;
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\/.*$/gm, "");
}

/** The text with one binding stored as f16; null if it is used in another way. */
function rewritten(text: string, name: string): string | null {
  const declared = new RegExp(`(@binding\\(\\d+\\) var<storage, \\w+> ${name}: array<)(\\w+)(>;)`);
  const wide = declared.exec(text)?.[2] ?? "";
  const half = HALVES[wide];
  if (half === undefined) return null;
  const pieces = functionsOf(text.replace(declared, `$1${half}$3`));
  let result = "";
  for (const { code, isFunction } of pieces) {
    const next = isFunction ? rewrittenFunction(code, { name, wide, half }) : code;
    if (next === null) return null;
    result += next;
  }
  return result;
}

/** The text in order, cut into functions and what lies between them. */
function functionsOf(text: string): { readonly code: string; readonly isFunction: boolean }[] {
  const pieces: { code: string; isFunction: boolean }[] = [];
  let at = 0;
  for (const { index } of text.matchAll(/^fn \w+\(/gm)) {
    const end = closing(text, text.indexOf("{", index)) + 1;
    pieces.push({ code: text.slice(at, index), isFunction: false });
    pieces.push({ code: text.slice(index, end), isFunction: true });
    at = end;
  }
  return [...pieces, { code: text.slice(at), isFunction: false }];
}

/** The place of the bracket that closes the one at `open`. */
function closing(text: string, open: number): number {
  const [left, right] = [text[open], text[open] === "{" ? "}" : "]"];
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === left) depth++;
    if (text[at] === right && --depth === 0) return at;
  }
  throw new Error(`a bracket ${left} is not closed`);
}

interface Stored {
  readonly name: string;
  readonly wide: string;
  readonly half: string;
}

/** A function, unless the binding's name means a parameter or a local variable there. */
function rewrittenFunction(code: string, stored: Stored): string | null {
  const body = code.indexOf("{");
  const signature = code.slice(0, body);
  if (new RegExp(`\\b${stored.name}\\s*:`).test(signature)) return code;
  const isLocal = new RegExp(`\\b(?:let|var|const) ${stored.name}\\b`).test(code);
  // with both meanings in one function, it is not rewritten
  if (isLocal && !new RegExp(`(?<![\\w.])${stored.name}\\[`).test(code)) return code;
  const uses = rewrittenUses(code.slice(body), stored);
  return uses === null ? null : signature + uses;
}

/** Assignments to a part of an element, or to an element and its own value. */
const PARTIAL = /^\s*(?:(?:\.\w+)?\s*(?:[-+*/%&|^]|<<|>>)=|\.\w+\s*=(?!=)|\[|\+\+|--)/;

/** Statements or an expression with every load and store of the binding; null for other uses. */
function rewrittenUses(code: string, stored: Stored): string | null {
  const { name, wide, half } = stored;
  const found = new RegExp(`(?<![\\w.])${name}\\b`).exec(code);
  if (found === null) return code;
  const before = code.slice(0, found.index);
  const after = code.slice(found.index + name.length);
  // its address, or a local variable of its name
  if (after[0] !== "[") return null;
  const end = closing(after, 0);
  const index = rewrittenUses(after.slice(1, end), stored);
  const tail = after.slice(end + 1);
  if (index === null || PARTIAL.test(tail)) return null;
  const assignment = /^\s*=(?!=)\s*/.exec(tail)?.[0];
  if (assignment === undefined) {
    const rest = rewrittenUses(tail, stored);
    return rest === null ? null : `${before}${wide}(${name}[${index}])${rest}`;
  }
  const stop = tail.indexOf(";");
  const value = rewrittenUses(tail.slice(assignment.length, stop), stored);
  const rest = rewrittenUses(tail.slice(stop), stored);
  if (value === null || rest === null) return null;
  return `${before}${name}[${index}]${assignment}${half}(${value})${rest}`;
}
