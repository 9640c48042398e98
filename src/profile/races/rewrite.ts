// Walks through the functions of a WGSL text and records each access to shared memory. It follows
// variables, their members and elements, and pointers: in `let`, and as parameters, which get the
// first place that they point to as one more parameter. Pure.
import { matrixSize } from "./matrices.ts";
import type { TypeNames } from "../outside/layout.ts";
import {
  baseOf,
  elementOf,
  memberOf,
  pointedBy,
  wholeOf,
  type Place,
  type SharedVariable,
} from "./places.ts";
import { RecordWriter, type Part } from "./record_writer.ts";
import { UNFOLLOWED } from "./recorder.ts";
import type { FunctionText } from "./signatures.ts";
import type { Token } from "./tokens.ts";
import { placeType, type PlaceType } from "./types.ts";

/** A part of shared memory, a pointer to one, or anything else. */
type Value =
  | { readonly kind: "other" }
  | ({ readonly kind: "reference" | "pointer"; readonly place: Place } & Part);

/** A name that a function declares: a pointer to shared memory, or null for anything else. */
type Known = Place | null;

const OTHER = { kind: "other" } as const;
const ASSIGNMENTS = new Set("= += -= *= /= %= &= |= ^= <<= >>= ++ --".split(" "));
const ENDS = new Set([";", "{", "}", ")", "]", ",", ":", "@"]);
const DECLARATIONS = new Set(["let", "var", "const", "const_assert"]);
/** Keywords with an expression or a block behind them, or both, or neither. */
const KEYWORDS = new Set(
  "if while switch loop else continuing default return break continue discard".split(" "),
);
const MATRICES = new Set(["subgroupMatrixLoad", "subgroupMatrixStore"]);
// Written out once more, it must not call anything.
const PLAIN = /^[\w\s+*/-]+$/;
const BARRIERS: Readonly<Record<string, string>> = {
  workgroupBarrier: "workgroup_barrier",
  storageBarrier: "storage_barrier",
};

/** A text with everything that is known about it before its functions are read. */
export interface RewriteContext {
  readonly file: string;
  readonly code: string;
  /** The text without comments. */
  readonly bare: string;
  readonly tokens: readonly Token[];
  readonly functions: readonly FunctionText[];
  readonly variables: readonly SharedVariable[];
  readonly names: TypeNames;
  /** In front of every name that is added. */
  readonly prefix: string;
}

/** A text that this program cannot read, with its place. */
export class ReadError extends Error {}

/** The result of walking through all functions. */
export interface Rewritten {
  readonly writer: RecordWriter;
  /** Accesses that are not recorded, one line each. */
  readonly unfollowed: readonly string[];
}

/** Rewrites every function. Throws ReadError with a place for a text that it cannot read. */
export function rewriteFunctions(context: RewriteContext): Rewritten {
  const walker = new Walker(context);
  for (const one of context.functions) walker.walk(one);
  return walker;
}

class Walker implements Rewritten {
  readonly writer: RecordWriter;
  readonly unfollowed: string[] = [];
  readonly #context: RewriteContext;
  readonly #variables: ReadonlyMap<string, SharedVariable>;
  readonly #functions: ReadonlyMap<string, FunctionText>;
  #scopes: Map<string, Known>[] = [];
  #at = 0;

  constructor(context: RewriteContext) {
    this.#context = context;
    this.writer = new RecordWriter(context.code, context.prefix);
    this.#variables = new Map(context.variables.map((one) => [one.name, one]));
    this.#functions = new Map(context.functions.map((one) => [one.name, one]));
  }

  walk({ parameters, first, last }: FunctionText): void {
    this.#scopes = [new Map()];
    for (const { name, shared, end } of parameters) {
      if (shared === null) {
        this.#declare(name, null);
        continue;
      }
      const base = `${this.#context.prefix}base_${name}`;
      this.writer.edits.append(end, `, ${base}: u32`);
      const type = this.#typeOf(shared.type, name);
      this.#declare(name, type === null ? null : pointedBy(name, shared.space, type, base));
    }
    this.#at = first;
    while (this.#at < last) this.#statement();
  }

  #typeOf(text: string, name: string): PlaceType | null {
    const { names, file } = this.#context;
    try {
      return placeType(text, names, `${file}: ${name}`);
    } catch (error) {
      this.unfollowed.push(`${(error as Error).message}: it is not followed`);
      return null;
    }
  }

  // --- tokens

  #token(): Token {
    return this.#context.tokens[this.#at];
  }

  #is(text: string): boolean {
    return this.#token().text === text;
  }

  #next(): Token {
    return this.#context.tokens[this.#at++];
  }

  #take(text: string): Token {
    if (!this.#is(text)) this.#fail(`expected ${text}`);
    return this.#next();
  }

  #fail(what: string): never {
    const { text, start } = this.#token();
    const place = `${this.#context.file}:${this.writer.lineAt(start)}`;
    throw new ReadError(`${place}: ${what}, found ${text}`);
  }

  /** Skips a bracket and everything that it encloses. */
  #skipGroup(): void {
    let depth = 0;
    do {
      const { kind, text } = this.#next();
      if (kind === "open" || "([".includes(text)) depth++;
      if (kind === "close" || ")]".includes(text)) depth--;
    } while (depth > 0);
  }

  // --- statements

  #declare(name: string, known: Known): void {
    this.#scopes.at(-1)!.set(name, known);
  }

  #inScope(work: () => void): void {
    this.#scopes.push(new Map());
    work();
    this.#scopes.pop();
  }

  #statement(): void {
    const { text } = this.#token();
    if (text === ";") this.#next();
    else if (text === "@") this.#attributes();
    else if (text === "{") this.#block();
    else if (text === "for") this.#inScope(() => this.#for());
    else if (text === "case") {
      while (!this.#is("{")) this.#next();
      this.#block();
    } else if (KEYWORDS.has(text)) this.#keyword();
    else {
      this.#simple();
      this.#take(";");
    }
  }

  #attributes(): void {
    while (this.#is("@")) {
      this.#at += 2;
      if (this.#is("(")) this.#skipGroup();
    }
  }

  #keyword(): void {
    this.#next();
    if (this.#is(":") || this.#is("if")) this.#next();
    if (!ENDS.has(this.#token().text)) this.#expression();
    this.#attributes();
    if (this.#is("{")) this.#block();
    else if (!this.#is("}")) this.#take(";");
  }

  #block(): void {
    this.#take("{");
    this.#inScope(() => {
      while (!this.#is("}")) this.#statement();
    });
    this.#take("}");
  }

  #for(): void {
    this.#next();
    this.#take("(");
    if (!this.#is(";")) this.#simple();
    this.#take(";");
    if (!this.#is(";")) this.#expression();
    this.#take(";");
    if (!this.#is(")")) this.#simple();
    this.#take(")");
    this.#attributes();
    this.#block();
  }

  /** A declaration, an assignment or a call, without its `;`. */
  #simple(): void {
    if (DECLARATIONS.has(this.#token().text)) this.#declaration();
    else this.#assignment();
  }

  #declaration(): void {
    const kind = this.#next().text;
    if (kind === "const_assert") {
      this.#expression();
      return;
    }
    if (this.#token().kind === "open") this.#skipGroup();
    const name = this.#token().text;
    while (!this.#is("=") && !this.#is(";")) this.#next();
    let known: Known = null;
    if (this.#is("=")) {
      this.#next();
      const value = this.#value();
      if (value.kind === "pointer") known = this.writer.fixed(value.place);
      else this.#read(value);
    }
    this.#declare(name, known);
  }

  #assignment(): void {
    if (this.#is("_")) {
      this.#next();
      this.#take("=");
      this.#expression();
      return;
    }
    const target = this.#operand();
    const sign = this.#token();
    if (!ASSIGNMENTS.has(sign.text)) {
      this.#read(target);
      return;
    }
    this.#next();
    const { start } = this.#token();
    const isStep = sign.text === "++" || sign.text === "--";
    if (!isStep) this.#expression();
    if (target.kind !== "reference") return;
    const value = { start, end: this.#context.tokens[this.#at - 1].end };
    if (sign.text === "=") this.writer.store(target.place, target.start, value);
    else this.writer.update(target.place, target, sign, isStep ? null : value);
  }

  // --- expressions

  #expression(): void {
    this.#read(this.#value());
  }

  #read(value: Value): void {
    if (value.kind === "reference") this.writer.read(value.place, value);
  }

  /** An expression; one operand alone is returned before it is read. */
  #value(): Value {
    let value = this.#operand();
    while (!this.#isEnd()) {
      this.#read(value);
      this.#next(); // an operator
      this.#read(this.#operand());
      value = OTHER;
    }
    return value;
  }

  #isEnd(): boolean {
    const { text, kind } = this.#token();
    return ENDS.has(text) || ASSIGNMENTS.has(text) || kind === "close";
  }

  #operand(): Value {
    const { text, start } = this.#token();
    if (text === "-" || text === "!" || text === "~") {
      this.#next();
      this.#read(this.#operand());
      return OTHER;
    }
    if (text !== "&" && text !== "*") return this.#parts(this.#primary());
    this.#next();
    const value = this.#operand();
    if (text === "&" && value.kind === "reference") return { ...value, kind: "pointer", start };
    if (text === "*" && value.kind === "pointer") return { ...value, kind: "reference", start };
    this.#read(value);
    return OTHER;
  }

  #primary(): Value {
    const { text, kind, start, end } = this.#next();
    if (text === "(") {
      const value = this.#value();
      const close = this.#take(")");
      return value.kind === "other" ? OTHER : { ...value, start, end: close.end };
    }
    if (kind === "number") return OTHER;
    if (kind !== "name") {
      this.#at--;
      this.#fail("expected an expression");
    }
    let parts = "";
    if (this.#token().kind === "open") {
      const { end: from } = this.#token();
      this.#skipGroup();
      parts = this.#context.bare.slice(from, this.#context.tokens[this.#at - 1].start);
    }
    if (!this.#is("(")) return this.#named(text, start, end);
    return MATRICES.has(text) ? this.#matrix(text, parts, start) : this.#call(text, start);
  }

  #named(name: string, start: number, end: number): Value {
    const scope = this.#scopes.findLast((one) => one.has(name));
    if (scope !== undefined) {
      const place = scope.get(name) ?? null;
      return place === null ? OTHER : { kind: "pointer", place, start, end };
    }
    const variable = this.#variables.get(name);
    if (variable === undefined) return OTHER;
    return { kind: "reference", place: wholeOf(variable), start, end };
  }

  /** The members and indices behind an operand. */
  #parts(operand: Value): Value {
    let value = operand;
    for (;;) {
      if (this.#is(".")) {
        this.#next();
        const { text, end } = this.#next();
        if (value.kind === "other") continue;
        const place = memberOf(value.place, text) ?? this.#fail(`no member ${text}`);
        value = { ...value, kind: "reference", place, end };
      } else if (this.#is("[")) {
        if (value.kind !== "other" && value.place.swizzle !== null) {
          this.#read(value);
          value = OTHER;
        }
        this.#next();
        const { start } = this.#token();
        this.#expression();
        const { end } = this.#context.tokens[this.#at - 1];
        const close = this.#take("]");
        if (value.kind === "other") continue;
        const place = elementOf(value.place, start, end) ?? this.#fail("no elements");
        value = { ...value, kind: "reference", place, end: close.end };
      } else return value;
    }
  }

  #call(name: string, start: number): Value {
    this.#take("(");
    const { prefix } = this.#context;
    const own = this.#functions.get(name);
    if (own === undefined && Object.hasOwn(BARRIERS, name)) {
      this.writer.edits.replace(start, start + name.length, `${prefix}${BARRIERS[name]}`);
    }
    let loaded: Place | null = null;
    for (let i = 0; !this.#is(")"); i++) {
      const value = this.#value();
      const { end } = this.#context.tokens[this.#at - 1];
      const isShared = (own?.parameters[i]?.shared ?? null) !== null;
      if (isShared) this.#pointTo(value, end, `argument ${i + 1} of ${name}`, start);
      else if (value.kind !== "pointer") this.#read(value);
      else if (name === "workgroupUniformLoad") loaded = value.place;
      else if (name !== "arrayLength" && value.place.type.kind !== "atomic") {
        this.#leave(`what ${name} does with memory`, start);
      }
      if (this.#is(",")) this.#next();
    }
    const { end } = this.#take(")");
    if (loaded !== null) this.writer.uniformLoad(loaded, { start, end });
    return OTHER;
  }

  /** A matrix of a subgroup: a pointer to an array, the first element, (the matrix,) elements per line. */
  #matrix(name: string, parts: string, start: number): Value {
    const { bare, names } = this.#context;
    this.#take("(");
    const found: (Part & { readonly value: Value })[] = [];
    while (!this.#is(")")) {
      const from = this.#token().start;
      const value = this.#value();
      this.#read(value);
      found.push({ value, start: from, end: this.#context.tokens[this.#at - 1].end });
      if (this.#is(",")) this.#next();
    }
    this.#take(")");
    const isLoad = name === "subgroupMatrixLoad";
    const [pointer, offset] = found;
    if (pointer.value.kind !== "pointer") return OTHER;
    const { place } = pointer.value;
    const line = found.at(-1)!;
    const pitch = bare.slice(line.start, line.end);
    const size = matrixSize(name, parts, bare, names);
    const { type } = place;
    const isKnown = found.length === (isLoad ? 3 : 4) && PLAIN.test(pitch);
    if (size === null || !isKnown || type.kind !== "array" || type.element.kind !== "scalar") {
      this.#leave(`what ${name} does with memory`, start);
      return OTHER;
    }
    const extent = type.count === null ? place.length : `${type.count}u`;
    const access = { offset, pitch, extent, ...size };
    this.writer.matrix(place, isLoad ? "read" : "write", start, access);
    return OTHER;
  }

  /** Passes the first place that an argument points to behind it. */
  #pointTo(value: Value, end: number, what: string, at: number): void {
    const place = value.kind === "pointer" ? this.writer.fixed(value.place) : null;
    if (place === null) this.#leave(what, at);
    this.writer.edits.append(end, `, ${place === null ? `${UNFOLLOWED}u` : baseOf(place)}`);
  }

  #leave(what: string, at: number): void {
    const place = `${this.#context.file}:${this.writer.lineAt(at)}`;
    this.unfollowed.push(`${place}: ${what} is not followed`);
  }
}
