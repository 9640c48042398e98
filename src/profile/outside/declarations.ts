// What a WGSL text declares for its host: buffers, overrides, entry points and the types they use.
// Bodies of functions are not parsed, so that no new syntax of WGSL stands in the way; the compiler
// judges the text as a whole. Pure.
import { InputError } from "../../tensor/error.ts";
import { splitTop, type StructText } from "./layout.ts";

/** A buffer that the shader binds. */
export interface BufferText {
  readonly name: string;
  readonly group: number;
  readonly binding: number;
  readonly space: "uniform" | "read" | "read_write";
  readonly type: string;
}

/** An override: `value` is the text of its default, null if it must be given. */
export interface OverrideText {
  readonly name: string;
  /** The name by which a pipeline sets it: its number if it has one. */
  readonly key: string;
  readonly type: string;
  readonly value: string | null;
}

/** A compute entry point. */
export interface EntryText {
  readonly name: string;
  /** The expressions of its workgroup size, one to three. */
  readonly workgroup: readonly string[];
  /** How many axes of the built-in ids its text reads: 1 to 3. */
  readonly axes: 1 | 2 | 3;
}

/** The declarations of a WGSL text. */
export interface Declarations {
  readonly buffers: readonly BufferText[];
  readonly overrides: readonly OverrideText[];
  readonly entries: readonly EntryText[];
  readonly constants: ReadonlyMap<string, string>;
  readonly structs: ReadonlyMap<string, StructText>;
  readonly aliases: ReadonlyMap<string, string>;
  /** Name and type of each variable in workgroup memory. */
  readonly shared: readonly { readonly name: string; readonly type: string }[];
  /** The text of each function from its parameters on. */
  readonly functions: ReadonlyMap<string, string>;
  /** The text without comments. */
  readonly bare: string;
}

const NAME = "[\\p{L}_][\\p{L}\\p{N}_]*";
const IDS = ["global_invocation_id", "workgroup_id"] as const;

/** The text with comments as blanks: all places and line numbers stay. */
function withoutComments(code: string): string {
  let [bare, depth] = ["", 0];
  for (let i = 0; i < code.length; i++) {
    const two = code.slice(i, i + 2);
    if (two === "/*" || (two === "*/" && depth > 0)) {
      depth += two === "/*" ? 1 : -1;
      bare += "  ";
      i++;
    } else if (depth === 0 && two === "//") {
      const end = code.indexOf("\n", i);
      const stop = end < 0 ? code.length : end;
      bare += " ".repeat(stop - i);
      i = stop - 1;
    } else bare += depth === 0 || code[i] === "\n" ? code[i] : " ";
  }
  return bare;
}

/**
 * Reads the declarations of `file`, whose text is `code`. Throws InputError naming the file and
 * line for a resource that is not a buffer and for a file without a compute entry point.
 */
export function readDeclarations(file: string, code: string): Declarations {
  const bare = withoutComments(code);
  const found = {
    buffers: [] as BufferText[],
    overrides: [] as OverrideText[],
    entries: [] as EntryText[],
    constants: new Map<string, string>(),
    structs: new Map<string, StructText>(),
    aliases: new Map<string, string>(),
    shared: [] as { name: string; type: string }[],
    functions: new Map<string, string>(),
  };
  for (const { text, line } of statements(bare)) {
    const at = `${file}:${line}`;
    const { attributes, rest } = attributesOf(text);
    const struct = match(`^struct\\s+(${NAME})\\s*\\{([\\s\\S]*)\\}\\s*;?$`, rest);
    const alias = match(`^alias\\s+(${NAME})\\s*=([\\s\\S]*);$`, rest);
    const constant = match(`^const\\s+(${NAME})\\s*(?::[^=]*)?=([\\s\\S]*);$`, rest);
    const override = match(`^override\\s+(${NAME})\\s*(?::([^=;]*))?(?:=([\\s\\S]*))?;$`, rest);
    const variable = match(
      `^var\\s*(?:<([^>]*)>)?\\s*(${NAME})\\s*(?::([^=;]*))?(?:=[\\s\\S]*)?;$`,
      rest,
    );
    const fn = match(`^fn\\s+(${NAME})\\s*\\(([\\s\\S]*)$`, rest);
    if (struct !== null) found.structs.set(struct[1], structOf(struct[2]));
    else if (alias !== null) found.aliases.set(alias[1], alias[2].trim());
    else if (constant !== null) found.constants.set(constant[1], constant[2].trim());
    else if (override !== null) found.overrides.push(overrideOf(override, attributes));
    else if (variable !== null) {
      const [, spaces = "", name, type = ""] = variable;
      if (/\bworkgroup\b/.test(spaces)) found.shared.push({ name, type: type.trim() });
      if (attributes.has("binding")) {
        found.buffers.push(bufferOf(name, spaces, type, attributes, at));
      }
    } else if (fn !== null) {
      found.functions.set(fn[1], fn[2]);
      if (!attributes.has("compute")) continue;
      found.entries.push({
        name: fn[1],
        workgroup: splitTop(attributes.get("workgroup_size") ?? ""),
        axes: axesOf(fn[2]),
      });
    }
  }
  if (found.entries.length === 0) {
    throw new InputError(`${file}: no compute entry point: expected "@compute ... fn NAME"`);
  }
  return { ...found, bare };
}

function match(pattern: string, text: string): RegExpExecArray | null {
  return new RegExp(pattern, "u").exec(text);
}

/** The text that an entry point runs: its own, and that of every function that it calls. */
export function reachedText(functions: Declarations["functions"], entry: string): string {
  const reached = new Set([entry]);
  // A set visits what is added while it is walked.
  for (const name of reached) {
    for (const [word] of (functions.get(name) ?? "").matchAll(new RegExp(NAME, "gu"))) {
      if (functions.has(word)) reached.add(word);
    }
  }
  return [...reached].map((name) => functions.get(name) ?? "").join("\n");
}

/** Whether a text contains a name. */
export function mentions(text: string, name: string): boolean {
  return new RegExp(`(?<![\\w.])${name}(?!\\w)`, "u").test(text);
}

/** The declarations of a module, one by one: each ends with `;` or with the `}` of its body. */
function statements(bare: string): { readonly text: string; readonly line: number }[] {
  const found: { text: string; line: number }[] = [];
  let [start, depth, line, first] = [0, 0, 1, 0];
  for (let i = 0; i < bare.length; i++) {
    const letter = bare[i];
    if (letter === "\n") line++;
    if (first === 0 && !/\s/.test(letter)) first = line;
    if ("{([".includes(letter)) depth++;
    if ("})]".includes(letter)) depth--;
    if (depth !== 0 || (letter !== ";" && letter !== "}")) continue;
    const text = bare.slice(start, i + 1).trim();
    if (text !== ";" && text !== "") found.push({ text, line: first });
    [start, first] = [i + 1, 0];
  }
  return found;
}

/** The attributes in front of a declaration, with the text in their parentheses. */
function attributesOf(text: string): {
  readonly attributes: ReadonlyMap<string, string>;
  readonly rest: string;
} {
  const attributes = new Map<string, string>();
  let rest = text;
  for (;;) {
    const [whole, name] = /^@\s*(\w+)\s*/.exec(rest) ?? [];
    if (whole === undefined) return { attributes, rest };
    rest = rest.slice(whole.length);
    let inside = "";
    if (rest.startsWith("(")) {
      let [depth, end] = [0, 0];
      do {
        if (rest[end] === "(") depth++;
        if (rest[end] === ")") depth--;
        end++;
      } while (depth > 0 && end < rest.length);
      inside = rest.slice(1, end - 1);
      rest = rest.slice(end).trimStart();
    }
    attributes.set(name, inside.trim());
  }
}

function structOf(body: string): StructText {
  const members = splitTop(body).map((text) => {
    const { attributes, rest } = attributesOf(text);
    const colon = rest.indexOf(":");
    const [align, size] = [attributes.get("align"), attributes.get("size")];
    return {
      name: rest.slice(0, colon).trim(),
      type: rest.slice(colon + 1).trim(),
      ...(align !== undefined && { align }),
      ...(size !== undefined && { size }),
    };
  });
  return { members };
}

function overrideOf(
  [, name, type, value]: readonly (string | undefined)[],
  attributes: ReadonlyMap<string, string>,
): OverrideText {
  const text = value?.trim() ?? null;
  // without a type, the default's literal decides
  const literal = text === null || /[.fh]/.test(text.replace(/^0x/i, "")) ? "f32" : "i32";
  const guess = text === "true" || text === "false" ? "bool" : literal;
  return {
    name: name!,
    key: attributes.get("id") ?? name!,
    type: type?.trim() ?? guess,
    value: text,
  };
}

function bufferOf(
  name: string,
  spaces: string,
  type: string,
  attributes: ReadonlyMap<string, string>,
  at: string,
): BufferText {
  const [space, access = "read"] = splitTop(spaces);
  if (space !== "uniform" && space !== "storage") {
    throw new InputError(`${at}: ${name} is a texture or sampler; only buffers can be profiled`);
  }
  const place = (attribute: string): number => {
    const text = attributes.get(attribute) ?? "";
    if (/^\d+[ui]?$/.test(text)) return Number.parseInt(text, 10);
    throw new InputError(`${at}: @${attribute}(${text}) of ${name}: expected a number`);
  };
  return {
    name,
    group: place("group"),
    binding: place("binding"),
    space: space === "uniform" ? "uniform" : access === "read" ? "read" : "read_write",
    type: type.trim(),
  };
}

/** The axes of the built-in ids that a function reads; `text` begins with its parameters. */
function axesOf(text: string): 1 | 2 | 3 {
  const names = IDS.flatMap((id) => {
    const found = match(`@\\s*builtin\\s*\\(\\s*${id}\\s*\\)\\s*(${NAME})`, text);
    return found === null ? [] : [found[1]];
  });
  const swizzles = names.flatMap((name) =>
    [...text.matchAll(new RegExp(`(?<![\\w.])${name}\\s*\\.\\s*([xyz]+)`, "gu"))].map(
      ([, axes]) => axes,
    ),
  );
  if (swizzles.some((axes) => axes.includes("z"))) return 3;
  return swizzles.some((axes) => axes.includes("y")) ? 2 : 1;
}

/** Whether a text reads the content of a buffer, and does not only store to its elements. */
export function isRead(text: string, name: string): boolean {
  const uses = new RegExp(`(?<![\\w.])${name}(?!\\w)`, "gu");
  for (const { index } of text.matchAll(uses)) {
    const before = text.slice(0, index);
    if (/arrayLength\s*\(\s*&\s*\(?\s*$/.test(before)) continue;
    if (!isStore(text.slice(index + name.length))) return true;
  }
  return false;
}

/** Whether a text begins with the rest of a place and a plain `=`: `[i].a = ` but not `[i] += `. */
function isStore(text: string): boolean {
  let i = 0;
  for (;;) {
    while (/\s/.test(text[i] ?? "")) i++;
    if (text[i] === ".") {
      i += /^\.\s*\w+/.exec(text.slice(i))?.[0].length ?? 1;
    } else if (text[i] === "[") {
      let depth = 0;
      do {
        if (text[i] === "[") depth++;
        if (text[i] === "]") depth--;
        i++;
      } while (depth > 0 && i < text.length);
    } else return text[i] === "=" && text[i + 1] !== "=";
  }
}
