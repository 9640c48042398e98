// Finds the records of a JSON array of objects in bytes that arrive in pieces. A record that is not
// complete yet is scanned again with the next piece. json_table.ts reads the file.
import { InputError } from "../tensor/error.ts";

/** Where the value of a field is, from its first byte to the byte after its last. */
export interface JsonSpan {
  readonly kind: "string" | "number" | "word" | "array" | "object";
  readonly begin: number;
  readonly end: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const KINDS = ["string", "number", "word", "array", "object"] as const;
const WORDS = ["true", "false", "null"].map((word) => Buffer.from(word));
// Tables nest two deep; the limit only keeps the scanner's recursion short.
const MAX_DEPTH = 32;
// The scanned bytes end inside a token.
const INCOMPLETE = -1;

/** Scans one table; `feed` gives it bytes, `next` finds the next record in them. */
export class JsonScanner {
  readonly file: string;
  /** Records found so far. */
  count = 0;
  readonly #fields: readonly string[];
  readonly #names: readonly Buffer[];
  readonly #spans: (JsonSpan | null)[];
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;
  #isLast = false;
  // Position in the file of the first byte of #bytes.
  #base = 0;
  #state: "start" | "first" | "record" | "comma" | "done" = "start";
  // Begin and end of each key of the record, in pairs.
  #keys: number[] = [];

  constructor(file: string, fields: readonly string[]) {
    this.file = file;
    this.#fields = fields;
    this.#names = fields.map((field) => Buffer.from(field));
    this.#spans = fields.map(() => null);
  }

  /** Place of the last record found, from 0; before the first, 0. */
  get index(): number {
    return Math.max(0, this.count - 1);
  }

  /** The bytes from now on: `bytes` up to `end`, of which the first is at `base` in the file. */
  feed(bytes: Buffer, end: number, base: number, isLast: boolean): void {
    this.#bytes = bytes;
    this.#end = end;
    this.#base = base;
    this.#isLast = isLast;
  }

  /**
   * The end of the next token of the table, and whether it is a record; null if the bytes end first.
   * Throws InputError for a fault, and if the last bytes do not end the table.
   */
  next(from: number): { readonly end: number; readonly isRecord: boolean } | null {
    let at = from;
    if (this.#state === "start" && this.#bytes[from] === BYTE_ORDER_MARK[0]) {
      if (this.#end - from < BYTE_ORDER_MARK.length && !this.#isLast) return null;
      if (isSame(this.#bytes, from, from + 3, BYTE_ORDER_MARK, 0, 3)) at = from + 3;
    }
    at = this.#skipSpace(at);
    if (at >= this.#end) {
      if (this.#isLast && this.#state !== "done") this.#fail(at, "the table ends too early");
      return null;
    }
    const code = this.#bytes[at];
    switch (this.#state) {
      case "start":
        if (code !== OPEN_ARRAY) this.#fail(at, 'expected "[" at the start of the table');
        this.#state = "first";
        return { end: at + 1, isRecord: false };
      case "comma":
      case "first":
        if (code === CLOSE_ARRAY) {
          this.#state = "done";
          return { end: at + 1, isRecord: false };
        }
        if (this.#state === "comma") {
          if (code !== COMMA) this.#fail(at, 'expected "," or "]" after a record');
          this.#state = "record";
          return { end: at + 1, isRecord: false };
        }
        return this.#record(at);
      case "record":
        return this.#record(at);
      case "done":
        return this.#fail(at, "text after the end of the table");
    }
  }

  /** Where the value of a field of the last record is, or null if it has no such field. */
  valueOf(field: string): JsonSpan | null {
    return this.#spans[this.#fields.indexOf(field)];
  }

  /** The text of a value as in the file. */
  source({ begin, end }: JsonSpan): string {
    return this.#bytes.toString("latin1", begin, end);
  }

  /** The value of a string; throws InputError if it is not UTF-8. */
  decode({ begin, end }: JsonSpan): string {
    let isPlain = true;
    for (let at = begin; at < end; at++) {
      const code = this.#bytes[at];
      if (code >= 0x80 || code === BACKSLASH) isPlain = false;
    }
    if (isPlain) return this.#bytes.toString("latin1", begin + 1, end - 1);
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(
        this.#bytes.subarray(begin, end),
      );
      return JSON.parse(text) as string;
    } catch {
      return this.#fail(begin, "a string that is not UTF-8");
    }
  }

  #record(from: number): { readonly end: number; readonly isRecord: boolean } | null {
    if (this.#bytes[from] !== OPEN_OBJECT) this.#fail(from, "expected a record in { and }");
    const end = this.#fieldsOf(from + 1);
    if (end === INCOMPLETE) {
      if (this.#isLast) this.#fail(this.#end, `record ${this.count} is cut short`);
      return null;
    }
    this.count++;
    this.#state = "comma";
    return { end, isRecord: true };
  }

  /** Notes the fields of a record; the byte after its closing bracket. */
  #fieldsOf(from: number): number {
    this.#spans.fill(null);
    this.#keys.length = 0;
    let at = this.#skipSpace(from);
    if (this.#bytes[at] === CLOSE_OBJECT && at < this.#end) return at + 1;
    for (;;) {
      if (at >= this.#end) return INCOMPLETE;
      if (this.#bytes[at] !== QUOTE) this.#fail(at, "expected a key in double quotes");
      const keyEnd = this.#stringEnd(at);
      if (keyEnd === INCOMPLETE) return INCOMPLETE;
      const field = this.#noteKey(at + 1, keyEnd - 1);
      at = this.#skipSpace(keyEnd);
      if (at >= this.#end) return INCOMPLETE;
      if (this.#bytes[at] !== COLON) this.#fail(at, 'expected ":" after the key');
      at = this.#skipSpace(at + 1);
      if (at >= this.#end) return INCOMPLETE;
      const kind = kindOf(this.#bytes[at]);
      const end = this.#valueEnd(at, 1);
      if (end === INCOMPLETE) return INCOMPLETE;
      if (field >= 0) this.#spans[field] = { kind: KINDS[kind], begin: at, end };
      at = this.#skipSpace(end);
      if (at >= this.#end) return INCOMPLETE;
      const code = this.#bytes[at];
      if (code === CLOSE_OBJECT) return at + 1;
      if (code !== COMMA) this.#fail(at, 'expected "," or "}" in a record');
      at = this.#skipSpace(at + 1);
    }
  }

  /** The place of a key among the fields, -1 for another; throws if the record has it already. */
  #noteKey(begin: number, end: number): number {
    const bytes = this.#bytes;
    const keys = this.#keys;
    for (let at = begin; at < end; at++) {
      if (bytes[at] === BACKSLASH) return this.#noteEscaped(begin, end);
    }
    for (let i = 0; i < keys.length; i += 2) {
      if (isSame(bytes, keys[i], keys[i + 1], bytes, begin, end)) this.#failTwice(begin, end);
    }
    keys.push(begin, end);
    return this.#names.findIndex((name) => isSame(name, 0, name.length, bytes, begin, end));
  }

  /** Escapes allow many spellings of one key. */
  #noteEscaped(begin: number, end: number): number {
    const text = (from: number, to: number): string =>
      this.decode({ kind: "string", begin: from - 1, end: to + 1 });
    const key = text(begin, end);
    const keys = this.#keys;
    for (let i = 0; i < keys.length; i += 2) {
      if (text(keys[i], keys[i + 1]) === key) this.#failTwice(begin, end);
    }
    keys.push(begin, end);
    return this.#fields.indexOf(key);
  }

  #failTwice(begin: number, end: number): never {
    const key = this.#bytes.toString("latin1", begin, Math.min(end, begin + 100));
    throw new InputError(`${this.file}: record ${this.count}: key ${key} appears twice`);
  }

  #valueEnd(from: number, depth: number): number {
    if (depth > MAX_DEPTH) this.#fail(from, `more than ${MAX_DEPTH} levels`);
    switch (kindOf(this.#bytes[from])) {
      case 0:
        return this.#stringEnd(from);
      case 1:
        return this.#numberEnd(from);
      case 2:
        return this.#wordEnd(from);
      case 3:
        return this.#nestedEnd(from, CLOSE_ARRAY, depth);
      default:
        return this.#nestedEnd(from, CLOSE_OBJECT, depth);
    }
  }

  #nestedEnd(from: number, close: number, depth: number): number {
    let at = this.#skipSpace(from + 1);
    if (at < this.#end && this.#bytes[at] === close) return at + 1;
    for (;;) {
      if (at >= this.#end) return INCOMPLETE;
      if (close === CLOSE_OBJECT) {
        if (this.#bytes[at] !== QUOTE) this.#fail(at, "expected a key in double quotes");
        const key = this.#stringEnd(at);
        if (key === INCOMPLETE) return INCOMPLETE;
        at = this.#skipSpace(key);
        if (at >= this.#end) return INCOMPLETE;
        if (this.#bytes[at] !== COLON) this.#fail(at, 'expected ":" after the key');
        at = this.#skipSpace(at + 1);
        if (at >= this.#end) return INCOMPLETE;
      }
      const end = this.#valueEnd(at, depth + 1);
      if (end === INCOMPLETE) return INCOMPLETE;
      at = this.#skipSpace(end);
      if (at >= this.#end) return INCOMPLETE;
      if (this.#bytes[at] === close) return at + 1;
      if (this.#bytes[at] !== COMMA) this.#fail(at, "expected a comma or a closing bracket");
      at = this.#skipSpace(at + 1);
    }
  }

  #stringEnd(from: number): number {
    const bytes = this.#bytes;
    for (let at = from + 1; at < this.#end; at++) {
      const code = bytes[at];
      if (code === QUOTE) return at + 1;
      if (code < 0x20) this.#fail(at, "a control character in a string");
      if (code !== BACKSLASH) continue;
      at++;
      if (at >= this.#end) return INCOMPLETE;
      if (bytes[at] === 0x75) {
        for (let digit = 0; digit < 4; digit++) {
          at++;
          if (at >= this.#end) return INCOMPLETE;
          if (!isHex(bytes[at])) this.#fail(at, "an invalid escape in a string");
        }
      } else if (!ESCAPES.includes(bytes[at])) {
        this.#fail(at, "an invalid escape in a string");
      }
    }
    return INCOMPLETE;
  }

  #numberEnd(from: number): number {
    let at = from;
    if (this.#bytes[at] === MINUS) at++;
    const first = at;
    at = this.#digitsEnd(at);
    if (at === first) return this.#notANumber(at);
    if (this.#bytes[first] === ZERO && at > first + 1)
      this.#fail(from, "a number that begins with 0");
    if (at < this.#end && this.#bytes[at] === POINT) {
      const end = this.#digitsEnd(at + 1);
      if (end === at + 1) return this.#notANumber(end);
      at = end;
    }
    if (at < this.#end && (this.#bytes[at] | 0x20) === 0x65) {
      let digits = at + 1;
      if (digits < this.#end && (this.#bytes[digits] === MINUS || this.#bytes[digits] === 0x2b)) {
        digits++;
      }
      const end = this.#digitsEnd(digits);
      if (end === digits) return this.#notANumber(end);
      at = end;
    }
    return at >= this.#end ? INCOMPLETE : at;
  }

  #notANumber(at: number): number {
    return at >= this.#end ? INCOMPLETE : this.#fail(at, "expected a digit");
  }

  #digitsEnd(from: number): number {
    let at = from;
    while (at < this.#end && this.#bytes[at] >= ZERO && this.#bytes[at] <= NINE) at++;
    return at;
  }

  #wordEnd(from: number): number {
    for (const word of WORDS) {
      const length = Math.min(word.length, this.#end - from);
      if (!isSame(word, 0, length, this.#bytes, from, from + length)) continue;
      return length < word.length ? INCOMPLETE : from + length;
    }
    return this.#fail(from, "expected a value");
  }

  #skipSpace(from: number): number {
    let at = from;
    while (at < this.#end) {
      const code = this.#bytes[at];
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
      at++;
    }
    return at;
  }

  #fail(at: number, fault: string): never {
    throw new InputError(`${this.file}: not a valid JSON table: byte ${this.#base + at}: ${fault}`);
  }
}

const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf);
const ESCAPES: readonly number[] = [...Buffer.from('"\\/bfnrt')];

function isHex(code: number): boolean {
  const lower = code | 0x20;
  return (code >= ZERO && code <= NINE) || (lower >= 0x61 && lower <= 0x66);
}

function kindOf(code: number): 0 | 1 | 2 | 3 | 4 {
  if (code === QUOTE) return 0;
  if (code === MINUS || (code >= ZERO && code <= NINE)) return 1;
  if (code === OPEN_ARRAY) return 3;
  return code === OPEN_OBJECT ? 4 : 2;
}

function isSame(
  a: Uint8Array,
  aBegin: number,
  aEnd: number,
  b: Uint8Array,
  bBegin: number,
  bEnd: number,
): boolean {
  if (aEnd - aBegin !== bEnd - bBegin) return false;
  for (let i = 0; i < aEnd - aBegin; i++) if (a[aBegin + i] !== b[bBegin + i]) return false;
  return true;
}
