// What the text of a shader and its dispatch say about its speed: workgroups, workgroup memory,
// barriers, divisions of whole numbers, the width and order of its loads. Pure.
import { readDeclarations, reachedText } from "../outside/declarations.ts";
import { evaluate } from "../outside/expression.ts";
import { layoutOf } from "../outside/layout.ts";

/** A shader as it is dispatched. */
export interface DispatchedText {
  readonly code: string;
  readonly entry: string;
  /** Values of overrides, by name. */
  readonly constants: Readonly<Record<string, number>>;
  readonly grid: readonly [number, number, number];
}

/** The facts that advice is based on. */
export interface ShaderFacts {
  readonly workgroups: number;
  /** Invocations of a workgroup; null if the text does not tell. */
  readonly invocations: number | null;
  readonly workgroup_bytes: number | null;
  /** Calls of workgroupBarrier, and those inside of loops. */
  readonly barriers: number;
  readonly looped_barriers: number;
  /** Divisions of whole numbers by something else than a literal, inside of loops and in all. */
  readonly looped_divisions: number;
  readonly divisions: number;
  /** An index that is a multiple of the invocation's: neighbours load from distant places. */
  readonly strided: string | null;
  /** Whether every load from a buffer reads a single number of four bytes. */
  readonly has_scalar_loads: boolean;
}

const LOOP = /\b(?:for|while|loop)\b/g;
const BARRIER = /\bworkgroupBarrier\s*\(/g;
// By a name or a parenthesis: compilers turn divisions by literals into products.
const REMAINDER = /%\s*(?!=)(?:[A-Za-z_(])/g;
const QUOTIENT = /(?<![/*])\/\s*(?![/*=])(?:[A-Za-z_(])/g;

/** Reads the facts; throws InputError for a text without entry point. */
export function shaderFacts({ code, entry, constants, grid }: DispatchedText): ShaderFacts {
  // Workgroup memory may hold structs with a bool, whose size is that of a number.
  const sized = code.replaceAll(/\bstruct\s+\w+\s*\{[^}]*\}/g, (struct) =>
    struct.replaceAll(/\bbool\b/g, "u32"),
  );
  const found = readDeclarations(entry, sized);
  const text = reachedText(found.functions, entry);
  const loops = loopTexts(text);
  const value = (name: string): number | undefined => {
    const given = constants[name];
    if (given !== undefined) return given;
    const own =
      found.overrides.find((one) => one.name === name)?.value ?? found.constants.get(name);
    if (own === undefined) return undefined;
    return tryValue(own, value);
  };
  const size = found.entries.find(({ name }) => name === entry)?.workgroup ?? [];
  const sizes = size.map((one) => tryValue(one, value));
  const count = (pattern: RegExp, texts: readonly string[]): number =>
    texts.reduce((sum, one) => sum + [...one.matchAll(pattern)].length, 0);
  const names = { ...found, values: value };
  const shared = found.shared
    .filter(({ name }) => new RegExp(`\\b${name}\\b`).test(text))
    .map(({ type }) => sizeOf(type, names));
  return {
    workgroups: grid[0] * grid[1] * grid[2],
    invocations: sizes.some((one) => one === undefined)
      ? null
      : sizes.reduce<number>((all, one) => all * one!, 1),
    workgroup_bytes: shared.some((one) => one === null)
      ? null
      : shared.reduce<number>((all, one) => all + one!, 0),
    barriers: count(BARRIER, [text]),
    looped_barriers: count(BARRIER, loops),
    looped_divisions: wholeDivisions(loops),
    divisions: wholeDivisions([text]),
    strided: stridedIndex(
      text,
      found.buffers.map(({ name }) => name),
    ),
    has_scalar_loads: found.buffers
      .filter(({ space }) => space !== "uniform")
      .every(({ type }) => /^array\s*<\s*(f32|u32|i32)\b/.test(type)),
  };
}

function tryValue(text: string, value: (name: string) => number | undefined): number | undefined {
  try {
    return evaluate(text, value, "", { wgsl: true });
  } catch {
    return undefined; // an expression of another kind
  }
}

function sizeOf(type: string, names: Parameters<typeof layoutOf>[1]): number | null {
  try {
    return layoutOf(type.replaceAll(/\bbool\b/g, "u32"), names, "").size;
  } catch {
    return null;
  }
}

/** The bodies of the outermost loops. */
function loopTexts(text: string): string[] {
  const bodies: string[] = [];
  let from = 0;
  for (const { index } of text.matchAll(LOOP)) {
    if (index < from) continue;
    let at = text.indexOf("{", index);
    if (at < 0) break;
    let depth = 0;
    do {
      if (text[at] === "{") depth++;
      if (text[at] === "}") depth--;
      at++;
    } while (depth > 0 && at < text.length);
    bodies.push(text.slice(text.indexOf("{", index), at));
    from = at;
  }
  return bodies;
}

/** Remainders, and quotients in statements that have nothing to do with real numbers. */
function wholeDivisions(texts: readonly string[]): number {
  const statements = texts.flatMap((text) => text.split(/[;{}]/));
  return statements.reduce((sum, statement) => {
    const remainders = [...statement.matchAll(REMAINDER)].length;
    // An index is whole, whatever is computed around it.
    const indices = [...statement.matchAll(/\[[^[\]]*\]/g)].map(([text]) => text).join(" ");
    const rest = statement.replaceAll(/\[[^[\]]*\]/g, "[]");
    const inIndices = [...indices.matchAll(QUOTIENT)].length;
    const isReal = /\bf32\b|\bf16\b|\d\.\d|\d\.|sqrt|exp|log\b/.test(rest);
    const isWhole = /\b\d+u\b|\bu32\b|\bid\b|_id\b|\bindex\b/.test(rest);
    const quotients = isReal || !isWhole ? 0 : [...rest.matchAll(QUOTIENT)].length;
    return sum + remainders + quotients + inIndices;
  }, 0);
}

/** An access such as `x[id.x * n + k]`: the index of the invocation times a length. */
function stridedIndex(text: string, buffers: readonly string[]): string | null {
  const id = /@\s*builtin\s*\(\s*global_invocation_id\s*\)\s*(\w+)/.exec(text)?.[1];
  if (id === undefined) return null;
  const names = [`${id}\\s*\\.\\s*x`];
  for (const [, name] of text.matchAll(
    new RegExp(`\\blet\\s+(\\w+)\\s*(?::[^=]*)?=\\s*${id}\\s*\\.\\s*x\\s*;`, "g"),
  )) {
    names.push(name);
  }
  for (const buffer of buffers) {
    const access = new RegExp(
      `(?<![\\w.])${buffer}\\s*\\[\\s*(?:${names.join("|")})\\s*\\*\\s*([A-Za-z_][\\w.]*|\\d+u?)[^\\]]*\\]`,
    ).exec(text);
    if (access !== null && !/^[01]u?$/.test(access[1])) return access[0].replaceAll(/\s+/g, " ");
  }
  return null;
}
