// The small part of Python's literals that numpy writes into its headers: strings, whole numbers,
// True, False, None, tuples, lists, dicts. Nothing is evaluated.

/** A Python literal: dicts become maps, tuples and lists arrays, None null. */
export type PythonLiteral =
  | string
  | number
  | boolean
  | null
  | readonly PythonLiteral[]
  | Map<string, PythonLiteral>;

/** Parses one literal that fills `text`; throws `SyntaxError` with the position of a fault. */
export function parsePythonLiteral(text: string): PythonLiteral {
  const parser = new Parser(text);
  const value = parser.value();
  parser.end();
  return value;
}

const CONSTANTS = new Map([
  ["True", true],
  ["False", false],
  ["None", null],
]);
const MAX_DEPTH = 16; // A numpy header nests four deep; a damaged one must not exhaust the stack.

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): PythonLiteral {
    const token = this.#token(/'[^'\\\n]*'|"[^"\\\n]*"|-?\d+L?|True|False|None|[([{]/y);
    if (token === "(") return this.#sequence(")", true);
    if (token === "[") return this.#sequence("]", false);
    if (token === "{") return this.#dict();
    if (token[0] === "'" || token[0] === '"') return token.slice(1, -1);
    const constant = CONSTANTS.get(token);
    // Python 2 wrote long integers with an L.
    return constant !== undefined ? constant : Number(token.replace("L", ""));
  }

  end(): void {
    this.#token(/$/y);
  }

  #sequence(close: string, isTuple: boolean): PythonLiteral {
    this.#enter();
    const items: PythonLiteral[] = [];
    let lastSeparator = ",";
    while (!this.#skip(close)) {
      if (lastSeparator !== ",") this.#fail();
      items.push(this.value());
      lastSeparator = this.#skip(",") ? "," : "";
    }
    this.#depth--;
    // "(3)" is the number 3 to Python, "(3,)" the tuple.
    return isTuple && items.length === 1 && lastSeparator !== "," ? items[0] : items;
  }

  #dict(): PythonLiteral {
    this.#enter();
    const entries = new Map<string, PythonLiteral>();
    let lastSeparator = ",";
    while (!this.#skip("}")) {
      if (lastSeparator !== ",") this.#fail();
      const key = this.value();
      if (typeof key !== "string" || entries.has(key) || !this.#skip(":")) this.#fail();
      entries.set(key, this.value());
      lastSeparator = this.#skip(",") ? "," : "";
    }
    this.#depth--;
    return entries;
  }

  #enter(): void {
    if (++this.#depth > MAX_DEPTH) this.#fail();
  }

  #skip(token: string): boolean {
    this.#space();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #token(pattern: RegExp): string {
    this.#space();
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)?.[0];
    if (token === undefined) this.#fail();
    this.#at += token.length;
    return token;
  }

  #space(): void {
    while (/[ \t\n\r\f]/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  #fail(): never {
    throw new SyntaxError(`no Python literal at character ${this.#at}`);
  }
}
